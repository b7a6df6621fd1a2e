"""dc-monitor: the energy-efficiency monitor for datacentres and server rooms."""

__version__ = "0.1.0"
