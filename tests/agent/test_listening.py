"""Traps in the agent: whose they are, what they set going, and how that changes while it runs."""

import asyncio
import logging
import re
import signal
import socket
import time
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Mapping
from contextlib import asynccontextmanager, closing
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from agent.counting_agent import Counting
from agent.fakes import FakeDevice
from agent.virtual_time import VirtualClock, play
from dc_monitor.agent import pipeline
from dc_monitor.agent.listening import LOOK_UP_AGAIN, LOOK_UP_EVERY, MOST_CALLED, Book, Listening
from dc_monitor.agent.plan import DevicePlan, Plan, TrapsPlan
from dc_monitor.agent.service import Agent
from dc_monitor.agent.tasks import Tasks
from dc_monitor.clock import ManualClock, SystemClock
from dc_monitor.config.load import parse
from dc_monitor.config.model import Config, Device, Traps
from dc_monitor.contract import Notice
from dc_monitor.errors import ConfigError
from sinks.http_server import WriteServer, write_server
from support.trap_messages import message, pdu

INTERVAL = 60.0
TRAP = message(pdu("1.3.6.1.4.1.318.0.5"))


def device(name: str, address: str) -> Device:
    return Device(name=name, address=address)


def notice(source: str, origin: str = "") -> Notice:
    return Notice(source, origin, 0, "on-battery", "critical", "", {})


class FakeListener:
    """A listener that is told what it hears."""

    causes: Mapping[str, str] = {}

    def __init__(self, port: int = 1162) -> None:
        self.port = port
        self.opened = self.closed = 0
        self.sources: set[str] = set()
        self.fault: ConfigError | None = None

    async def open(self, heard: Callable[[Notice], None], dropped: Callable[[str, str, int], None]) -> None:
        if self.fault:
            raise self.fault
        self.opened += 1
        self.hear = heard

    def allow(self, sources: Iterable[str]) -> None:
        self.sources = set(sources)

    def close(self) -> None:
        self.closed += 1


class Scene:
    """Devices, a listener, and what came of it."""

    def __init__(self, clock: VirtualClock, *devices: Device) -> None:
        self.devices = {one.name: DevicePlan(one, INTERVAL, {}, FakeDevice(one.name, clock)) for one in devices}
        self.listener = FakeListener()
        self.taken: list[str | None] = []
        self.called: list[str] = []
        self.tasks = Tasks(failed=lambda: None)
        self.listening = Listening(self, self.called.append, clock, self.tasks)  # type: ignore[arg-type]

    def take(self, notice: Notice, device: Device | None) -> None:
        self.taken.append(device.name if device else None)

    async def listen(self, **says: Any) -> str:
        return await self.listening.change(TrapsPlan(Traps(**says), {}, lambda: self.listener), self.devices)

    def hear(self, *notices: Notice) -> tuple[list[str | None], list[str]]:
        self.taken, self.called[:] = [], []
        for one in notices:
            self.listener.hear(one)
        return self.taken, list(self.called)


def test_a_notice_is_of_the_device_at_its_address() -> None:
    """And that one is read at once; who is none of ours is heard, where he is allowed."""

    async def scene(clock: VirtualClock) -> None:
        one = Scene(clock, device("ups-a", "snmp://10.0.0.12"), device("pdu-1", "snmp://[2001:db8::0:7]:1161"))
        await one.listen()
        assert {"10.0.0.12", "2001:db8::7"} == one.listener.sources
        assert (["ups-a"], ["ups-a"]) == one.hear(notice("10.0.0.12"))
        assert (["pdu-1"], ["pdu-1"]) == one.hear(notice("2001:db8::7"))
        assert ([None], []) == one.hear(notice("10.0.0.99"))
        await one.listening.stop()
        assert 1 == one.listener.closed

    play(scene)


def test_a_proxy_speaks_for_a_device() -> None:
    """Its own address counts where it speaks for nobody we know."""

    async def scene(clock: VirtualClock) -> None:
        one = Scene(clock, device("ups-a", "snmp://10.0.0.12"), device("proxy", "host://10.0.0.1"))
        await one.listen()
        assert (["ups-a"], ["ups-a"]) == one.hear(notice("10.0.0.1", "10.0.0.12"))
        assert (["proxy"], ["proxy"]) == one.hear(notice("10.0.0.1", "192.168.1.1"))
        await one.listening.stop()

    play(scene)


def test_several_devices_at_one_address_are_not_told_apart() -> None:
    """None of them is blamed; a few are read at once, those of a large gateway are not."""

    async def scene(clock: VirtualClock) -> None:
        few = [device(f"pdu-{n}", f"snmp://10.0.0.1:{n}") for n in range(1, MOST_CALLED + 1)]
        many = [device(f"meter-{n}", f"modbus://10.0.0.2/{n}") for n in range(MOST_CALLED + 1)]
        one = Scene(clock, *few, *many)
        await one.listen()
        assert ([None], [each.name for each in few]) == one.hear(notice("10.0.0.1"))
        assert ([None], []) == one.hear(notice("10.0.0.2"))
        await one.listening.stop()

    play(scene)


