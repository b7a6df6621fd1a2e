"""Devices that come, change and go while the others are read as if nothing happened."""

import asyncio
from collections import Counter, defaultdict
from collections.abc import Callable
from functools import partial
from itertools import pairwise

import pytest

from agent.fakes import FakeDevice
from agent.virtual_time import VirtualClock, play
from dc_monitor.agent.fleet import LAST_POLL_SECONDS, MOST_OPENINGS, Fleet
from dc_monitor.agent.plan import Change, DevicePlan
from dc_monitor.agent.poller import Outcome
from dc_monitor.agent.tasks import Tasks
from dc_monitor.config.model import Device
from dc_monitor.config.values import Duration
from dc_monitor.errors import Unreachable

INTERVAL = 10.0


class Taken:
    """An intake that keeps what it is given, and in which order things happened."""

    def __init__(self) -> None:
        self.outcomes: defaultdict[str, list[Outcome]] = defaultdict(list)
        self.racks: defaultdict[str, list[str]] = defaultdict(list)
        self.forgotten: list[str] = []

    def of(self, device: Device) -> Callable[[Outcome], None]:
        def take(outcome: Outcome) -> None:
            self.outcomes[device.name].append(outcome)
            self.racks[device.name].append(device.rack)

        return take

    def forget(self, device: str) -> None:
        self.forgotten.append(device)


class Scene:
    """A fleet over fake devices in virtual time."""

    def __init__(self, clock: VirtualClock) -> None:
        self.clock, self.taken = clock, Taken()
        self.tasks = Tasks(failed=lambda: None)
        self.fleet = Fleet(clock, self.taken, self.tasks)  # type: ignore[arg-type]
        self.devices: dict[str, FakeDevice] = {}

    def plan(self, name: str, **says: str) -> DevicePlan:
        fake = self.devices.setdefault(name, FakeDevice(name, self.clock))
        return DevicePlan(Device(name=name, address="fake://", interval=Duration(INTERVAL), **says), 60.0, {}, fake)

    async def read(self, *plans: DevicePlan) -> Change:
        return await self.fleet.change({plan.device.name: plan for plan in plans})


def gaps(times: list[float]) -> set[float]:
    return {round(after - before, 6) for before, after in pairwise(times)}


def test_an_unchanged_device_is_not_opened_again_and_keeps_its_grid() -> None:
    """Others come, change and go beside it."""

    async def scene(clock: VirtualClock) -> tuple[Change, Scene]:
        room = Scene(clock)
        await room.read(*(room.plan(name) for name in ("stays", "changes", "goes")))
        await clock.sleep(63.0)
        change = await room.read(room.plan("stays"), room.plan("changes", rack="r1"), room.plan("comes"))
        await clock.sleep(63.0)
        await room.fleet.stop()
        return change, room

    change, room = play(scene)
    assert Change(["comes"], ["changes"], ["goes"]) == change
    assert {INTERVAL} == gaps(room.devices["stays"].polls[1:])
    opened = {name: (device.opened, device.closed) for name, device in room.devices.items()}
    assert {"stays": (1, 1), "changes": (2, 2), "goes": (1, 1), "comes": (1, 1)} == opened
    assert {"changes", "goes"} == set(room.taken.forgotten)
    assert {"", "r1"} == set(room.taken.racks["changes"])
    assert room.taken.racks["changes"] == sorted(room.taken.racks["changes"])
    assert max(room.devices["goes"].polls) < 63.0 < min(room.devices["comes"].polls)
    assert [] == room.tasks.faults


def test_a_device_that_leaves_ends_the_poll_it_is_in() -> None:
    """Its readings are taken, and a changed device is not asked by two at once."""

    async def scene(clock: VirtualClock) -> tuple[float, Scene]:
        room = Scene(clock)
        await room.read(room.plan("changes"), room.plan("goes"))
        for device in room.devices.values():
            device.slow = 4.0
        while not all(device.polls for device in room.devices.values()):
            await clock.sleep(0.1)
        before = clock.monotonic()
        await room.read(room.plan("changes", rack="r1"))
        took = clock.monotonic() - before
        await clock.sleep(30.0)
        await room.fleet.stop()
        return took, room

    took, room = play(scene)
    assert 0.0 < took <= 4.0
    assert [True] == [outcome.up for outcome in room.taken.outcomes["goes"]]
    assert room.taken.outcomes["changes"][0].up
    polls = room.devices["changes"].polls
    assert polls[1] - polls[0] >= 4.0


def test_a_poll_that_does_not_end_is_given_up_and_the_device_given_back() -> None:
    """A dead device does not hold up a reload for longer than five seconds, and is no outcome of its own."""

    async def scene(clock: VirtualClock) -> tuple[float, Scene]:
        room = Scene(clock)
        await room.read(room.plan("goes"))
        room.devices["goes"].slow = 1e9
        await clock.sleep(6.0)
        before = clock.monotonic()
        await room.read()
        return clock.monotonic() - before, room

    took, room = play(scene)
    assert LAST_POLL_SECONDS == pytest.approx(took)
    assert ([], 1, 1) == (room.taken.outcomes["goes"], room.devices["goes"].opened, room.devices["goes"].closed)


