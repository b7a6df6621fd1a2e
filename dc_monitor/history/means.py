"""Means over a step: readings that hold for a while and not at an instant.

A supplier's load curve says how much flowed in each half-hour, not what the power was at any moment. Such a reading is
kept as what it is: its value is the mean, its time the beginning, and the tag `step` of its series says for how many
seconds it holds (docs/decisions/006-interval-data.md):

    power,device=main-meter,point=total,method=measured,step=1800 watts=52100 1735689600000000000

Read as a curve it becomes stairs: the mean at the beginning of the step, at the last nanosecond of it, and often enough
between for every figure to take it as continuous. Where no other follows at once it stands at the end of the step too,
and where one follows later a sample without a value is next, so that no figure bridges the hole. A step ends at the
latest where the next one of its series begins.
"""

import json
from collections import defaultdict
from collections.abc import Iterable

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from dc_monitor.clock import NANOSECONDS, iso
from dc_monitor.history import rows
from dc_monitor.history.columns import Key, Samples, ordered, take

STEP = "step"
"""The tag, in seconds."""
LONGEST = 86_400 * NANOSECONDS
"""A mean is kept in the folder of its day, so it lies within one: a longer one is cut at midnight UTC."""
STAIR = 15 * 60 * NANOSECONDS
"""Distance that every figure takes as continuous, however rarely a series is sampled (`kpi.rules.gap_least`)."""

_Means = tuple[Samples, NDArray[np.int64]]


def tags(step: int) -> str:
    """The column `tags` of a series of means over `step` nanoseconds.

    Examples
    --------
    >>> tags(1800 * NANOSECONDS)
    '{"step":"1800"}'
    """
    return json.dumps({STEP: f"{step / NANOSECONDS:.9f}".rstrip("0").rstrip(".")}, separators=(",", ":"))


def reaching(start: int) -> pc.Expression:
    """Which rows before `start`, of its day, may be means that still hold then."""
    return (pc.field("tags") != "") & (pc.field("time") >= start - start % LONGEST) & (pc.field("time") < start)


def apart(table: pa.Table) -> tuple[pa.Table, dict[Key, _Means]]:
    """The rows that are no means, and the means among the rest: samples, and how long each holds [ns]."""
    if not any(f'"{STEP}"' in text for chunk in table["tags"].chunks for text in chunk.dictionary.to_pylist()):
        return table, {}
    table = table.unify_dictionaries().combine_chunks()
    column = table["tags"].chunk(0)
    steps = np.array([_step(text) for text in column.dictionary.to_pylist()], np.int64)[column.indices.to_numpy()]
    lasting = table.filter(pa.array(steps > 0))
    values = rows.to_samples(lasting)
    # The same rows once more with the step for a value: whichever of two with one instant counts, its step comes along.
    as_value = lasting.set_column(
        lasting.schema.get_field_index("value"), "value", pa.array(steps[steps > 0].astype(np.float64))
    )
    lengths = rows.to_samples(as_value)
    return table.filter(pa.array(steps <= 0)), {
        key: (samples, lengths[key].value.astype(np.int64)) for key, samples in values.items()
    }


def stairs(parts: Iterable[_Means]) -> Samples:
    """Means of one series as a curve; of two that begin together the one of the later part counts."""
    parts = [*parts]
    joined = Samples(*(np.concatenate(columns) for columns in zip(*(samples for samples, _ in parts), strict=True)))
    places = joined._replace(value=np.arange(joined.time.size, dtype=np.float64))
    kept = ordered(places).value.astype(np.intp)  # which rows stay, in the order of time
    time, value, low, high, method = take(joined, kept)
    step = np.concatenate([steps for _, steps in parts])[kept]

    following = np.append(time[1:], np.iinfo(np.int64).max)
    end = np.minimum(time + step, following)
    treads = np.maximum(-((time - end + 1) // STAIR), 1)  # samples before the last nanosecond, STAIR apart
    closed = following > end  # nothing begins where this one ends
    hole = closed & (following < np.iinfo(np.int64).max)
    counts = treads + 1 + closed + hole
    row = np.repeat(np.arange(time.size), counts)
    place = np.arange(row.size) - np.repeat(np.cumsum(counts) - counts, counts) - treads[row]
    return Samples(
        np.where(place < 0, time[row] + (place + treads[row]) * STAIR, end[row] - 1 + place),
        np.where(place < 2, value[row], np.nan),
        low[row],
        high[row],
        method[row],
    )


def clash(there: pa.Table, new: pa.Table) -> str | None:
    """Why `new` cannot join the rows that are `there`, or None.

    Means that begin inside a longer new one would hide part of it, and nothing in the archive is ever deleted.
    """
    finer = apart(there)[1]
    if not finer:
        return None
    for key, (samples, steps) in apart(new)[1].items():
        if key not in finer:
            continue
        old, lengths = finer[key]
        at = np.searchsorted(samples.time, old.time, side="right") - 1
        inside = (at >= 0) & (old.time > samples.time[at]) & (old.time < samples.time[at] + steps[at])
        if inside.any():
            first = int(np.flatnonzero(inside)[0])
            return (
                f"{key[0]}/{key[1]} {key[2]}: the archive holds means over {_words(lengths[first])} from "
                f"{iso(int(old.time[first]))[:16]}Z, and this file one over {_words(steps[at[first]])} around them; "
                "give it another point"
            )
    return None


def merged(parts: Iterable[dict[Key, _Means]]) -> dict[Key, Samples]:
    """Stairs of every series in `parts`, which are days in their order."""
    found: defaultdict[Key, list[_Means]] = defaultdict(list)
    for part in parts:
        for key, means in part.items():
            found[key].append(means)
    return {key: stairs(means) for key, means in found.items()}


def _step(text: str) -> int:
    """Nanoseconds of the tag, 0 where there is none that makes sense."""
    try:
        seconds = float(json.loads(text).get(STEP, 0)) if text else 0.0
        return min(round(seconds * NANOSECONDS), LONGEST) if seconds > 0.0 else 0
    except (ValueError, OverflowError):
        return 0


def _words(step: int) -> str:
    seconds = step / NANOSECONDS
    return f"{seconds / 60:g} min" if seconds >= 60 else f"{seconds:g} s"
