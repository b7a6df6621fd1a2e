"""Parquet, by batches of rows."""

from collections.abc import Iterator
from typing import BinaryIO

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from dc_monitor.errors import Malformed
from dc_monitor.history.imports.header import find
from dc_monitor.history.imports.mapping import Plan
from dc_monitor.history.imports.source import Block

ROWS = 200_000
"""Read at a time."""


class ParquetFile:
    """An open Parquet file; see `source.Source`. Raises `Malformed` when it has not the columns of the map."""

    place = "row"

    def __init__(self, file: BinaryIO, size: int, plan: Plan) -> None:
        self._size = size
        self.done = 0
        try:
            self._file = pq.ParquetFile(file)
        except (pa.ArrowException, OSError) as error:
            raise Malformed(f"cannot be read as Parquet: {_brief(error)}") from error
        names = self._file.schema_arrow.names
        places = find(plan.wanted(), names)
        if isinstance(places, str):
            raise Malformed(places)
        self._names = {wanted: names[place] for wanted, place in places.items()}

    def blocks(self) -> Iterator[Block]:
        """Row by row as they lie."""
        read, total = 0, self._file.metadata.num_rows
        try:
            for batch in self._file.iter_batches(ROWS, columns=[*dict.fromkeys(self._names.values())]):
                lines = np.arange(read + 1, read + 1 + batch.num_rows)
                read += batch.num_rows
                self.done = read * self._size // total
                yield Block({wanted: _plain(batch.column(name)) for wanted, name in self._names.items()}, lines)
        except (pa.ArrowException, OSError) as error:
            raise Malformed(f"cannot be read after row {read:,}: {_brief(error)}") from error


def _plain(column: pa.Array) -> pa.Array:
    """A column without a dictionary."""
    return column.dictionary_decode() if pa.types.is_dictionary(column.type) else column


def _brief(error: Exception) -> str:
    return str(error).splitlines()[0][:200]
