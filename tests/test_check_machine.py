"""What the services stand on: servers that take data, folders, ports, the clock; and nothing is left behind."""

import socket
import ssl
import subprocess
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from dc_monitor.agent.plan import Plan
from dc_monitor.agent.registry import factory
from dc_monitor.clock import NANOSECONDS, Clock, ManualClock, SystemClock
from dc_monitor.commands import check_machine
from dc_monitor.commands.check_machine import look_around, try_sink
from dc_monitor.commands.check_result import Part, SinkResult
from dc_monitor.config.load import parse
from dc_monitor.config.values import Listen
from dc_monitor.sinks.prometheus import LastValues, MetricsServer
from sinks.http_server import Answer, WriteServer, write_server
from support.processes import get, running, wait_for

HERE = '[[device]]\nname = "here"\naddress = "host://"\n'
ELSEWHERE = Listen("127.0.0.1:1")
TOKENS = {"good": "the-token", "bad": "another-token"}


def tried(url: str, token: str = "", more: str = "", receive: Listen = ELSEWHERE) -> SinkResult:
    text = f'{HERE}[send]\nurl = "{url}"\nname = "site"\ntoken = "{token}"\ntimeout = 2\n{more}'
    tokens = {name: {"token": value} for name, value in TOKENS.items()} | {"": {}}
    plan = Plan.of(parse(text.encode()), tokens.__getitem__, factory, SystemClock())
    return try_sink(plan.sinks["site"], receive)


@pytest.fixture
def server() -> Iterator[WriteServer]:
    with write_server() as one:
        yield one


@pytest.mark.parametrize(
    ("answer", "ok", "told"),
    [
        pytest.param(Answer(), True, "takes data without a token", id="a site, InfluxDB 1.8, 2 and 3"),
        pytest.param(
            Answer(400, b'{"code":"invalid","message":"writing requires points"}'),
            True,
            "takes data without a token",
            id="nothing in it, says InfluxDB 2 of an empty body",
        ),
        pytest.param(
            Answer(400, b'{"code":"invalid","message":"wrong precision"}'),
            False,
            "answers 400 to an empty line: wrong precision",
            id="another complaint",
        ),
        pytest.param(Answer(401, b""), False, "asks for a token (401)", id="no token"),
        pytest.param(Answer(404, b'{"message":"bucket not found"}'), False, "bucket not found", id="no bucket"),
        pytest.param(Answer(503, b"starting"), False, "cannot take data now (503)", id="not now"),
        pytest.param(Answer(302, b"", {"Location": "https://elsewhere"}), False, "points elsewhere", id="moved"),
    ],
)
def test_each_answer_of_a_server_is_told(server: WriteServer, answer: Answer, ok: bool, told: str) -> None:
    """One empty line is all it gets."""
    server.rule = lambda lines: answer
    result = tried(server.url)

    assert ok == result.ok, result.told
    assert told in result.told
    assert [b"\n"] == [request.body for request in server.requests]


def test_a_real_site_looks_at_the_token_and_keeps_nothing(tmp_path: Path, free_port: Callable[[], int]) -> None:
    """The sentence names the credentials; the token itself is in no sentence."""
    port = free_port()
    config, credentials = tmp_path / "site.toml", tmp_path / "credentials.toml"
    credentials.touch(0o600)
    credentials.write_text(f'[good]\ntoken = "{TOKENS["good"]}"\n')
    config.write_text(
        f'credentials_file = "credentials.toml"\n[receive]\nlisten = "127.0.0.1:{port}"\ntoken = "good"\n'
        f'data = "{tmp_path}/data"\nflush = "0.1 s"\n'
    )
    url = f"http://127.0.0.1:{port}"
    with running("site", "-c", str(config), log=tmp_path / "log"):
        wait_for(lambda: get(f"{url}/healthz"), 60, "the site")
        good, bad, none = (tried(url, token) for token in ("good", "bad", ""))
        received = next(line for line in get(f"{url}/metrics").splitlines() if line.startswith(b"dcmon_site_lines_rec"))

    assert (True, "takes data with this token") == (good.ok, good.told)
    assert (False, True) == (bad.ok, 'check the token of credentials "bad"' in bad.told)
    assert (False, True) == (none.ok, "asks for a token" in none.told)
    assert [] == [secret for secret in TOKENS.values() if secret in good.told + bad.told + none.told]
    assert 0.0 == float(received.split()[-1])
    assert [] == list((tmp_path / "data" / "archive").rglob("*.parquet"))


def test_a_certificate_nobody_vouches_for_is_told(tmp_path: Path) -> None:
    certificate, key = tmp_path / "certificate.pem", tmp_path / "key.pem"
    command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=lab"]
    command += ["-addext", "subjectAltName=IP:127.0.0.1", "-keyout", str(key), "-out", str(certificate)]
    subprocess.run(command, check=True, capture_output=True, timeout=60)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    with write_server(context=context) as server:
        strange = tried(server.url, "good")
        trusted = tried(server.url, "good", f'ca_file = "{certificate}"\n')

    assert (False, True) == (strange.ok, "cannot be trusted" in strange.told), strange.told
    assert (True, "takes data with this token") == (trusted.ok, trusted.told)
    assert ["Token the-token"] == [request.headers["Authorization"] for request in server.requests]