def test_a_stop_in_the_middle_of_a_change_leaves_no_task_behind() -> None:
    """Whoever is neither ended nor begun yet is ended by the stop."""

    async def scene(clock: VirtualClock) -> tuple[int, Scene]:
        room = Scene(clock)
        await room.read(room.plan("changes"), room.plan("stays"))
        room.devices["changes"].slow = 1e9
        await clock.sleep(6.0)
        changing = asyncio.create_task(room.read(room.plan("changes", rack="r1"), room.plan("comes")))
        await clock.sleep(1.0)
        changing.cancel()
        await asyncio.gather(changing, return_exceptions=True)
        await room.fleet.stop()
        return len(asyncio.all_tasks()), room

    left, room = play(scene)
    assert 1 == left
    assert all(device.opened == device.closed for device in room.devices.values())


def test_two_thousand_devices_are_opened_a_few_at_a_time_and_dead_ones_hold_nobody_up() -> None:
    """One in ten hangs for ever: all others are read within half a minute, and none of them has failed."""
    opening: Counter[bool] = Counter()
    most = 0

    class Device(FakeDevice):
        dead = False

        def __call__(self):  # type: ignore[no-untyped-def]
            collector = super().__call__()
            collector.open = partial(self.open, collector.open)  # type: ignore[method-assign]
            return collector

        async def open(self, really):  # type: ignore[no-untyped-def]
            nonlocal most
            opening[self.dead] += 1
            most = max(most, opening[False])
            try:
                await asyncio.sleep(1e9 if self.dead else 0.2)
                return await really()
            finally:
                opening[self.dead] -= 1

    async def scene(clock: VirtualClock) -> tuple[float, Scene]:
        room = Scene(clock)
        for number in range(2_000):
            name = f"pdu-{number}"
            room.devices[name] = Device(name, clock)
            room.devices[name].dead = number % 10 == 0  # type: ignore[attr-defined]
        await room.read(*(room.plan(name) for name in room.devices))
        while len(room.taken.outcomes) < 1_800:
            await clock.sleep(0.5)
        alive = clock.monotonic()
        await clock.sleep(60.0)
        await room.fleet.stop()
        return alive, room

    alive, room = play(scene)
    assert alive < 30.0
    assert MOST_OPENINGS / 2 < most <= MOST_OPENINGS
    for name, device in room.devices.items():
        assert {not device.dead} == {outcome.up for outcome in room.taken.outcomes[name]}  # type: ignore[attr-defined]
        assert {0} == {outcome.missed for outcome in room.taken.outcomes[name]}


def test_a_device_that_waits_for_its_turn_can_leave_at_once() -> None:
    """There is no poll to end yet."""

    async def scene(clock: VirtualClock) -> float:
        room = Scene(clock)
        for number in range(1_000):
            room.devices[f"pdu-{number}"] = FakeDevice(f"pdu-{number}", clock, slow_open=1e9)
        await room.read(*(room.plan(name) for name in room.devices))
        await clock.sleep(4.0)
        waiting = [name for name, device in room.devices.items() if not device.opened]
        assert waiting
        before = clock.monotonic()
        await room.read(*(room.plan(name) for name in room.devices if name not in waiting))
        await room.fleet.stop()
        return clock.monotonic() - before

    assert 0.0 == play(scene)


def test_a_fault_of_our_own_is_not_overlooked() -> None:
    """A task that ends by itself is told at once; one that is cancelled is not a fault."""

    async def scene(clock: VirtualClock) -> tuple[list[str], list[BaseException]]:
        called: list[str] = []
        tasks = Tasks(failed=lambda: called.append("failed"))

        async def broken() -> None:
            raise ZeroDivisionError("oh")

        tasks.begin(clock.sleep(1e9)).cancel()
        tasks.begin(broken())
        await clock.sleep(1.0)
        return called, tasks.faults

    called, faults = play(scene)
    assert (["failed"], [ZeroDivisionError]) == (called, [type(fault) for fault in faults])


def test_a_device_that_fails_is_probed_as_rarely_after_a_reload_beside_it() -> None:
    """Its standing is its own: a reload does not wake the dead."""

    async def scene(clock: VirtualClock) -> Scene:
        room = Scene(clock)
        await room.read(room.plan("dead"))
        room.devices["dead"].fault = lambda: Unreachable("no answer")
        await clock.sleep(400.0)
        await room.read(room.plan("dead"), room.plan("comes"))
        await clock.sleep(400.0)
        await room.fleet.stop()
        return room

    polls = play(scene).devices["dead"].polls
    assert {100.0} == gaps([at for at in polls if at > 250.0])
