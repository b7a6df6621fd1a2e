"""What becomes of an outcome: lines for the spool, last values, JSON, and the agent's count of itself."""

from collections.abc import Callable, Mapping
from functools import partial

from dc_monitor.agent.pipeline import Lines, Pipeline
from dc_monitor.agent.poller import Outcome
from dc_monitor.agent.selfwatch import SelfWatch
from dc_monitor.config.model import Device
from dc_monitor.sinks.jsonlines import JsonLines
from dc_monitor.sinks.prometheus import LastValues


class Intake:
    """`pipeline` and `jsonlines` are None where the configuration has no such way out."""

    def __init__(
        self, site: str, pipeline: Pipeline | None, last: LastValues, jsonlines: JsonLines | None, watch: SelfWatch
    ) -> None:
        self._site = site
        self._pipeline = pipeline
        self._last = last
        self._jsonlines = jsonlines
        self._watch = watch

    def of(self, device: Device) -> Callable[[Outcome], None]:
        """What takes the outcomes of this device, with the tags it owes to the configuration."""
        place = {"site": self._site, "room": device.room, "rack": device.rack}
        return partial(self._take, Lines(self._site, {device.name: place}), place)

    def forget(self, device: str) -> None:
        """Show nothing more of a device that is no longer read."""
        self._last.forget(device)

    def _take(self, lines: Lines, place: Mapping[str, str], outcome: Outcome) -> None:
        if self._pipeline:
            self._pipeline.put(*lines.encode(outcome))
        self._last.take(
            outcome.device,
            place,
            outcome.readings,
            seconds=outcome.seconds,
            reason=outcome.reason,
            interval=outcome.interval,
            retries=outcome.retries,
            missed=outcome.missed,
        )
        if self._jsonlines:
            self._jsonlines.take(outcome.readings)
        self._watch.take(outcome)
