"""Where in a TOML file each key stands: tomllib tells lines of what it cannot read only, not of what it has read."""

import re
from bisect import bisect_left
from collections import Counter

Path = tuple[str | int, ...]
"""Keys and positions that lead to a value: `("table", 0, "columns", 2, "unit")`."""

_SPACE = re.compile(r"(?:[ \t\r\n]|#[^\n]*)*")
_KEY = re.compile(r"[ \t]*(?:\"((?:\\.|[^\"\\])*)\"|'([^']*)'|([\w-]+))[ \t]*")
_BARE = re.compile(r"[^,\]}#\n]+")
_TEXT = re.compile(
    r'"""(?:\\.|[^\\])*?"{3,5}|\'\'\'.*?\'{3,5}|"(?:\\.|[^"\\\n])*"|\'[^\'\n]*\'',
    re.DOTALL,
)


def lines(text: str) -> dict[Path, int]:
    """Line of every table, key and list item, the first line being 1; the text must be what tomllib reads."""
    return _Reader(text).read()


def nearest(found: dict[Path, int], path: Path) -> int:
    """Line of what a path leads to; when it is not written, of what should hold it."""
    return next((found[path[:end]] for end in range(len(path), 0, -1) if path[:end] in found), 1)


class _Reader:
    def __init__(self, text: str) -> None:
        self._text = text
        self._breaks = [at for at, character in enumerate(text) if character == "\n"]
        self._at = 0
        self._found: dict[Path, int] = {}
        self._tables: Counter[Path] = Counter()  # how many a list of tables has so far

    def read(self) -> dict[Path, int]:
        table: Path = ()
        while self._skip_space():
            if self._text[self._at] == "[":
                table = self._header()
            else:
                self._pair(table)
        return self._found

    def _header(self) -> Path:
        start = self._at
        several = self._text.startswith("[[", self._at)
        self._at += 2 if several else 1
        path: Path = ()
        keys = self._keys()
        for nth, key in enumerate(keys):
            path += (key,)
            last = nth == len(keys) - 1
            if last and several:
                self._tables[path] += 1
                self._found.setdefault(path, self._line(start))
            if self._tables[path]:
                path += (self._tables[path] - 1,)
        self._found[path] = self._line(start)
        self._at += 2 if several else 1
        return path

    def _pair(self, table: Path) -> None:
        start = self._at
        path = table
        for key in self._keys():
            path += (key,)
            self._found.setdefault(path, self._line(start))
        self._at += 1  # =
        self._value(path)

    def _keys(self) -> list[str]:
        keys = []
        while key := _KEY.match(self._text, self._at):
            keys.append(next(part for part in key.groups() if part is not None))
            self._at = key.end()
            if self._text[self._at] != ".":
                break
            self._at += 1
        return keys

    def _value(self, path: Path) -> None:
        self._skip_space()
        first = self._text[self._at]
        if first == "[":
            self._list(path)
        elif first == "{":
            self._at += 1
            self._skip_space()
            while self._text[self._at] != "}":
                self._pair(path)
                self._skip_space()
                self._at += self._text[self._at] == ","
                self._skip_space()
            self._at += 1
        elif value := (_TEXT if first in "\"'" else _BARE).match(self._text, self._at):
            self._at = value.end()

    def _list(self, path: Path) -> None:
        self._at += 1
        nth = 0
        self._skip_space()
        while self._text[self._at] != "]":
            self._found[*path, nth] = self._line(self._at)
            self._value((*path, nth))
            nth += 1
            self._skip_space()
            self._at += self._text[self._at] == ","
            self._skip_space()
        self._at += 1

    def _skip_space(self) -> bool:
        """Go to the next thing that is neither space nor comment; whether there is one."""
        if space := _SPACE.match(self._text, self._at):
            self._at = space.end()
        return self._at < len(self._text)

    def _line(self, at: int) -> int:
        return bisect_left(self._breaks, at) + 1
