"""Physics as a witness: a factor of ten is caught, and nothing real is."""

import pytest

from collectors.plausible import believed
from dc_monitor.readings import Reading, Series

LEVELS = {"total": "total", "l1": "phase", "l2": "phase", "l3": "phase"}


def reading(point: str, quantity: str, value: float) -> Reading:
    return Reading(Series("d", point, quantity, LEVELS.get(point.split("/")[-1], "sensor")), value, 0)


def doubted(*readings: Reading, kind: str = "ups") -> set[str]:
    kept, sentences = believed(readings, kind)
    gone = {f"{one.series.point} {one.series.quantity}" for one in readings if one not in kept}
    assert gone == {sentence.partition(" is not believed: ")[0] for sentence in sentences}
    return gone


@pytest.mark.parametrize(
    ("point", "quantity", "value", "kind", "wrong"),
    [
        ("output/l1", "voltage", 2302, "ups", True),
        ("output/l1", "voltage", 23, "ups", True),
        ("output/l1", "voltage", 231, "ups", False),
        ("input/l1", "voltage", 97, "pdu", False),
        ("input/l1", "voltage", 720, "pdu", False),
        ("input/l1", "voltage", 0.7, "ats", False),
        ("battery", "voltage", 27.3, "ups", False),
        ("rectifier/1", "voltage", 53.5, "rectifier", False),
        ("total", "voltage", 20_400, "meter", False),
        ("input/total", "frequency", 500, "ups", True),
        ("input/total", "frequency", 49.9, "ups", False),
        ("output/total", "frequency", 0, "ups", False),
        ("fan/1/drive", "frequency", 28, "cooling", False),
        ("battery", "temperature", 260, "ups", True),
        ("probe/1", "temperature", -273.1, "environment", True),
        ("outdoor", "temperature", -31, "environment", False),
        ("probe/1", "humidity", 4.2, "environment", True),
        ("probe/1", "humidity", 1.0, "environment", False),
        ("total", "power_factor", 98, "pdu", True),
        ("total", "power_factor", -0.946, "pdu", False),
        ("output/l1", "load", 1.2, "ups", False),
    ],
)
def test_a_value_beyond_what_can_be_is_no_reading(
    point: str, quantity: str, value: float, kind: str, wrong: bool
) -> None:
    """Mains volts at ten times or a tenth, a battery above boiling; but a dead line, 690 V and winter are real."""
    assert wrong is bool(doubted(reading(point, quantity, value), kind=kind))


def test_watts_need_volts_and_amperes() -> None:
    """2,700 W of 300 V·A are a wrong scale; three phases told by the volts and amperes of one are not."""
    one = (reading("outlet/1", "voltage", 230), reading("outlet/1", "current", 1.3))

    assert {"outlet/1 power"} == doubted(*one, reading("outlet/1", "power", 2_700))
    assert set() == doubted(*one, reading("outlet/1", "power", 890))
    assert set() == doubted(*one, reading("outlet/1", "power", 4))
    assert {"total power"} == doubted(reading("total", "apparent_power", 300), reading("total", "power", 2_700))
    assert set() == doubted(reading("total", "apparent_power", 18_600), reading("total", "power", 19_200))


def test_small_figures_prove_nothing() -> None:
    """A card that rounds 0.04 A to 0.0 A still measures 9 W."""
    assert set() == doubted(
        reading("outlet/1", "voltage", 230), reading("outlet/1", "current", 0.0), reading("outlet/1", "power", 9)
    )


def test_a_total_is_the_sum_of_its_phases() -> None:
    """When they differ by ten nobody knows which is wrong, so neither counts; idle phases and other roots do."""

    def watts(total: float, *phases: float, root: str = "output") -> set[str]:
        lines = [reading(f"{root}/l{at}", "power", value) for at, value in enumerate(phases, 1)]
        return doubted(reading(f"{root}/total", "power", total), *lines, reading("input/total", "power", 9_999))

    assert set() == watts(2_900, 1_000, 900, 1_000)
    assert set() == watts(1_000, 1_000, 0, 0)
    assert set() == watts(0, 3, 0, 0)
    assert {"output/total power", "output/l1 power", "output/l2 power"} == watts(29_000, 1_000, 1_900)
    assert {"output/total power", "output/l1 power"} == watts(290, 2_900)
    assert {"total power", "phase/l1 power"} == doubted(
        reading("total", "power", 290), reading("phase/l1", "power", 2_900)
    )


def test_the_sentence_says_what_is_against_it() -> None:
    """Whoever reads it must be able to judge."""
    _, (sentence,) = believed([reading("output/l1", "voltage", 2302)], "ups")

    assert "output/l1 voltage is not believed: 2,302 V is outside 60 to 800" == sentence
