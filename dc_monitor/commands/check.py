"""`dc-monitor check`: everything looked at and asked once; what was recognised, what is possible, what is missing.

What can be known without a network comes first; a configuration that fails there asks nobody.
"""

import argparse
import asyncio
import json
import sys
from collections.abc import Callable, Iterator, Mapping
from functools import cache
from typing import Any

from dc_monitor.agent import registry
from dc_monitor.agent.plan import Factory, Plan
from dc_monitor.clock import Clock, SystemClock
from dc_monitor.commands.check_devices import Progress, ask_all
from dc_monitor.commands.check_machine import look_around, try_sink
from dc_monitor.commands.check_meters import judge
from dc_monitor.commands.check_result import DeviceResult, Part, Result, SinkResult
from dc_monitor.commands.check_told import told
from dc_monitor.commands.files import configuration
from dc_monitor.config.model import Config, Receive
from dc_monitor.errors import ConfigError, DcMonitorError
from dc_monitor.readings import Reading

Credentials = Callable[[str], Mapping[str, Any]]


def run(args: argparse.Namespace) -> int:
    """Print what was found; 0 only if all is well, 2 if the configuration cannot be used."""
    clock = SystemClock()
    try:
        config, credentials = configuration(args)
    except ConfigError as error:
        result = Result(args.offline, problems=[str(error)])
    else:
        result = check(config, credentials, clock, offline=args.offline)
    for problem in result.problems:
        print(f"dc-monitor check: {problem}", file=sys.stderr)
    if args.json:
        print(json.dumps(result.document(), ensure_ascii=False, indent=2))
    elif not result.problems:
        print("\n".join(told(result)))
    return result.exit_code


def check(
    config: Config, credentials: Credentials, clock: Clock, offline: bool, factory: Factory = registry.factory
) -> Result:
    """Look at everything the file speaks of, and, unless `offline`, ask everybody once."""
    credentials = cache(credentials)
    site = not config.device or config.receive != Receive()
    problems = [*_device_problems(config, credentials, factory, clock)]
    plan: Plan | None = None
    if config.device and not problems:
        try:
            plan = Plan.of(config, credentials, factory, clock)
        except DcMonitorError as error:
            problems.append(str(error))
    problems += _site_problems(config, credentials) if site else ()
    if problems:
        return Result(offline, problems=problems)
    if offline:
        devices = [DeviceResult(device.name, device.address, ok=True) for device in config.device]
        meters, figures, hints = judge(config, {}, [], clock.now())
        return Result(offline, (), devices, meters, figures, machine=[*_nothing_said(config)], hints=hints)
    return asyncio.run(_ask(config, plan, site, clock))


async def _ask(config: Config, plan: Plan | None, site: bool, clock: Clock) -> Result:
    """Devices first, servers and machine afterwards; blocking questions on threads."""
    found: dict[str, DeviceResult] = {}
    readings: list[Reading] = []
    sinks: list[SinkResult] = []
    if plan:
        found, readings = await ask_all(plan.devices, clock, Progress(len(plan.devices), sys.stderr))
        trials = (asyncio.to_thread(try_sink, one, config.receive.listen) for one in plan.sinks.values())
        sinks += await asyncio.gather(*trials)
    around = await asyncio.to_thread(lambda: list(look_around(config, plan is not None, site, clock)))
    meters, figures, hints = judge(config, found, readings, clock.now())
    return Result(
        False,
        (),
        list(found.values()),
        meters,
        figures,
        sinks,
        [*(one for one in around if isinstance(one, Part)), *_nothing_said(config)],
        [*hints, *(one for one in around if isinstance(one, str))],
    )


def _device_problems(config: Config, credentials: Credentials, factory: Factory, clock: Clock) -> Iterator[str]:
    """Of every device, where the agent would stop at the first; credentials that cannot be had are told once."""
    lost: set[str] = set()
    for device in config.device:
        if device.credentials in lost:
            continue
        try:
            table = credentials(device.credentials)
        except DcMonitorError as error:
            lost.add(device.credentials)
            yield str(error)
            continue
        try:
            factory(device.address.partition("://")[0])(device.target(clock, table))
        except DcMonitorError as error:
            sentence = str(error)
            yield sentence if sentence.startswith(f"{device.name}:") else f"{device.name}: {sentence}"


def _site_problems(config: Config, credentials: Credentials) -> Iterator[str]:
    """What would keep `dc-monitor site` from starting with this file on this machine."""
    try:
        from dc_monitor.site.service import write_token  # brings numpy and aiohttp, where they are installed
    except ModuleNotFoundError as error:
        yield f"the site needs the package {error.name}; install it with: pip install 'dc-monitor[site]'"
        return
    try:
        write_token(config, credentials)
    except DcMonitorError as error:
        yield str(error)


def _nothing_said(config: Config) -> Iterator[Part]:
    if not config.device and not config.meter and config.receive == Receive():
        yield Part(
            "file",
            False,
            "nothing is written yet: for an agent add [[device]] and [send], for a site [receive] and [[meter]]",
        )
