"""What a file gives, whatever it is: blocks of columns."""

from collections.abc import Iterator, Mapping
from typing import NamedTuple, Protocol

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray


class Block(NamedTuple):
    """Some rows: columns by the name the map gives them, and the line of the file each row stands on."""

    columns: Mapping[str, pa.Array]
    lines: NDArray[np.int64]


class Source(Protocol):
    """An open file.

    Attributes
    ----------
    place : what a row's number counts, `line` or `row`.
    done : bytes read so far, of the file as it lies on disk.
    """

    place: str
    done: int

    def blocks(self) -> Iterator[Block]:
        """All rows, some at a time. Raises `Malformed` when it is not what the map says."""
        ...
