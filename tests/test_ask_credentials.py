"""`dc-monitor read` at a terminal without credentials: a real terminal, a real device, no secret shown or left."""

import asyncio
import os
import pty
import select
import stat
import subprocess
import sys
import time
import tomllib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from collectors.snmp import endpoint
from dc_monitor.commands import ask_credentials
from dc_monitor.config import credentials
from dc_monitor.errors import ConfigError, Refused
from support.snmp_agents import small_agent
from support.snmp_v3_agent import user, v3_agent

DATA = Path(__file__).resolve().parent / "data" / "snmp"
PROBE = (DATA / "probe.snmprec").read_text(encoding="utf-8").splitlines()


class Terminal:
    """A person at a terminal: waits for a question, types an answer; `shown` is all that stood on the screen."""

    def __init__(self, descriptor: int) -> None:
        self.shown = ""
        self._descriptor = descriptor
        self._read = 0

    def answer(self, question: str, line: str) -> None:
        """Type when the question stands there."""
        self.wait_for(question)
        os.write(self._descriptor, line.encode() + b"\n")

    def wait_for(self, text: str, seconds: float = 20) -> None:
        """Read until the text stands after what was waited for last."""
        end = time.monotonic() + seconds
        while text not in self.shown[self._read :]:
            assert time.monotonic() < end, f"no {text!r} on the screen: {self.shown!r}"
            self._take(0.1)
        self._read = self.shown.index(text, self._read) + len(text)

    def rest(self) -> None:
        """Read to the end of the program."""
        while self._take(5.0):
            pass

    def _take(self, seconds: float) -> bool:
        if not select.select([self._descriptor], [], [], seconds)[0]:
            return False
        try:
            data = os.read(self._descriptor, 4096)
        except OSError:  # the other end is closed
            return False
        self.shown += data.decode()
        return bool(data)


@contextmanager
def at_a_terminal(*arguments: str, home: Path) -> Iterator[tuple[Terminal, "subprocess.Popen[bytes]"]]:
    """`dc-monitor ARGUMENTS…` with a terminal of its own for all three streams."""
    ours, theirs = pty.openpty()
    environment = {**os.environ, "HOME": str(home)}
    try:
        with subprocess.Popen(
            [sys.executable, "-m", "dc_monitor", *arguments],
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
            start_new_session=True,
            env=environment,
        ) as process:
            os.close(theirs)
            try:
                yield Terminal(ours), process
            finally:
                process.kill()
    finally:
        os.close(ours)


def read_at_a_terminal(
    address: str, home: Path, steps: Callable[[Terminal], None], *more: str
) -> tuple[str, int, list[str]]:
    """What the screen showed, the exit code, and the program's own arguments while it ran."""
    with at_a_terminal("read", address, *more, home=home) as (terminal, process):
        arguments = Path(f"/proc/{process.pid}/cmdline").read_text(encoding="utf-8").split("\0")
        steps(terminal)
        terminal.rest()
        return terminal.shown, process.wait(20), arguments


def with_probe(steps: Callable[[str], object], v3: bool = False) -> None:
    """Run blocking `steps` with the address of an agent that plays a probe."""

    async def run() -> None:
        async with v3_agent(PROBE, user(auth="sha")) if v3 else small_agent(PROBE, "xyzzy-7") as (_, address):
            await asyncio.to_thread(steps, address)

    asyncio.run(run())


def test_a_community_is_asked_for_read_with_and_kept(tmp_path: Path) -> None:
    """The secret is on no screen and in no argument; what was kept reads the next time without a question."""
    file = tmp_path / ".config" / "dc-monitor" / "credentials.toml"

    def type_in(terminal: Terminal) -> None:
        terminal.answer("SNMP version (2c, 3, 1) [2c]:", "")
        terminal.answer("community:", "xyzzy-7")
        terminal.answer("keep these credentials", "yes")
        terminal.answer("name [snmp-readonly]:", "")
        terminal.answer("file [~/.config/dc-monitor/credentials.toml]:", "")

    def steps(address: str) -> None:
        shown, code, arguments = read_at_a_terminal(address, tmp_path, type_in)
        assert 0 == code
        assert "24.1" in shown
        assert "xyzzy-7" not in shown
        assert not [one for one in arguments if "xyzzy-7" in one]
        again = f"dc-monitor read {address} --credentials snmp-readonly --credentials-file {file}"
        assert again in shown.replace("\r\n", "\n")
        done = subprocess.run([sys.executable, "-m", *again.replace("dc-monitor", "dc_monitor", 1).split()], check=True)
        assert 0 == done.returncode

    with_probe(steps)
    assert 0o600 == stat.S_IMODE(file.stat().st_mode)
    assert {"snmp-readonly": {"version": "2c", "community": "xyzzy-7"}} == tomllib.loads(file.read_text())


