"""Cutting the power on paper: a process's writes and syncs are recorded with strace, then replayed up to any moment.

A disk holds what was synced. What was written since may be there, may not, or in part: sectors reach a disk whole and
in any order, names of a folder in the order they were made. `Disk` keeps both apart, and `Disk.left` writes the files
as they may lie there when the power is back.
"""

import random
import re
import shutil
import subprocess
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

import pytest

SECTOR = 512
"""The smallest piece that a disk writes whole [B]."""

_CALLS = (
    "openat,write,pwrite64,ftruncate,sync,fsync,fdatasync,rename,renameat,renameat2,unlink,unlinkat,mkdir,mkdirat"
    ",sendto,recvfrom"
)
_CALL = re.compile(rb"(?P<call>\w+)\((?P<arguments>.*)\)\s+= (?P<result>\d+)(<.*>)?( \(.*\))?")
_PART = re.compile(rb"<\.\.\. \w+ resumed>(?P<rest>.*)")
_UNFINISHED = b" <unfinished ...>"
_HERE = re.compile(rb"AT_FDCWD<[^>]*>, ")  # where the process stands; our paths are absolute
_DESCRIPTOR = re.compile(rb"\d+<((?:\\x..)*)>")
_TEXT = re.compile(rb'"((?:\\x..)*)"')
_NUMBER = re.compile(rb", (\d+)$")


class Event(NamedTuple):
    """A call that worked: the `path` it was about, `data` written, sent or received, `at` an offset or a length.

    `to` is the new name of a renamed file, `flags` whatever else was said, such as how a file is to be opened.
    """

    call: str
    path: str
    to: str
    data: bytes
    at: int
    flags: bytes


def recorder(log: Path) -> list[str]:
    """The command under which a process leaves its events in `log`; the test says so where there is no strace."""
    strace = shutil.which("strace")
    if strace is None:
        pytest.skip("no strace here; install it (sudo apt install strace) to run the tests that cut the power")
    command = [strace, "-f", "--seccomp-bpf", "-y", "-xx", f"-s{1 << 24}", f"-etrace={_CALLS}", "-o", str(log)]
    tried = subprocess.run([*command, "true"], capture_output=True, text=True, check=False)
    if tried.returncode:
        pytest.skip(f"strace cannot record here, so no power is cut: {tried.stderr.strip()}")
    return command


def recorded(log: Path) -> Iterator[Event]:
    """The events of all threads, each at its end: a sync is worth nothing before it returned."""
    begun: dict[bytes, bytes] = {}
    with log.open("rb") as lines:
        for line in lines:
            thread, _, text = line.rstrip(b"\n").partition(b" ")
            text = text.strip()
            if text.endswith(_UNFINISHED):
                begun[thread] = text.removesuffix(_UNFINISHED)
                continue
            if part := _PART.fullmatch(text):
                text = begun.pop(thread) + part["rest"]
            if whole := _CALL.fullmatch(text):
                arguments = _HERE.sub(b"", whole["arguments"])
                yield _event(whole["call"].decode(), arguments, int(whole["result"]))


def _event(call: str, arguments: bytes, result: int) -> Event:
    descriptors = [_bytes(one).decode() for one in _DESCRIPTOR.findall(arguments)]
    texts = [_bytes(one) for one in _TEXT.findall(arguments)]
    rest = arguments.rpartition(b'"')[2]
    number = _NUMBER.search(rest or arguments)
    at = int(number[1]) if number else 0
    if call in ("write", "pwrite64", "sendto", "recvfrom"):
        return Event(call, "".join(descriptors), "", b"".join(texts)[:result], at, rest)
    path, to, *_ = (*descriptors, *(text.decode() for text in texts), "", "")
    return Event(call.removesuffix("at"), path, to, b"", at, rest)


def _bytes(escaped: bytes) -> bytes:
    return bytes.fromhex(escaped.replace(rb"\x", b"").decode())


@dataclass
class _File:
    """`synced` is on the disk; `since` are writes (offset and bytes) and cuts (a length) that may be."""

    synced: bytearray = field(default_factory=bytearray)
    since: list[tuple[int, bytes] | int] = field(default_factory=list)
    length: int = 0

    def write(self, at: int, data: bytes) -> None:
        self.since.append((at, data))
        self.length = max(self.length, at + len(data))

    def cut(self, length: int) -> None:
        self.since.append(length)
        self.length = length

    def sync(self) -> None:
        _change(self.synced, self.since)
        self.since.clear()

    def left(self, chance: random.Random | None) -> bytearray:
        content = bytearray(self.synced)
        if chance is not None:
            _change(content, _some(self.since, chance))
        return content


