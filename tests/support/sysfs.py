"""Trees of /sys for the host collector, planted below a folder: files, links, modes."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any


def tree(shared: Path, name: str) -> dict[str, Any]:
    """One of the shared trees."""
    return json.loads((shared / "devices" / "sysfs" / f"{name}.json").read_text(encoding="utf-8"))


def plant(
    root: Path, files: Mapping[str, str], links: Mapping[str, str] | None = None, modes: Mapping[str, str] | None = None
) -> Path:
    """Write or overwrite files, each with the newline the kernel ends with, and links; paths begin with `sys/`."""
    for path, content in files.items():
        file = root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(f"{content}\n", encoding="utf-8")
    for path, target in (links or {}).items():
        link = root / path
        link.parent.mkdir(parents=True, exist_ok=True)
        link.symlink_to(target)
    for path, mode in (modes or {}).items():
        (root / path).chmod(int(mode, 8))
    return root / "sys"


def chip(entry: str, files: Mapping[str, object]) -> dict[str, str]:
    """Files of one chip of hwmon."""
    return {f"sys/class/hwmon/{entry}/{name}": str(content) for name, content in files.items()}


def zone(entry: str, name: str, energy: int, highest: int = 262_143_328_850, **more: object) -> dict[str, str]:
    """Files of one zone of powercap; energies in µJ."""
    files = {"name": name, "energy_uj": energy, "max_energy_range_uj": highest, **more}
    return {f"sys/class/powercap/{entry}/{file}": str(content) for file, content in files.items()}
