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


@dataclass(frozen=True, slots=True)
class EventWord:
    """What may happen to a device: `name` is the tag `event`, `severity` how it is taken when nobody says otherwise."""

    name: str
    severity: str
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

EVENT_MEASUREMENT = "event"
EVENT_TAGS = ("site", "room", "rack", "device", "source", "severity", "event")
EVENT_FIELDS = ("text", "varbinds", "count")
"""A line for people, all that came with it as JSON, and how often it came since the line before."""
SEVERITIES = ("critical", "warning", "info", "cleared")
"""`cleared` is the end of what the same word began (perceived severity, ITU-T X.733)."""
OTHER_EVENT = "other"

_EVENT_ROWS = (
    EventWord("on-battery", "critical", "the load runs on batteries"),
    EventWord("utility-restored", "info", "the load runs on mains again"),
    EventWord("battery-low", "critical", "the battery will soon be empty"),
    EventWord("battery-discharged", "warning", "too little charge for another power cut"),
    EventWord("battery-fault", "warning", "batteries missing, worn out or failing"),
    EventWord("charger-fault", "warning", "batteries are not charged"),
    EventWord("input-fault", "warning", "a supply is absent or out of tolerance"),
    EventWord("output-fault", "critical", "an output is out of tolerance"),
    EventWord("output-off", "warning", "an output or outlet is switched off"),
    EventWord("output-on", "info", "an output or outlet is switched on"),
    EventWord("overload", "critical", "more load than is allowed"),
    EventWord("near-overload", "warning", "a load near its limit"),
    EventWord("low-load", "warning", "less load than was expected"),
    EventWord("load", "warning", "a load left its range, up or down"),
    EventWord("unbalanced", "warning", "phases loaded unevenly"),
    EventWord("load-shedding", "warning", "what is not critical is switched off"),
    EventWord("bypass", "warning", "the load is fed past the UPS, unprotected"),
    EventWord("bypass-fault", "warning", "the bypass cannot be used"),
    EventWord("breaker-open", "critical", "a breaker or fuse opened"),
    EventWord("residual-current", "critical", "a current flows to earth"),
    EventWord("redundancy-lost", "warning", "the next failure cuts the load"),
    EventWord("source-switched", "warning", "a transfer switch took its other source"),
    EventWord("power-supply-fault", "warning", "a power supply of the device itself failed"),
    EventWord("shutdown", "critical", "the load is about to be switched off"),
    EventWord("temperature", "warning", "a temperature left its range, up or down"),
    EventWord("high-temperature", "critical", "a temperature above its range"),
    EventWord("low-temperature", "warning", "a temperature below its range"),
    EventWord("humidity", "warning", "a humidity left its range, up or down"),
    EventWord("high-humidity", "warning", "a humidity above its range"),
    EventWord("low-humidity", "warning", "a humidity below its range"),
    EventWord("fan-fault", "warning", "a fan stands still or is too slow"),
    EventWord("leak", "critical", "water where none should be"),
    EventWord("smoke", "critical", "smoke"),
    EventWord("door", "warning", "a door or its lock is open"),
    EventWord("contact", "warning", "a contact left its normal position"),
    EventWord("sensor", "warning", "a sensor of another kind left its range, or is lost"),
    EventWord("fault", "critical", "a fault inside the device"),
    EventWord("alarm", "warning", "an alarm of the device's own"),
    EventWord("communication-lost", "warning", "a card no longer reaches what it watches"),
    EventWord("test", "info", "a self-test or calibration runs, or went well"),
    EventWord("test-failed", "warning", "a self-test went wrong"),
    EventWord("cold-start", "info", "a device or its network card started"),
    EventWord("warm-start", "info", "a network card began anew, as it was"),
    EventWord("link-down", "warning", "a network interface lost its link"),
    EventWord("link-up", "info", "a network interface has its link"),
    EventWord("authentication-failure", "warning", "somebody asked the device with a wrong secret"),
    EventWord("configuration-changed", "info", "somebody changed a setting"),
    EventWord(OTHER_EVENT, "info", "whatever has no word here"),
)

EVENTS: dict[str, EventWord] = {row.name: row for row in _EVENT_ROWS}

KPI_MEASUREMENT = "kpi"
KPI_FIELDS = ("value", "low", "high", "coverage")

WORDS: dict[str, str] = {row.name: row.unit.word for row in _ROWS}
"""Quantity → field key."""
