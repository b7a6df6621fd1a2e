import numba

from dc_monitor.kernels.compiled import compiled


def test_a_service_that_may_write_no_cache_compiles_all_the_same(monkeypatch):
    """A read-only installation without a home folder costs a compilation at each start, not the start."""
    real = numba.njit

    def without_cache(*function, **options):
        if options.pop("cache", False):
            raise RuntimeError("cannot cache function: no locator available")
        return real(*function, **options)

    monkeypatch.setattr(numba, "njit", without_cache)

    @compiled()
    def twice(number):
        return 2 * number

    assert 42 == twice(21)


def test_kernels_stop_no_other_thread_and_keep_every_test_for_nan():
    """Compiled without the interpreter lock and without fast-math, whichever way."""

    @compiled()
    def missing(number):
        return number != number

    assert missing(float("nan"))
    assert (True, False) == (missing.targetoptions["nogil"], missing.targetoptions.get("fastmath", False))
