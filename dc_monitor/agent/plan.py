"""What a configuration asks of the agent, found good before anything is started or changed.

Whatever can be known without a device or a server is checked here, at a start and at a reload alike.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache, partial
from pathlib import Path
from typing import Any, NamedTuple

from dc_monitor.agent import registry
from dc_monitor.agent.words import counted
from dc_monitor.clock import Clock
from dc_monitor.config.model import Config, Device, Send, Traps
from dc_monitor.contract import Collector, CollectorFactory, Listener, ListenerFactory, ListenTarget
from dc_monitor.errors import ConfigError
from dc_monitor.sinks.lineprotocol import LineProtocolSink

Credentials = Callable[[str], Mapping[str, Any]]
Factory = Callable[[str], CollectorFactory]
Listeners = Callable[[str], ListenerFactory]

MOST_NAMES = 5
"""A log line names so many devices; of the others it tells how many."""

AT_A_START = {
    "state": "the spool lies there",
    "metrics": "its port is opened once",
    "jsonlines": "its file is opened once",
    "spool_quota": "the spool is opened with it",
}
"""Keys of `[agent]` that a reload leaves alone, and why."""


@dataclass(frozen=True, slots=True)
class DevicePlan:
    """A device to read; two are equal when no poll could tell them apart.

    `interval` counts where neither the configuration nor the profile has one [s]; `make` gives a fresh collector.
    """

    device: Device
    interval: float
    credentials: Mapping[str, Any] = field(repr=False)
    make: Callable[[], Collector] = field(repr=False, compare=False)


@dataclass(frozen=True, slots=True)
class SinkPlan:
    """A server to write to; two are equal when no request could tell them apart. `sink` is not connected yet."""

    send: Send
    token: str = field(repr=False)
    certificate: bytes = field(repr=False)
    sink: LineProtocolSink = field(repr=False, compare=False)


@dataclass(frozen=True, slots=True)
class TrapsPlan:
    """Where to listen for traps, and for whom; two are equal when no sender could tell them apart.

    `make` gives a fresh listener.
    """

    traps: Traps
    credentials: Mapping[str, Mapping[str, Any]] = field(repr=False)
    make: Callable[[], Listener] = field(repr=False, compare=False)


@dataclass(frozen=True, slots=True)
class Plan:
    """Devices and sinks by name, traps where they are wanted, and the configuration all that comes from."""

    config: Config
    devices: Mapping[str, DevicePlan]
    sinks: Mapping[str, SinkPlan]
    traps: TrapsPlan | None

    @classmethod
    def of(
        cls,
        config: Config,
        load: Credentials,
        factory: Factory,
        clock: Clock,
        listeners: Listeners = registry.listener,
    ) -> "Plan":
        """Check everything; raises `ConfigError` or `Refused`. Reads files, opens no connection."""
        if not config.device:
            raise ConfigError("no [[device]]: there is nothing to read")
        if not config.send and config.agent.metrics is None and not config.agent.jsonlines:
            raise ConfigError("nobody would see the readings: add [send], or metrics or jsonlines to [agent]")
        load = cache(load)  # a thousand devices share a few tables
        devices = {device.name: _device(device, config, load, factory, clock) for device in config.device}
        sinks = [_sink(send, load) for send in config.send]
        traps = _traps(config.traps, config, load, listeners, clock) if config.traps else None
        return cls(config, devices, {one.sink.name: one for one in sinks}, traps)


class Change(NamedTuple):
    """Names that came, names that mean something else now, names that went."""

    added: Sequence[str] = ()
    changed: Sequence[str] = ()
    removed: Sequence[str] = ()

    @classmethod
    def between(cls, before: Mapping[str, object], after: Mapping[str, object]) -> "Change":
        """What leads from `before` to `after`, in the order they have there."""
        return cls(
            [name for name in after if name not in before],
            [name for name, plan in after.items() if name in before and before[name] != plan],
            [name for name in before if name not in after],
        )

    def told(self, word: str) -> str:
        """`1 device added (pdu-9), 2 changed (ups-a, ups-b)`; nothing where nothing changed."""
        parts: list[str] = []
        for names, done in zip(self, ("added", "changed", "removed"), strict=True):
            if names:
                many = f"{len(names):,}" if parts else counted(len(names), word)
                parts.append(f"{many} {done} ({_some(names)})")
        return ", ".join(parts)


def left_for_a_start(before: Config, after: Config) -> Iterator[str]:
    """A sentence for every difference that a running agent cannot take up."""
    if before.site.name != after.site.name:
        yield "[site] name changes at a restart only: every series is called by it"
    for key, why in AT_A_START.items():
        if getattr(before.agent, key) != getattr(after.agent, key):
            yield f"[agent] {key} changes at a restart only: {why}"


def _device(device: Device, config: Config, load: Credentials, factory: Factory, clock: Clock) -> DevicePlan:
    credentials = load(device.credentials)
    make = partial(factory(device.address.partition("://")[0]), device.target(clock, credentials))
    make()  # opens nothing; an address it cannot use is told now
    return DevicePlan(device, device.interval or config.agent.interval, credentials, make)


def _sink(send: Send, load: Credentials) -> SinkPlan:
    name = send.name or send.url
    token = load(send.token).get("token", "")
    if send.token and not token:
        raise ConfigError(f'credentials "{send.token}" hold no token, which [send] "{name}" needs')
    sink = LineProtocolSink(
        name,
        send.url,
        token=token,
        credentials=send.token,
        org=send.org,
        bucket=send.bucket,
        ca_file=send.ca_file,
        timeout=send.timeout,
    )
    return SinkPlan(send, token, _certificate(name, send.ca_file), sink)


def _traps(traps: Traps, config: Config, load: Credentials, listeners: Listeners, clock: Clock) -> TrapsPlan:
    credentials = {name: load(name) for name in traps.credentials}
    target = ListenTarget(
        host=traps.listen.host,
        port=traps.listen.port,
        clock=clock,
        rate=traps.rate,
        state=config.agent.state_path,
        credentials=credentials,
    )
    make = partial(listeners("snmp"), target)
    make()  # opens nothing; credentials it cannot use are told now
    return TrapsPlan(traps, credentials, make)


def _certificate(name: str, file: str) -> bytes:
    """An authority's certificate that is renewed under the same name makes another sink."""
    try:
        return Path(file).read_bytes() if file else b""
    except OSError as error:
        raise ConfigError(f'[send] "{name}": cannot use ca_file {file}: {error.strerror}') from error


def _some(names: Sequence[str]) -> str:
    more = len(names) - MOST_NAMES
    return ", ".join(names[:MOST_NAMES]) + (f" and {more:,} more" if more > 0 else "")
