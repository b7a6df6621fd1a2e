"""Profiles of a site's own, beside the catalogue: read, replaced, refused with their line, and said."""

import asyncio
import tomllib
from collections.abc import Iterator
from importlib.resources import files
from pathlib import Path

import pytest

from collectors.snmp import SnmpCollector
from collectors.snmp.catalogue import VARIABLE, catalogue, named
from collectors.snmp.lines import lines, nearest
from dc_monitor.contract import DeviceInfo, Poll
from dc_monitor.errors import ConfigError
from support.snmp_agents import small_agent, target

DATA = Path(__file__).resolve().parent.parent / "data" / "snmp"
METER = """
name = "acme-meter"
vendor = "Acme"
kind = "meter"
[match]
sys_object_id = ["1.3.6.1.4.1.34278"]
probe = ["1.3.6.1.4.1.34278.1.1.0"]
[[scalar]]
entry = "1.3.6.1.4.1.34278.2"
point = "total"
level = "total"
columns = [{ at = "1", quantity = "power", unit = "W" }]
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder of profiles that the environment names."""
    monkeypatch.setenv(VARIABLE, str(tmp_path))
    return tmp_path


def read_meter() -> tuple[DeviceInfo, Poll]:
    """Open and poll the fixture of a main meter."""

    async def run() -> tuple[DeviceInfo, Poll]:
        async with small_agent(DATA / "main-meter.snmprec") as (_, address):
            collector = SnmpCollector(target(address))
            try:
                return await collector.open(), await collector.collect()
            finally:
                await collector.close()

    return asyncio.run(run())


def test_a_profile_of_the_sites_own_stands_beside_ours(folder: Path) -> None:
    """What is no profile is left alone: a backup, an editor's lock, a note."""
    for name, text in (("acme-meter.toml", METER), ("acme-meter.toml~", "("), (".#acme.toml", "("), ("README", "(")):
        (folder / name).write_text(text, encoding="utf-8")
    names = [profile.name for profile in catalogue()]

    assert {"acme-meter", "janitza-umg604", "rfc1628"} <= {*names}
    assert len(names) == len({*names})


def test_a_device_says_that_its_profile_is_the_sites_own_and_whose_turn_is_chance(folder: Path) -> None:
    """Both fit the same sysObjectID and have the same rank: the site's own goes first, and that is said."""
    (folder / "zeta-meter.toml").write_text(METER.replace("acme-meter", "zeta-meter"), encoding="utf-8")
    info = read_meter()[0]

    assert ("zeta-meter", "janitza-umg604") == tuple(info.profiles)
    assert (
        f"sysObjectID 1.3.6.1.4.1.34278.10.1 is zeta-meter and janitza-umg604; zeta-meter is {folder}/zeta-meter.toml; "
        "zeta-meter and janitza-umg604 both fit sysObjectID 1.3.6.1.4.1.34278.10 with rank 50: zeta-meter goes first; "
        "say which shall, with `rank`"
    ) == info.why


def test_ranks_that_differ_leave_nothing_to_chance(folder: Path) -> None:
    (folder / "acme-meter.toml").write_text("rank = 60\n" + METER, encoding="utf-8")
    info = read_meter()[0]

    assert ("janitza-umg604", "acme-meter") == tuple(info.profiles)
    assert info.why.endswith(f"; acme-meter is {folder}/acme-meter.toml")


def test_a_profile_of_the_same_name_is_read_instead_of_ours(folder: Path) -> None:
    """A site mends a profile without waiting for us; where it counts in tenths, the watts are a tenth."""
    text = METER.replace("acme-meter", "janitza-umg604").replace('unit = "W"', 'unit = "W", counts = 10')
    (folder / "janitza-umg604.toml").write_text(text, encoding="utf-8")
    info, poll = read_meter()

    assert [1462.0] == [r.value for r in poll.readings if r.series.quantity == "power"]
    assert f"janitza-umg604 is {folder}/janitza-umg604.toml, instead of the one that comes with dc-monitor" in info.why
    assert 1 == [profile.name for profile in catalogue()].count("janitza-umg604")


