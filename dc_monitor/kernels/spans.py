"""Spans of time: which instants a series covers, and what several cover together.

A list of spans is an int64 array of shape (k, 2): start and end, nanoseconds UTC, the end not included; sorted,
none empty, none overlapping the next. Two may touch (hours of a day do).
"""

from collections.abc import Iterable

import numpy as np
from numpy.typing import ArrayLike, NDArray

from dc_monitor.kernels.compiled import compiled

Spans = NDArray[np.int64]


def spans(pairs: Iterable[tuple[int, int]] | ArrayLike) -> Spans:
    """Checked list of spans.

    Raises
    ------
    ValueError
        If a span is empty or begins before its predecessor ends; the message gives the index and both times.

    Examples
    --------
    >>> spans([(0, 10), (20, 30)]).tolist()
    [[0, 10], [20, 30]]
    """
    listed = np.array(pairs if isinstance(pairs, np.ndarray) else [*pairs], np.int64).reshape(-1, 2)  # type: ignore[misc]
    edges = listed.ravel()
    wrong = np.flatnonzero(edges[1:] < edges[:-1] + (np.arange(1, edges.size) % 2))
    if wrong.size:
        at = int(wrong[0])
        what = "is empty" if at % 2 == 0 else "ends after the next one begins"
        raise ValueError(f"span {at // 2} {what}: {edges[at]} and {edges[at + 1]}")
    return listed


def length(listed: Spans) -> int:
    """Time in all spans together [ns]."""
    return int((listed[:, 1] - listed[:, 0]).sum())


def intersect(one: Spans, other: Spans) -> Spans:
    """What lies in both.

    An edge of either list stays an edge of the result, so spans intersected with hours are spans cut at hours.

    Examples
    --------
    >>> intersect(spans([(0, 10), (20, 30)]), spans([(5, 25)])).tolist()
    [[5, 10], [20, 25]]
    """
    return _intersect(one, other)


def unite(one: Spans, other: Spans) -> Spans:
    """What lies in either; spans that touch become one.

    Examples
    --------
    >>> unite(spans([(0, 10), (20, 30)]), spans([(10, 15)])).tolist()
    [[0, 15], [20, 30]]
    """
    both = np.concatenate((one, other))
    return _joined(both[np.argsort(both[:, 0], kind="stable")])


def subtract(one: Spans, other: Spans) -> Spans:
    """What lies in `one` and not in `other`.

    Examples
    --------
    >>> subtract(spans([(0, 30)]), spans([(10, 20)])).tolist()
    [[0, 10], [20, 30]]
    """
    if not one.size or not other.size:
        return one
    first, last = min(one[0, 0], other[0, 0]), max(one[-1, 1], other[-1, 1])
    edges = np.concatenate(([first], other.ravel(), [last])).reshape(-1, 2)
    return _intersect(one, edges[edges[:, 0] < edges[:, 1]])


@compiled()
def _intersect(one: Spans, other: Spans) -> Spans:
    found = np.empty((one.shape[0] + other.shape[0], 2), np.int64)
    count = i = j = 0
    while i < one.shape[0] and j < other.shape[0]:
        start = max(one[i, 0], other[j, 0])
        end = min(one[i, 1], other[j, 1])
        if start < end:
            found[count, 0] = start
            found[count, 1] = end
            count += 1
        if one[i, 1] < other[j, 1]:
            i += 1
        else:
            j += 1
    return found[:count].copy()


@compiled()
def _joined(ordered: Spans) -> Spans:
    found = ordered.copy()
    count = 0
    for i in range(ordered.shape[0]):
        if count and ordered[i, 0] <= found[count - 1, 1]:
            found[count - 1, 1] = max(found[count - 1, 1], ordered[i, 1])
        else:
            found[count] = ordered[i]
            count += 1
    return found[:count].copy()
