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


@dataclass(frozen=True, slots=True)
class AgentField:
    """What an agent tells of itself: `name` is the field of the line `agent`, `prometheus` the family on `/metrics`.

    A `_total` counts since the agent started, if its meaning does not say otherwise.
    """

    name: str
    prometheus: str
    meaning: str
    since: str = "0.1"


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
    Quantity("temperature_setpoint", Unit.CELSIUS, "dcmon_temperature_setpoint_celsius", "wanted, not measured"),
    Quantity("dew_point", Unit.CELSIUS, "dcmon_dew_point_celsius", "dew point"),
    Quantity("humidity", Unit.RATIO, "dcmon_relative_humidity_ratio", "relative humidity"),
    Quantity("humidity_setpoint", Unit.RATIO, "dcmon_humidity_setpoint_ratio", "wanted, not measured"),
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

_AGENT_ROWS = (
    AgentField("rss_bytes", "dcmon_agent_resident_memory_bytes", "memory held"),
    AgentField("cpu_seconds", "dcmon_agent_cpu_seconds_total", "processor time, user and system"),
    AgentField("open_files", "dcmon_agent_open_files", "file descriptors in use"),
    AgentField(
        "own_energy_joules",
        "dcmon_agent_energy_joules_total",
        "the agent's share of the processors' energy, by processor time; absent where that is not measured",
    ),
    AgentField("loop_lag_seconds", "dcmon_agent_loop_lag_seconds", "longest delay of the event loop in a minute"),
    AgentField("spool_bytes", "dcmon_spool_bytes", "bytes of lines that wait for a sink"),
    AgentField("spool_batches", "dcmon_spool_batches", "batches that wait for a sink"),
    AgentField("spool_oldest_seconds", "dcmon_spool_oldest_age_seconds", "age of the oldest batch that waits"),
    AgentField("readings_total", "dcmon_readings_total", "readings taken"),
    AgentField(
        "thinned_total",
        "dcmon_thinned_lines_total",
        "lines that went into means for want of room, since the spool began",
    ),
    AgentField("dropped_total", "dcmon_dropped_lines_total", "lines dropped for want of room, since the spool began"),
    AgentField(
        "missed_total", "dcmon_missed_polls_total", "polls that were due, of devices that answer, and were not made"
    ),
)

AGENT_FIELDS: dict[str, AgentField] = {row.name: row for row in _AGENT_ROWS}
"""Fields of the line `agent`; one that is not known is left out of the line, and off `/metrics`."""

KPI_MEASUREMENT = "kpi"
KPI_FIELDS = ("value", "low", "high", "coverage")

WORDS: dict[str, str] = {row.name: row.unit.word for row in _ROWS}
"""Quantity → field key."""