@dataclass
class _Folder:
    """`synced` are the names on the disk; `since` are changes that may be, None for a name that went."""

    synced: dict[str, "_File | _Folder"] = field(default_factory=dict)
    since: list[dict[str, "_File | _Folder | None"]] = field(default_factory=list)

    def names(self, changes: int | None = None) -> dict[str, "_File | _Folder"]:
        """The names after so many of the unsynced changes; after all of them, as a process sees it, by default."""
        found: dict[str, _File | _Folder | None] = {**self.synced}
        for change in self.since[:changes]:
            found |= change
        return {name: node for name, node in found.items() if node is not None}

    def sync(self) -> None:
        self.synced = self.names()
        self.since.clear()

    def sync_all(self) -> None:
        self.sync()
        for node in self.synced.values():
            node.sync_all() if isinstance(node, _Folder) else node.sync()


class Disk:
    """What lies below `home`, an empty folder when the recording began."""

    def __init__(self, home: Path) -> None:
        self._home = home
        self._root = _Folder()

    def apply(self, event: Event) -> None:
        """Do what the process did; events elsewhere are passed over."""
        if event.call == "sync":
            self.sync()
            return
        folder, name = self._find(event.path)
        if folder is None:
            return
        node = folder.names().get(name) if name else folder
        match event.call:
            case "open" if b"O_CREAT" in event.flags and node is None:
                folder.since.append({name: _File()})
            case "open" if b"O_TRUNC" in event.flags and isinstance(node, _File):
                node.cut(0)
            case "mkdir":
                folder.since.append({name: _Folder()})
            case "rename" | "renameat2":
                there, new = self._find(event.to)
                assert there is folder, "names move within their folder"
                folder.since.append({name: None, new: node})
            case "unlink":
                folder.since.append({name: None})
            case "write" if isinstance(node, _File):
                node.write(node.length, event.data)  # who writes without an offset here begins a file and goes on
            case "pwrite64" if isinstance(node, _File):
                node.write(event.at, event.data)
            case "ftruncate" if isinstance(node, _File):
                node.cut(event.at)
            case "fsync" | "fdatasync" if node is not None:
                node.sync()

    def sync(self) -> None:
        """Bring everything to the disk, as at a shutdown."""
        self._root.sync_all()

    def left(self, folder: Path, chance: random.Random | None = None) -> None:
        """Write into `folder`, which must not exist, what a power cut leaves.

        Without `chance` whatever was not synced is lost; with it about half of it is there.
        """
        _lay_down(self._root, folder, chance)

    def _find(self, path: str) -> tuple[_Folder | None, str]:
        """The folder of a path and its name therein; the name is empty for the folder itself."""
        if not Path(path).is_relative_to(self._home):
            return None, ""
        folder = self._root
        parts = Path(path).relative_to(self._home).parts
        for at, part in enumerate(parts):
            node = folder.names().get(part)
            if isinstance(node, _Folder):
                folder = node
            else:
                return (folder, part) if at == len(parts) - 1 else (None, "")
        return folder, ""


def _lay_down(folder: _Folder, path: Path, chance: random.Random | None) -> None:
    path.mkdir()
    for name, node in folder.names(0 if chance is None else chance.randint(0, len(folder.since))).items():
        if isinstance(node, _Folder):
            _lay_down(node, path / name, chance)
        else:
            (path / name).write_bytes(node.left(chance))


def _change(content: bytearray, changes: Iterable[tuple[int, bytes] | int]) -> None:
    """Apply writes and cuts, in order; a gap is zeroes."""
    for change in changes:
        end = change if isinstance(change, int) else change[0]
        content.extend(bytes(max(0, end - len(content))))
        if isinstance(change, int):
            del content[change:]
        else:
            content[end : end + len(change[1])] = change[1]


def _some(changes: Iterable[tuple[int, bytes] | int], chance: random.Random) -> Iterator[tuple[int, bytes] | int]:
    """About half of the cuts and of the sectors of the writes."""
    for change in changes:
        if isinstance(change, int):
            if chance.random() < 0.5:
                yield change
            continue
        start, data = change
        at = start
        while at < start + len(data):
            end = min(start + len(data), at // SECTOR * SECTOR + SECTOR)
            if chance.random() < 0.5:
                yield at, data[at - start : end - start]
            at = end
