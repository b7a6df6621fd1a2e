"""Where IT energy is measured: the category of a PUE (ISO/IEC 30134-2)."""

from collections.abc import Iterable, Mapping

from dc_monitor.kpi.sentences import Sentence, say
from dc_monitor.topology import MEASURED_AT, Meter


def category_of(meter: Meter, kind: str) -> int | None:
    """Category of one IT meter, None when nobody can tell.

    As the person declared it; else by `kind` of the device and the side of it that is read: output of a UPS 1,
    rack PDU as a whole, by phase or bank 2, its outlets 3, power inlet of a server or host 3.
    """
    if meter.measured_at:
        return MEASURED_AT.get(meter.measured_at)
    parts = meter.reads[1].split("/") if meter.reads else []
    match kind:
        case "ups" if "output" in parts or "outlet" in parts:
            return MEASURED_AT["ups-output"]
        case "pdu" if "outlet" in parts:
            return MEASURED_AT["it-input"]
        case "pdu":
            return MEASURED_AT["pdu-output"]
        case "server" if {"input", "psu", "total"} & {*parts}:
            return MEASURED_AT["it-input"]
        case "host" if {"input", "psu"} & {*parts}:
            return MEASURED_AT["it-input"]
    return None


def category(meters: Iterable[Meter], kinds: Mapping[str, str]) -> tuple[int | None, list[Sentence]]:
    """The lowest category among the IT meters, and what would raise it.

    A declared branch measures nowhere and has no say, unless told where it would. One meter nobody can place
    leaves the whole figure without a category: it might be the lowest.
    """
    placed = {
        meter.label or meter.name: category_of(meter, kinds.get(meter.reads[0], "unknown") if meter.reads else "")
        for meter in meters
        if meter.reads or meter.measured_at
    }
    unknown = [name for name, found in placed.items() if found is None]
    if unknown:
        return None, [say("category_unknown", meter=name) for name in unknown]
    lowest = min((found for found in placed.values() if found is not None), default=None)
    return lowest, [say(f"category_{lowest}")] if lowest in (1, 2) else []
