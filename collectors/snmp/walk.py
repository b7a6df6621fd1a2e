"""A walk through an agent with the types of its values, and what becomes of it: see `recording`."""

import asyncio
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import cast

from msgspec import to_builtins

from collectors.snmp import encoded
from collectors.snmp.catalogue import catalogue
from collectors.snmp.collector import SnmpCollector
from collectors.snmp.encoded import Encoded
from collectors.snmp.endpoint import Community, Endpoint, UsmUser, credentials, endpoint
from collectors.snmp.profile import Profile
from collectors.snmp.pysnmp_codec import Row
from collectors.snmp.pysnmp_session import PysnmpClient
from collectors.snmp.sanitise import Private, Rows, needed, remaining, sanitised
from collectors.snmp.session import REPETITIONS, Answer, EngineSession
from collectors.snmp.values import Value, below
from dc_monitor.clock import Clock
from dc_monitor.contract import DeviceInfo, Poll, Recording, Target
from dc_monitor.errors import DcMonitorError, Malformed, Refused, Unreachable

SYSTEM, MIB_2, ENTERPRISES = "1.3.6.1.2.1.1", "1.3.6.1.2.1", "1.3.6.1.4.1"
NOT_ASKED = (
    "1.3.6.1.4.1.2021",  # UCD: processes, disks, scripts
    "1.3.6.1.4.1.8072",  # net-snmp itself
    "1.3.6.1.4.1.9.9.23",  # Cisco discovery: the neighbours
)
PHYSICAL_ADDRESSES = "1.3.6.1.2.1.2.2.1.6"  # ifPhysAddress
IP_ADDRESSES = "1.3.6.1.2.1.4.20.1.1"  # ipAdEntAddr
LAST_ARC = 2**32 - 1
MOST_ROWS = 30_000
MOST_SECONDS = 600.0
TRIES = 2
LONGEST_PAUSE = 0.2
"""Between two requests the agent has as long a rest as its answer took, and no longer than this [s]."""


class RawClient(PysnmpClient):
    """An engine that leaves values encoded."""

    _read = staticmethod(encoded.response)

    async def after(self, oid: str, repetitions: int) -> list[Row]:
        """The objects that follow one."""
        return await self._ask([oid], following=True, repetitions=repetitions)


class WalkSession(EngineSession):
    """A session that goes from object to object."""

    def __init__(self, where: Endpoint, secret: Community | UsmUser, clock: Clock, deadline: float) -> None:
        super().__init__(RawClient, where, secret, clock, deadline)

    async def after(self, oid: str, repetitions: int) -> list[Row]:
        """The objects that follow one; none where the agent answers with an error or has no more."""
        return await self._in_step(lambda client: self._answered(cast(RawClient, client).after(oid, repetitions)))


class RecordedSession:
    """A session whose agent is a recording: it answers at once, and always the same."""

    deadline = 1.0
    hint = ""

    def __init__(self, rows: Mapping[str, Encoded], now: int) -> None:
        self._rows: dict[str, Value] = {oid: value.plain for oid, value in rows.items()}
        self._now = now

    async def open(self) -> None:
        """Nothing to open."""

    async def get(self, oids: Sequence[str]) -> Answer:
        """Those of the objects that were recorded."""
        return Answer({oid: self._rows[oid] for oid in oids if oid in self._rows}, self._now)

    async def walk(self, column: str, repetitions: int = REPETITIONS) -> Answer:
        """Everything recorded below a column."""
        return Answer(
            {oid: value for oid, value in self._rows.items() if below(oid, column) and oid != column}, self._now
        )

    async def close(self) -> None:
        """Nothing to close."""


async def record(target: Target, keep_labels: bool, progress: Callable[[int], None]) -> Recording:
    """Walk the agent, blank what is private, and read both again."""
    profiles, secret = catalogue(), credentials(target.device, target.credentials)
    where = endpoint(target.address)
    session = WalkSession(where, secret, target.clock, target.deadline)
    try:
        await session.open()
        steps = [0] if isinstance(secret, Community) and secret.version == 1 else [REPETITIONS, 0]
        rows, remarks = await walk(session, roots(profiles), target.clock, progress, steps)
        private = await _private(session, secret, where)
    except (Unreachable, Refused, Malformed) as error:
        raise type(error)(f"cannot record {target.device} ({where}): {error}; {session.hint}") from error
    finally:
        await session.close()
    if not rows:
        raise Refused(f"cannot record {target.device} ({where}): it shows nothing; does its access list let us read?")
    now = target.clock.now()
    info, poll = await _read(target, rows, now)
    ours = needed(
        [profile for profile in profiles if profile.name in info.profiles],
        [reading.series.source for reading in poll.readings],
        [info.vendor, info.model, info.firmware],
    )
    clean, blanked = sanitised(rows, private, ours, profiles, keep_labels)
    clean_info, clean_poll = await _read(target, clean, now)
    remarks += _changed(poll, clean_poll)
    known = {info.vendor, info.model, info.firmware, *(reading.text or "" for reading in poll.readings)}
    return Recording(
        [f"{oid}|{kind}|{text}" for oid, value in clean.items() for kind, text in [encoded.written(value)]],
        clean_info,
        clean_poll,
        blanked,
        remaining(rows, clean, known),
        remarks,
    )


