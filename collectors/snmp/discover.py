"""Which values a device has: the columns of its profiles with the rows that exist.

Done once when a device is opened, and again when its agent restarted or a value went away. What comes out is a list of
cells, each one OID that a poll asks for.
"""

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from functools import lru_cache
from math import prod
from typing import NamedTuple

from collectors.snmp.ask import Asker, Told
from collectors.snmp.choose import asked, captured, conditions, decisive, fits, listed, numbered, scaled, slug, spelled
from collectors.snmp.profile import Column, Factor, Group, Profile, Table, When, beside, spoken
from collectors.snmp.recognise import Who
from collectors.snmp.session import Session
from collectors.snmp.translate import Cell, count, holds
from collectors.snmp.values import Value, below, number, text
from dc_monitor.readings import Series

LONGEST_LIST = 4_000
"""Characters in which a row may list the words of its states."""
Walked = dict[str, list[str]]
"""Column → index of each of its rows."""


_shared = lru_cache(frozenset[float])  # a thousand devices have the same few
NO_WORDS: Mapping[int, str] = {}


class Chosen(NamedTuple):
    """A column of a row that the device's own word makes count, and what its patterns caught."""

    group: Group
    column: Column
    root: str
    row: str
    caught: tuple[str, ...]

    def at(self, column: str) -> str:
        """Full OID of another column of the same row."""
        return f"{beside(self.group, column)}.{self.row}"

    @property
    def factors(self) -> tuple[Factor, ...]:
        """How the row says it counts; a state is a code and counts nothing."""
        return () if self.column.quantity == "state" else self.column.factors or self.group.factors


class Discovery:
    """Finds the cells of one device; remembers the walks, which several tables share and recognition may have begun.

    Attributes
    ----------
    left_out : a sentence for each part that was seen and not taken.
    """

    def __init__(self, session: Session, asker: Asker, device: str, known: Who, walked: Walked | None = None) -> None:
        self.left_out: list[str] = []
        self._session, self._asker = session, asker
        self._device, self._known = device, known
        self._walked: Walked = {} if walked is None else walked
        self._said: dict[str, Told] = {}

    async def cells(self, profile: Profile, root: str) -> list[Cell]:
        """Every cell the device may have by this profile; whether it answers is for `settle` to see."""
        groups: list[tuple[Group, str, list[str]]] = [(group, root, ["0"]) for group in profile.scalar]
        for table in profile.table:
            if table.unless and await self._rows([table.unless], profile.repetitions):
                self.left_out.append(f"{profile.name}: {table.entry} is not read, {table.unless} says the same")
                continue
            columns = (*decisive(table), *(column.at for column in table.columns))
            rows = await self._rows(dict.fromkeys(f"{table.entry}.{at}" for at in columns), profile.repetitions)
            units = {_filled(table.many, row.split(".")) for row in rows}
            groups.append((table, join(root, table.many) if len(units) > 1 else root, rows))
        chosen = await self._choose(groups)
        once = await self._ask(oid for one in chosen for oid in _told_once(one))
        cells = []
        for one in chosen:
            cell = self._cell(profile, one, once)
            if cell is None:
                self.left_out.append(f"{profile.name}: {one.at(one.column.at)} does not say how it counts")
            else:
                cells.append((one, cell))
        return _told_apart(cells)

    async def _rows(self, columns: Iterable[str], repetitions: int) -> list[str]:
        """Index of each row, by the first column that has any: in a table all columns share them."""
        for column in columns:
            if column not in self._walked:
                answer = await self._session.walk(column, repetitions)
                self._walked[column] = [oid[len(column) + 1 :] for oid in answer.values]
                self._said |= {oid: Told(value, answer.taken_at) for oid, value in answer.values.items()}
            if self._walked[column]:
                return self._walked[column]
        return []

    async def _choose(self, groups: Iterable[tuple[Group, str, list[str]]]) -> list[Chosen]:
        """The rows that count, column by column, by what they say of themselves."""
        candidates = [
            (group, column, root, row)
            for group, root, rows in groups
            for row in rows
            for column in group.columns
            if fits(column, row)
        ]
        for depth in range(max((len(conditions(group, column)) for group, column, _, _ in candidates), default=0)):
            told = await self._ask(
                asked(group, only, row)
                for group, column, _, row in candidates
                for only in conditions(group, column)[depth : depth + 1]
            )
            candidates = [one for one in candidates if captured(one[0], one[1], one[3], told, depth + 1) is not None]
        return [
            Chosen(group, column, root, row, captured(group, column, row, self._said) or ())
            for group, column, root, row in candidates
        ]

    async def _ask(self, oids: Iterable[str]) -> Mapping[str, Told]:
        """What these say, and all that was said before."""
        wanted = [oid for oid in dict.fromkeys(oids) if oid not in self._said]
        if wanted:
            self._said |= (await self._asker.ask_all(wanted)).told
        return self._said

    def _cell(self, profile: Profile, one: Chosen, once: Mapping[str, Told]) -> Cell | None:
        """The cell, or None when the row does not say how it counts."""
        group, column, row = one.group, one.column, one.row
        index, label = row.split("."), ""
        guards: tuple[tuple[str, When], ...] = ()
        if isinstance(group, Table):
            label = text(_value(once, one.at(group.label))) if group.label else ""
            named = numbered(number(_value(once, one.at(group.number)))) if group.number else ""
            index = [named or index[0], *index[1:]]
            guards = tuple((one.at(when.column), when) for when in group.when)
        factors = [scaled(factor, number(_value(once, one.at(factor.at)))) for factor in one.factors]
        known = [factor for factor in factors if factor]
        if len(known) < len(factors):
            return None
        nominal = (number(_value(once, column.nominal_volts)) or 0.0) > 0
        at = f"{group.entry}.{column.at}"
        unit = spoken(column)
        counts = self._counts(profile, at, column) * prod(divide for _, divide in known)
        multiply = prod(multiply for multiply, _ in known)
        return Cell(
            oid=f"{at}.{row}",
            profile=profile.name,
            series=Series(
                self._device,
                _point(column.point or group.point, one, index, label),
                column.quantity,
                column.level or group.level,
                source=f"{at}.{row}",
                method="estimated" if nominal else "measured",
                label=label,
            ),
            column=column,
            absent=_shared(group.absent if column.absent is None else column.absent),
            zero=unit.zero * counts / multiply,
            multiply=unit.multiply * multiply,
            divide=unit.divide * counts,
            words=self._words(one, once),
            nominal=nominal,
            guards=guards,
        )

    @staticmethod
    def _words(one: Chosen, once: Mapping[str, Told]) -> Mapping[int, str]:
        """The words of a state's codes, as the profile or the row itself lists them."""
        if one.column.quantity != "state":
            return NO_WORDS
        return one.column.states or listed(text(_value(once, one.at(one.column.words)), LONGEST_LIST))

    def _counts(self, profile: Profile, at: str, column: Column) -> int:
        known = self._known
        for scale in profile.scale:
            if (
                below(at, scale.at)
                and (not scale.sys_object_id or below(known.object_id, scale.sys_object_id))
                and re.search(scale.model, known.model)
                and re.search(scale.firmware, known.firmware)
            ):
                return scale.counts
        return column.counts


