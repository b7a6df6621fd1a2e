"""An event loop whose time is told, not waited for: hours of polling in a test of milliseconds.

When nothing is ready the loop's time jumps to the next timer. While a thread works for the loop time stands still, so
a disk or a server in a thread takes no time at all. `VirtualClock` shows the same time to whoever is handed a clock.
"""

import asyncio
import selectors
from collections.abc import Awaitable, Callable, Coroutine
from concurrent.futures import Executor
from typing import Any, TypeVar

from dc_monitor.clock import NANOSECONDS

T = TypeVar("T")
NOON = 1_700_000_000 * NANOSECONDS


class VirtualLoop(asyncio.SelectorEventLoop):
    """A selector loop that jumps instead of waiting."""

    def __init__(self) -> None:
        self.at = 0.0
        self.working = 0
        super().__init__(_Jumping(self))

    def time(self) -> float:
        return self.at

    def run_in_executor(self, executor: Executor | None, func: Callable[..., Any], *args: Any) -> Any:
        self.working += 1
        future = super().run_in_executor(executor, func, *args)
        future.add_done_callback(self._worked)
        return future

    def _worked(self, _: object) -> None:
        self.working -= 1


class _Jumping(selectors.DefaultSelector):
    def __init__(self, loop: VirtualLoop) -> None:
        super().__init__()
        self._loop = loop

    def select(self, timeout: float | None = None) -> Any:
        if timeout is None or timeout <= 0:
            return super().select(timeout)
        if self._loop.working:
            return super().select(10.0)  # until the thread is done
        ready = super().select(0)
        if not ready:
            self._loop.at += timeout
        return ready


class VirtualClock:
    """The loop's time, and a wall clock that a test may step or let stand while the machine sleeps."""

    def __init__(self, loop: VirtualLoop) -> None:
        self._loop = loop
        self._wall = NOON

    def now(self) -> int:
        return self._wall + round(self._loop.at * NANOSECONDS)

    def monotonic(self) -> float:
        return self._loop.at

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)

    def step(self, seconds: float) -> None:
        self._wall += round(seconds * NANOSECONDS)

    def stall(self, seconds: float) -> None:
        """Time goes by while nothing runs, as when the machine is too busy."""
        self._loop.at += seconds


def play(scene: Callable[[VirtualClock], Coroutine[Any, Any, T]]) -> T:
    """Run `scene` to its end in virtual time."""
    loop = VirtualLoop()
    clock = VirtualClock(loop)
    with asyncio.Runner(loop_factory=lambda: loop) as runner:
        return runner.run(scene(clock))


async def until(clock: VirtualClock, seconds: float, *work: Awaitable[Any]) -> None:
    """Let `work` go on for so many seconds, then cancel it."""
    tasks = [asyncio.ensure_future(one) for one in work]
    await clock.sleep(seconds)
    for task in tasks:
        assert not task.done(), task.exception()
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
