"""Tasks that run for as long as the agent does: begun in one place, so that the fault of one is never overlooked."""

import asyncio
from collections.abc import Callable, Coroutine, Iterable
from typing import Any

Task = asyncio.Task[None]


class Tasks:
    """Begins tasks; `failed` is called when one of them ends by a fault of its own, which is kept in `faults`."""

    def __init__(self, failed: Callable[[], None]) -> None:
        self.faults: list[BaseException] = []
        self._failed = failed

    def begin(self, work: Coroutine[Any, Any, None]) -> Task:
        """Let `work` run; whoever begins it ends it, with `end`."""
        task = asyncio.create_task(work)
        task.add_done_callback(self._ended)
        return task

    def _ended(self, task: Task) -> None:
        if not task.cancelled() and (fault := task.exception()):
            self.faults.append(fault)
            self._failed()


async def end(tasks: Iterable[Task]) -> None:
    """Cancel, and wait until they are over."""
    tasks = list(tasks)
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
