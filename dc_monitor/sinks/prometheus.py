"""`/metrics`: the last values from memory, for Prometheus to fetch.

Acknowledges nothing. A series that its device no longer tells disappears after three intervals, five minutes at least,
so that a dead device does not look alive. Names come from `names.QUANTITIES`.
"""

import errno
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple, Protocol

from prometheus_client import CollectorRegistry, start_http_server
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric

from dc_monitor.errors import ConfigError
from dc_monitor.names import QUANTITIES
from dc_monitor.readings import Reading

PLACE = ("site", "room", "rack", "device")
LABELS = (*PLACE, "point", "level", "method")
_SHORTEST_MEMORY = 300.0

_Key = tuple[str, str, str, str]  # quantity, point, level, method


class Source(Protocol):
    """Whatever tells metrics of its own."""

    def collect(self) -> Iterable[Metric]:
        """The families as they are now; called on the server's thread."""
        ...


class _Device(NamedTuple):
    """What is known of one device; never changed, only replaced, so that another thread may read it."""

    place: tuple[str, ...]
    up: bool
    seconds: float
    failures: Mapping[str, int]
    values: Mapping[_Key, tuple[float, float]]  # value, and until when it may be shown


class LastValues:
    """The last value of every series, filled on the event loop, read on the server's thread.

    `monotonic` is the clock's; `place` has the tags the configuration knows.
    """

    def __init__(self, monotonic: Callable[[], float]) -> None:
        self._monotonic = monotonic
        self._devices: dict[str, _Device] = {}

    def take(
        self,
        device: str,
        place: Mapping[str, str],
        readings: Sequence[Reading],
        *,
        seconds: float,
        reason: str,
        interval: float,
    ) -> None:
        """One poll: what was read, how long it took [s], why it failed if it did, and when the next is due [s]."""
        now = self._monotonic()
        until = now + max(3 * interval, _SHORTEST_MEMORY)
        before = self._devices.get(device)
        values = {key: held for key, held in before.values.items() if held[1] > now} if before else {}
        for series, value, *_ in readings:
            values[series.quantity, series.point, series.level, series.method] = (value, until)
        failures = dict(before.failures) if before else {}
        if reason:
            failures[reason] = failures.get(reason, 0) + 1
        where = tuple(place.get(label, "") for label in PLACE[:-1])
        self._devices[device] = _Device((*where, device), reason in ("", "partial"), seconds, failures, values)

    def collect(self) -> Iterator[Metric]:
        """Every family that has a value now."""
        now = self._monotonic()
        devices = list(self._devices.values())
        families: dict[str, Metric] = {}
        for device in devices:
            for (quantity, *rest), (value, until) in device.values.items():
                if until > now:
                    family = families.get(quantity) or families.setdefault(quantity, _family(quantity))
                    family.add_metric((*device.place, *rest), value)  # type: ignore[attr-defined]
        yield from families.values()

        up = GaugeMetricFamily("dcmon_device_up", "whether the last poll was answered", labels=PLACE)
        took = GaugeMetricFamily("dcmon_poll_duration_seconds", "how long the last poll took", labels=PLACE)
        failed = CounterMetricFamily("dcmon_poll_failures", "polls that failed, by reason", labels=(*PLACE, "reason"))
        for device in devices:
            up.add_metric(device.place, float(device.up))
            took.add_metric(device.place, device.seconds)
            for reason, count in device.failures.items():
                failed.add_metric((*device.place, reason), count)
        yield from (up, took, failed)


class MetricsServer:
    """prometheus-client's own HTTP server on a thread of its own, over the given sources."""

    def __init__(self, host: str, port: int, sources: Iterable[Source]) -> None:
        registry = CollectorRegistry(auto_describe=False)
        for source in sources:
            registry.register(source)
        try:
            self._server, self._thread = start_http_server(port, host, registry)
        except OSError as error:
            why = "address already in use" if error.errno == errno.EADDRINUSE else error.strerror
            raise ConfigError(
                f'cannot listen on {host}:{port} for /metrics: {why}; set [agent] metrics to another port, or "" to'
                " switch it off"
            ) from error

    @property
    def port(self) -> int:
        """Where it listens."""
        return self._server.server_port

    def close(self) -> None:
        """Stop listening."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


def _family(name: str) -> Metric:
    quantity = QUANTITIES[name]
    if quantity.counter:
        # The library adds `_total` itself.
        return CounterMetricFamily(quantity.prometheus.removesuffix("_total"), quantity.meaning, labels=LABELS)
    return GaugeMetricFamily(quantity.prometheus, quantity.meaning, labels=LABELS)
