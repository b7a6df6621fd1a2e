"""The room of the demo on paper: its configuration, its secrets, and what its meters told yesterday."""

from collections.abc import Iterator, Mapping
from pathlib import Path

from dc_monitor.clock import NANOSECONDS
from dc_monitor.readings import Reading
from dc_monitor.simulator.physics import Room
from dc_monitor.simulator.tables import devices
from dc_monitor.wire import Encoder

SITE = "Caen-demo"
HOST = "127.0.0.1"
STEP = 60
"""Seconds between two readings of the past."""
MEASURED_AT = "pdu-output"
"""Where the meters of role `it` sit."""

CONFIG = """\
credentials_file = "credentials.toml"

[[site]]
name = "{site}"
timezone = "Europe/Paris"
outdoor = ["probe-1/probe/3"]
labels = {{ "probe-1/probe/0" = "Rack, top", "probe-1/probe/1" = "Rack, bottom", "probe-1/probe/2" = "Cold aisle" }}

{devices}
# Who feeds whom. IT is metered at both rack PDUs, so the PUE is one of category 2.
[[meter]]
name = "utility"
label = "Utility"
reads = "main-meter/total"
role = "total"
class = 0.5

[[meter]]
name = "ups"
label = "UPS"
reads = "ups-a/output"
role = "ups"
fed_by = ["utility"]
class = 3

[[meter]]
name = "rack-a"
label = "Rack PDU A"
reads = "pdu-a/total"
role = "it"
measured_at = "{measured_at}"
fed_by = ["ups"]
class = 1

[[meter]]
name = "rack-b"
label = "Rack PDU B"
reads = "pdu-b/total"
role = "it"
measured_at = "{measured_at}"
fed_by = ["ups"]
class = 1

[tariff]
price = 0.21
currency = "EUR"

[agent]
interval = 5
state = "{folder}/agent"
metrics = ""

[send]
url = "http://{host}:{port}"
token = "site"

[receive]
listen = "{host}:{port}"
token = "site"
data = "{folder}/site"
"""


def config_text(addresses: Mapping[str, str], port: int, folder: Path) -> str:
    """The configuration of agent and site, as a person would write it."""
    table = '[[device]]\nname = "{}"\naddress = "{}"\ncredentials = "devices"\n'
    listed = "\n".join(table.format(name, address) for name, address in addresses.items())
    return CONFIG.format(
        site=SITE, devices=listed, measured_at=MEASURED_AT, host=HOST, port=port, folder=folder.as_posix()
    )


def credentials_text(community: str, token: str) -> str:
    """The secrets the configuration names."""
    return f'[devices]\nversion = "2c"\ncommunity = "{community}"\n\n[site]\ntoken = "{token}"\n'


def write_private(path: Path, text: str) -> None:
    """Write a file that nobody else can read, not even for a moment."""
    path.touch(0o600, exist_ok=False)
    path.write_text(text, encoding="utf-8")


def history(room: Room, start: int, end: int, step: int = STEP) -> Iterator[tuple[bytes, int]]:
    """Line protocol of every device's readings in [start, end), nanoseconds UTC; one body an hour, and its lines."""
    encoder = Encoder({"site": SITE})
    stride, hour = step * NANOSECONDS, 3600 * NANOSECONDS
    told = devices()
    for begin in range(start, end, hour):
        yield encoder.encode(
            Reading(series, value, at)
            for at in range(begin, min(begin + hour, end), stride)
            for device in told
            for series, value in device.readings(device.sight(room, at))
        )
