"""Blocks of a file as cells: times as instants, values in our units, and a reason for everything that is neither."""

from collections.abc import Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from dc_monitor.clock import NANOSECONDS
from dc_monitor.history.imports.header import shown
from dc_monitor.history.imports.mapping import Plan, Series
from dc_monitor.history.imports.numbers import Numbers
from dc_monitor.history.imports.source import Block
from dc_monitor.history.imports.spill import CELL, Cells, Spill
from dc_monitor.history.imports.stamps import Stamps
from dc_monitor.history.imports.steps import duration
from dc_monitor.history.imports.tally import LEFT_OUT, REPAIRED, SHOWN, Tally
from dc_monitor.history.imports.twice import PENDING, Pending, resolved
from dc_monitor.history.imports.zones import Resolved

Mask = NDArray[np.bool_]

EARLIEST = 946_684_800 * NANOSECONDS  # 2000-01-01, as for lines that a site receives
LATEST = 4_102_444_800 * NANOSECONDS  # 2100-01-01
_DAY = 86_400 * NANOSECONDS


class Intake:
    """Takes one file into a spill. `descending` is known once the file is read: whether it runs newest first."""

    def __init__(self, plan: Plan, tally: Tally, spill: Spill) -> None:
        self._plan, self._tally, self._spill = plan, tally, spill
        self._pending: list[Pending] = []
        self._last = np.empty(0, np.int64)
        self._steps = {1: 0, -1: 0}  # rows that go forward in time, and backward
        self._some = {1: np.empty(0, np.int64), -1: np.empty(0, np.int64)}  # the first lines of each
        self.rows = 0

    @property
    def descending(self) -> bool:
        """Whether more rows go back in time than forward."""
        return self._steps[-1] > self._steps[1]

    def take(self, block: Block) -> None:
        """One more block. Raises `Malformed` when too much of it makes no sense."""
        plan, lines = self._plan, block.lines
        stamps = plan.clock.read(self._times(block))
        wanted = [self._wanted(one, block) for one in plan.series]
        asked = np.logical_or.reduce(wanted)
        blank = ~stamps.ok
        if blank.any():
            blank &= self._blank(block)
        self.rows += int(np.count_nonzero(~blank))
        self._tally.add(LEFT_OUT, "rows of something else, as told", lines[~asked & ~blank])
        asked &= ~blank
        for index, mask in enumerate(wanted):
            mask &= asked
            self._tally.asked[index] += int(np.count_nonzero(mask))
        asked &= self._readable(block, stamps, asked, wanted)
        when = plan.zone.resolve(np.where(asked, stamps.time, 0), plan.at_end)
        local = ~stamps.utc
        utc = np.where(local, when.utc, stamps.time)
        sure = asked & ~((when.doubled | when.missing) & local)
        self._follow(utc[sure], lines[sure])
        asked &= ~self._missing(when, local & asked, stamps, wanted, lines)
        doubled = when.doubled & local & asked
        self._tally.add(REPAIRED, "24:00 read as 00:00 of the next day", lines[asked & stamps.midnight])
        numbers = {name: plan.notation.read(block.columns[name]) for name in {one.column for one in plan.series}}
        for index, one in enumerate(plan.series):
            mask = wanted[index] & asked
            cells, rows = self._cells(index, one, block, numbers[one.column], mask, doubled, utc)
            twice = doubled[rows]
            if twice.any():
                pending = np.empty(int(np.count_nonzero(twice)), PENDING)
                pending["cell"], pending["local"] = cells[twice], stamps.time[rows[twice]]
                pending["change"] = when.change[rows[twice]]
                self._pending.append(pending)
            self._keep(one, cells[~twice])
        self._tally.check(finished=False)

    def close(self) -> None:
        """The rows whose time needed the order of the whole file."""
        against = 1 if self.descending else -1
        count = self._steps[against]
        self._tally.add(REPAIRED, "rows out of order, sorted", self._some[against], count=count)
        if not self._pending:
            return
        for index, cells in resolved(np.concatenate(self._pending), self._plan, self._tally, self.descending):
            one = self._plan.series[index]
            self._keep(one, cells if one.by_neighbours else cells[~np.isnan(cells["value"])])

    def _times(self, block: Block) -> pa.Array:
        columns = [block.columns[name] for name in self._plan.time]
        if len(columns) == 1:
            return columns[0]
        return pc.binary_join_element_wise(*(pc.utf8_trim_whitespace(one.cast(pa.string())) for one in columns), " ")

    def _wanted(self, one: Series, block: Block) -> Mask:
        mask = np.ones(block.lines.size, np.bool_)
        for name, text in one.where.items():
            column = block.columns[name]
            same = pc.equal(pc.utf8_trim_whitespace(column.cast(pa.string())), text)
            mask &= pc.fill_null(same, False).to_numpy(zero_copy_only=False)
        return mask

    def _blank(self, block: Block) -> Mask:
        """Rows in which nothing stands."""
        mask = np.ones(block.lines.size, np.bool_)
        for column in block.columns.values():
            empty = pc.is_null(column)
            if pa.types.is_string(column.type) or pa.types.is_large_string(column.type):
                empty = pc.or_kleene(empty, pc.equal(pc.utf8_trim_whitespace(column), ""))
            mask &= pc.fill_null(empty, True).to_numpy(zero_copy_only=False)
        return mask

    def _readable(self, block: Block, stamps: Stamps, asked: Mask, wanted: Sequence[Mask]) -> Mask:
        """Rows whose time makes sense; the others are booked."""
        lines, plan = block.lines, self._plan
        bad = np.flatnonzero(asked & ~stamps.ok)
        if bad.size:
            texts = self._times(block).take(pa.array(bad)).cast(pa.string()).to_pylist()
            ignored = np.array([any(one.search(text or "") for one in plan.ignore) for text in texts], np.bool_)
            self._tally.add(LEFT_OUT, "lines to ignore, as told", lines[bad[ignored]])
            for index, mask in enumerate(wanted):
                self._tally.asked[index] -= int(np.count_nonzero(mask[bad[ignored]]))
                mask[bad[ignored]] = False
            refused = bad[~ignored]
            if refused.size:
                first = next(text for text, out in zip(texts, ignored, strict=True) if not out)
                formats = " or ".join("ISO 8601" if one == "iso" else one for one in plan.formats)
                why = f'the time "{shown(str(first))}" and its like do not fit {formats}'
                self._refuse_rows(refused, lines, wanted, why, "say how times are written with time_format", "time")
        outside = asked & stamps.ok & ((stamps.time < EARLIEST) | (stamps.time >= LATEST))
        self._refuse_rows(np.flatnonzero(outside), lines, wanted, "the time is not between 2000 and 2100")
        return np.asarray(stamps.ok & ~outside)

    def _missing(
        self, when: Resolved, local: Mask, stamps: Stamps, wanted: Sequence[Mask], lines: NDArray[np.int64]
    ) -> Mask:
        """Rows of hours that never were; booked, as the map wants it."""
        missing = when.missing & local
        rows = np.flatnonzero(missing)
        if rows.size and self._plan.skipped == "drop":
            self._tally.add(LEFT_OUT, f"in an hour that {self._plan.zone.name} skipped, as told", lines[rows])
            for index, mask in enumerate(wanted):
                self._tally.asked[index] -= int(np.count_nonzero(mask[rows]))
        elif rows.size:
            example = np.datetime_as_string(stamps.time[rows[0]].astype("M8[ns]"), unit="m").replace("T", " ")
            why = f"{example} and its like never were: {self._plan.zone.name} skipped that hour"
            cure = 'a clock that keeps winter time all year is a timezone such as "+01:00"; else skipped = "drop"'
            self._refuse_rows(rows, lines, wanted, why, cure, "skipped hour")
        return missing

    def _refuse_rows(
        self,
        rows: NDArray[np.intp],
        lines: NDArray[np.int64],
        wanted: Sequence[Mask],
        why: str,
        cure: str = "",
        kind: str = "",
    ) -> None:
        if rows.size:
            counts = np.array([np.count_nonzero(mask[rows]) for mask in wanted])
            self._tally.refuse_rows(why, lines[rows], cure, counts, kind)

    def _follow(self, utc: NDArray[np.int64], lines: NDArray[np.int64]) -> None:
        """Count which way the file runs, by the rows whose time is sure."""
        times = np.concatenate((self._last, utc))
        step, after = np.sign(np.diff(times)), lines[lines.size - max(times.size - 1, 0) :]
        for sign in self._steps:
            found = after[step == sign]
            self._steps[sign] += found.size
            self._some[sign] = np.append(self._some[sign], found[:SHOWN])[:SHOWN]
        self._last = times[-1:]

    def _cells(
        self,
        index: int,
        one: Series,
        block: Block,
        numbers: Numbers,
        mask: Mask,
        doubled: Mask,
        utc: NDArray[np.int64],
    ) -> tuple[Cells, NDArray[np.intp]]:
        """Cells of one series, and the rows they come from."""
        lines = block.lines
        self._tally.add(LEFT_OUT, "without a value", lines[mask & numbers.missing])
        bad = np.flatnonzero(mask & numbers.bad)
        if bad.size:
            text = str(block.columns[one.column][int(bad[0])].as_py())
            why = f'"{shown(text)}" and its like in {one.column} are no numbers'
            self._tally.refuse(index, why, lines[bad], _cure(text), "number")
        keep = mask & ~numbers.bad
        if not one.by_neighbours:
            keep &= ~numbers.missing | doubled
        steps = np.zeros(lines.size, np.int64)
        if one.step.column:
            steps = self._told_steps(index, block, one.step.column, keep)
            keep &= steps != 0
        rows = np.flatnonzero(keep)
        cells = np.empty(rows.size, CELL)
        cells["series"], cells["time"], cells["line"], cells["step"] = index, utc[rows], lines[rows], steps[rows]
        cells["value"] = one.measure.values(numbers.values[rows]) * one.scale
        return cells, rows

    def _told_steps(self, index: int, block: Block, column: str, keep: Mask) -> NDArray[np.int64]:
        """What a column says of each row's step: nanoseconds, -1 for a civil day, 0 where it says nothing."""
        told = pc.dictionary_encode(pc.fill_null(block.columns[column].cast(pa.string()), ""))
        read = [duration(text) for text in told.dictionary.to_pylist()]
        known = np.array([0 if one is None else -1 if one.day else one.ns for one in read], np.int64)
        steps = known[told.indices.to_numpy()] if known.size else np.zeros(block.lines.size, np.int64)
        bad = np.flatnonzero(keep & (steps == 0))
        if bad.size:
            text = str(block.columns[column][int(bad[0])].as_py())
            why = f'the step "{shown(text)}" and its like in {column} are none'
            cure = 'expected such as "PT30M" or "30 min", up to a day'
            self._tally.refuse(index, why, block.lines[bad], cure, "step")
        return steps

    def _keep(self, one: Series, cells: Cells) -> None:
        """Bring the time of intervals to their beginning, and spill."""
        if one.kind == "interval" and not one.by_neighbours:
            cells = self._begun(one, cells)
        self._spill.add(cells)

    def _begun(self, one: Series, cells: Cells) -> Cells:
        cells = cells.copy()
        time = cells["time"]
        step = cells["step"] if one.step.column else np.full(cells.size, -1 if one.step.day else one.step.ns)
        way = -1 if one.at_end else 1
        days = self._plan.zone.resolve(self._plan.zone.local(time) + way * _DAY).utc
        other = np.where(step < 0, days, time + way * step)
        cells["time"], cells["step"] = np.minimum(time, other), np.abs(other - time)
        if one.measure.amount:
            cells["value"] /= cells["step"] / NANOSECONDS
        return cells


def _cure(text: str) -> str:
    """What may be said of a number written otherwise than told."""
    if "," in text and "." in text:
        mark = min(",", ".", key=text.index)
        return f'if "{mark}" parts thousands, say thousands = "{mark}" and decimal = "{",.".replace(mark, "")}"'
    if "," in text:
        return 'say decimal = "," if that is the decimal mark, thousands = "," if it parts thousands'
    return "words for a missing value are named with missing = [...]"
