"""Thinning: fewer lines, the same energy, and nothing that was worth knowing lost."""

from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dc_monitor.clock import NANOSECONDS
from dc_monitor.readings import Reading, Series
from dc_monitor.thinning import WINDOW, thin
from dc_monitor.wire import Encoder, Line, encode_line, parse_lines

NOON = 1_800_000_000 * NANOSECONDS
"""Where a window begins."""
POWER = Series("pdu-a", "input/total", "power", "total")


def readings(values: Sequence[float], step: float = 10.0, series: Series = POWER, begin: float = 0.0) -> bytes:
    """Lines of a series, the first `begin` seconds after noon and one each `step` seconds."""
    times = (NOON + round((begin + at * step) * NANOSECONDS) for at in range(len(values)))
    return encoded(*(Reading(series, value, time) for value, time in zip(values, times, strict=True)))


def encoded(*told: Reading) -> bytes:
    return Encoder({"site": "Caen-1"}).encode(told)[0]


def parsed(body: bytes) -> list[Line]:
    lines, bad = parse_lines(body)
    assert [] == bad
    return lines


def seconds(line: Line) -> float:
    return (line.time - NOON) / NANOSECONDS


# Gauges


def test_five_minutes_become_their_mean_at_the_middle_with_what_was_measured() -> None:
    """A site reads it like any other reading; whoever asks learns how much of the window it stands for."""
    body, count = thin([readings([100.0] * 15 + [200.0] * 13)])
    (line,) = parsed(body)

    assert 1 == count
    assert ({"watts": 4_100 / 28, "watts_coverage": 0.9333}, 150.0) == (line.fields, seconds(line))
    assert parsed(readings([100.0]))[0].key == line.key


def test_windows_are_cut_on_utc_whatever_the_batches_are() -> None:
    """A batch ends anywhere; means of two agents must be comparable."""
    values = [float(at) for at in range(60)]
    body, _ = thin([readings(values[:17]), readings(values[17:], begin=170.0)])

    assert [(150.0, 14.5), (450.0, 44.5)] == [(seconds(line), line.fields["watts"]) for line in parsed(body)]


def test_the_means_of_an_estimate_keep_their_bounds() -> None:
    """An error bar belongs to its value, thinned or not."""
    series = replace(POWER, method="estimated")
    told = [Reading(series, 300.0 + at, NOON + at * WINDOW // 10, low=200.0 + at, high=350.0 + at) for at in range(10)]
    (line,) = parsed(thin([encoded(*told)])[0])

    assert {"watts": 304.5, "watts_low": 204.5, "watts_high": 354.5, "watts_coverage": 1.0} == line.fields


def test_what_stood_still_goes_on_standing_still() -> None:
    """Rounding must not make a change where there was none: 0.1 added up thrice is not 0.3."""
    (line,) = parsed(thin([readings([0.1] * 3, step=100.0)])[0])

    assert 0.1 == line.fields["watts"]


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(readings([2.0] * 23), id="a hole of more than a fifth"),
        pytest.param(readings([1.0, 2.0] * 4, step=150.0), id="two in a window are thin enough"),
        pytest.param(readings([1.0] * 9, step=1_000.0), id="a reading each quarter of an hour"),
        pytest.param(readings([1e308, 1.5e308, 1.2e308], step=100.0), id="a mean that no number can hold"),
    ],
)
def test_a_window_that_has_no_honest_mean_keeps_its_readings(body: bytes) -> None:
    """A mean over the rest of a window would fill in its hole."""
    assert (body, body.count(b"\n")) == thin([body])


def test_the_window_with_a_hole_is_exactly_as_it_was() -> None:
    """Ten readings of thirty are missing: the twenty stay, to the byte, and nothing is put beside them."""
    whole, torn = readings([100.0] * 30), readings([200.0] * 20, begin=300.0)
    body, count = thin([whole + torn])

    assert 21 == count
    assert body.endswith(torn)


def test_readings_at_one_end_of_a_window_are_no_mean_at_its_middle() -> None:
    """Thirty readings in the last minute are not five minutes, and nothing may stand before the first reading."""
    dense = readings([1.0] * 30, step=2.0, begin=240.0)
    rest = readings([1.0] * 60, begin=300.0)
    body, _ = thin([dense + rest])

    assert body.startswith(dense)


