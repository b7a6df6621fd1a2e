"""The command line as an operator meets it: exit codes, one sentence for a mistake, nothing heavy for `--help`."""

import json
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from dc_monitor.cli import main
from dc_monitor.simulator.process import SimulatorProcess, start_simulator
from support.processes import get, running, wait_for

HEAVY = {"numpy", "numba", "pyarrow", "pandas", "aiohttp", "pydantic", "influxdb_client", "pysnmp"}
SECRET = "not-the-token"


def dc_monitor(*arguments: str) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-m", "dc_monitor", *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


def last_line(text: str) -> str:
    return text.strip().splitlines()[-1]


@pytest.fixture(scope="module")
def simulator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SimulatorProcess]:
    with start_simulator(tmp_path_factory.mktemp("simulator") / "log") as room:
        yield room


@pytest.fixture
def files(tmp_path: Path, simulator: SimulatorProcess) -> Callable[[str], Path]:
    """Writes a configuration beside its credentials; `{device}` in it is the address of that simulated device."""

    def write(text: str) -> Path:
        credentials = tmp_path / "credentials.toml"
        credentials.touch(0o600)
        credentials.write_text(
            f'[devices]\nversion = "2c"\ncommunity = "{simulator.community}"\n'
            f'[wrong]\nversion = "2c"\ncommunity = "{SECRET}"\ntoken = "{SECRET}"\n[right]\ntoken = "t"\n',
            encoding="utf-8",
        )
        config = tmp_path / "room.toml"
        for name, address in simulator.addresses.items():
            text = text.replace(f"{{{name}}}", address)
        config.write_text('credentials_file = "credentials.toml"\n' + text, encoding="utf-8")
        return config

    return write


DEVICES = """
[[device]]
name = "main-meter"
address = "{main-meter}"
credentials = "devices"

[[device]]
name = "ups-a"
address = "{ups-a}"
credentials = "devices"
"""
METERS = """
[[meter]]
name = "utility"
reads = "main-meter/total"
role = "total"
class = 0.5

[[meter]]
name = "it"
reads = "ups-a/output"
role = "it"
fed_by = ["utility"]
"""


@pytest.mark.parametrize("module", ["dc_monitor.cli", "dc_monitor.agent.service", "collectors.snmp", "collectors.host"])
def test_help_and_agent_import_nothing_heavy(module: str) -> None:
    """What a module pulls in counts too, not only what it names."""
    script = f"import sys, {module}; print(*{{name.split('.')[0] for name in sys.modules}})"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60, check=True)

    assert set() == HEAVY & {*done.stdout.split()}


def test_check_says_what_is_possible_and_what_would_be_better(files: Callable[[str], Path]) -> None:
    done = dc_monitor("check", "-c", str(files(DEVICES + METERS)))

    assert 0 == done.returncode, done.stderr + done.stdout
    assert "PUE: possible, category 1, interim" in done.stdout
    assert "better:  Write the accuracy class of it into the configuration" in done.stdout
    assert "better:  Category 1: IT energy is measured at the UPS output. Meters in the rack PDUs would" in done.stdout


def test_check_in_json_is_one_document(files: Callable[[str], Path]) -> None:
    done = dc_monitor("check", "--json", "-c", str(files(DEVICES + METERS)))
    result = json.loads(done.stdout)

    assert (True, ["main-meter", "ups-a"]) == (result["ok"], [one["name"] for one in result["devices"]])
    assert [("utility", True), ("it", True)] == [(one["name"], one["ok"]) for one in result["meters"]]
    assert all(one["watts"] > 1000 for one in result["meters"])


def test_check_names_the_point_that_has_no_watts_and_those_that_have(files: Callable[[str], Path]) -> None:
    wrong = METERS.replace('"ups-a/output"', '"ups-a/outptu"')
    done = dc_monitor("check", "-c", str(files(DEVICES + wrong)))

    assert 1 == done.returncode
    assert '"ups-a" has no power or energy at "outptu"; it has watts at: ' in done.stdout
    assert "PUE: not possible yet" in done.stdout


def test_check_tells_an_unreachable_device_and_reads_the_others(files: Callable[[str], Path]) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as silent:
        silent.bind(("127.0.0.1", 0))
        address = f"snmp://127.0.0.1:{silent.getsockname()[1]}"
        done = dc_monitor("check", "-c", str(files(DEVICES.replace("{ups-a}", address) + 'timeout = "0.2 s"\n')))

    assert 1 == done.returncode
    assert "ok   main-meter" in done.stdout
    assert "FAIL ups-a" in done.stdout
    assert "no answer in 0.2 s" in done.stdout