def test_a_user_of_snmpv3_is_asked_for_and_not_kept_unless_wanted(tmp_path: Path) -> None:
    """Enter chooses what is good today; beginnings of words will do, and a password too short is asked for again."""

    def type_in(terminal: Terminal) -> None:
        terminal.answer("SNMP version", "4")
        terminal.answer("expected one of 2c, 3, 1", "3")
        terminal.answer("user:", "monitor")
        terminal.answer("authentication (sha256,", "sha")
        terminal.answer("authentication password:", "short")
        terminal.wait_for("expected 8 characters or more")
        terminal.answer("authentication password:", "authpass1234")
        terminal.answer("privacy (aes,", "")
        terminal.answer("privacy password:", "privpass1234")
        terminal.answer("context", "")
        terminal.answer("keep these credentials", "")

    def steps(address: str) -> None:
        shown, code, _ = read_at_a_terminal(address, tmp_path, type_in)
        assert 0 == code
        assert "24.1" in shown
        for secret in ("authpass1234", "privpass1234", "short"):
            assert secret not in shown

    with_probe(steps, v3=True)
    assert [] == list(tmp_path.iterdir())


def test_credentials_that_did_not_work_are_not_offered_to_be_kept(tmp_path: Path) -> None:
    """One sentence, as without a terminal."""

    def type_in(terminal: Terminal) -> None:
        terminal.answer("SNMP version", "")
        terminal.answer("community:", "hunter2")

    def steps(address: str) -> None:
        shown, code, _ = read_at_a_terminal(address, tmp_path, type_in, "--timeout", "0.2")
        assert 1 == code
        assert "is the community right?" in shown
        assert "keep" not in shown
        assert "hunter2" not in shown

    with_probe(steps)


def test_who_goes_away_gets_one_sentence(tmp_path: Path) -> None:
    """End of input is an answer too."""
    shown, code, _ = read_at_a_terminal(
        "snmp://127.0.0.1:9", tmp_path, lambda terminal: terminal.answer("SNMP version", "3\n\x04")
    )

    assert 2 == code
    assert "snmp://127.0.0.1:9: no credentials given" in shown
    assert "Traceback" not in shown


def test_without_a_terminal_nothing_is_asked(tmp_path: Path) -> None:
    """A script gets the sentence and exit code 2 at once."""
    done = subprocess.run(
        [sys.executable, "-m", "dc_monitor", "read", "snmp://127.0.0.1:9"],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
    )

    assert (2, "", 1) == (done.returncode, done.stdout, done.stderr.count("\n"))
    assert "SNMP needs credentials, and none is guessed" in done.stderr


def test_a_table_is_added_to_what_is_there(tmp_path: Path) -> None:
    """Other tables and comments stay, quotes and backslashes come through, the mode stays."""
    file = tmp_path / "credentials.toml"
    file.write_text('# ours\n[site-token]\ntoken = "t"')
    file.chmod(0o600)
    table = {"version": "2c", "community": 'a "quoted" \\ word, é'}
    ask_credentials.keep(table, "ups", file)

    assert table == credentials.load("ups", file)
    assert {"token": "t"} == credentials.load("site-token", file)
    assert file.read_text().startswith("# ours\n")
    assert [file] == list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("before", "mode", "name", "error", "sentence"),
    [
        ('[ups]\ncommunity = "c"\n', 0o600, "ups", ConfigError, 'a table "ups" already'),
        ('[a]\ncommunity = "hunter2"\n', 0o644, "ups", Refused, "others can read it"),
        ("community = hunter2\n", 0o600, "ups", ConfigError, "not TOML"),
        ("", 0o600, "my ups", ConfigError, "expected letters"),
    ],
)
def test_a_file_that_cannot_take_it_is_left_as_it_was(
    before: str, mode: int, name: str, error: type[Exception], sentence: str, tmp_path: Path
) -> None:
    """Nothing half, and no secret in the sentence."""
    file = tmp_path / "credentials.toml"
    file.write_text(before)
    file.chmod(mode)
    with pytest.raises(error, match=sentence) as caught:
        ask_credentials.keep({"community": "s3cret"}, name, file)

    assert before == file.read_text()
    assert "s3cret" not in str(caught.value)
    assert "hunter2" not in str(caught.value)


def test_a_folder_one_cannot_write_to_is_a_sentence(tmp_path: Path) -> None:
    """Such as a path through a file."""
    (tmp_path / "file").touch()
    with pytest.raises(Refused, match="cannot keep the credentials"):
        ask_credentials.keep({"community": "c"}, "ups", tmp_path / "file" / "credentials.toml")


def test_what_is_offered_is_what_the_collector_knows() -> None:
    """The command does not import the collector, so the two lists of algorithms are held together here."""
    assert {*endpoint.AUTH, "none"} == {*ask_credentials.AUTH}
    assert {*endpoint.PRIV, "none"} == {*ask_credentials.PRIV}