def test_a_late_line_beside_a_mean_stays_as_it_is() -> None:
    """A reading of 11:59:59 that was committed with the next batch is one reading, not a second mean."""
    late = readings([7.0], begin=299.0)
    first, _ = thin([readings([1.0] * 29)])
    then, count = thin([late, readings([2.0] * 30, begin=300.0)])

    assert (2, late) == (count, then[: len(late)])
    assert [150.0, 299.0, 450.0] == [seconds(line) for line in parsed(first + then)]


@given(data=st.data(), step=st.sampled_from([5.0, 10.0, 30.0, 60.0]), windows=st.integers(1, 4))
def test_a_thinned_series_holds_the_energy_it_had(data: st.DataObject, step: float, windows: int) -> None:
    """Means at the middle of their windows give, by trapezoid, the energy of the readings they stand for.

    Let w be the window, h the step, m_1 … m_k the means of k full windows, b the last reading before them and a the
    first one after. The readings' trapezoids add up to h b/2 + w (m_1 + … + m_k) + h a/2; those of the means to
    (w/2 + h) (b + m_1)/2 + w (m_1/2 + m_2 + … + m_k/2) + w/2 (m_k + a)/2. What differs is at the ends alone: at most
    w/4 (|b - m_1| + |a - m_k|) + h/2 |m_1 - a|. A reading that is missing moves its mean by r/n, where r is the range
    of all and n the readings of a window, so its energy by h r, and the readings' own trapezoid by 2 h r at most.
    """
    fill = round(WINDOW / NANOSECONDS / step)
    watts = st.floats(0.0, 10_000.0)
    before, after = data.draw(watts), data.draw(watts)
    values = [data.draw(st.lists(watts, min_size=fill, max_size=fill)) for _ in range(windows)]
    missing = data.draw(st.dictionaries(st.integers(0, windows - 1), st.integers(0, fill - 1)))
    row = [before, *(value for each in values for value in each), after]
    gone = {1 + window * fill + at for window, at in missing.items()}
    raw = b"".join(readings([value], begin=(at - 1) * step) for at, value in enumerate(row) if at not in gone)
    thinned, count = thin([raw])
    first, last = (sum(each) / fill for each in (values[0], values[-1]))
    ends = 75.0 * (abs(before - first) + abs(after - last)) + step / 2 * abs(first - after)
    bound = ends + 3 * step * (max(row) - min(row)) * len(gone)

    assert 2 + windows == count
    assert energy(raw) == pytest.approx(energy(thinned), abs=bound * (1 + 1e-9) + 1e-6)


def energy(body: bytes) -> float:
    """By trapezoid [J]."""
    curve = sorted((seconds(line), float(line.fields["watts"])) for line in parsed(body))
    return sum((after[0] - before[0]) * (before[1] + after[1]) / 2 for before, after in pairwise(curve))


# Registers, states, devices


def test_registers_stay_to_the_byte() -> None:
    """Energy is the difference of two registers, to the joule."""
    body = readings([3_600.0 * at for at in range(90)], series=replace(POWER, quantity="energy"))

    assert (body, 90) == thin([body])


def test_states_keep_the_first_each_change_and_the_last() -> None:
    """When the mains went and when they came back is why one looks."""
    state = Series("ups-a", "output", "state", "sensor")
    words = ["online"] * 20 + ["battery"] * 30 + ["online"] * 20
    told = (Reading(state, float(len(word)), NOON + at * 10**10, text=word) for at, word in enumerate(words))
    lines = parsed(thin([encoded(*told)])[0])

    assert [(0, "online"), (200, "battery"), (500, "online"), (690, "online")] == [
        (seconds(line), line.fields["text"]) for line in lines
    ]


def test_a_failure_of_a_single_poll_survives() -> None:
    """One `unreachable` among hundreds of good polls is there afterwards, with its reason and its end."""

    def device(at: int) -> bytes:
        reason, up = ("unreachable", 0.0) if at == 47 else ("", 1.0)
        tags = {"site": "Caen-1", "device": "pdu-a", "reason": reason}
        return encode_line("device", tags, {"up": up, "failures": 1.0 - up, "message": reason}, NOON + at * 10**10)

    lines = parsed(thin([b"".join(map(device, range(90)))])[0])
    kept = [(seconds(line), line.tags.get("reason", ""), line.fields["message"]) for line in lines]

    assert [(470, "unreachable", "unreachable")] == [one for one in kept if one[1]]
    assert [0, 290, 470, 480, 590, 890] == [second for second, _, _ in kept]


