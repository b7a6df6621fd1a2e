"""Secrets: never in the configuration, never an argument, never printed.

Looked for in this order: `DCMON_CREDENTIAL_<NAME>` in the environment (an inline TOML table), the file named by
`--credentials-file` or by `credentials_file`, `credentials.toml` in systemd's `$CREDENTIALS_DIRECTORY`.
"""

import difflib
import os
import stat
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from dc_monitor.errors import ConfigError, Refused

KEYS = (
    "community",
    "version",
    "user",
    "auth",
    "auth_password",
    "priv",
    "priv_password",
    "context",
    "username",
    "password",
    "token",
)


def load(name: str, file: Path | None = None) -> Mapping[str, Any]:
    """The table `name`; empty for an empty name.

    Raises
    ------
    Refused
        The file cannot be read, or others than its owner can read it.
    ConfigError
        There is no such table, or it has a key nobody knows. The message names keys, never values.
    """
    if not name:
        return {}
    variable = f"DCMON_CREDENTIAL_{name.upper().replace('-', '_')}"
    if variable in os.environ:
        return _known(name, _inline(variable), variable)
    directory = os.environ.get("CREDENTIALS_DIRECTORY")
    if file is None and directory:
        # systemd guards that folder itself, and may show its access list as a group bit.
        file = Path(directory) / "credentials.toml"
    elif file is not None:
        _refuse_readable_by_others(file)
    if file is None:
        raise ConfigError(
            f'credentials "{name}": nowhere to find them; give --credentials-file FILE (mode 0600) or set {variable}'
        )
    tables = _tables(file)
    if name not in tables:
        near = difflib.get_close_matches(name, tables, 1, 0.6)
        cure = f'did you mean "{near[0]}"?' if near else f"add a table [{name}]"
        raise ConfigError(f'{file}: no credentials named "{name}"; {cure}')
    return _known(name, tables[name], str(file))


def _inline(variable: str) -> object:
    try:
        return tomllib.loads(f"it = {os.environ[variable]}")["it"]
    except tomllib.TOMLDecodeError:
        # The parser's message may quote the secret.
        raise ConfigError(
            f'{variable}: expected an inline TOML table, such as {{version = "2c", community = "…"}}'
        ) from None


def _refuse_readable_by_others(file: Path) -> None:
    try:
        mode = stat.S_IMODE(file.stat().st_mode)
    except OSError as error:
        raise Refused(f"{file}: cannot read the credentials: {error.strerror}") from error
    if mode & 0o077:
        raise Refused(f"{file}: mode {mode:04o} lets others read the credentials; run: chmod 600 {file}")


def _tables(file: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise Refused(f"{file}: cannot read the credentials: {error.strerror}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        where = str(error).rpartition("(")[2].rstrip(")")
        raise ConfigError(f"{file}: not TOML ({where})") from None


def _known(name: str, table: object, where: str) -> Mapping[str, Any]:
    if not isinstance(table, dict):
        raise ConfigError(f'{where}: credentials "{name}": expected a table, such as [{name}]')
    for key in table:
        if key not in KEYS:
            near = difflib.get_close_matches(key, KEYS, 1, 0.6)
            cure = f'did you mean "{near[0]}"?' if near else f"known: {', '.join(KEYS)}"
            raise ConfigError(f"{where}: {name}.{key}: unknown key; {cure}")
    return table
