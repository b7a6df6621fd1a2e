import pytest

from dc_monitor.kpi.air import AirSensor, Where, air_sensors, place_of


@pytest.mark.parametrize(
    ("point", "kind", "label", "place"),
    [
        # Probes: in front of a rack unless something else is said.
        pytest.param("probe/0", "environment", "", "inlet", id="a probe of which nothing is said"),
        pytest.param("probe/1-1", "ups", "", "inlet", id="a probe on a UPS's card"),
        pytest.param("probe/rack-3-rear", "pdu", "", "exhaust", id="a probe called rear"),
        pytest.param("probe/2", "pdu", "R03 Outlet Temperature", "exhaust", id="labelled outlet temperature"),
        pytest.param("probe/2", "pdu", "Baie 12, arrière", "exhaust", id="labelled in French"),
        pytest.param("probe/2", "pdu", "Allée chaude", "exhaust", id="hot aisle"),
        pytest.param("probe/rear", "pdu", "Allée froide", "inlet", id="the label beats the device"),
        pytest.param("probe/2", "pdu", "Soufflage clim 1", "supply", id="a probe in the supply"),
        pytest.param("probe/2", "pdu", "Reprise", "return", id="a probe in the return"),
        pytest.param("probe/2", "pdu", "Extérieur nord", "outdoor", id="labelled outdoors"),
        pytest.param("probe/2", "pdu", "Local batteries", None, id="a battery room is no rack"),
        pytest.param("probe/2", "pdu", "Eau glacée départ", None, id="water"),
        # Air handlers.
        pytest.param("supply", "cooling", "", "supply", id="supply"),
        pytest.param("unit/1.1/return", "cooling", "", "return", id="return of a unit"),
        pytest.param("unit/1.1/outside", "cooling", "", "outdoor", id="outside of a unit"),
        pytest.param("upper-return-temperature", "cooling", "", "return", id="return by label of the device"),
        pytest.param("output/top", "cooling", "", "supply", id="what it blows"),
        pytest.param("input/bottom", "cooling", "", "return", id="what it takes in"),
        pytest.param("rack-inlet-temperature-3", "cooling", "", "inlet", id="its own sensor in front of a rack"),
        pytest.param("discharge-air-temperature", "cooling", "", "supply", id="discharge air"),
        pytest.param("maximum-rack-inlet-temperature", "cooling", "", None, id="made of others"),
        pytest.param("input/average", "cooling", "", None, id="an average of others"),
        pytest.param("inlet-evap-coil-temperature", "cooling", "", None, id="refrigerant"),
        pytest.param("compressor/discharge", "cooling", "", None, id="hot gas"),
        pytest.param("water/in", "cooling", "", None, id="chilled water"),
        pytest.param("room-temperature", "cooling", "", None, id="somewhere in the room"),
        # Equipment.
        pytest.param("temperature/inlet", "server", "", "inlet", id="a server's inlet"),
        pytest.param("temperature/3", "server", "System Board Inlet Temp", "inlet", id="a server's inlet by label"),
        pytest.param("temperature/4", "server", "System Board Exhaust Temp", "exhaust", id="its exhaust by label"),
        pytest.param("sensor/switch-1-temp-outlet-sensor-1", "switch", "", "exhaust", id="a switch's outlet"),
        pytest.param("outlet/3", "pdu", "", None, id="a socket"),
        pytest.param("supply/1", "server", "", None, id="a power supply"),
        pytest.param("board/1/front", "server", "", None, id="a board"),
        pytest.param("cpu/1", "server", "", None, id="a processor"),
        pytest.param("unit/2/air-temp-server-in-top", "pdu", "", "inlet", id="air to the servers"),
        pytest.param("unit/2/air-temp-server-out-top", "pdu", "", "exhaust", id="air from the servers"),
        pytest.param("inlet", "ups", "", None, id="inside a UPS"),
        pytest.param("battery", "ups", "", None, id="a battery"),
    ],
)
def test_where_a_temperature_is_measured(point, kind, label, place):
    """Names as real devices give them; what cannot be placed is left out."""
    assert place == place_of(point, kind, label)


def test_what_a_person_calls_outdoor_is_outdoor():
    """However it is named."""
    assert "outdoor" == place_of("probe/rack-1-front", "pdu", "Baie 1, avant", outdoor=True)


def test_sensors_of_a_site_stand_where_they_are_told_to():
    """Only temperatures count, by name; a point's own place beats that of its device."""
    keys = [("b", "probe/1", "temperature"), ("a", "probe/0", "temperature"), ("a", "probe/0", "humidity"),
            ("c", "cpu/0", "temperature"), ("w", "probe/9", "temperature")]  # fmt: skip
    where = {"b": Where("B1", "B", "hall"), "b/probe/1": Where("B2", "B", "hall")}

    found = air_sensors(keys, {"c": "server"}, {"b/probe/1": "Baie B2, arrière"}, ["w/probe/9"], where)

    assert [
        AirSensor("a", "probe/0", "inlet"),
        AirSensor("b", "probe/1", "exhaust", "Baie B2, arrière", Where("B2", "B", "hall")),
        AirSensor("w", "probe/9", "outdoor"),
    ] == found
    assert ["a", "B2", "w"] == [one.unit for one in found]
    assert ["a/probe/0", "Baie B2, arrière", "w/probe/9"] == [one.title for one in found]