def test_whom_a_person_allows_is_heard_and_nobody_else() -> None:
    async def scene(clock: VirtualClock) -> None:
        one = Scene(clock, device("ups-a", "snmp://10.0.0.12"))
        await one.listen(allow=["10.9.0.0/16"])
        assert {"10.9.0.0/16"} == one.listener.sources
        await one.listening.stop()

    play(scene)


def test_a_device_with_a_name_is_found_where_the_name_leads(monkeypatch: pytest.MonkeyPatch) -> None:
    """Looked up off the loop, tried again while nobody knows it, and again when it may have moved."""
    leads: dict[str, str] = {}

    async def look_up(self: object, host: str, *_: object, **__: object) -> list[tuple[Any, ...]]:
        if host not in leads:
            raise socket.gaierror("nobody knows") if "." in host else UnicodeError("label too long")
        return [(socket.AF_INET, socket.SOCK_DGRAM, 0, "", (leads[host], 0))]

    monkeypatch.setattr(asyncio.BaseEventLoop, "getaddrinfo", look_up)

    async def scene(clock: VirtualClock) -> None:
        one = Scene(clock, device("ups-a", "snmp://ups-a.example:161"), device("pdu-1", "snmp://10.0.0.7"))
        one.devices |= Scene(clock, device("odd", f"snmp://{'x' * 70}")).devices
        await one.listen()
        await clock.sleep(1.0)
        assert {"10.0.0.7"} == one.listener.sources
        leads["ups-a.example"] = "10.0.0.12"
        await clock.sleep(LOOK_UP_AGAIN)
        assert {"10.0.0.7", "10.0.0.12"} == one.listener.sources
        assert (["ups-a"], ["ups-a"]) == one.hear(notice("10.0.0.12"))
        leads["ups-a.example"] = "10.0.0.13"
        await clock.sleep(LOOK_UP_EVERY)
        assert ([None, "ups-a"], ["ups-a"]) == one.hear(notice("10.0.0.12"), notice("10.0.0.13"))
        await one.listen()
        await one.listen(rate=5.0)
        await one.listening.stop()
        assert (1, []) == (len(asyncio.all_tasks()), one.tasks.faults)

    play(scene)


def test_an_unchanged_table_keeps_its_socket_while_devices_come_and_go() -> None:
    """Whatever waits in it is not lost; a changed one is opened anew, and a table that went is closed."""

    async def scene(clock: VirtualClock) -> None:
        one = Scene(clock, device("ups-a", "snmp://10.0.0.12"))
        assert "traps are heard" == await one.listen()
        one.devices = Scene(clock, device("pdu-1", "snmp://10.0.0.7")).devices
        assert "" == await one.listen()
        assert ({"10.0.0.7"}, 1, 0) == (one.listener.sources, one.listener.opened, one.listener.closed)
        assert "traps are heard otherwise" == await one.listen(rate=5.0)
        assert (2, 1) == (one.listener.opened, one.listener.closed)
        assert "traps are not heard any more" == await one.listening.change(None, one.devices)
        assert (2, 2, None) == (one.listener.opened, one.listener.closed, one.listening.port)
        assert "" == await one.listening.change(None, one.devices)
        await one.listening.stop()

    play(scene)


def test_a_listener_that_cannot_be_opened_is_tried_again_by_the_next_reload() -> None:
    async def scene(clock: VirtualClock) -> None:
        one = Scene(clock, device("ups-a", "snmp://10.0.0.12"))
        one.listener.fault = ConfigError("address already in use")
        with pytest.raises(ConfigError, match="in use"):
            await one.listen()
        assert one.listening.port is None
        one.listener.fault = None
        assert "traps are heard" == await one.listen()
        await one.listening.stop()

    play(scene)


@pytest.mark.parametrize(
    "address", ["host://", "snmp://[", "count://", "snmp://10.0.0.300.example"], ids=["none", "broken", "empty", "name"]
)
def test_an_address_without_a_host_is_nobodys(address: str) -> None:
    assert set() == Book([device("one", address)]).addresses()


CONFIG = '[[device]]\nname = "ups-a"\naddress = "count://127.0.0.1"\ninterval = 0.05\nrack = "r1"\n'
SECRETS = {"room": {"community": "public"}}


@pytest.mark.parametrize(
    ("table", "sentence"),
    [
        ("", "[traps] credentials: name at least one table"),
        ('credentials = ["room"]\nlisten = "1162"', 'traps.listen = "1162": expected "host:port"'),
        (
            'credentials = ["room"]\nallow = ["10.0.0.0/33"]',
            'traps.allow[0] = "10.0.0.0/33": expected an address or a',
        ),
        ('credentials = ["room"]\nrate = 0', "traps.rate: expected `float` > 0.0"),
        ('credentials = ["room"]\nrate = 501', "traps.rate: expected `float` <= 500.0"),
        ('credential = ["room"]', 'traps.credential: unknown key; did you mean "credentials"?'),
    ],
    ids=["no credentials", "no host", "no network", "no rate", "too much", "a typo"],
)
def test_a_table_that_makes_no_sense_is_one_sentence(table: str, sentence: str) -> None:
    with pytest.raises(ConfigError) as caught:
        planned(f"{CONFIG}[traps]\n{table}\n")

    assert sentence.replace("`", '"') in str(caught.value).replace("`", '"')


