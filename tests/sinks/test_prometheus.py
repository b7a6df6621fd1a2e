"""`/metrics` as Prometheus reads it: names from the catalogue, fresh values only, a clear sentence for a taken port."""

import socket
import urllib.request
from contextlib import closing

import pytest
from prometheus_client.parser import text_string_to_metric_families

from dc_monitor.clock import ManualClock
from dc_monitor.errors import ConfigError
from dc_monitor.names import QUANTITIES
from dc_monitor.readings import Reading, Series
from dc_monitor.sinks.prometheus import LastValues, MetricsServer

PLACE = {"site": "Caen-1", "room": "b12", "rack": "r1"}
POWER = Series("pdu-1", "total", "power", "total")
OUTLET = Series("pdu-1", "outlet/7", "power", "outlet")
ENERGY = Series("pdu-1", "total", "energy", "total")


DEVICE = {**PLACE, "device": "pdu-1"}

Sample = tuple[str, frozenset[tuple[str, str]]]


def sampled(name: str, **labels: str) -> Sample:
    return name, frozenset(labels.items())


class Scene:
    def __init__(self) -> None:
        self.clock = ManualClock()
        self.last = LastValues(self.clock.monotonic)

    def poll(self, *readings: Reading, device: str = "pdu-1", reason: str = "", interval: float = 60.0) -> None:
        self.last.take(device, PLACE, readings, seconds=0.25, reason=reason, interval=interval)

    def fetch(self) -> dict[Sample, float]:
        """Samples → value, through the server."""
        server = MetricsServer("127.0.0.1", 0, [self.last])
        with closing(server), urllib.request.urlopen(f"http://127.0.0.1:{server.port}/metrics", timeout=5) as answer:
            text = answer.read().decode()
        return {
            sampled(sample.name, **sample.labels): sample.value
            for family in text_string_to_metric_families(text)
            for sample in family.samples
        }

    def points(self) -> list[str]:
        """Points that tell a power now."""
        return sorted(dict(labels)["point"] for name, labels in self.fetch() if name == "dcmon_power_watts")


def test_the_last_value_of_every_series_with_its_place() -> None:
    """A watt has its labels; a register is a counter; 0 W is a value."""
    scene = Scene()
    scene.poll(Reading(POWER, 400.0, 1), Reading(OUTLET, 30.0, 1))
    scene.poll(Reading(POWER, 0.0, 2), Reading(ENERGY, 7.2e6, 2))

    total = {"point": "total", "level": "total", "method": "measured"}
    assert {
        sampled("dcmon_power_watts", **DEVICE, **total): 0.0,
        sampled("dcmon_power_watts", **DEVICE, point="outlet/7", level="outlet", method="measured"): 30.0,
        sampled("dcmon_energy_joules_total", **DEVICE, **total): 7.2e6,
        sampled("dcmon_device_up", **DEVICE): 1.0,
        sampled("dcmon_poll_duration_seconds", **DEVICE): 0.25,
    } == scene.fetch()


def test_every_quantity_has_its_family() -> None:
    """Names come from the one catalogue, `_total` included, and Prometheus accepts them all."""
    scene = Scene()
    scene.poll(*(Reading(Series("pdu-1", "total", name, "total"), 1.0, 1) for name in QUANTITIES))

    assert {quantity.prometheus for quantity in QUANTITIES.values()} <= {name for name, _ in scene.fetch()}


@pytest.mark.parametrize(("interval", "memory"), [(10.0, 300.0), (600.0, 1_800.0)], ids=["5 minutes", "3 intervals"])
def test_a_series_no_longer_told_disappears(interval: float, memory: float) -> None:
    """An outlet that a partial poll left out stays a while; a dead device does not look alive for ever."""
    scene = Scene()
    scene.poll(Reading(POWER, 1.0, 1), Reading(OUTLET, 2.0, 1), interval=interval)
    scene.clock.advance(memory / 2)
    scene.poll(Reading(POWER, 1.0, 1), reason="partial", interval=interval)
    scene.clock.advance(memory / 2 - 1)
    assert ["outlet/7", "total"] == scene.points()
    scene.clock.advance(2)
    assert ["total"] == scene.points()
    scene.poll(reason="unreachable", interval=interval)
    scene.clock.advance(memory)
    assert [] == scene.points()


def test_failures_are_counted_by_reason_and_up_says_whether_it_answers() -> None:
    """An alert asks `dcmon_device_up == 0` and shows the reason."""
    scene = Scene()
    for reason in ("unreachable", "unreachable", "partial", "refused"):
        scene.poll(reason=reason)
    told = scene.fetch()

    assert 0.0 == told[sampled("dcmon_device_up", **DEVICE)]
    assert {"unreachable": 2.0, "partial": 1.0, "refused": 1.0} == {
        dict(labels)["reason"]: value for (name, labels), value in told.items() if name == "dcmon_poll_failures_total"
    }


def test_a_taken_port_is_one_sentence_with_its_cure() -> None:
    """Two agents on one machine is an ordinary mistake."""
    with closing(socket.create_server(("127.0.0.1", 0))) as other:
        port = other.getsockname()[1]
        with pytest.raises(ConfigError) as caught:
            MetricsServer("127.0.0.1", port, [])

    assert (
        f"cannot listen on 127.0.0.1:{port} for /metrics: address already in use; set [agent] metrics to another port,"
        ' or "" to switch it off'
    ) == str(caught.value)
