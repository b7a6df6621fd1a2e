r"""What a cumulative register counted, in spite of what happened to it.

A register rises at a rate the plant allows. A sample that does not fit *breaks the track*, and the track's end is
remembered. When a later sample continues a remembered track, everything since the break was a **glitch** (down to
zero for six months, or up for one poll): it is ignored, and what was counted meanwhile is recovered exactly. Until
then, and for ever if that does not happen,

- the register had stood still and now shows what the plant may have taken since: a display **catching up**;
- the register passed its modulus at a possible rate, and the device did not start again: it **wrapped**;
- the device started again meanwhile: a **restart**, which adds nothing;
- otherwise a **fall** or a **jump** nobody can explain (a replaced meter): a gap, which adds nothing.

A register that stands still while a power meter beside it sees a load is told by `witnesses.stalled_spans`.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from dc_monitor.kernels.compiled import SECOND, compiled
from dc_monitor.kernels.energy import curve
from dc_monitor.kernels.spans import Spans

CONTINUES, MISSING, GLITCH, STEP_BACK, WRAP, CATCH_UP, RESTART, FALL, JUMP, AMBIGUOUS = range(10)
KINDS = ("continues", "missing", "glitch", "step back", "wrap", "catch-up", "restart", "fall", "jump", "ambiguous")
"""What a sample is to the one before it; index is the code in `Unwrapped.kind`.