def planned(toml: str, secrets: Mapping[str, Mapping[str, Any]] = SECRETS) -> Plan:
    return Plan.of(
        parse(toml.encode()),
        lambda name: secrets[name] if name else {},
        lambda scheme: partial(Counting, first=0),
        ManualClock(),
    )


def test_without_the_table_nobody_listens() -> None:
    """It is off by default."""
    assert planned(CONFIG).traps is None


def test_a_table_is_another_one_when_a_sender_could_tell() -> None:
    """A changed secret is a change, and is shown by no repr."""
    table = f'{CONFIG}[traps]\ncredentials = ["room"]\n'
    one = planned(table).traps

    assert one == planned(table).traps
    assert one != planned(table + "rate = 7").traps
    assert one != planned(table, {"room": {"community": "s3cret"}}).traps
    assert "public" not in repr(one)


class Running:
    """An agent in this process."""

    def __init__(self, toml: str, log: pytest.LogCaptureFixture) -> None:
        self.toml = toml
        self.log = log

    def read(self) -> tuple[Config, Any]:
        return parse(self.toml.encode()), lambda name: SECRETS[name] if name else {}

    async def until(self, condition: Callable[[], object]) -> None:
        end = time.monotonic() + 20.0
        while not condition():
            assert time.monotonic() < end, f"it never came: {self.log.messages[-5:]}"
            await asyncio.sleep(0.01)

    def says(self, words: str) -> bool:
        return any(words in line for line in self.log.messages)


@asynccontextmanager
async def running(toml: str, log: pytest.LogCaptureFixture) -> AsyncIterator[Running]:
    log.set_level(logging.INFO)
    one = Running(toml, log)
    agent = Agent(*one.read(), lambda _: partial(Counting, first=0), SystemClock(), one.read)
    stop = asyncio.Event()
    task = asyncio.create_task(agent.run(stop))
    try:
        await one.until(lambda: task.done() or one.says("reading "))
        yield one
    finally:
        stop.set()
        assert 0 == await task


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Commits no test waits for; a signal nobody handles ends no test run."""
    monkeypatch.setattr(pipeline, "COMMIT_SECONDS", 0.05)
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    yield
    signal.signal(signal.SIGHUP, before)


def events(server: WriteServer) -> list[bytes]:
    return [line for line in list(server.taken) if line.startswith(b"event,")]


def test_a_trap_goes_the_way_of_a_reading(
    tmp_path: Path, free_port: Callable[[], int], caplog: pytest.LogCaptureFixture
) -> None:
    """Through the spool to the server, with the tags of its device; a reload takes a changed table."""

    def table(listen: int, allow: str = "") -> str:
        return (
            f'{CONFIG}[agent]\nstate = "{tmp_path}"\nmetrics = ""\n[send]\nurl = "http://127.0.0.1:{server.port}"\n'
            f'[traps]\nlisten = "127.0.0.1:{listen}"\ncredentials = ["room"]\n{allow}'
        )

    first, second = free_port(), free_port()

    async def scene() -> None:
        async with running(table(first), caplog) as one:
            with closing(socket.socket(socket.AF_INET, socket.SOCK_DGRAM)) as sender:
                sender.sendto(TRAP, ("127.0.0.1", first))
                await one.until(lambda: events(server))
                one.toml = table(second, 'allow = ["10.0.0.0/8"]')
                signal.raise_signal(signal.SIGHUP)
                await one.until(lambda: one.says("reloaded: traps are heard otherwise"))
                sender.sendto(TRAP, ("127.0.0.1", second))
                await one.until(lambda: one.says("none of a device's and not in [traps] allow"))
                one.toml = table(1, 'allow = ["10.0.0.0/8"]').replace("127.0.0.1:1", "192.0.2.1:1")
                signal.raise_signal(signal.SIGHUP)
                await one.until(lambda: one.says("reload: no traps are heard: cannot listen on 192.0.2.1:1 for traps"))
                one.toml = table(second)
                signal.raise_signal(signal.SIGHUP)
                await one.until(lambda: caplog.messages[-1] == "reloaded: traps are heard")
                sender.sendto(message(pdu("1.3.6.1.4.1.318.0.9")), ("127.0.0.1", second))
                await one.until(lambda: 2 == len(events(server)))

    with write_server(free_port()) as server:
        asyncio.run(scene())
        line = events(server)[0]
    tags = rb"event,site=site,rack=r1,device=ups-a,source=trap,severity=critical,event=on-battery"
    assert re.match(rb'%b text="upsOnBattery",varbinds="\{.*\}",count=1.0 \d+$' % tags, line)
