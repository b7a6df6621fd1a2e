import math
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import numpy as np
import pytest

from dc_monitor.kpi.air import AirSensor
from dc_monitor.kpi.asked import Asked, Heard
from dc_monitor.kpi.cooling import capacity_factor, degree_days
from kpi.rooms import DAY, HOUR, S, codes, every, samples, without

PARIS = ZoneInfo("Europe/Paris")
PROBE = AirSensor("w", "probe/0", "outdoor", "Toit nord")


def instant(*date, zone=PARIS):
    """A local date and time as nanoseconds UTC."""
    return int(datetime(*date, tzinfo=zone).timestamp()) * S


def of_days(means, start=(2026, 7, 1)):
    """A question over so many days, and an outdoor probe with these daily means, each hour."""
    begin = instant(*start)
    end = begin + len(means) * DAY
    time = every(HOUR, begin - 2 * HOUR, end + 2 * HOUR)
    # Steep steps at midnight: an hour's slope is the same before and after it.
    day = np.clip((time - begin) // DAY, 0, len(means) - 1)
    question = Asked("room", begin, end)
    return question, Heard(question, PROBE, samples(time, np.array(means)[day]))


def test_v66_as_figures():
    """V-66 on constant days: Eurostat 8.5 and plain 11.4, each with its method, up to the slopes between days."""
    question, outdoor = of_days([20.9, 21.0, 23.9, 24.0, 26.5, 26.5])
    eurostat, plain = degree_days(question, PARIS, outdoor)

    assert ("cooling_degree_days", "cooling_degree_days_plain") == (eurostat.kpi, plain.kpi)
    assert math.isclose(8.5 + 5.5, eurostat.value, abs_tol=0.15)
    assert math.isclose(11.4 + 5.5, plain.value, abs_tol=0.15)
    assert "Eurostat: base 21 °C, days from 24 °C" == eurostat.edition
    assert "plain sum: base 21 °C" == plain.edition
    assert ["Toit nord"] == [one.label for one in eurostat.lineage]
    assert (1.0, (), None) == (eurostat.coverage, eurostat.missing, eurostat.low)


def test_a_constant_day_has_its_temperature_as_mean():
    """No slope, no doubt: 27 °C over a base of 21 °C, three times."""
    question, outdoor = of_days([27.0, 27.0, 27.0])

    assert [18.0, 18.0] == [round(one.value, 9) for one in degree_days(question, PARIS, outdoor)]


def test_days_are_local_and_may_have_23_or_25_hours():
    """October 2026 in Paris is 31 days of one degree day each, though it is an hour longer."""
    begin, end = instant(2026, 10, 1), instant(2026, 11, 1)
    assert 31 * DAY + HOUR == end - begin
    question = Asked("room", begin, end)
    outdoor = Heard(question, PROBE, samples(every(HOUR, begin, end), 25.0))

    assert [124.0, 124.0] == [round(one.value, 9) for one in degree_days(question, PARIS, outdoor)]


def test_only_whole_days_count():
    """From noon to noon there is one midnight to midnight in three days."""
    question, outdoor = of_days([27.0, 27.0, 27.0])
    inside = Asked("room", question.start + 12 * HOUR, question.end - 12 * HOUR)

    assert 6.0 == round(degree_days(inside, PARIS, Heard(inside, PROBE, outdoor.samples))[0].value, 9)


def test_a_day_half_known_counts_and_a_day_less_known_does_not():
    """Twenty days, one known for 13 hours and one for 10: 19 of 20 are enough, and nothing is scaled up."""
    question, outdoor = of_days([27.0] * 20)
    series = without(outdoor.samples, question.start + 13 * HOUR, question.start + DAY)
    series = without(series, question.start + 2 * DAY + 10 * HOUR, question.start + 3 * DAY)
    figure = degree_days(question, PARIS, Heard(question, PROBE, series))[0]

    assert 0.95 == figure.coverage
    assert 19 * 6.0 == round(figure.value, 9)


def test_too_few_days_are_no_sum():
    """A fortnight's silence in a month: absent, with how many days are known."""
    question, outdoor = of_days([27.0] * 30)
    silent = without(outdoor.samples, question.start + 10 * DAY, question.start + 24 * DAY)
    for figure in degree_days(question, PARIS, Heard(question, PROBE, silent)):
        assert figure.value is None
        assert ["days_missing"] == codes(figure.missing)
        assert (16, 30) == (figure.missing[0].values["days"], figure.missing[0].values["all"])


def test_without_an_outdoor_sensor_there_are_no_degree_days():
    """And it is said what to configure."""
    question, _ = of_days([27.0])

    assert [["no_outdoor"]] * 2 == [codes(one.missing) for one in degree_days(question, PARIS, None)]


def test_a_period_without_a_whole_day_has_no_degree_days():
    """Three hours are no day."""
    begin = instant(2026, 7, 1, 9)
    question = Asked("room", begin, begin + 3 * HOUR)
    outdoor = Heard(question, PROBE, samples(every(HOUR, begin, begin + 3 * HOUR), 30.0))

    assert [None, None] == [one.value for one in degree_days(question, PARIS, outdoor)]


@pytest.mark.parametrize(
    ("running", "it", "coverage", "value", "code"),
    [
        pytest.param(132_000.0, 100_000.0, 1.0, 1.2, None, id="as it should be"),
        pytest.param(None, 100_000.0, 1.0, None, "no_capacity", id="nobody told the capacity"),
        pytest.param(132_000.0, 0.0, 1.0, None, "no_capacity", id="no load"),
        pytest.param(132_000.0, 100_000.0, 0.4, None, "low_air_coverage", id="known for too short"),
    ],
)
def test_capacity_factor(running, it, coverage, value, code):
    """1.1 kW of heat for each kW of IT."""
    begin = instant(2026, 7, 1, zone=UTC)
    figure = capacity_factor(Asked("room", begin, begin + DAY), running, it, coverage)

    assert (value, [code] if code else []) == (figure.value and round(figure.value, 9), codes(figure.missing))