def test_of_the_agent_the_last_line_of_five_minutes_stays() -> None:
    """Its counters count on; a mean of them would be none."""
    told = [
        encode_line("agent", {"agent": "a"}, {"readings_total": float(at)}, NOON + at * 60 * 10**9) for at in range(11)
    ]

    assert [0, 4, 9, 10] == [line.fields["readings_total"] for line in parsed(thin(told)[0])]


def test_a_restart_is_seen_in_the_uptime_as_before() -> None:
    """The witness of a register that fell: a mean over the restart would tell of none, or of another one."""
    uptime = Series("pdu-a", "agent", "uptime", "sensor")
    values = [5_000.0 + at * 10 for at in range(50)] + [3.0 + at * 10 for at in range(40)]
    lines = parsed(thin([readings(values, series=uptime)])[0])
    told = [(seconds(line), line.fields["seconds"]) for line in lines]

    assert [(490, 5_490.0), (500, 3.0)] == told[2:4]
    assert [0, 290, 490, 500, 590, 890] == [second for second, _ in told]


def test_what_cannot_be_understood_and_what_is_not_ours_stays() -> None:
    """A line nobody can read may be read by somebody tomorrow."""
    strange = b"nonsense\npower watts=1 noon\n\xff\xfe\ncpu,host=a usage=1.5 1\npower,device=a watts=1,extra=2 5\n"

    assert (strange, 5) == thin([strange])


def test_nothing_is_nothing() -> None:
    """Empty batches are appended by nobody, and harm nobody."""
    assert (b"", 0) == thin([])
    assert (b"", 0) == thin([b"", b"\n"])


# All of it

SERIES = (
    POWER,
    replace(POWER, point="outlet/1", method="estimated"),
    replace(POWER, quantity="energy"),
    replace(POWER, quantity="uptime"),
    replace(POWER, quantity="state"),
)
line = st.builds(
    lambda series, value, at, bounds: encoded(
        Reading(
            series,
            value,
            NOON + at * 10**9,
            text=str(value > 0) if series.quantity == "state" else None,
            low=value if bounds else None,
            high=value if bounds else None,
        )
    ),
    st.sampled_from(SERIES),
    st.floats(allow_nan=False, allow_infinity=False),
    st.integers(-400, 1_000),
    st.booleans(),
)
run = st.builds(
    lambda series, count, step, begin: readings([1.0] * count, step, series, begin),
    st.sampled_from(SERIES[:4]),
    st.integers(1, 120),
    st.sampled_from([1.0, 10.0, 60.0, 100.0]),
    st.integers(-400, 400).map(float),
)
device = st.builds(
    lambda reason, at: encode_line("device", {"device": "a", "reason": reason}, {"up": 1.0}, NOON + at * 10**9),
    st.sampled_from(["", "partial"]),
    st.integers(-400, 1_000),
)


@given(st.lists(line | run | device | st.binary(max_size=30).map(lambda raw: raw + b"\n"), max_size=30))
def test_thinning_is_sparing_honest_and_final(bodies: list[bytes]) -> None:
    """Never more lines, never a reading outside of what was read, never another result the second time."""
    before = [raw for body in bodies for raw in body.split(b"\n") if raw]
    body, count = thin(bodies)
    after = body.split(b"\n")[:-1]
    means = parsed(b"\n".join(raw for raw in after if raw not in before))
    times = spans(before)

    assert count == len(after) <= len(before)
    assert (body, count) == thin([body])
    for mean in means:
        first, last = times[mean.key]
        assert first <= mean.time <= last


def spans(raws: list[bytes]) -> dict[str, tuple[int, int]]:
    """The first and the last time of each series."""
    found: dict[str, tuple[int, int]] = {}
    for one in parse_lines(b"\n".join(raws))[0]:
        first, last = found.get(one.key, (one.time, one.time))
        found[one.key] = (min(first, one.time), max(last, one.time))
    return found
