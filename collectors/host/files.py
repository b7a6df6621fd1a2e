"""The kernel's small files: one number or word each, and the errors a driver may answer with."""

import errno
from pathlib import Path


def text(path: str) -> str:
    """What the file says, without the space around it. Raises `OSError` as the driver answers, or where it is empty."""
    try:
        said = Path(path).read_text("utf-8", "replace").strip()
    except OSError as error:
        raise OSError(error.errno, error.strerror, path) from error  # an error of reading names no file by itself
    if not said:
        raise OSError(errno.ENODATA, "it is empty", path)
    return said


def number(path: str) -> int:
    """The whole number in the file. Raises `OSError`, also where it holds none."""
    said = text(path)
    try:
        return int(said)
    except ValueError:
        raise OSError(errno.ENODATA, f"it says {said[:40]!r}, not a number", path) from None


def word(path: str) -> str:
    """What the file says, "" where it says nothing or cannot be read."""
    try:
        return text(path)
    except OSError:
        return ""


def entries(folder: str) -> list[str]:
    """Names in the folder in order, none where there is no such folder."""
    try:
        return sorted(entry.name for entry in Path(folder).iterdir())
    except OSError:
        return []


def reason(error: OSError) -> str:
    """Why a file could not be read, in the system's words."""
    return error.strerror or type(error).__name__
