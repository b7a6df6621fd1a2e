"""Which values a device has: the columns of its profiles with the rows that exist.

Done once when a device is opened, and again when its agent restarted or a value went away. What comes out is a list of
cells, each one OID that a poll asks for.
"""

import re
from collections.abc import Iterable, Mapping, Sequence

from collectors.snmp.ask import Asker, Told
from collectors.snmp.profile import Column, Group, Profile, Table, When, spoken
from collectors.snmp.recognise import Who
from collectors.snmp.session import Session
from collectors.snmp.translate import Cell, count, holds
from collectors.snmp.values import Value, below, number, text
from dc_monitor.readings import Series


class Discovery:
    """Finds the cells of one device; remembers the walks, which several tables share.

    Attributes
    ----------
    left_out : a sentence for each part that was seen and not taken.
    """

    def __init__(self, session: Session, asker: Asker, device: str, known: Who) -> None:
        self.left_out: list[str] = []
        self._session, self._asker = session, asker
        self._device, self._known = device, known
        self._walked: dict[str, list[str]] = {}

    async def cells(self, profile: Profile, root: str) -> list[Cell]:
        """Every cell the device may have by this profile; whether it answers is for `settle` to see."""
        groups: list[tuple[Group, str, list[str]]] = [(group, root, ["0"]) for group in profile.scalar]
        for table in profile.table:
            if table.unless and await self._rows([table.unless], profile.repetitions):
                self.left_out.append(f"{profile.name}: {table.entry} is not read, {table.unless} says the same")
                continue
            columns = [f"{table.entry}.{column.at}" for column in table.columns]
            rows = await self._rows(columns, profile.repetitions)
            groups.append((table, join(root, table.many) if len(rows) > 1 else root, rows))
        once = await self._once(groups)
        return [
            self._cell(profile, group, column, here, row, once)
            for group, here, rows in groups
            for row in rows
            for column in group.columns
        ]

    async def _rows(self, columns: Iterable[str], repetitions: int) -> list[str]:
        """Index of each row, by the first column that has any: in a table all columns share them."""
        for column in columns:
            if column not in self._walked:
                answer = await self._session.walk(column, repetitions)
                self._walked[column] = [oid[len(column) + 1 :] for oid in answer.values]
            if self._walked[column]:
                return self._walked[column]
        return []

    async def _once(self, groups: Iterable[tuple[Group, str, list[str]]]) -> dict[str, Told]:
        """What is asked only now: the names and numbers of rows, and whether volts are a setting."""
        oids = []
        for group, _, rows in groups:
            if isinstance(group, Table):
                oids += [f"{group.entry}.{at}.{row}" for at in (group.label, group.number) if at for row in rows]
            oids += [column.nominal_volts for column in group.columns if column.nominal_volts]
        return (await self._asker.ask_all(oids)).told if oids else {}

    def _cell(
        self, profile: Profile, group: Group, column: Column, root: str, row: str, once: Mapping[str, Told]
    ) -> Cell:
        index, label = row.split("."), ""
        guards: tuple[tuple[str, When], ...] = ()
        if isinstance(group, Table):
            label = text(_value(once, f"{group.entry}.{group.label}.{row}"))
            named = number(_value(once, f"{group.entry}.{group.number}.{row}"))
            index = index if named is None else [f"{named:g}", *index[1:]]
            guards = tuple((f"{group.entry}.{when.column}.{row}", when) for when in group.when)
        # Zeros stand for parts that a row's index has not: a short one is a device's fault, not a reason to stop.
        point = join(root, column.point or group.point).format(*index, *"000")
        nominal = (number(_value(once, column.nominal_volts)) or 0.0) > 0
        at = f"{group.entry}.{column.at}"
        unit = spoken(column)
        counts = self._counts(profile, at, column)
        return Cell(
            oid=f"{at}.{row}",
            profile=profile.name,
            series=Series(
                self._device,
                point,
                column.quantity,
                column.level or group.level,
                source=f"{at}.{row}",
                method="estimated" if nominal else "measured",
                label=label,
            ),
            column=column,
            absent=frozenset(group.absent if column.absent is None else column.absent),
            zero=unit.zero * counts,
            multiply=unit.multiply,
            divide=unit.divide * counts,
            nominal=nominal,
            guards=guards,
        )

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