def roots(profiles: Iterable[Profile]) -> list[str]:
    """Where to walk: the system group, every standard MIB that a profile reads, and whatever vendors have."""
    written = set(_texts(to_builtins(list(profiles))))
    standard = {".".join(oid.split(".")[:7]) for oid in written if below(oid, MIB_2)}
    return sorted({SYSTEM, ENTERPRISES, *standard}, key=lambda oid: [int(arc) for arc in oid.split(".")])


def _texts(data: object) -> Iterator[str]:
    if isinstance(data, str):
        yield data
    elif isinstance(data, dict | list | tuple):
        for one in data.values() if isinstance(data, dict) else data:
            yield from _texts(one)


async def walk(
    session: WalkSession, below_roots: Sequence[str], clock: Clock, progress: Callable[[int], None], steps: list[int]
) -> tuple[Rows, list[str]]:
    """Every object below the roots, and a sentence for what cut it short. Raises when nothing at all was answered.

    `steps` are rows to ask for at once, tried in turn; 0 for GETNEXT.
    """
    rows: Rows = {}
    end = clock.monotonic() + MOST_SECONDS
    for root in below_roots:
        last = root
        while True:
            if len(rows) >= MOST_ROWS or clock.monotonic() > end:
                return rows, [f"stopped after {len(rows):,} values: what comes behind {last} is not in it"]
            began = clock.monotonic()
            try:
                found = await _following(session, last, steps)
            except (Unreachable, Malformed) as error:
                if not rows:
                    raise
                return rows, [f"stopped at {last}: {error}; what comes behind it is not in it"]
            for oid, value in found:
                if not below(oid, root) or not _is_after(oid, last):
                    found = []
                    break
                last = oid
                if isinstance(value, Encoded) and not any(below(oid, one) for one in NOT_ASKED):
                    rows[oid] = value
            if not found:
                break
            last = next((f"{one}.{LAST_ARC}" for one in NOT_ASKED if below(last, one)), last)
            progress(len(rows))
            await clock.sleep(min(clock.monotonic() - began, LONGEST_PAUSE))
    return rows, []


async def _following(session: WalkSession, last: str, steps: list[int]) -> list[Row]:
    """The next rows; an agent that answers a GETBULK with nothing or not at all is asked by GETNEXT from then on."""
    for left in reversed(range(TRIES)):
        for repetitions in list(steps):
            try:
                found = await session.after(last, repetitions)
            except (Unreachable, Malformed):
                if not left and repetitions == steps[-1]:
                    raise
                continue
            if found:
                if repetitions == 0:
                    steps[:] = [0]
                return found
            if repetitions == steps[-1]:
                return []
    return []


async def _private(session: WalkSession, secret: Community | UsmUser, where: Endpoint) -> Private:
    """What belongs to people, known before: our secret, where the device is, and the addresses it has."""
    own = secret.text if isinstance(secret, Community) else secret.name
    private = Private({own: "secret"} if len(own) > 2 else {})
    with suppress(OSError):
        found = await asyncio.get_running_loop().getaddrinfo(where.host, None)
        private.addresses |= {str(one[4][0]).partition("%")[0] for one in found}
    if where.host not in private.addresses:
        private.texts[where.host] = "name"
    with suppress(DcMonitorError):
        macs = (await session.walk(PHYSICAL_ADDRESSES)).values.values()
        private.macs |= {bytes(mac) for mac in macs if isinstance(mac, bytes) and len(mac) == 6}
    with suppress(DcMonitorError):
        addresses = (await session.walk(IP_ADDRESSES)).values.values()
        private.addresses |= {str(one.plain) for one in addresses if isinstance(one, Encoded) and len(one) == 4}
    return private


async def _read(target: Target, rows: Mapping[str, Encoded], now: int) -> tuple[DeviceInfo, Poll]:
    """What our collector makes of a recording."""
    collector = SnmpCollector(replace(target, address="snmp://recording"), RecordedSession(rows, now))
    try:
        return await collector.open(), await collector.collect()
    except DcMonitorError as error:  # a device we cannot read is worth a recording all the more
        return DeviceInfo("unknown", why=str(error)), Poll([])


def _changed(before: Poll, after: Poll) -> list[str]:
    """What the blanking has spoilt: nothing, or the fixture would show another device."""
    told = [
        {(one.series.source, one.series.quantity, one.value, one.text) for one in poll.readings}
        for poll in (before, after)
    ]
    lost = sorted(told[0] ^ told[1], key=str)
    return [f"{len(lost)} readings are other ones without what was blanked, {lost[0][0]} first"] if lost else []


def _is_after(oid: str, last: str) -> bool:
    return [int(arc) for arc in oid.split(".")] > [int(arc) for arc in last.split(".")]
