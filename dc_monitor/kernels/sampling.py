"""How well a sampled power curve tells the energy, as far as the samples themselves can say."""

import math

import numpy as np
from numpy.typing import ArrayLike, NDArray

from dc_monitor.kernels.compiled import SECOND, compiled
from dc_monitor.kernels.energy import curve, is_covered


def sampling_error(time: ArrayLike, power: ArrayLike, max_gap: int) -> float:
    r"""Standard uncertainty of `energy_from_power` from looking at the power only now and then.

    A sample that lies off the line between its neighbours shows how much the power moves between samples. Its
    residual :math:`r_i` is taken as noise of that sample alone, which makes the estimate right for a load that
    flickers faster than it is read and too large for one that drifts:

    .. math:: u^2 = \sum_i \frac{r_i^2 w_i^2}{1 + a_i^2 + b_i^2} + \Big(\sum_i \frac{r_i w_i}{6}\Big)^2

    with :math:`a_i, b_i` the weights of the neighbours in the line and :math:`w_i` half the distance between
    them. The second sum is the truncation error of a curved load, which does not average out. The first and last
    interval of each covered run, whose outer sample has one neighbour only, add the error of a step at an unknown
    instant: :math:`(\Delta p\, \Delta t)^2 / 12`.

    Parameters as in `energy_from_power`; returns joules.
    """
    when, watts = curve(time, power)
    return _sampling_error(when, watts, max_gap)


@compiled()
def _sampling_error(time: NDArray[np.int64], power: NDArray[np.float64], max_gap: int) -> float:
    noise = 0.0
    curvature = 0.0
    run = 0  # covered intervals in a row that end at sample i
    for i in range(time.size):
        after = i + 1 < time.size and is_covered(time, power, i, max_gap)
        if run and after:
            whole = time[i + 1] - time[i - 1]
            a = (time[i + 1] - time[i]) / whole
            b = 1.0 - a
            residual = power[i] - a * power[i - 1] - b * power[i + 1]
            weight = whole / (2.0 * SECOND)
            noise += (residual * weight) ** 2 / (1.0 + a * a + b * b)
            curvature += residual * weight / 6.0
        elif after or run > 1:  # the first or the last interval of a run; a lone one once
            j = i if after else i - 1
            noise += ((power[j + 1] - power[j]) * (time[j + 1] - time[j]) / SECOND) ** 2 / 12.0
        run = run + 1 if after else 0
    return math.sqrt(noise + curvature * curvature)
