"""`/metrics` as Prometheus reads it: names from the catalogue, fresh values only, a clear sentence for a taken port."""

import gc
import socket
import urllib.request
from collections import defaultdict
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import replace

import pytest
from prometheus_client.openmetrics import parser as openmetrics
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

    def poll(
        self,
        *readings: Reading,
        device: str = "pdu-1",
        place: Mapping[str, str] = PLACE,
        reason: str = "",
        interval: float = 60.0,
        retries: int = 0,
        missed: int = 0,
    ) -> None:
        self.last.take(
            device, place, readings, seconds=0.25, reason=reason, interval=interval, retries=retries, missed=missed
        )

    def text(self, accept: str = "text/plain") -> str:
        """What the server answers."""
        with closing(MetricsServer("127.0.0.1", 0, [self.last])) as server:
            request = urllib.request.Request(f"http://127.0.0.1:{server.port}/metrics", headers={"Accept": accept})
            with urllib.request.urlopen(request, timeout=5) as answer:
                return answer.read().decode()

    def fetch(self) -> dict[Sample, float]:
        """Samples → value; none of them twice."""
        told = [
            (sampled(sample.name, **sample.labels), sample.value)
            for family in text_string_to_metric_families(self.text())
            for sample in family.samples
        ]
        assert len(told) == len(dict(told))
        return dict(told)

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
        sampled("dcmon_poll_retries_total", **DEVICE): 0.0,
        sampled("dcmon_poll_missed_total", **DEVICE): 0.0,
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


def test_what_disappeared_is_not_kept_in_memory_either() -> None:
    """An agent that runs a year does not grow by every point that ever was."""
    scene = Scene()
    short_lived = replace(OUTLET, point="outlet/8")
    scene.poll(Reading(POWER, 1.0, 1), Reading(short_lived, 2.0, 1))
    scene.poll(Reading(POWER, 1.0, 1))
    scene.clock.advance(301.0)
    scene.poll(Reading(POWER, 1.0, 1))

    assert [] == [holder for holder in gc.get_referrers(short_lived) if isinstance(holder, tuple)]


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


def test_retries_and_missed_polls_add_up_per_device() -> None:
    """A device that answers the second time only, or that nobody had time for, is seen before it is lost."""
    scene = Scene()
    for retries, missed in ((2, 0), (0, 5), (1, 1)):
        scene.poll(retries=retries, missed=missed)
    told = scene.fetch()

    assert 3.0 == told[sampled("dcmon_poll_retries_total", **DEVICE)]
    assert 6.0 == told[sampled("dcmon_poll_missed_total", **DEVICE)]


def test_a_device_that_was_opened_anew_tells_each_series_once() -> None:
    """New objects for the same series, among them one fewer and in another order, are the same series."""
    scene = Scene()
    scene.poll(Reading(POWER, 1.0, 1), Reading(OUTLET, 2.0, 1), Reading(ENERGY, 3.0, 1))
    scene.poll(reason="unreachable")
    again = [replace(series, source="elsewhere") for series in (OUTLET, POWER)]
    scene.poll(*(Reading(series, 9.0, 2) for series in again))
    scene.poll(*(Reading(series, 8.0, 3) for series in again))

    assert {"outlet/7": 8.0, "total": 8.0, "energy": 3.0} == {
        "energy" if "energy" in name else dict(labels)["point"]: value
        for (name, labels), value in scene.fetch().items()
        if "level" in dict(labels)
    }


def test_a_device_that_is_no_longer_read_is_gone_at_once() -> None:
    """Whoever takes it out of the configuration does not want to be woken for it."""
    scene = Scene()
    scene.poll(Reading(POWER, 1.0, 1))
    scene.poll(Reading(POWER, 1.0, 1), device="pdu-2")
    scene.last.forget("pdu-1")
    scene.last.forget("never-read")

    assert {"pdu-2"} == {dict(labels)["device"] for _, labels in scene.fetch()}


def test_a_device_that_was_moved_has_its_new_place_only() -> None:
    """What it told in its old rack, and how often it failed there, moves with it."""
    scene = Scene()
    scene.poll(Reading(POWER, 1.0, 1), Reading(OUTLET, 2.0, 1), reason="partial")
    scene.poll(Reading(POWER, 1.0, 1), place={**PLACE, "rack": "r9", "room": ""})
    places = {(dict(labels)["room"], dict(labels)["rack"]) for _, labels in scene.fetch()}

    assert {("", "r9")} == places
    assert ["outlet/7", "total"] == scene.points()


def test_the_format_prometheus_prefers_tells_the_same() -> None:
    """OpenMetrics writes a counter's name without `_total` above its samples, and ends with a mark."""
    scene = Scene()
    scene.poll(Reading(POWER, 400.0, 1), Reading(ENERGY, 7.2e6, 1), reason="partial")
    text = scene.text("application/openmetrics-text;version=1.0.0")

    assert scene.fetch() == {
        sampled(sample.name, **sample.labels): sample.value
        for family in openmetrics.text_string_to_metric_families(text)
        for sample in family.samples
    }
    assert "# TYPE dcmon_energy_joules counter\n" in text


def test_a_scrape_sees_every_device_as_one_poll_left_it() -> None:
    """Polls go on while the server's thread reads: voltage and current of one instant, or the watts are nobody's."""
    last = LastValues(ManualClock().monotonic)
    series = [Series("pdu-1", f"outlet/{n}", "power", "outlet") for n in range(50)]

    def poll(value: int) -> None:
        told = series[value % 3 :]  # now and then, some are left out
        readings = [Reading(one, float(value), 1) for one in told]
        last.take("pdu-1", PLACE, readings, seconds=0.1, reason="", interval=60.0, retries=0, missed=0)

    def scrape() -> Mapping[str, float]:
        found: dict[str, float] = defaultdict(float)
        for family in last.collect():
            for sample in family.samples:
                if sample.name == "dcmon_power_watts":
                    found[sample.labels["point"]] += sample.value
        return found

    poll(0)
    with ThreadPoolExecutor(1) as thread:
        scraping = thread.submit(lambda: [scrape() for _ in range(300)])
        value = 0
        while not scraping.done():
            value += 1
            poll(value)

    for found in scraping.result():
        assert 50 == len(found)
        newest = found["outlet/49"]
        assert {newest, *range(int(newest) - int(newest) % 3, int(newest))} >= {*found.values()}


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
