"""Temperatures as probes send them, for the tests of thermal kernels."""

import math

import numpy as np
from hypothesis import strategies as st

S = 1_000_000_000
START = 1_700_000_000 * S
GAP = 90 * S

STEPS = [1, S, 60 * S, 90 * S, 91 * S, 3600 * S]
"""Between two samples [ns]; those beyond `GAP` are holes."""


@st.composite
def probes(draw: st.DrawFn, longest: int = 150):
    """Irregular, with missing answers, gaps, infinities, and values that lie just on a limit."""
    steps = draw(st.lists(st.sampled_from(STEPS), max_size=longest))
    time = np.cumsum([START, *steps], dtype=np.int64)[: draw(st.integers(0, len(steps) + 1))]
    celsius = st.sampled_from([15.0, 18.0, 27.0, 32.0, math.nan, math.inf, -math.inf]) | st.floats(-20.0, 60.0)
    values = draw(st.lists(celsius, min_size=time.size, max_size=time.size))
    return time, np.array(values, np.float64)


def covered(time, *values):
    """Intervals of a curve that are known, one after the other: (t0, t1, [(v0, v1), …])."""
    for i in range(len(time) - 1):
        ends = [(float(one[i]), float(one[i + 1])) for one in values]
        if time[i + 1] - time[i] <= GAP and all(math.isfinite(end) for pair in ends for end in pair):
            yield int(time[i]), int(time[i + 1]), ends
