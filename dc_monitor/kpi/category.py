"""Where IT energy is measured: the category of a PUE (ISO/IEC 30134-2)."""

from collections.abc import Iterable, Mapping

from dc_monitor.kpi.sentences import Sentence, say
from dc_monitor.topology import Meter, category


def lowest_category(meters: Iterable[Meter], kinds: Mapping[str, str]) -> tuple[int | None, list[Sentence]]:
    """The lowest category among the IT meters, and what would raise it.

    A declared branch measures nowhere and has no say, unless told where it would. One meter nobody can place
    leaves the whole figure without a category: it might be the lowest.
    """
    placed = {
        meter.label or meter.name: category(meter, kinds.get(meter.reads[0], "unknown") if meter.reads else "")
        for meter in meters
        if meter.reads or meter.measured_at
    }
    unknown = [name for name, found in placed.items() if found is None]
    if unknown:
        return None, [say("category_unknown", meter=name) for name in unknown]
    lowest = min((found for found in placed.values() if found is not None), default=None)
    return lowest, [say(f"category_{lowest}")] if lowest in (1, 2) else []
