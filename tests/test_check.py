"""`dc-monitor check` as a whole: what is refused before anybody is asked, how many are asked at once, what is told."""

import io
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from agent.fakes import FakeDevice, Panic
from dc_monitor.cli import main
from dc_monitor.clock import SystemClock
from dc_monitor.commands import check_devices
from dc_monitor.commands.check import check
from dc_monitor.commands.check_devices import AT_ONCE, Progress
from dc_monitor.commands.check_result import Result
from dc_monitor.config.load import parse
from dc_monitor.contract import Collector, Target
from dc_monitor.errors import Refused, Unreachable
from sinks.http_server import write_server

ALONE = '[agent]\nmetrics = "127.0.0.1:0"\n'
SNMP = {"version": "2c", "community": "lab"}


def no_credentials(name: str) -> Mapping[str, Any]:
    return {}


class Devices:
    """A factory of fake devices by name; knows how many were open at once."""

    def __init__(self, *names: str, **more: Any) -> None:
        self.devices = {name: FakeDevice(name, SystemClock(), **more) for name in names}
        self.most_open = 0

    def __call__(self, scheme: str) -> Callable[[Target], Collector]:
        return self._make

    def _make(self, target: Target) -> Collector:
        return _Counted(self.devices[target.device](), self)

    @property
    def open(self) -> int:
        return sum(device.opened - device.closed for device in self.devices.values())

    def file(self, more: str = ALONE) -> str:
        return "".join(f'[[device]]\nname = "{name}"\naddress = "fake://{name}"\n' for name in self.devices) + more

    def check(self, more: str = ALONE, offline: bool = False) -> Result:
        return check(parse(self.file(more).encode()), no_credentials, SystemClock(), offline, self)


class _Counted:
    def __init__(self, collector: Collector, devices: Devices) -> None:
        self._collector, self._devices = collector, devices
        self.collect, self.close = collector.collect, collector.close

    async def open(self) -> Any:
        told = await self._collector.open()
        self._devices.most_open = max(self._devices.most_open, self._devices.open)
        return told


def test_thousands_of_devices_are_asked_a_hundred_at_a_time() -> None:
    """Each is asked once and given back; many are dead, and none holds the others up."""
    devices = Devices(*(f"pdu-{number}" for number in range(2000)), slow_open=0.001)
    for device in list(devices.devices.values())[:200]:
        device.fault = lambda: Unreachable("no answer")
    result = devices.check()

    assert [(1, 1)] == list({(one.opened, one.closed) for one in devices.devices.values()})
    assert AT_ONCE == devices.most_open
    assert (1800, 200) == (sum(one.ok for one in result.devices), sum(not one.ok for one in result.devices))
    assert list(devices.devices) == [one.name for one in result.devices]


@pytest.mark.parametrize(
    ("fault", "said"),
    [
        pytest.param(lambda: Refused("wrong privacy password"), "a: wrong privacy password", id="refused"),
        pytest.param(lambda: Panic("index out of bounds"), "a: its collector failed with Panic", id="panic"),
        pytest.param(lambda: OSError(101, "Network is unreachable"), "a: Network is unreachable", id="no network"),
    ],
)
def test_whatever_happens_to_a_device_is_a_sentence_of_that_device(
    fault: Callable[[], BaseException], said: str
) -> None:
    devices = Devices("a", "b")
    devices.devices["a"].fault = fault
    result = devices.check()

    assert [False, True] == [one.ok for one in result.devices]
    assert said in result.devices[0].problems[0]
    assert 1 == result.exit_code


def test_half_a_table_is_not_well() -> None:
    result = Devices("a", failures=("1 of 4 values: no longer there",)).check()

    assert (False, ("1 of 4 values: no longer there",), 1) == (
        result.devices[0].ok,
        result.devices[0].problems,
        result.devices[0].readings,
    )


def test_offline_asks_nobody() -> None:
    """Neither device nor server, and the machine is not looked at."""
    devices = Devices("a", "b")
    with write_server() as server:
        result = devices.check(f'[send]\nurl = "{server.url}"\n', offline=True)
        asked = len(server.requests)

    assert (0, 0) == (asked, sum(device.opened for device in devices.devices.values()))
    assert (0, [], []) == (result.exit_code, list(result.sinks), list(result.machine))