def test_a_server_that_is_away_is_no_success_unless_it_is_this_files_own_site(free_port: Callable[[], int]) -> None:
    """Whoever checks before the first start has done nothing wrong."""
    port = free_port()
    away = tried(f"http://127.0.0.1:{port}")
    own = tried(f"http://localhost:{port}", receive=Listen(f"127.0.0.1:{port}"))

    assert (False, True) == (away.ok, "is not reachable" in away.told)
    assert (True, "this file's own site, not running yet") == (own.ok, own.told)


def looked(text: str, agent: bool = True, site: bool = False, clock: Clock | None = None) -> tuple[dict, list[str]]:
    """Parts by what they are about, and hints."""
    found = list(look_around(parse((HERE + text).encode()), agent, site, clock or SystemClock()))
    parts = {one.about: one for one in found if isinstance(one, Part)}
    return parts, [one for one in found if isinstance(one, str)]


SEND = '[send]\nurl = "http://127.0.0.1:1"\n'


def test_a_folder_that_is_not_there_yet_is_not_made(tmp_path: Path) -> None:
    """Nor is anything left in one that is."""
    parts, _ = looked(f'{SEND}[agent]\nstate = "{tmp_path}/a/b"\n')
    there, _ = looked(f'{SEND}[agent]\nstate = "{tmp_path}"\n')

    assert (True, True) == (parts["spool"].ok, there["spool"].ok)
    assert "/a/b can be written, " in parts["spool"].told
    assert [] == list(tmp_path.iterdir())


def test_a_folder_that_cannot_be_is_told_with_the_key_that_changes_it(tmp_path: Path) -> None:
    """A file stands in its way; root itself cannot write below it."""
    (tmp_path / "file").touch()
    parts, _ = looked(f'{SEND}[agent]\nstate = "{tmp_path}/file"\n[receive]\ndata = "{tmp_path}/file/x"\n', site=True)

    assert (False, False) == (parts["spool"].ok, parts["archive"].ok)
    assert "file cannot be written: Not a directory; write another folder: [agent] state" in parts["spool"].told
    assert "[receive] data" in parts["archive"].told


def test_a_quota_larger_than_the_disk_is_a_hint(tmp_path: Path) -> None:
    """What the spool holds already is part of its quota."""
    state = f'{SEND}[agent]\nstate = "{tmp_path}"\nspool_quota = {1 << 60}\n'
    parts, before = looked(state)
    with (tmp_path / "spool.db").open("wb") as spool:
        spool.truncate(1 << 43)  # a hole: it takes no room
    _, after = looked(state.replace(str(1 << 60), str(1 << 43)))

    assert parts["spool"].ok
    assert ["lower the quota beside [agent] state"] == [hint.split(", or ")[1] for hint in before if "quota" in hint]
    assert [] == [hint for hint in after if "quota" in hint]


def test_a_port_is_free_ours_or_anothers(free_port: Callable[[], int]) -> None:
    def metrics(port: int) -> Part:
        part: Part = looked(f'[agent]\nmetrics = "127.0.0.1:{port}"\n')[0]["metrics"]
        return part

    free = metrics(free_port())
    server = MetricsServer("127.0.0.1", 0, [LastValues(lambda: 0.0)])
    with closing(server):
        ours = metrics(server.port)
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        others = metrics(other.getsockname()[1])
    no_address = looked('[agent]\nmetrics = "192.0.2.1:9105"\n')[0]["metrics"]

    assert [True, True, False, False] == [one.ok for one in (free, ours, others, no_address)]
    assert "is free" in free.told
    assert "an agent listens on" in ours.told
    assert "another program listens on" in others.told
    assert "[agent] metrics" in others.told
    assert "cannot listen on 192.0.2.1:9105: Cannot assign requested address" in no_address.told


def test_the_port_for_traps_is_looked_at_too(free_port: Callable[[], int]) -> None:
    """Datagrams have ports of their own: one taken by another program would be silence on the day of an alarm."""

    def traps(port: int, metrics: int) -> Part:
        written = f'[agent]\nmetrics = "127.0.0.1:{metrics}"\n[traps]\nlisten = "127.0.0.1:{port}"\n'
        part: Part = looked(written)[0]["traps"]
        return part

    server = MetricsServer("127.0.0.1", 0, [LastValues(lambda: 0.0)])
    with closing(server), socket.socket(type=socket.SOCK_DGRAM) as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
        ours, others = traps(port, server.port), traps(port, free_port())
    free = traps(port, free_port())

    assert [True, False, True] == [one.ok for one in (ours, others, free)]
    assert f"another program listens on 127.0.0.1:{port}; stop it, or write another one: [traps] listen" == others.told


def test_metrics_that_are_switched_off_need_no_port() -> None:
    assert {"clock"} == looked('[agent]\nmetrics = ""\n')[0].keys()


@pytest.mark.parametrize(
    ("now", "ok"),
    [(0, False), (1_700_000_000, False), (1_795_518_000, True), (4_200_000_000, False)],
    ids=["1970", "2023", "2026", "2103"],
)
def test_a_clock_that_was_never_set_is_a_fault(now: int, ok: bool) -> None:
    parts, _ = looked('[agent]\nmetrics = ""\n', clock=ManualClock(now * NANOSECONDS))

    assert ok == parts["clock"].ok


@pytest.mark.parametrize("synchronised", [True, False])
def test_a_clock_nobody_keeps_right_is_a_hint(synchronised: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(check_machine, "_synchronised", lambda: synchronised)
    parts, hints = looked('[agent]\nmetrics = ""\n', clock=ManualClock(1_795_518_000 * NANOSECONDS))

    assert parts["clock"].ok
    assert synchronised == (hints == [])
