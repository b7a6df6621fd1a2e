"""The demo's room without its main meter, with a declared one, and its live page in a real browser."""

import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from dc_monitor.clock import NANOSECONDS
from dc_monitor.commands.demo import SEED, SiteClient
from dc_monitor.commands.demo_room import SITE, history
from dc_monitor.simulator.physics import Room
from support.browser import browser, look
from support.processes import running, start, stop, wait_for

DAY = 86_400 * NANOSECONDS
IT_METERS = """
[[meter]]
name = "rack-a"
reads = "pdu-a/total"
role = "it"
class = 1

[[meter]]
name = "rack-b"
reads = "pdu-b/total"
role = "it"
class = 1
"""


@contextmanager
def site_of_the_demo(tmp_path: Path, port: int, meters: str, without: str) -> Iterator[SiteClient]:
    """A site with the demo's last 24 hours, all but the readings of one device."""
    config = tmp_path / "site.toml"
    config.write_text(
        f'[site]\nname = "{SITE}"\n{meters}{IT_METERS}'
        f'[receive]\nlisten = "127.0.0.1:{port}"\ndata = "{tmp_path}/data"\n',
        encoding="utf-8",
    )
    client = SiteClient(port, "")
    now = time.time_ns()
    left_out = f",device={without},".encode()
    with running("site", "-c", str(config), log=tmp_path / "log"):
        wait_for(client.healthy, 60, "a site that is well")
        for body, _ in history(Room(SEED), now - DAY, now):
            kept = [line for line in body.splitlines(keepends=True) if left_out not in line]
            client.write(b"".join(kept), len(kept))
        yield client


def pue_of_the_day(client: SiteClient) -> dict[str, Any]:
    figures = [one for one in client.now()["figures"] if one["window"] == "24h"]
    return dict(figures[0])


def test_without_the_main_meter_the_pue_is_absent_and_says_why(tmp_path: Path, free_port: Callable[[], int]) -> None:
    with site_of_the_demo(tmp_path, free_port(), "", without="main-meter") as client:
        wait_for(lambda: client.now()["figures"], 90, "a figure")
        figure = pue_of_the_day(client)

    assert (None, None, None) == (figure["value"], figure["low"], figure["high"])
    assert any("total" in sentence for sentence in figure["missing"]), figure["missing"]


def test_a_silent_main_meter_is_named(tmp_path: Path, free_port: Callable[[], int]) -> None:
    meter = '[[meter]]\nname = "utility"\nreads = "main-meter/total"\nrole = "total"\nclass = 0.5\n'
    with site_of_the_demo(tmp_path, free_port(), meter, without="main-meter") as client:
        wait_for(lambda: client.now()["figures"], 90, "a figure")
        figure = pue_of_the_day(client)

    assert figure["value"] is None
    assert any("utility" in sentence for sentence in figure["missing"]), figure["missing"]


def test_a_declared_supply_makes_an_estimate_that_says_so(tmp_path: Path, free_port: Callable[[], int]) -> None:
    """Low and high hold the truth, so the interval must, and it is wide because little is known."""
    meter = '[[meter]]\nname = "utility"\nrole = "total"\ndeclared = {low = 5000, likely = 6500, high = 9000}\n'
    now = time.time_ns()
    truth = Room(SEED).truth(now - DAY, now).pue["pdu-output"]
    with site_of_the_demo(tmp_path, free_port(), meter, without="main-meter") as client:
        wait_for(lambda: pue_of_the_day(client)["value"], 90, "a figure")
        figure = pue_of_the_day(client)

    assert "estimated" == figure["status"]
    assert figure["low"] <= truth <= figure["high"]
    assert figure["high"] - figure["low"] > 0.3
    assert any("utility" in sentence for sentence in figure["missing"] + figure["notes"])


def test_its_live_page_shows_the_pue_in_a_real_browser(tmp_path: Path, free_port: Callable[[], int]) -> None:
    """On a desk in English, on a phone in French, and Ctrl-C leaves nothing behind."""
    port = free_port()
    client = SiteClient(port, "")
    with (tmp_path / "log").open("wb") as log:
        demo = start("demo", "--port", str(port), stderr=log)
        try:
            wait_for(lambda: pue_of_demo(client), 120, "the first PUE of the demo")
            with browser() as chrome:
                for width, language, point in ((1280, "en", "."), (360, "fr", ",")):
                    look(chrome, width, language)
                    chrome.get(client.url)
                    wait_for(lambda: f"{pue_of_demo(client):.2f}".replace(".", point) in text(chrome), 30, "the PUE")  # noqa: B023
                    assert chrome.execute_script("return document.documentElement.scrollWidth") <= width
                    assert [] == [one["message"] for one in chrome.get_log("browser") if one["level"] == "SEVERE"]
            demo.send_signal(signal.SIGINT)
            assert 0 == demo.wait(30)
        finally:
            stop(demo)
    assert not client.healthy()


def pue_of_demo(client: SiteClient) -> float:
    if not client.healthy():
        return 0.0
    figures = [one for one in client.now()["figures"] if one["window"] == "24h" and one["value"]]
    return float(figures[0]["value"]) if figures else 0.0


def text(page: Any) -> str:
    return str(page.find_element("tag name", "body").text)
