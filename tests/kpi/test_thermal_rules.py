import pytest

from dc_monitor.kernels.exposure import DryBulb
from dc_monitor.kpi.thermal_rules import ENVELOPES, UNCONFIRMED, envelope, rating


@pytest.mark.parametrize(
    ("index", "word"),
    [(0.96, "good"), (0.959, "acceptable"), (0.91, "acceptable"), (0.909, "poor"), (1.0, "good"), (0.0, "poor")],
)
def test_v18_rating_of_a_rack_cooling_index(index, word):
    """V-18: 96.0, 95.9, 91.0 and 90.9 %, and both ends."""
    assert word == rating(index)


@pytest.mark.parametrize(
    ("name", "limits", "spans"),
    [
        ("A1", DryBulb(15.0, 18.0, 27.0, 32.0), (5.0, 3.0)),
        ("A2", DryBulb(10.0, 18.0, 27.0, 35.0), (8.0, 8.0)),
        ("A3", DryBulb(5.0, 18.0, 27.0, 40.0), (13.0, 13.0)),
        ("A4", DryBulb(5.0, 18.0, 27.0, 45.0), (18.0, 13.0)),
        ("H1", DryBulb(5.0, 18.0, 22.0, 25.0), (3.0, 13.0)),
    ],
)
def test_classes_of_2021(name, limits, spans):
    """Temperatures of the fifth edition, and the spans above and below that a rack cooling index is made of."""
    found = envelope(name)

    assert limits == found.dry_bulb
    assert spans == (limits[3] - limits[2], limits[1] - limits[0])
    assert f"ASHRAE TC 9.9, 5th edition (2021), class {name}" == found.title


@pytest.mark.parametrize("key", ENVELOPES, ids=lambda key: " ".join(key))
def test_every_envelope_makes_sense(key):
    """Limits rise, what is recommended is allowed, and what nobody read in the standard is marked."""
    one = ENVELOPES[key]

    for recommended, allowable in zip(one.recommended, one.allowable, strict=True):
        assert recommended[0] <= recommended[1]
        assert allowable[0] <= allowable[1]
    for which in (0, 1):  # temperature and dew point; the recommended humidity has no lower limit of its own
        assert one.allowable[which][0] <= one.recommended[which][0]
        assert one.recommended[which][1] <= one.allowable[which][1]
    assert UNCONFIRMED == one.moisture
    assert key == (one.edition.id, one.name)


def test_editions_differ_in_moisture():
    """Dew point from 5.5 °C on in 2008, from −9 °C since 2015; 60 % until 2015, 70 % since."""
    recommended = {edition: envelope("A1", edition).recommended for edition in ("2008", "2011", "2015", "2021")}

    assert [5.5, 5.5, -9.0, -9.0] == [one.dew_point[0] for one in recommended.values()]
    assert [0.60, 0.60, 0.60, 0.70] == [one.relative_humidity[1] for one in recommended.values()]


@pytest.mark.parametrize(
    ("name", "altitude", "highest"),
    [("A1", 0.0, 32.0), ("A1", 900.0, 32.0), ("A1", 1200.0, 31.0), ("A3", 1250.0, 38.0), ("A4", 1400.0, 41.0),
     ("H1", 1400.0, 24.0), ("A1", 3000.0, 27.0)],
)  # fmt: skip
def test_thin_air_lowers_what_is_allowable(name, altitude, highest):
    """1 K a climb above 900 m, by class; never below what is recommended, and nothing else moves."""
    found = envelope(name).at(altitude)

    assert envelope(name).dry_bulb._replace(allowable_high=highest) == found.dry_bulb
    assert envelope(name).recommended == found.recommended


def test_a_class_nobody_knows_is_refused_with_those_there_are():
    """One sentence for whoever mistyped it."""
    with pytest.raises(
        ValueError, match=r"no envelope of class 'B1' in the edition of '2021'; there are A1 of 2008, .*H1"
    ):
        envelope("B1")
    assert envelope("a2") == envelope("A2", "2021")
