"""The machine the agent runs on, as its operating system tells it.

`system` asks psutil, `powercap` the energy registers, `hwmon` the sensors (`chips` says what their files mean),
`supplies` the batteries; `rules` holds what is known of them, `collector` joins them.
"""

from collectors.host.collector import HostCollector

__all__ = ["HostCollector"]
