"""The one catalogue of names: what is measured, in what unit, under what name on the wire and in Prometheus.

Docs, dashboards, the wire and tests read it. A name once published keeps its meaning: `since` says from which
version it exists, `until` when it stopped.
"""

from dataclasses import dataclass

from dc_monitor.units import Unit


@dataclass(frozen=True, slots=True)
class Quantity:
    """A kind of measured value.

    `name` is the measurement on the wire, `unit.word` its field key, `prometheus` the metric family.
    """

    name: str
    unit: Unit
    prometheus: str
    meaning: str
    counter: bool = False
    since: str = "0.1"
    until: str | None = None


_ROWS = (
    Quantity("power", Unit.WATT, "dcmon_power_watts", "real electrical power"),
    Quantity("apparent_power", Unit.VOLT_AMPERE, "dcmon_apparent_power_volt_amperes", "apparent power"),
    Quantity("reactive_power", Unit.VAR, "dcmon_reactive_power_vars", "reactive power"),
    Quantity("cooling_power", Unit.WATT, "dcmon_cooling_power_watts", "heat moved; never summed with power"),
    Quantity("energy", Unit.JOULE, "dcmon_energy_joules_total", "cumulative energy register", counter=True),
    Quantity("current", Unit.AMPERE, "dcmon_current_amperes", "current"),
    Quantity("voltage", Unit.VOLT, "dcmon_voltage_volts", "voltage"),
    Quantity("nominal_voltage", Unit.VOLT, "dcmon_nominal_voltage_volts", "configured voltage, not a measurement"),
    Quantity("frequency", Unit.HERTZ, "dcmon_frequency_hertz", "mains or output frequency"),
    Quantity("power_factor", Unit.RATIO, "dcmon_power_factor_ratio", "power factor; negative is leading"),
    Quantity("load", Unit.RATIO, "dcmon_load_ratio", "load as a share of nominal"),
    Quantity("charge", Unit.RATIO, "dcmon_battery_charge_ratio", "battery charge"),
    Quantity("runtime", Unit.SECOND, "dcmon_battery_runtime_seconds", "battery time left at this load"),
    Quantity("time_on_battery", Unit.SECOND, "dcmon_time_on_battery_seconds", "time since mains was lost"),
    Quantity("temperature", Unit.CELSIUS, "dcmon_temperature_celsius", "dry-bulb temperature"),
    Quantity("dew_point", Unit.CELSIUS, "dcmon_dew_point_celsius", "dew point"),
    Quantity("humidity", Unit.RATIO, "dcmon_relative_humidity_ratio", "relative humidity"),
    Quantity("fan_speed", Unit.RPM, "dcmon_fan_speed_rpm", "fan speed"),
    Quantity("airflow", Unit.CUBIC_METRE_PER_SECOND, "dcmon_airflow_cubic_metres_per_second", "air moved"),
    Quantity("flow", Unit.CUBIC_METRE_PER_SECOND, "dcmon_flow_cubic_metres_per_second", "liquid moved"),
    Quantity("pressure", Unit.PASCAL, "dcmon_pressure_pascals", "pressure"),
    Quantity("utilisation", Unit.RATIO, "dcmon_utilisation_ratio", "share of a resource in use"),
    Quantity("memory", Unit.BYTE, "dcmon_memory_bytes", "memory in use"),
    Quantity("uptime", Unit.SECOND, "dcmon_device_uptime_seconds", "time since the device's agent started"),
    Quantity("state", Unit.CODE, "dcmon_state_code", "a state's raw code; its word is the text field"),
)

QUANTITIES: dict[str, Quantity] = {row.name: row for row in _ROWS}

LEVELS = ("total", "phase", "bank", "outlet", "sensor")
"""Where in a device a point sits. One level only may be summed."""

METHODS = ("measured", "derived", "estimated", "manual", "simulated")
"""How a value came to be; whatever is not `measured` is told with every figure made of it."""

TAGS = ("site", "room", "rack", "device", "point", "level", "method")
"""Tags of a reading on the wire, in this order; a point on the wire is its series and its timestamp."""

DEVICE_MEASUREMENT = "device"
DEVICE_FIELDS = ("up", "poll_seconds", "readings", "failures", "retries")
AGENT_MEASUREMENT = "agent"
AGENT_FIELDS = (
    "rss_bytes",
    "cpu_seconds",
    "loop_lag_seconds",
    "spool_bytes",
    "spool_batches",
    "spool_oldest_seconds",
    "readings_total",
    "dropped_total",
)
KPI_MEASUREMENT = "kpi"
KPI_FIELDS = ("value", "low", "high", "coverage")

WORDS: dict[str, str] = {row.name: row.unit.word for row in _ROWS}
"""Quantity → field key."""
