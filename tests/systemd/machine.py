"""A machine in a machine: the real systemd as process 1, over a copy-on-write view of this system, in namespaces.

Nothing of it is seen outside: its files, processes, network, host name and cgroups are its own, and go with it. It
boots no other service than a journal. Needs root and Linux namespaces; where these cannot be had, `machine` skips.
"""

import os
import shlex
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

SYSTEMD = Path("/lib/systemd/systemd")
TOOLS = ("unshare", "nsenter", "systemctl", "journalctl")
CGROUPS = (Path("/sys/fs/cgroup/unified"), Path("/sys/fs/cgroup"))
PATIENCE = 30.0

# $1 is a folder for the new root. Further arguments lie in /tmp, and are shown in the new one. /sys and /proc/sys are
# for reading only: they are the kernel's, and that is shared.
BOOT = r"""
mount --make-rprivate /
mount -t tmpfs tmpfs "$1"
mkdir "$1/upper" "$1/work" "$1/root"
root=$1/root
mount -t overlay overlay -o "lowerdir=/,upperdir=$1/upper,workdir=$1/work" "$root"
mount -t proc proc "$root/proc"
mount --bind "$root/proc/sys" "$root/proc/sys"
mount -o remount,ro,bind "$root/proc/sys"
mount -t sysfs -o ro sysfs "$root/sys"
mount -t cgroup2 cgroup2 "$root/sys/fs/cgroup"
mount -t tmpfs -o mode=0755 tmpfs "$root/dev"
for node in null zero full random urandom tty; do
    touch "$root/dev/$node"
    mount --bind "/dev/$node" "$root/dev/$node"
done
mkdir "$root/dev/shm" "$root/dev/pts"
mount -t tmpfs -o mode=1777 tmpfs "$root/dev/shm"
mount -t devpts -o ptmxmode=0666 devpts "$root/dev/pts"
ln -s pts/ptmx "$root/dev/ptmx"
mount -t tmpfs -o mode=0755 tmpfs "$root/run"
mount -t tmpfs -o mode=1777 tmpfs "$root/tmp"
for shown in "${@:2}"; do
    mkdir -p "$root$shown"
    mount --bind "$shown" "$root$shown"
done
units=$root/lib/systemd/system
find "$units" "$root/etc/systemd/system" -path '*.wants/*' ! -name 'systemd-journald*' -delete
rm -rf "$root/etc/dc-monitor" "$root/var/log/journal"
echo '[Unit]' > "$units/empty.target"
cd "$root"
mkdir before
pivot_root . before
umount --lazy before
mount --make-rshared /
exec env -i container=other PATH=/usr/sbin:/usr/bin:/sbin:/bin \
    /lib/systemd/systemd --system --unit=empty.target --log-target=journal --show-status=0
"""


class Machine:
    """A running systemd; `root` is its file system seen from outside."""

    def __init__(self, process_1: int) -> None:
        self._enter = ["nsenter", f"--target={process_1}", "--mount", "--pid", "--net", "--uts", "--ipc", "--cgroup"]
        self._enter += ["--root", "--wd"]
        self.root = Path(f"/proc/{process_1}/root")

    def run(self, *command: str, check: bool = True) -> str:
        """Run a command in there; what it says on both streams."""
        done = subprocess.run(
            [*self._enter, *command],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=120,
            check=False,
        )
        assert not check or done.returncode == 0, f"{shlex.join(command)}: {done.stdout}"
        return done.stdout

    def start(self, *command: str) -> "subprocess.Popen[str]":
        """The same in the background; its standard output is a pipe."""
        return subprocess.Popen([*self._enter, *command], stdout=subprocess.PIPE, stdin=subprocess.DEVNULL, text=True)

    def show(self, unit: str, key: str) -> str:
        """A property of a unit."""
        return self.run("systemctl", "show", "--value", f"--property={key}", unit).strip()

    def log(self, unit: str) -> str:
        """What a unit said, each line with its priority in front."""
        return self.run(
            "journalctl", "--no-pager", "--output=json", "--output-fields=PRIORITY,MESSAGE", f"--unit={unit}"
        )


@contextmanager
def machine(folder: Path) -> Iterator[Machine]:
    """Boot, and switch off with the block."""
    cgroup = _cgroup()
    command = ["unshare", "--mount", "--pid", "--fork", "--net", "--uts", "--ipc", "--cgroup", "--kill-child", "bash"]
    shown = [str(place) for place in _places() if place.parts[1] == "tmp"]
    log = folder / "boot.log"
    with log.open("wb") as said:
        # Into a cgroup of its own first: that is then the root of all it sees.
        script = f'echo $$ > {cgroup}/cgroup.procs && exec "$@"'
        unshared = subprocess.Popen(
            ["bash", "-c", script, "bash", *command, "-euc", BOOT, "bash", str(folder), *shown],
            stdout=said,
            stderr=said,
        )
    try:
        yield Machine(_process_1(unshared, log))
    finally:
        unshared.kill()  # process 1 goes with its parent, and with it everything in there
        unshared.wait()
        _remove(cgroup)


def _cgroup() -> Path:
    missing = [tool for tool in TOOLS if not shutil.which(tool)] + ([] if SYSTEMD.exists() else ["systemd"])
    if missing:
        pytest.skip(f"missing {', '.join(missing)}; on Debian and Ubuntu: sudo apt install systemd util-linux")
    if os.geteuid() != 0:
        pytest.skip("only root can boot a machine in namespaces; run this test as root")
    for home in CGROUPS:
        if (home / "cgroup.procs").exists():
            cgroup = home / f"dc-monitor-test-{os.getpid()}"
            with suppress(OSError):
                cgroup.mkdir()
                return cgroup
    pytest.skip("no cgroup v2 can be written here, and systemd needs one")


def _process_1(unshared: "subprocess.Popen[bytes]", log: Path) -> int:
    deadline = time.monotonic() + PATIENCE
    children = Path(f"/proc/{unshared.pid}/task/{unshared.pid}/children")
    while time.monotonic() < deadline:
        if unshared.poll() is not None:
            pytest.skip(f"namespaces cannot be had here: {log.read_text()[-300:]}")
        child = children.read_text().split()
        if child and Path(f"/proc/{child[0]}/exe").resolve().name == "systemd":
            ready = Machine(int(child[0])).run("systemctl", "is-active", "empty.target", check=False)
            if ready == "active\n":
                return int(child[0])
        time.sleep(0.05)
    raise AssertionError(f"systemd is not up after {PATIENCE:.0f} s: {log.read_text()}")


def _remove(cgroup: Path) -> None:
    """The kernel lets a cgroup go a moment after its last process."""
    deadline = time.monotonic() + PATIENCE
    while cgroup.exists() and time.monotonic() < deadline:
        for inner in sorted(cgroup.rglob("*"), reverse=True):
            if inner.is_dir():
                with suppress(OSError):
                    inner.rmdir()
        with suppress(OSError):
            cgroup.rmdir()
        time.sleep(0.02)


def interpreter_shown() -> str:
    """Lines for a unit, where the Python of these tests lies in a home or in /tmp, which the units hide; or ""."""
    hidden = [place for place in _places() if place.parts[1] in ("root", "home", "tmp")]
    if not hidden:
        return ""
    return f"ProtectHome=tmpfs\nBindReadOnlyPaths={' '.join(map(str, hidden))}\n"


def _places() -> set[Path]:
    return {Path(sys.base_prefix).resolve(), Path(sys.prefix).resolve(), Path(__file__).resolve().parents[2]}