@pytest.mark.parametrize("offline", [True, False])
def test_every_device_that_cannot_be_used_is_told_and_nobody_is_asked(offline: bool) -> None:
    """A profile nobody knows is among them: it takes no device to see that."""
    text = (
        '[[device]]\nname = "a"\naddress = "snmp://127.0.0.1"\ncredentials = "good"\nprofile = "apc-rpdu3"\n'
        '[[device]]\nname = "b"\naddress = "smnp://127.0.0.1"\ncredentials = "good"\n'
        '[[device]]\nname = "c"\naddress = "snmp://127.0.0.1:99999"\ncredentials = "good"\n'
        '[[device]]\nname = "d"\naddress = "snmp://127.0.0.1"\ncredentials = "short"\n'
        '[[device]]\nname = "e"\naddress = "snmp://127.0.0.1"\n'
    )
    tables: Mapping[str, Mapping[str, Any]] = {"good": SNMP, "short": SHORT, "": {}}
    result = check(parse(text.encode()), tables.__getitem__, SystemClock(), offline)

    assert 2 == result.exit_code
    for expected, told in zip(UNUSABLE, result.problems, strict=True):
        assert told.startswith(expected)
    assert SHORT["auth_password"] not in " ".join(result.problems)


UNUSABLE = (
    'a: profile = "apc-rpdu3": no such SNMP profile; did you mean "apc-rpdu',
    'b: no collector speaks "smnp://"; known: ',
    "c: snmp://127.0.0.1:99999: ",
    "d: credentials: auth_password: SNMPv3 wants 8 characters or more",
    "e: SNMP needs credentials, and none is guessed",
)
SHORT = {"user": "u", "auth": "sha256", "auth_password": "brief"}