def test_without_profiles_of_ones_own_nothing_is_said(folder: Path) -> None:
    assert "sysObjectID 1.3.6.1.4.1.34278.10.1 is janitza-umg604" == read_meter()[0].why


def test_a_profile_that_cannot_be_used_is_told_by_file_and_line_before_any_device_is_asked(folder: Path) -> None:
    """By every device alike, so that `check --offline` and the start of the agent tell it."""
    (folder / "acme-meter.toml").write_text(METER.replace('"power"', '"pover"'), encoding="utf-8")
    sentence = f'{folder}/acme-meter.toml:12: 1.3.6.1.4.1.34278.2.1: quantity = "pover": did you mean "power"?'
    told = []
    for _ in range(2):
        with pytest.raises(ConfigError) as caught:
            SnmpCollector(target("snmp://127.0.0.1"))
        told.append(str(caught.value))

    assert [sentence, sentence] == told


def test_a_folder_that_is_not_there_is_told_when_it_was_asked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The usual folder may be missing, one that is named may not; an empty name means none."""
    monkeypatch.setenv(VARIABLE, str(tmp_path / "nowhere"))
    with pytest.raises(ConfigError, match=r"/nowhere: cannot read the profiles there: No such file"):
        catalogue()
    monkeypatch.setenv(VARIABLE, "")

    assert "rfc1628" == named("rfc1628", catalogue()).name


def paths(data: object, path: tuple[str | int, ...] = ()) -> Iterator[tuple[str | int, ...]]:
    """Every key and position of what tomllib read."""
    items = data.items() if isinstance(data, dict) else enumerate(data) if isinstance(data, list) else ()
    for key, value in items:
        yield (*path, key)
        yield from paths(value, (*path, key))


ODD = """\
a = 1 # [b]
"b.c" = [ 1, # "]"
  2,
  { x = "}", y = [ '"]' ] } ]
d.e.f = '''
 ]]
'''
g = \"\"\"a
 \\\"\"\" b\"\"\"\"
h = { }
[[t]]
k = 2026-01-01 10:00:00
  [t.sub] # below the first
z = "# no comment"
[[t]]
[[t.u]]
q = [[1],[
2]]
"""


def test_the_line_of_every_key_is_found() -> None:
    """Tables, lists and texts in all their forms: the same keys that tomllib finds, each where it stands."""
    found = lines(ODD)

    assert {*paths(tomllib.loads(ODD))} == {*found}
    assert [1, 2, 3, 4, 4, 5, 8, 10, 12, 13, 14, 15, 16, 17, 18] == [
        found[path]
        for path in (
            ("a",),
            ("b.c", 0),
            ("b.c", 1),
            ("b.c", 2, "x"),
            ("b.c", 2, "y", 0),
            ("d", "e", "f"),
            ("g",),
            ("h",),
            ("t", 0, "k"),
            ("t", 0, "sub"),
            ("t", 0, "sub", "z"),
            ("t", 1),
            ("t", 1, "u", 0),
            ("t", 1, "u", 0, "q"),
            ("t", 1, "u", 0, "q", 1, 0),
        )
    ]
    assert 17 == nearest(found, ("t", 1, "u", 0, "q", 7, "nothing"))


@pytest.mark.parametrize(
    "file", sorted(one.name for one in files("collectors.snmp.profiles").iterdir() if one.name.endswith(".toml"))
)
def test_the_line_of_every_key_of_our_own_profiles_is_found(file: str) -> None:
    """Whatever they contain, the line that holds a key holds its name."""
    text = (files("collectors.snmp.profiles") / file).read_text(encoding="utf-8")
    found, written = lines(text), text.splitlines()

    assert {*paths(tomllib.loads(text))} == {*found}
    assert [] == [
        path for path, line in found.items() if isinstance(path[-1], str) and path[-1] not in written[line - 1]
    ]
