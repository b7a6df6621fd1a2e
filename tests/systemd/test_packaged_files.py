"""What a package installs beside the program: configuration that explains itself, and commands that put it in place."""

import re
import shlex
import subprocess
import tomllib
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import msgspec
import pytest

from dc_monitor.cli import main
from dc_monitor.config.load import parse
from dc_monitor.config.model import Agent, Config, Device, MeterTable, Receive, Send, Site, Tariff, Traps

HOME = Path(__file__).resolve().parents[2]
FILES = {name: HOME / "systemd" / name for name in ("agent.toml", "site.toml")}
TABLES = {"site": Site, "device": Device, "meter": MeterTable, "tariff": Tariff, "agent": Agent, "send": Send}
TABLES |= {"receive": Receive, "traps": Traps}
COMMENTED = re.compile(r"#(\[|\w+ = )")


def uncommented(file: Path) -> str:
    lines = file.read_text(encoding="utf-8").splitlines()
    return "\n".join(line[1:] if COMMENTED.match(line) else line for line in lines)


def tables(data: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Name and keys of every table; the top of the file is one too."""
    yield "", {key: value for key, value in data.items() if key not in TABLES}
    for name in TABLES:
        found = data.get(name, [])
        yield from ((name, table) for table in (found if isinstance(found, list) else [found]))


def commented_keys(file: Path) -> Iterator[tuple[str, str, str, str]]:
    """Table, key, the value shown, and the sentence above."""
    table = above = ""
    for line in file.read_text(encoding="utf-8").splitlines():
        if header := re.fullmatch(r"#?\[+(\w+)\]+", line):
            table = header[1]
        elif COMMENTED.match(line):
            key, _, value = line[1:].partition(" = ")
            yield table, key, value, above
        above = line


@pytest.mark.parametrize("name", FILES)
def test_every_commented_key_shows_its_default(name: str) -> None:
    """One without a default shows an example, and its sentence says so."""
    for table, key, value, sentence in commented_keys(FILES[name]):
        model = TABLES[table] if table else Config
        (field,) = (one for one in msgspec.structs.fields(model) if one.encode_name == key)
        default = field.default if field.default_factory is msgspec.NODEFAULT else field.default_factory()
        if sentence.startswith("# No default: "):
            assert default in (msgspec.NODEFAULT, None, ""), f"[{table}] {key}"
        else:
            shown = msgspec.convert(tomllib.loads(f"it = {value}")["it"], field.type, dec_hook=lambda a, b: a.parse(b))
            assert default == shown, f"[{table}] {key}"


@pytest.mark.parametrize("name", FILES)
def test_the_uncommented_file_can_be_used(name: str) -> None:
    """Examples included: nothing contradicts anything."""
    parse(uncommented(FILES[name]).encode(), name)


def test_no_key_of_the_model_is_missing() -> None:
    found: dict[str, set[str]] = {}
    for file in FILES.values():
        for table, keys in tables(tomllib.loads(uncommented(file))):
            found.setdefault(table, set()).update(keys)

    for table, model in {"": Config, **TABLES}.items():
        expected = {field.encode_name for field in msgspec.structs.fields(model)}
        assert expected - (set() if table else set(TABLES)) == found[table], f"[{table}]"


@pytest.mark.parametrize("name", FILES)
def test_every_key_and_table_has_a_sentence_above_it(name: str) -> None:
    lines = FILES[name].read_text(encoding="utf-8").splitlines()
    for above, line in pairwise(lines):
        if COMMENTED.match(line) or line.startswith("["):
            assert re.fullmatch(r"# .*\.", above), f"{line}: {above}"


@pytest.mark.parametrize("name", FILES)
def test_the_file_as_shipped_says_what_to_fill_in(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert 1 == main(["check", "--offline", "-c", str(FILES[name])])

    assert "nothing is written yet: for an agent add [[device]] and [send]" in capsys.readouterr().out


def test_every_key_is_explained_in_the_reference() -> None:
    reference = (HOME / "docs" / "configuration.md").read_text(encoding="utf-8")
    keys = {field.encode_name for model in TABLES.values() for field in msgspec.structs.fields(model)}

    assert set() == {key for key in keys if f"`{key}`" not in reference}


def documented(heading: str, command: str) -> list[str]:
    """Commands of a section of docs/services.md that begin with `sudo COMMAND`."""
    text = (HOME / "docs" / "services.md").read_text(encoding="utf-8")
    section = text.split(f"\n## {heading}\n")[1].split("\n## ")[0]
    return [line.removeprefix("sudo ") for line in section.splitlines() if line.startswith(f"sudo {command} ")]


@pytest.mark.parametrize("heading", ["Install", "Upgrade"])
def test_the_documented_commands_put_every_file_in_place(heading: str, tmp_path: Path) -> None:
    """Run as written, but for a root of their own; an upgrade leaves the configuration alone."""
    (tmp_path / "etc").mkdir()
    commands = documented("Install", "install") + (documented("Upgrade", "install") if heading == "Upgrade" else [])
    for command in commands:
        words = [f"{tmp_path}{word}" if word.startswith("/") else word for word in shlex.split(command)]
        subprocess.run(words, cwd=HOME, check=True, timeout=30)
        configured = tmp_path / "etc" / "dc-monitor" / "agent.toml"
        if configured.exists():
            configured.write_text("# mine\n", encoding="utf-8")

    assert {
        "systemd/system/dc-monitor-agent.service",
        "systemd/system/dc-monitor-site.service",
        "sysusers.d/dc-monitor.conf",
        "tmpfiles.d/dc-monitor.conf",
        "udev/rules.d/60-dc-monitor-rapl.rules",
        "dc-monitor/agent.toml",
        "dc-monitor/site.toml",
    } == {str(path.relative_to(tmp_path / "etc")) for path in (tmp_path / "etc").rglob("*") if path.is_file()}
    assert "# mine\n" == (tmp_path / "etc" / "dc-monitor" / "agent.toml").read_text(encoding="utf-8")