`ambiguous` fits two explanations that differ in energy, such as a device that started again and a value reached
either way; like restart, fall and jump it opens a gap.
"""

GAPS = (RESTART, FALL, JUMP, AMBIGUOUS)

MEMORY = 8
"""Broken tracks remembered; the oldest is forgotten first."""

PROVEN = 10
"""A track that has risen this often is no glitch: what was before it is forgotten."""


class Unwrapped(NamedTuple):
    """A register made continuous.

    `total` counts up from 0 at the first sample, in the register's unit, NaN where a sample is missing or a
    glitch; `kind` says per sample how it follows the one before (`KINDS`); `spans` are the times over which
    differences of `total` are energy that really flowed, each from sample to sample.
    """

    total: NDArray[np.float64]
    kind: NDArray[np.uint8]
    spans: Spans


def unwrap(
    time: ArrayLike,
    register: ArrayLike,
    max_rate: float,
    slack: float = 0.0,
    moduli: ArrayLike = (),
    starts: ArrayLike = (),
) -> Unwrapped:
    """A cumulative register without its wraps, restarts and glitches.

    Parameters
    ----------
    time : int64, shape (n,), strictly increasing
        When each sample was taken. [ns]
    register : float64, shape (n,)
        What it showed, in any unit U; NaN where a poll got no answer.
    max_rate : float
        What the plant cannot exceed [U/s]; `witnesses.plausible_rate` finds it when nobody knows better.
    slack : float
        How far a sample may lie off without meaning anything: a few steps of the register. [U]
    moduli : float64, shape (k,)
        Values at which the register may begin again from 0: 2**32 or 10**n counts; none if it never does. [U]
    starts : int64, shape (m,), sorted
        When the device is known to have started (`witnesses.starts_of`). [ns]

    Raises
    ------
    ValueError
        If shapes differ, `time` does not increase, or `max_rate` or `slack` is no positive number.

    Examples
    --------
    >>> unwrap([0, 10**9, 2 * 10**9], [97.0, 99.0, 1.0], max_rate=3.0, moduli=[100.0]).total
    array([0., 2., 4.])
    """
    when, values = curve(time, register)
    if not 0.0 < max_rate < np.inf or not 0.0 <= slack < np.inf:
        raise ValueError(f"max_rate must be positive and slack not negative, both finite; got {max_rate} and {slack}")
    total, kind = _unwrap(
        when,
        values,
        float(max_rate),
        float(slack),
        np.sort(np.asarray(moduli, np.float64)),
        np.asarray(starts, np.int64),
    )
    return Unwrapped(total, kind, _continuous_spans(when, kind))


@compiled()
def _unwrap(
    time: NDArray[np.int64],
    register: NDArray[np.float64],
    max_rate: float,
    slack: float,
    moduli: NDArray[np.float64],
    starts: NDArray[np.int64],
) -> tuple[NDArray[np.float64], NDArray[np.uint8]]:
    total = np.full(time.size, np.nan)
    kind = np.full(time.size, MISSING, np.uint8)
    # The present track: its last sample, since when it shows that, what was counted, how often it rose. One that
    # never rose may be stuck.
    last_time, last_value, moved, counted, rises = 0, 0.0, 0, 0.0, -1
    # Remembered tracks: since when each showed its last value, that value and so on, and the sample that broke it.
    then = np.empty(MEMORY, np.int64)
    value_then = np.empty(MEMORY)
    counted_then = np.empty(MEMORY)
    rises_then = np.empty(MEMORY, np.int64)
    broken_at = np.empty(MEMORY, np.int64)
    depth = 0
    next_start = 0
    per_ns = max_rate / SECOND
    for i in range(time.size):
        value = register[i]
        if not np.isfinite(value):
            continue
        if rises < 0:  # the first sample there is
            last_time, last_value, moved, rises = time[i], value, time[i], PROVEN
            total[i], kind[i] = 0.0, CONTINUES
            continue
        while next_start < starts.size and starts[next_start] <= last_time:
            next_start += 1
        started = next_start < starts.size and starts[next_start] <= time[i]
        allowed = per_ns * (time[i] - last_time) + slack
        rise = value - last_value
        fits = -slack <= rise <= allowed

        memory = -1  # the remembered track this sample continues: the one it lies closest above
        if not fits or (rises == 0 and rise != 0.0):
            closest = np.inf
            for m in range(depth):
                since = value - value_then[m]
                if -slack <= since <= per_ns * (time[i] - then[m]) + slack and since < closest:
                    closest, memory = since, m

        around = np.inf  # what was counted if it went through a modulus
        if rise < -slack and not started:
            for modulus in moduli:
                if last_value < modulus and rise + modulus <= allowed:
                    around = min(around, rise + modulus)

        if fits:
            from_zero = started and slack < value <= per_ns * (time[i] - starts[next_start]) + slack
            if from_zero or memory >= 0:
                kind[i] = AMBIGUOUS
                last_value, rises, depth = value, 1, max(memory, 0)
            else:
                kind[i] = CONTINUES if rise >= 0.0 else STEP_BACK
                last_value, counted = max(value, last_value), counted + max(rise, 0.0)
                rises += rise > 0.0
                if rises == PROVEN:
                    depth = 0
        elif memory >= 0:
            for j in range(broken_at[memory], i):
                if kind[j] != MISSING:
                    kind[j], total[j] = GLITCH, np.nan
            kind[i] = CONTINUES if value >= value_then[memory] else STEP_BACK
            last_value = max(value, value_then[memory])
            counted = counted_then[memory] + last_value - value_then[memory]
            rises, depth = rises_then[memory], memory
        else:
            if depth == MEMORY:
                for numbers in (value_then, counted_then):
                    numbers[:-1] = numbers[1:]
                for counts in (then, rises_then, broken_at):
                    counts[:-1] = counts[1:]
                depth -= 1
            then[depth], value_then[depth], counted_then[depth] = moved, last_value, counted
            rises_then[depth], broken_at[depth] = rises, i
            depth += 1
            last_value, rises = value, 1
            if around < np.inf:
                kind[i] = WRAP
                counted += around
            elif allowed < rise <= per_ns * (time[i] - moved) + slack:
                kind[i] = CATCH_UP
                counted += rise
            else:
                kind[i] = JUMP if rise > 0.0 else (RESTART if started else FALL)
                rises = 0
        if rise != 0.0:
            moved = time[i]
        last_time, total[i] = time[i], counted
    return total, kind


@compiled()
def _continuous_spans(time: NDArray[np.int64], kind: NDArray[np.uint8]) -> Spans:
    found = np.empty((time.size // 2 + 1, 2), np.int64)
    count = 0
    start = last = -1
    for i in range(time.size + 1):
        ends = i == time.size or kind[i] >= RESTART
        if ends and start < last:
            found[count, 0] = time[start]
            found[count, 1] = time[last]
            count += 1
        if i < time.size and kind[i] != MISSING and kind[i] != GLITCH:
            last = i
            if ends or start < 0:
                start = i
    return found[:count].copy()
