"""How a kernel is compiled, said once."""

import threading
from collections.abc import Callable
from typing import Any, TypeVar, cast

import numba

F = TypeVar("F", bound=Callable[..., Any])

SECOND = 1e9
"""Nanoseconds in a second; every `time` of the kernels counts those."""

PARALLEL = threading.Lock()
"""One for everything that runs on numba's threads: its pool aborts the process when two enter it at once."""


def compiled(parallel: bool = False) -> Callable[[F], F]:
    """Compile to machine code at the first call, without the interpreter lock and without fast-math.

    No fast-math: it may drop a NaN test and reorder a sum. The machine code is kept beside the module or in the
    user's cache folder; a service that may write neither compiles again at each start instead of failing.
    """

    def decorate(function: F) -> F:
        options = {"nogil": True, "parallel": parallel, "error_model": "numpy"}
        try:
            return cast(F, numba.njit(cache=True, **options)(function))
        except RuntimeError:  # numba: "no locator available": no folder for the cache can be written
            return cast(F, numba.njit(**options)(function))

    return decorate