def test_credentials_that_cannot_be_had_are_told_once(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Not once for each of a thousand devices that share them."""
    config, credentials = tmp_path / "room.toml", tmp_path / "credentials.toml"
    credentials.touch(0o644)
    devices = [f'[[device]]\nname = "d{at}"\naddress = "snmp://10.0.0.{at}"\ncredentials = "snmp"\n' for at in range(9)]
    config.write_text('credentials_file = "credentials.toml"\n' + "".join(devices))

    assert 2 == main(["check", "--offline", "-c", str(config)])
    cure = f"mode 0644 lets others read the credentials; run: chmod 600 {credentials}"
    assert f"dc-monitor check: {credentials}: {cure}\n" == capsys.readouterr().err


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        pytest.param('[send]\nurl = "https://a"\nca_file = "/no/such"\n', "cannot use ca_file /no/such", id="CA file"),
        pytest.param('[send]\nurl = "http://a:b@c"\n', "no password in an url", id="password in the url"),
        pytest.param('[agent]\nmetrics = ""\n', "nobody would see the readings", id="nobody to tell"),
        pytest.param('[receive]\nlisten = "0.0.0.0:8427"\n', "asks for no token", id="open site without a token"),
    ],
)
def test_what_would_keep_a_service_from_starting_is_known_offline(text: str, sentence: str) -> None:
    result = Devices("a").check(text, offline=True)

    assert 2 == result.exit_code
    assert sentence in result.problems[0]


@pytest.mark.parametrize(
    ("meters", "exit_code"),
    [
        pytest.param("", 0, id="no meters: figures are computed elsewhere"),
        pytest.param('[[meter]]\nname = "m"\nreads = "a/total"\nrole = "total"\n', 1, id="half a PUE"),
        pytest.param('[[meter]]\nname = "m"\nreads = "a/nowhere"\n', 1, id="a meter without watts"),
        pytest.param(
            '[[meter]]\nname = "m"\nreads = "a/total"\nrole = "it"\n'
            '[[meter]]\nname = "n"\nrole = "total"\ndeclared = {low = 1, likely = 200, high = 300}\n',
            0,
            id="a PUE",
        ),
    ],
)
def test_a_figure_counts_where_meters_are_written_for_it(meters: str, exit_code: int) -> None:
    assert exit_code == Devices("a").check(meters + ALONE).exit_code


def test_a_file_of_a_site_alone_is_looked_at_as_such(tmp_path: Path) -> None:
    """It has no devices; its folder and its port matter, the agent's do not."""
    text = f'[receive]\nlisten = "127.0.0.1:0"\ndata = "{tmp_path}"\n'
    result = check(parse(text.encode()), no_credentials, SystemClock(), offline=False)

    assert ["archive", "page", "clock"] == [part.about for part in result.machine]
    assert 0 == result.exit_code


def test_a_file_nobody_filled_in_says_what_to_write() -> None:
    result = check(parse(b""), no_credentials, SystemClock(), offline=True)

    assert 1 == result.exit_code
    assert ["file"] == [part.about for part in result.machine]


def test_json_is_one_document_of_the_agreed_form(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """What a script reads stays; whatever else is said goes to stderr."""
    config = tmp_path / "room.toml"
    with write_server() as server:
        config.write_text(
            '[[device]]\nname = "a"\naddress = "host://"\n[[meter]]\nname = "m"\nreads = "a/psu"\nrole = "it"\n'
            f'[agent]\nstate = "{tmp_path}"\nmetrics = ""\n[send]\nurl = "{server.url}"\n'
        )
        assert 1 == main(["check", "--json", "-c", str(config)])
    document = json.loads(capsys.readouterr().out)

    assert (1, False, False, []) == tuple(document[key] for key in ("format", "ok", "offline", "problems"))
    assert KEYS == {key: " ".join(document[key][0]) for key in KEYS}
    assert {"format", "ok", "offline", "problems", "hints", *KEYS} == document.keys()


def test_json_of_a_file_that_cannot_be_used_is_a_document_too(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config = tmp_path / "room.toml"
    config.write_text("[sight]\n")
    assert 2 == main(["check", "--json", "-c", str(config)])
    said = capsys.readouterr()
    (problem,) = json.loads(said.out)["problems"]

    assert 'room.toml: sight: unknown key; did you mean "site"?' == problem
    assert f"dc-monitor check: {problem}\n" == said.err


KEYS = {
    "devices": "name address ok kind what why readings seconds accuracy problems left_out",
    "meters": "site name role reads ok watts method problem",
    "figures": "site kpi possible category status missing better",
    "sinks": "name url ok told",
    "machine": "about ok told",
}


def test_the_agreed_form_is_the_documented_one() -> None:
    reference = (Path(__file__).resolve().parents[1] / "docs" / "configuration.md").read_text(encoding="utf-8")

    assert [] == [keys for keys in KEYS.values() if keys != "about ok told" and f"`{keys}`" not in reference]


class Terminal(io.StringIO):
    """What somebody looks at."""

    def isatty(self) -> bool:
        return True


def test_on_a_terminal_progress_is_one_line_that_goes_again() -> None:
    stream = Terminal()
    progress = Progress(2, stream)
    progress.asked(True)
    progress.asked(False)
    progress.end()

    assert [
        "",
        "asked 1 of 2 devices\x1b[K",
        "asked 2 of 2 devices, 1 without an answer\x1b[K",
        "\x1b[K",
    ] == stream.getvalue().split("\r")


def test_elsewhere_progress_is_a_plain_line_now_and_then(monkeypatch: pytest.MonkeyPatch) -> None:
    """A log is not filled by a thousand devices, and a short check says nothing."""
    now = 0.0
    monkeypatch.setattr(check_devices.time, "monotonic", lambda: now)
    stream = io.StringIO()
    progress = Progress(1000, stream)
    for number in range(1000):
        now = number / 100
        progress.asked(number % 2 == 0)
    progress.end()

    assert "asked 501 of 1,000 devices, 250 without an answer\n" == stream.getvalue()


def test_help_tells_the_exit_codes(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["check", "--help"])

    told = " ".join(capsys.readouterr().out.split())
    assert "0 all is well; 1 something did not answer or is not possible; 2 the configuration cannot be used" in told
