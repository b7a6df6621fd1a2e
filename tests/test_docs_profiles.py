"""docs/profiles.md teaches what is true: recording, profile, output and mistake are run as they stand there."""

import asyncio
import re
from pathlib import Path

import pytest

from dc_monitor.cli import main
from support.snmp_agents import small_agent

HERE = Path(__file__).resolve().parent
RECORDING = HERE / "data" / "snmp" / "acme-strip.snmprec"
PAGE = (HERE.parent / "docs" / "profiles.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"```(\w*)\n(.*?)```", PAGE, re.DOTALL)
(PROFILE,) = (text for kind, text in BLOCKS if kind == "toml")
EXCERPT, OUTPUT, MISTAKE = (text for kind, text in BLOCKS if not kind)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the page puts its profile."""
    monkeypatch.setenv("DCMON_PROFILES", str(tmp_path / "profiles"))
    monkeypatch.setenv("DCMON_CREDENTIAL_SNMP_READONLY", '{version = "2c", community = "lab"}')
    (tmp_path / "profiles").mkdir()
    return tmp_path / "profiles"


def read() -> int:
    async def work() -> int:
        async with small_agent(RECORDING) as (_, address):
            return await asyncio.to_thread(main, ["read", address, "--credentials", "snmp-readonly"])

    return asyncio.run(work())


def test_the_example_says_what_the_page_says(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The profile as printed, the device as recorded, the readings as shown."""
    (folder / "acme-strip.toml").write_text(PROFILE, encoding="utf-8")

    assert 0 == read()
    assert OUTPUT.replace("/home/you/profiles", str(folder)) == capsys.readouterr().out


def test_the_excerpt_stands_in_the_recording() -> None:
    recorded = RECORDING.read_text(encoding="utf-8").splitlines()

    assert [] == [line for line in EXCERPT.splitlines() if line not in recorded]


def test_the_mistake_is_told_as_the_page_says(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    spoilt = PROFILE.replace('unit = "W"', 'unit = "kWh"', 1)
    assert spoilt != PROFILE
    (folder / "acme-strip.toml").write_text(spoilt, encoding="utf-8")

    assert 2 == read()
    assert "dc-monitor read: " + MISTAKE.replace("/home/you/profiles", str(folder)) == capsys.readouterr().err


def test_every_key_of_a_profile_is_on_the_page() -> None:
    """A key nobody can look up is a key nobody uses."""
    from msgspec.structs import fields

    from collectors.snmp import profile

    kinds = (
        profile.Profile,
        profile.Match,
        profile.Identity,
        profile.Table,
        profile.Column,
        profile.Scale,
        profile.Estimate,
    )
    keys = {one.name for kind in kinds for one in fields(kind)}
    words = {*re.findall(r"[a-z_]+", PAGE)}

    assert set() == keys - words