def test_a_wrong_community_looks_like_silence_and_the_sentence_says_so(
    files: Callable[[str], Path], simulator: SimulatorProcess
) -> None:
    credentials = files("").parent / "credentials.toml"
    address = simulator.addresses["ups-a"]
    done = dc_monitor(
        "read", address, "--credentials", "wrong", "--credentials-file", str(credentials), "--timeout", "0.3"
    )

    assert 1 == done.returncode
    assert "is the community right?" in done.stderr
    assert "Traceback" not in done.stderr
    assert SECRET not in done.stderr + done.stdout


def test_an_unknown_scheme_names_the_known_ones() -> None:
    done = dc_monitor("read", "smnp://10.0.0.1")

    assert 2 == done.returncode
    assert ('dc-monitor read: no collector speaks "smnp://"; known: host, snmp; did you mean "snmp://"?') == last_line(
        done.stderr
    )


def test_credentials_others_can_read_are_refused_with_the_cure(files: Callable[[str], Path]) -> None:
    config = files(DEVICES)
    credentials = config.parent / "credentials.toml"
    credentials.chmod(0o640)
    done = dc_monitor("agent", "-c", str(config))

    assert 1 == done.returncode
    assert last_line(done.stderr).endswith(
        f"{credentials}: mode 0640 lets others read the credentials; run: chmod 600 {credentials}"
    )


def test_a_fault_of_ours_is_a_sentence_and_a_trace_only_when_asked(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fails(args: object) -> int:
        raise TypeError("no such thing")

    monkeypatch.setattr("dc_monitor.commands.check.run", fails)

    assert 1 == main(["check", "-c", "room.toml"])
    assert "dc-monitor check: a fault of our own: TypeError: no such thing; please report it" in capsys.readouterr().err
    monkeypatch.setenv("DCMON_DEBUG", "1")
    with pytest.raises(TypeError):
        main(["check", "-c", "room.toml"])


@pytest.mark.parametrize("command", ["agent", "site", "check"])
def test_a_mistake_in_the_file_is_one_sentence(files: Callable[[str], Path], command: str) -> None:
    config = files(DEVICES + "inteval = 3\n")
    done = dc_monitor(command, "-c", str(config))

    assert (2, f'dc-monitor {command}: room.toml: device[1].inteval: unknown key; did you mean "interval"?\n') == (
        done.returncode,
        done.stderr,
    )


def test_an_occupied_port_is_told_with_the_key_that_changes_it(files: Callable[[str], Path], tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        listen = f"127.0.0.1:{taken.getsockname()[1]}"
        site = dc_monitor("site", "-c", str(files(f'[receive]\nlisten = "{listen}"\ndata = "{tmp_path}/data"\n')))
        agent = dc_monitor("agent", "-c", str(files(f'{DEVICES}[agent]\nmetrics = "{listen}"\nstate = "{tmp_path}"\n')))

    assert (1, True) == (site.returncode, f"cannot listen on {listen}" in site.stderr), site.stderr
    assert "[receive] listen" in site.stderr
    assert (2, True) == (agent.returncode, f"cannot listen on {listen} for /metrics" in agent.stderr), agent.stderr
    assert "[agent] metrics" in agent.stderr
    assert "Traceback" not in site.stderr + agent.stderr


def test_a_wrong_token_is_told_by_the_name_of_its_credentials(
    files: Callable[[str], Path], tmp_path: Path, free_port: Callable[[], int]
) -> None:
    """The readings wait in the spool; the token itself is in no line."""
    listen = f"127.0.0.1:{free_port()}"
    config = files(
        f'{DEVICES}[agent]\nmetrics = ""\ninterval = 1\nstate = "{tmp_path}/state"\n'
        f'[send]\nurl = "http://{listen}"\ntoken = "wrong"\n'
        f'[receive]\nlisten = "{listen}"\ntoken = "right"\ndata = "{tmp_path}/data"\n'
    )
    site_log, agent_log = tmp_path / "site.log", tmp_path / "agent.log"
    with running("site", "-c", str(config), log=site_log):
        wait_for(lambda: get(f"http://{listen}/healthz"), 60, "the site")
        with running("agent", "-c", str(config), log=agent_log):
            wait_for(lambda: 'check the token of credentials "wrong"' in agent_log.read_text(), 30, "the sentence")

    assert SECRET not in agent_log.read_text() + site_log.read_text()
