"""The shapes the room is made of: weather, working hours, jobs, noise. One value a minute, over one period.

A period is 28 days and returns for ever, so that any date can be asked for without adding up the years before it.
All draws come from the generator handed in: the same seed makes the same month on every machine.
"""

import math
from array import array
from collections.abc import Callable
from random import Random
from typing import TypeAlias

Curve: TypeAlias = "array[float]"
"""One value a node; compact, as a period has many."""

STEP = 60
"""Seconds between two nodes."""
DAY = 86_400 // STEP
WEEK = 7 * DAY
NODES = 4 * WEEK
"""Nodes of one period; whole weeks, so that Mondays stay Mondays."""

LOCAL = 60
"""Minutes the room's clock is ahead of UTC: people in Caen, in winter."""

# Air temperature at Caen-Carpiquet, Novembers of 2015 to 2018: mean, first and second daily harmonic with the hour
# (UTC) of their maximum, deviation of the daily means. Our own fit to the SYNOP reports of Météo-France.
MEAN_TEMPERATURE = 9.0
HARMONICS = ((24.0, 1.83, 14.3), (12.0, 0.82, 13.1))
SYNOPTIC_DEVIATION = 3.0
SYNOPTIC_WAVES = range(2, 14)
"""Waves a period: weather systems of 14 to 2 days."""


def outdoor(draw: Random) -> Curve:
    """Outdoor air temperature [°C]: a daily swing upon weather systems that come and go."""
    strength = [draw.uniform(0.5, 1.0) / (1 + (wave / 6) ** 2) for wave in SYNOPTIC_WAVES]
    phase = [draw.uniform(0, math.tau) for _ in SYNOPTIC_WAVES]
    # Waves of amplitude a have the variance a² / 2.
    scale = SYNOPTIC_DEVIATION * math.sqrt(2 / sum(one * one for one in strength))
    waves = [
        (math.tau * wave / NODES, size * scale, shift)
        for wave, size, shift in zip(SYNOPTIC_WAVES, strength, phase, strict=True)
    ]
    daily = [
        sum(size * math.cos(math.tau * (node * 24 / DAY - peak) / hours) for hours, size, peak in HARMONICS)
        for node in range(DAY)
    ]
    return array(
        "d",
        (
            MEAN_TEMPERATURE
            + daily[node % DAY]
            + sum(size * math.sin(turn * node + shift) for turn, size, shift in waves)
            for node in range(NODES)
        ),
    )


def noise(draw: Random, deviation: float, minutes: float) -> Curve:
    """Noise of that standard deviation that forgets within `minutes` (first-order autoregressive)."""
    keep = math.exp(-STEP / 60 / minutes)
    kick = deviation * math.sqrt(1 - keep * keep)
    made = array("d")
    value = draw.gauss(0, deviation)
    for _ in range(NODES):
        value = keep * value + kick * draw.gauss(0, 1)
        made.append(value)
    return made


def office(minute: int) -> float:
    """How busy people keep the machines, 0 to 1, at a minute of the room's own week."""
    day, minute = divmod(minute, DAY)
    hour = minute / 60
    at_work = _rise(hour, 8.2, 0.5) - 0.25 * _bell(hour, 12.8, 0.6) - _rise(hour, 18.0, 0.9)
    return max(at_work, 0.0) * (1.0 if day < 5 else 0.12)


def backup(minute: int) -> float:
    """The nightly backup, 0 to 1: from one to half past two, longer on Saturday."""
    day, minute = divmod(minute, DAY)
    return 1.0 if 60 <= minute < (240 if day == 5 else 150) else 0.0


def lights(minute: int) -> float:
    """Whether somebody is in the room: a round in the morning, one before going home."""
    day, minute = divmod(minute, DAY)
    return 1.0 if day < 5 and (550 <= minute < 590 or 990 <= minute < 1010) else 0.0


def weekly(shape: Callable[[int], float]) -> Curve:
    """A shape of the room's own week, laid over the period."""
    week = [shape(minute) for minute in range(WEEK)]
    return array("d", (week[(node + LOCAL) % WEEK] for node in range(NODES)))


def jobs(draw: Random) -> Curve:
    """Batch jobs, 0 to 1: each as long and as heavy as somebody's mood."""
    made = array("d", bytes(8 * NODES))
    node = 0
    while node < NODES:
        node += round(draw.expovariate(1 / 240))
        end = min(node + round(draw.uniform(40, 420)), NODES)
        height = draw.uniform(0.6, 1.0)
        for at in range(node, end):
            made[at] = height
        node = end
    return made


def lagged(values: Curve, minutes: float) -> Curve:
    """The same as seen through a thermal mass (first-order low-pass); joins at the ends of the period."""
    take = 1 - math.exp(-STEP / 60 / minutes)
    state = values[-1]
    for value in values[-round(10 * minutes) :]:
        state += take * (value - state)
    made = array("d")
    for value in values:
        state += take * (value - state)
        made.append(state)
    return made


def _rise(hour: float, middle: float, width: float) -> float:
    return 1 / (1 + math.exp((middle - hour) / width * 2))


def _bell(hour: float, middle: float, width: float) -> float:
    return math.exp(-(((hour - middle) / width) ** 2))
