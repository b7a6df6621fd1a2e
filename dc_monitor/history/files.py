"""One Parquet file of the archive: there whole or not at all, read with its checksums, set aside when corrupt.

Files of a folder are ordered by number, then generation (`00000007-0.parquet`).
"""

import fcntl
import logging
import os
import re
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

_NAME = re.compile(r"(\d{8})-(\d+)\.parquet")

LOG = logging.getLogger(__name__)


def name(number: int, generation: int) -> str:
    """File name of an archive file."""
    return f"{number:08d}-{generation}.parquet"


def number(file: Path) -> tuple[int, int]:
    """Number and generation in the name of an archive file."""
    found = _NAME.fullmatch(file.name)
    assert found is not None
    return int(found[1]), int(found[2])


def in_order(folder: Path) -> list[Path]:
    """The whole files of a day, in the order they were written."""
    return sorted((file for file in folder.iterdir() if _NAME.fullmatch(file.name)), key=number)


def row_count(file: Path) -> int:
    """Rows of a file by its footer; 0 when it is corrupt, which whoever reads it will see and say."""
    with file.open("rb") as stream:
        try:
            return int(pq.read_metadata(stream).num_rows)
        except (pa.ArrowException, OSError):
            return 0


def read(file: Path, chosen: pc.Expression | None = None, columns: list[str] | None = None) -> pa.Table | None:
    """Rows of one file, None when it is corrupt and set aside; `OSError` when the disk or the rights say no."""
    content = file.read_bytes()  # ourselves, so that an error of the disk is never taken for one of the file
    try:
        return _checked(content, columns, chosen)
    except (pa.ArrowException, OSError):
        pass
    try:
        whole = _checked(content)  # without our choice of rows and columns: is it really the file?
    except (pa.ArrowException, OSError) as error:
        _set_aside(file, str(error).splitlines()[0][:200])
        return None
    return whole.filter(chosen).select(columns)


def _checked(content: bytes, columns: list[str] | None = None, chosen: pc.Expression | None = None) -> pa.Table:
    source = pa.BufferReader(content)
    return pq.read_table(source, columns=columns, filters=chosen, page_checksum_verification=True)


def _set_aside(file: Path, reason: str) -> None:
    aside = file.with_name(f"{file.name}.corrupt")
    try:
        file.rename(aside)
        LOG.error("%s is corrupt (%s): set aside as %s; all other files are read", file, reason, aside.name)
    except OSError as error:
        LOG.error("%s is corrupt (%s) and cannot be set aside (%s); it is not read", file, reason, error.strerror)


def encoded(table: pa.Table) -> pa.Buffer:
    """The bytes of a Parquet file; its columns of names and its times are packed, every page has a checksum."""
    stream = pa.BufferOutputStream()
    pq.write_table(
        table,
        stream,
        compression="zstd",
        use_dictionary=[field.name for field in table.schema if pa.types.is_dictionary(field.type)],
        column_encoding={"time": "DELTA_BINARY_PACKED"},
        row_group_size=100_000,
        write_page_checksum=True,
    )
    return stream.getvalue()


def publish(content: pa.Buffer | bytes, file: Path) -> None:
    """Write a file so that it is there whole or not at all, whatever happens to the power."""
    part = file.with_name(f".{file.name}.part")
    with part.open("wb") as stream:
        stream.write(content)
        stream.flush()
        os.fsync(stream.fileno())
    part.rename(file)
    sync(file.parent)


@contextmanager
def held(folder: Path, alone: bool) -> Iterator[bool]:
    """Hold a day's folder for a while: many may write there, one alone may compact, and only when nobody writes.

    Gives False at once when it cannot be had alone. Where the file system knows no locks nobody is asked.
    """
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB if alone else fcntl.LOCK_SH)
        except BlockingIOError:
            yield False
            return
        except OSError:
            pass
        yield True
    finally:
        os.close(descriptor)


def sync_all(paths: Iterable[Path]) -> None:
    """`sync` of many files or folders: those that wait together share the disk's commits."""
    with ThreadPoolExecutor(8) as pool:
        for _ in pool.map(sync, paths):
            pass


def inherit_owner(path: Path, archive: Path) -> None:
    """Give what root makes in somebody's archive to that somebody, who must write and compact there."""
    if os.geteuid() == 0:
        owner = archive.stat()
        os.chown(path, owner.st_uid, owner.st_gid)


def sync(path: Path) -> None:
    """Make names in a folder, or the content of a file, survive a power cut."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
