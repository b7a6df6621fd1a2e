"""Credentials asked for at a terminal: secrets are not shown, and kept only on request, in a file of mode 0600.

Questions go to stderr, so that stdout stays what a pipe expects.
"""

import getpass
import json
import os
import re
import stat
import sys
import tempfile
import tomllib
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path

from dc_monitor.errors import ConfigError, Refused

AUTH = ("sha256", "sha", "sha224", "sha384", "sha512", "md5", "none")
PRIV = ("aes", "aes192", "aes256", "aes192c", "aes256c", "des", "none")
"""The first is what Enter chooses."""
SHORTEST = 8
"""Characters of an SNMPv3 password (RFC 3414, 11.2)."""

_NAME = re.compile(r"[A-Za-z0-9_-]+")


def possible(scheme: str) -> bool:
    """Whether there is somebody to ask, and something to ask for."""
    return scheme == "snmp" and sys.stdin.isatty() and sys.stderr.isatty()


def ask(address: str) -> dict[str, str]:
    """A credentials table for an SNMP agent. Raises `ConfigError` when the person goes away instead."""
    _say(f"{address} needs credentials, and none are named (--credentials NAME). They are not shown while you type.")
    try:
        version = _choice("SNMP version", ("2c", "3", "1"))
        if version != "3":
            return {"version": version, "community": _secret("community")}
        table = {"version": "3", "user": _text("user")}
        for key, what, words in (("auth", "authentication", AUTH), ("priv", "privacy", PRIV)):
            chosen = _choice(what, words)
            if chosen == "none":
                break
            table |= {key: chosen, f"{key}_password": _secret(f"{what} password", SHORTEST)}
        context = _text("context (Enter for none)", empty=True)
        return {**table, "context": context} if context else table
    except EOFError:
        raise ConfigError(f"{address}: no credentials given") from None


def offer_to_keep(table: Mapping[str, str], address: str, file: Path | None) -> None:
    """Ask whether to keep a table that has just worked, and under what name and where."""
    try:
        if _choice("keep these credentials in a file only you can read?", ("no", "yes")) == "no":
            return
        while True:
            name = _text("name", "snmp-readonly")
            written = file or Path(_text("file", "~/.config/dc-monitor/credentials.toml")).expanduser()
            try:
                keep(table, name, written)
            except (ConfigError, Refused) as error:
                _say(str(error))
            else:
                break
    except EOFError:
        return
    _say(f"kept; next time: dc-monitor read {address} --credentials {name} --credentials-file {written}")


def keep(table: Mapping[str, str], name: str, file: Path) -> None:
    """Add a table to a credentials file, which is made if there is none; whole or not at all.

    Raises
    ------
    ConfigError
        The name is taken or cannot be one, or the file is no TOML.
    Refused
        Others can read the file, or it cannot be written.
    """
    if not _NAME.fullmatch(name):
        raise ConfigError(f'credentials "{name}": expected letters, digits, - and _')
    before = _kept(file) if file.exists() else ""
    if name in tomllib.loads(before):
        raise ConfigError(f'{file}: there is a table "{name}" already; choose another name')
    lines = [f"[{name}]", *(f"{key} = {json.dumps(value, ensure_ascii=False)}" for key, value in table.items())]
    whole = "\n".join((*([before.rstrip("\n"), ""] if before else []), *lines, ""))
    try:
        file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile("w", encoding="utf-8", dir=file.parent, delete=False) as beside:  # mode 0600
            beside.write(whole)
            beside.flush()
            os.fsync(beside.fileno())
        Path(beside.name).replace(file)
    except OSError as error:
        raise Refused(f"{file}: cannot keep the credentials: {error.strerror}") from error


def _kept(file: Path) -> str:
    """What a credentials file holds; refused when others can read it."""
    try:
        if stat.S_IMODE(file.stat().st_mode) & 0o077:
            raise Refused(f"{file}: others can read it, and it shall hold secrets; run: chmod 600 {file}")
        text = file.read_text(encoding="utf-8")
        tomllib.loads(text)
    except OSError as error:
        raise Refused(f"{file}: cannot read it: {error.strerror}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError):
        raise ConfigError(f"{file}: not TOML; choose another file") from None  # its words may quote a secret
    return text


def _say(sentence: str) -> None:
    print(sentence, file=sys.stderr)


def _line(prompt: str) -> str:
    print(prompt, end="", file=sys.stderr, flush=True)
    line = sys.stdin.readline()
    if not line:
        raise EOFError
    return line.strip()


def _text(what: str, default: str = "", empty: bool = False) -> str:
    while True:
        written = _line(f"{what} [{default}]: " if default else f"{what}: ") or default
        if empty or written:
            return written


def _choice(what: str, words: Sequence[str]) -> str:
    """One of the words; Enter is the first one, and a beginning will do where it fits one only."""
    while True:
        written = _line(f"{what} ({', '.join(words)}) [{words[0]}]: ").lower() or words[0]
        fitting = [word for word in words if word.startswith(written)]
        if written in words or len(fitting) == 1:
            return written if written in words else fitting[0]
        _say(f"expected one of {', '.join(words)}")


def _secret(what: str, shortest: int = 1) -> str:
    while True:
        with warnings.catch_warnings():
            warnings.simplefilter("error", getpass.GetPassWarning)  # a terminal that cannot hide it
            try:
                written = getpass.getpass(f"{what}: ", stream=sys.stderr)
            except getpass.GetPassWarning:
                raise ConfigError(f"{what}: this terminal would show it; use --credentials-file") from None
        if len(written) >= shortest and written.isprintable():
            return written
        _say(
            f"expected {shortest} characters or more" if written.isprintable() else "expected characters one can print"
        )
