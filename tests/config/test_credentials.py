"""Secrets are found where they may be, refused where others can read them, and never repeated."""

from pathlib import Path

import pytest

from dc_monitor.config.credentials import load
from dc_monitor.errors import ConfigError, Refused

SECRET = "correct-horse"
TABLE = f'[snmp-readonly]\nversion = "2c"\ncommunity = "{SECRET}"\n'


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "credentials.toml"
    path.write_text(TABLE, encoding="utf-8")
    path.chmod(0o600)
    return path


def test_a_table_by_its_name(file: Path) -> None:
    assert {"version": "2c", "community": SECRET} == load("snmp-readonly", file)


def test_no_name_is_no_secret(file: Path) -> None:
    assert {} == load("", file)


def test_the_environment_wins_over_the_file(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DCMON_CREDENTIAL_SNMP_READONLY", '{community = "other"}')

    assert {"community": "other"} == load("snmp-readonly", file)


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660, 0o644], ids=oct)
def test_a_file_others_can_read_is_refused_with_the_cure(file: Path, mode: int) -> None:
    file.chmod(mode)

    with pytest.raises(Refused) as caught:
        load("snmp-readonly", file)
    assert f"{file}: mode {mode:04o} lets others read the credentials; run: chmod 600 {file}" == str(caught.value)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(Refused, match=r"none\.toml: cannot read the credentials: No such file"):
        load("x", tmp_path / "none.toml")


def test_systemd_guards_its_own_folder(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its access list shows as a group bit, which is no leak."""
    file.chmod(0o440)
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(file.parent))

    assert SECRET == load("snmp-readonly")["community"]


@pytest.mark.parametrize(
    ("name", "content", "expected"),
    [
        ("snmp-readonyl", TABLE, 'no credentials named "snmp-readonyl"; did you mean "snmp-readonly"?'),
        ("a", f'[a]\ncomunity = "{SECRET}"\n', 'a.comunity: unknown key; did you mean "community"?'),
        ("a", f'a = "{SECRET}"\n', 'credentials "a": expected a table, such as [a]'),
        ("a", f'[a]\ncommunity = "{SECRET}\n', "not TOML (at line 2, column 27)"),
    ],
    ids=["wrong name", "wrong key", "no table", "not TOML"],
)
def test_a_mistake_is_told_without_the_secret(file: Path, name: str, content: str, expected: str) -> None:
    file.write_text(content, encoding="utf-8")

    with pytest.raises(ConfigError) as caught:
        load(name, file)
    assert f"{file}: {expected}" == str(caught.value)
    assert SECRET not in str(caught.value)


def test_nowhere_to_look_says_both_ways() -> None:
    with pytest.raises(ConfigError, match=r"give --credentials-file FILE .* or set DCMON_CREDENTIAL_SNMP_A"):
        load("snmp-a")


def test_a_broken_environment_table_is_not_repeated(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DCMON_CREDENTIAL_A", f'{{community = "{SECRET}"')

    with pytest.raises(ConfigError) as caught:
        load("a")
    assert SECRET not in str(caught.value)
