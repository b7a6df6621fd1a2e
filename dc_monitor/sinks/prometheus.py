"""`/metrics`: the last values from memory, for Prometheus to fetch.

Acknowledges nothing. A series that its device no longer tells disappears after three intervals, five minutes at least,
so that a dead device does not look alive. Names come from `names.QUANTITIES`.

With 2,000 devices of 40 values, polls come 200 a second on the event loop and a scrape a few times a minute on a thread
of its own. So a poll only puts its values aside, in some microseconds; the scrape takes the second that is needed.
Samples are made while they are written, one at a time: 80,000 at once would be tens of megabytes, and a long pause to
collect them.
"""

import errno
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple, Protocol

from prometheus_client import CollectorRegistry, start_http_server
from prometheus_client.core import Metric, Sample

from dc_monitor.errors import ConfigError
from dc_monitor.names import QUANTITIES
from dc_monitor.readings import Reading, Series

PLACE = ("site", "room", "rack", "device")
LABELS = (*PLACE, "point", "level", "method")
_SHORTEST_MEMORY = 300.0


class Source(Protocol):
    """Whatever tells metrics of its own."""

    def collect(self) -> Iterable[Metric]:
        """The families as they are now; called on the server's thread."""
        ...


class _Told(NamedTuple):
    """Values of one poll, and until when they may be shown."""

    until: float
    series: tuple[Series, ...]
    values: tuple[float, ...]


class _Device(NamedTuple):
    """What is known of one device; never changed, only replaced, so that another thread may read it.

    `told` has the newest poll first; those behind it hold only series that no later one told.
    """

    place: tuple[str, ...]
    up: bool
    seconds: float
    retries: int
    missed: int
    failures: Mapping[str, int]
    told: tuple[_Told, ...]


_UNSEEN = _Device((), False, 0.0, 0, 0, {}, ())


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
        retries: int,
        missed: int,
    ) -> None:
        """One poll.

        What was read, how long it took [s], why it failed if it did, when the next is due [s], how many questions had
        to be asked again, and how many polls that were due fell out since the one before.
        """
        now = self._monotonic()
        before = self._devices.get(device, _UNSEEN)
        told = before.told
        if readings:
            series, values, *_ = zip(*readings, strict=True)
            told = (_Told(now + max(3 * interval, _SHORTEST_MEMORY), series, values), *_untold(told, series))
        failures = before.failures
        if reason:
            failures = {**failures, reason: failures.get(reason, 0) + 1}
        self._devices[device] = _Device(
            (place.get("site", ""), place.get("room", ""), place.get("rack", ""), device),
            reason in ("", "partial"),
            seconds,
            before.retries + retries,
            before.missed + missed,
            failures,
            tuple(one for one in told if one.until > now),
        )

    def forget(self, device: str) -> None:
        """The device is no longer read: nothing of it is shown."""
        self._devices.pop(device, None)

    def collect(self) -> Iterator[Metric]:
        """Every family that has a value now."""
        now = self._monotonic()
        devices = list(self._devices.values())
        fresh = (told for device in devices for told in device.told if told.until > now)
        for name in sorted({one.quantity for told in fresh for one in told.series}):
            quantity = QUANTITIES[name]
            yield family(quantity.prometheus, quantity.meaning, LABELS, _values(devices, name, now))
        for name, meaning, read in (
            ("dcmon_device_up", "whether the last poll was answered", lambda device: float(device.up)),
            ("dcmon_poll_duration_seconds", "how long the last poll took", lambda device: device.seconds),
            ("dcmon_poll_retries_total", "questions that had to be asked again", lambda device: device.retries),
            ("dcmon_poll_missed_total", "polls that fell out while the device answers", lambda device: device.missed),
        ):
            yield family(name, meaning, PLACE, [(device.place, read(device)) for device in devices])
        failures = (((*device.place, reason), count) for device in devices for reason, count in device.failures.items())
        yield family("dcmon_poll_failures_total", "polls that failed, by reason", (*PLACE, "reason"), failures)


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


def family(name: str, meaning: str, labels: Sequence[str], values: Iterable[tuple[Sequence[str], float]]) -> Metric:
    """A family to be written once: of `values`, label values and number, each sample is made when its turn comes."""
    counter = name.endswith("_total")
    made = Metric(name.removesuffix("_total"), meaning, "counter" if counter else "gauge")
    made.samples = (Sample(name, dict(zip(labels, of, strict=True)), value) for of, value in values)  # type: ignore[assignment]
    return made


def _untold(before: Sequence[_Told], series: tuple[Series, ...]) -> Iterable[_Told]:
    """What of earlier polls the newest did not tell again."""
    if not before or before[0].series == series:  # nearly always the same objects, which is quickly seen
        return before[1:]
    again = {_key(one) for one in series}
    rests = []
    for told in before:
        rest = [pair for pair in zip(told.series, told.values, strict=True) if _key(pair[0]) not in again]
        rests.append(_Told(told.until, tuple(one for one, _ in rest), tuple(value for _, value in rest)))
    return (rest for rest in rests if rest.series)


def _key(series: Series) -> tuple[str, str, str, str]:
    return series.quantity, series.point, series.level, series.method


def _values(devices: Iterable[_Device], quantity: str, now: float) -> Iterator[tuple[Sequence[str], float]]:
    for device in devices:
        for told in device.told:
            if told.until > now:
                for series, value in zip(told.series, told.values, strict=True):
                    if series.quantity == quantity:
                        yield (*device.place, series.point, series.level, series.method), value