def _told_once(one: Chosen) -> list[str]:
    """What is asked only now: name and number of the row, how it counts, and whether volts are a setting."""
    columns = [factor.at for factor in one.factors] + ([one.column.words] if one.column.words else [])
    if isinstance(one.group, Table):
        columns += [at for at in (one.group.label, one.group.number) if at]
    return [*(one.at(at) for at in columns), *([one.column.nominal_volts] if one.column.nominal_volts else [])]


def _point(template: str, one: Chosen, index: Sequence[str], label: str) -> str:
    """The row's point."""
    row = "-".join(index)  # stands for a name of which nothing is left
    caught = dict(zip("abcdef", (slug(part) or row for part in one.caught), strict=False))
    return _filled(join(one.root, template), index, label=slug(label) or row, **caught)


def _filled(template: str, index: Sequence[str], **more: str) -> str:
    """The template with the parts of an index; zeros for those that a short index, a fault of the device, has not."""
    return template.format(*index, *"000", last=index[-1], text=spelled(index) or "-".join(index), **more)


def _told_apart(cells: Sequence[tuple[Chosen, Cell]]) -> list[Cell]:
    """Rows of one table that share a name get their index behind it: nothing is dropped for being called the same."""
    shared = Counter((id(one.group), cell.series.point, cell.series.quantity) for one, cell in cells)
    apart = []
    for one, cell in cells:
        series = cell.series
        if shared[id(one.group), series.point, series.quantity] > 1:
            series = replace(series, point=f"{series.point}-{one.row.replace('.', '-')}")
            cell = replace(cell, series=series)
        apart.append(cell)
    return apart


def settle(candidates: Sequence[Cell], told: Mapping[str, Told]) -> tuple[list[Cell], list[str]]:
    """The cells worth polling, and a sentence for each kind of the others.

    A device never says one quantity of one point twice: a cell with a value goes before one without, then the
    order of profiles and of rows in them decides.
    """
    there = [(cell, count(cell, told)) for cell in candidates if cell.oid in told]
    claimed: dict[tuple[str, str], Cell] = {}
    remarks: dict[str, list[str]] = {}
    for cell, _ in sorted(there, key=lambda pair: pair[1] is None):
        winner = claimed.setdefault((cell.series.point, cell.series.quantity), cell)
        if winner.profile != cell.profile:
            remarks.setdefault(f"{cell.profile}: told by {winner.profile} already", []).append(cell.name)
    kept = [(cell, counted) for cell, counted in there if claimed[cell.series.point, cell.series.quantity] is cell]
    read = {cell.oid for cell, counted in kept if counted is not None}
    for cell, counted in kept:
        if counted is None and cell.oid not in read:
            why = "not available" if holds(cell, told) else "not in use by the device's own word"
            remarks.setdefault(f"{cell.profile}: {why}", []).append(cell.name)
    return [cell for cell, _ in kept], [f"{remark}: {some(names)}" for remark, names in remarks.items()]


def _value(told: Mapping[str, Told], oid: str) -> Value:
    return told[oid].value if oid in told else None


def join(*parts: str) -> str:
    """A point's path from its parts; empty ones are left out."""
    return "/".join(part for part in parts if part)


def some(names: Sequence[str], most: int = 6) -> str:
    """The first few of a list, and how many more there are."""
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return f"{', '.join(names[:most])}{more}"
