"""A device that cries is read at once, and as often as is good for it."""

from collections.abc import Callable, Sequence
from itertools import pairwise

import pytest

from agent.fakes import FakeDevice
from agent.virtual_time import VirtualClock, play, until
from dc_monitor.agent.fleet import Fleet
from dc_monitor.agent.plan import DevicePlan
from dc_monitor.agent.poller import Outcome, Poller
from dc_monitor.agent.schedule import CALL_SECONDS, keep_polling
from dc_monitor.agent.tasks import Tasks
from dc_monitor.config.model import Device
from dc_monitor.config.values import Duration
from dc_monitor.errors import Unreachable

INTERVAL = 60.0


def polled(*calls: float, slow: float = 0.0, down: Sequence[float] = (), seconds: float = 200.0) -> list[float]:
    """When a device is read that is called for at these times, and silent between the two of `down` [s]."""

    async def scene(clock: VirtualClock) -> list[float]:
        fake = FakeDevice("ups-a", clock, slow=slow)

        def fault() -> BaseException:
            return Unreachable("no answer")

        took: list[Outcome] = []
        poller = Poller("ups-a", fake, clock, INTERVAL, INTERVAL)

        async def call() -> None:
            for at in sorted({*calls, *down}):
                await clock.sleep(at - clock.monotonic())
                if at in calls:
                    poller.called.set()
                if at in down:
                    fake.fault = fault if at == min(down) else None
            await clock.sleep(1e9)

        await until(clock, seconds, keep_polling(poller, clock, took.append), call())
        assert {0} == {outcome.missed for outcome in took}
        return [round(at, 3) for at in fake.polls]

    return play(scene)


GRID = polled(seconds=240.0)


def test_a_device_that_cries_is_read_at_once_and_on_its_grid_as_well() -> None:
    """Whatever happens between two points of the grid, both are kept."""
    first, second, third, *_ = GRID

    for at in (first + 10.0, first + 30.0, first + 50.0, second + 59.0):
        assert sorted({*GRID, round(at, 3)}) == polled(at, seconds=240.0)
    assert INTERVAL == pytest.approx(third - second)


def test_before_its_first_poll_a_device_is_read_when_it_cries() -> None:
    """It waits for no turn of the grid."""
    at = GRID[0] / 2

    assert [round(at, 3), *GRID] == polled(at, seconds=240.0)


def test_however_often_a_device_cries_it_is_read_every_five_seconds_at_most() -> None:
    """The last cry is heard too: what it told of is read after it."""
    start = GRID[1] + 10.0
    polls = [at for at in polled(*(start + n / 10 for n in range(200))) if start <= at < GRID[2]]

    assert [round(start + n * CALL_SECONDS, 3) for n in range(5)] == polls


def test_a_cry_during_a_poll_makes_another_one() -> None:
    """What it tells of may have been read already, as it was before."""
    at = GRID[1] + 1.0
    polls = polled(at, slow=3.0)

    assert [GRID[1], round(GRID[1] + CALL_SECONDS, 3), GRID[2]] == polls[1:4]


def test_a_called_poll_that_lasts_beyond_the_grid_takes_its_place() -> None:
    """One poll does for both."""
    at = GRID[2] - 1.0

    assert [GRID[1], round(at, 3), GRID[3]] == polled(at, slow=3.0, seconds=240.0)[1:4]


def test_a_silent_device_that_cries_is_tried_and_back_on_its_grid_when_it_answers() -> None:
    """It was left alone for minutes; that it restarted is heard, and its next poll is the grid's next."""
    silent, back = GRID[1] - 1.0, GRID[1] + 2_000.0
    polls = polled(back + 1.0, back - 200.0, down=(silent, back), seconds=3_000.0)

    assert {round(back - 200.0, 3), round(back + 1.0, 3)} <= set(polls)
    after = [at for at in polls if at > back + 1.0]
    assert after[0] - back <= 1.5 * INTERVAL
    assert {INTERVAL} == {round(later - at, 3) for at, later in pairwise(after)}


def test_a_device_is_called_by_its_name() -> None:
    """Nobody else is read, and a name nobody has is no fault."""

    class Intake:
        def of(self, device: Device) -> Callable[[Outcome], None]:
            return lambda _: None

    async def scene(clock: VirtualClock) -> dict[str, int]:
        fakes = {name: FakeDevice(name, clock) for name in ("ups-a", "ups-b")}
        fleet = Fleet(clock, Intake(), Tasks(failed=lambda: None))  # type: ignore[arg-type]
        await fleet.change(
            {
                name: DevicePlan(Device(name=name, address="fake://", interval=Duration(INTERVAL)), INTERVAL, {}, fake)
                for name, fake in fakes.items()
            }
        )
        await clock.sleep(10.0)
        fleet.call("ups-a")
        fleet.call("ups-c")
        await clock.sleep(1.0)
        await fleet.stop()
        return {name: len(fake.polls) for name, fake in fakes.items()}

    assert {"ups-a": 2, "ups-b": 1} == play(scene)
