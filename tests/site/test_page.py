"""The live page in a real browser, against invented documents of `/api/v1/now`."""

import json
import re
import threading
from collections.abc import Callable, Iterator
from datetime import datetime
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from selenium.webdriver import Chrome
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.remote.webelement import WebElement
from selenium.webdriver.support.ui import Select, WebDriverWait

import dc_monitor.site.page
from support.browser import browser, look

PAGE = Path(dc_monitor.site.page.__file__).parent
SAMPLES = Path(__file__).parent / "page_samples"
TYPES = {
    ".html": "text/html",
    ".css": "text/css",
    ".js": "text/javascript",
    ".json": "application/json",
    ".svg": "image/svg+xml",
}
PATIENCE = 10  # s, for the browser to show what it fetched


def sample(name: str) -> Any:
    """A document with its sentences in both languages, as `{"fr": …, "en": …}`."""
    return json.loads((SAMPLES / f"{name}.json").read_text("utf-8"))


def said_in(language: str, document: Any) -> Any:
    """The document as the site would answer it in one language."""
    if isinstance(document, dict):
        if {*document} == {"fr", "en"}:
            return document[language]
        return {key: said_in(language, value) for key, value in document.items()}
    return [said_in(language, value) for value in document] if isinstance(document, list) else document


def plain(text: str | None) -> str:
    """A text whose kinds of spaces are made one."""
    return " ".join((text or "").split())


class PlayedSite:
    """Serves the page's files and one document, under the strict policy of the real site."""

    def __init__(self) -> None:
        self.document: Any = {}
        self.status = 200
        self.asked: list[dict[str, list[str]]] = []
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,))
        self._thread.start()
        self.address = f"http://127.0.0.1:{self._server.server_address[1]}/"

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def _handler(self) -> type[SimpleHTTPRequestHandler]:
        site = self

        class Handler(SimpleHTTPRequestHandler):
            extensions_map = TYPES

            def __init__(self, *args: Any) -> None:
                super().__init__(*args, directory=str(PAGE))

            def log_message(self, *args: Any) -> None:
                pass

            def end_headers(self) -> None:
                self.send_header("Content-Security-Policy", "default-src 'self'")
                super().end_headers()

            def do_GET(self) -> None:
                split = urlsplit(self.path)
                if split.path != "/api/v1/now":
                    super().do_GET()
                    return
                query = parse_qs(split.query)
                site.asked.append(query)
                document = site.document
                answer = document if isinstance(document, str) else json.dumps(said_in(query["lang"][0], document))
                self.send_response(site.status)
                self.send_header("Content-Type", "application/json")
                self.end_headers()
                self.wfile.write(answer.encode())

        return Handler


class Reader:
    """Somebody with a browser."""

    def __init__(self, browser: Chrome, site: PlayedSite) -> None:
        self.browser, self.site = browser, site

    def opens(self, document: Any, language: str = "en", width: int = 1280, dark: bool = False) -> None:
        """Open the page in a browser set to `language` and wait until the document, if any, is shown."""
        self.site.document = document
        look(self.browser, width, language, dark)
        self.browser.get(self.site.address)
        self.until(lambda: self.is_shown("#document") or self.is_shown("#frozen"))

    def is_shown(self, css: str) -> bool:
        return any(element.is_displayed() for element in self.all(css))

    def find(self, css: str) -> WebElement:
        return self.browser.find_element(By.CSS_SELECTOR, css)

    def all(self, css: str) -> list[WebElement]:
        return self.browser.find_elements(By.CSS_SELECTOR, css)

    def text(self, css: str) -> str:
        """What the element says."""
        return plain(self.find(css).text)

    def texts(self, css: str) -> list[str]:
        return [plain(element.text) for element in self.all(css)]

    def runs(self, script: str, *arguments: Any) -> Any:
        return self.browser.execute_script(script, *arguments)

    def until(self, condition: Callable[[], object]) -> None:
        WebDriverWait(self.browser, PATIENCE, poll_frequency=0.05).until(lambda _: condition())

    def fetches_again(self) -> None:
        """Make the page ask now instead of in ten seconds, and wait for the request."""
        before = len(self.site.asked)
        self.runs("dispatchEvent(new Event('online'))")
        self.until(lambda: len(self.site.asked) > before)

    def complaints(self) -> list[str]:
        """What the browser's console holds: errors and breaches of the policy."""
        return [entry["message"] for entry in self.browser.get_log("browser")]


@pytest.fixture(scope="module")
def chrome() -> Iterator[Chrome]:
    with browser() as opened:
        yield opened


@pytest.fixture
def reader(chrome: Chrome) -> Iterator[Reader]:
    site = PlayedSite()
    chrome.get_log("browser")
    yield Reader(chrome, site)
    chrome.get("about:blank")
    site.close()


# ---- what is said


@pytest.mark.parametrize(
    ("language", "values", "details"),
    [
        (
            "en",
            ["4,321 W", "42.8 kWh", "€612", "24.1 °C", "42 min"],
            ["measured", "since 00:00, 95.1% of the time measured", "at €0.21 per kWh", "rack 1 top, probe-1"],
        ),
        (
            "fr",
            ["4 321 W", "42,8 kWh", "612 €", "24,1 °C", "42 min"],
            ["valeur mesurée", "depuis 00:00, 95,1 % du temps mesuré", "à 0,21 € le kWh", "baie 1, haut, probe-1"],
        ),
    ],
)
def test_five_headline_values_in_the_browsers_language(
    reader: Reader, language: str, values: list[str], details: list[str]
) -> None:
    """Watts now, energy today, cost a month, hottest inlet and battery time, written as that language writes them."""
    reader.opens(sample("usual"), language)

    assert values == reader.texts("#headline .value")
    assert details == reader.texts("#headline .detail")[:4]
    assert language == reader.runs("return document.documentElement.lang")
    assert [] == reader.complaints()


def test_pue_has_its_interval_category_and_what_is_missing(reader: Reader) -> None:
    """The number never stands alone."""
    reader.opens(sample("usual"))

    assert "1.43" == reader.text(".hero")
    assert "between 1.37 and 1.49" == reader.text(".between")
    assert "PUE, 24 h, category 1, interim" == reader.text(".pue-value .soft")
    facts = reader.texts(".facts .told")
    assert ["24 h, from 23 Nov, 11:00 to 24 Nov, 11:00", "95.1%", "1, at the UPS output", "interim"] == facts[2:6]
    assert 3 == len(reader.texts(".lacking li"))
    assert "12 months of readings would give an annual PUE; there are 2." == reader.texts(".lacking li")[2]
    drawn = plain(reader.find(".range svg").get_attribute("aria-label"))
    assert "24 h: PUE 1.43 (between 1.37 and 1.49); today: PUE 1.44 (between 1.35 and 1.53); 1 h: " in drawn


def test_pue_drawn_where_its_axis_says(reader: Reader) -> None:
    """On an axis from 1 to 2, a PUE of 1.432 stands at 43.2 %."""
    reader.opens(sample("usual"))

    assert ["43.20%", "44.10%", "38.70%"] == [dot.get_attribute("cx") for dot in reader.all(".whisker circle")]
    assert ["1.0", "1.2", "1.4", "1.6", "1.8", "2.0"] == reader.texts(".range .tick")


def test_absent_pue_shows_the_reason_and_each_absent_value_its_why(reader: Reader) -> None:
    """A figure that cannot be claimed is absent, in words, and never 0."""
    reader.opens(sample("absent"), "fr")

    assert "Aucun compteur n’a le rôle total : l’énergie du site entier n’est pas mesurée." == reader.text(".reason")
    assert [] == reader.all(".hero")
    assert ["— pas de valeur"] * 5 == reader.texts("#headline .value")
    assert "Aucun prix du kWh dans [tariff]." == reader.texts("#headline .detail")[2]
    assert 2 == len(reader.texts(".lacking li"))
    assert [] == reader.complaints()


@pytest.mark.parametrize(
    "document",
    [
        pytest.param({}, id="empty"),
        pytest.param(dict.fromkeys(sample("usual")), id="every key null"),
        pytest.param({**{key: [] for key in sample("usual")}, "figures": [{"kpi": "pue"}]}, id="empty lists"),
        pytest.param({"figures": "x", "chain": [None, 3], "curves": {"start": 1}, "devices": {}}, id="other types"),
    ],
)
def test_document_with_nothing_in_it_is_shown_as_nothing(reader: Reader, document: Any) -> None:
    """Missing keys and nulls leave a page that says so, without an error."""
    reader.opens(document)

    assert 5 == len(reader.texts("#headline .value"))
    assert "No meter has been declared yet." == reader.text("#chain")
    assert "No device has been heard of yet." == reader.text("#devices-intro")
    assert [] == reader.complaints()


def test_chain_nests_loads_under_their_supply_and_says_what_is_not_measured(reader: Reader) -> None:
    """Stale, missing and declared meters are told in words and by their drawing."""
    reader.opens(sample("usual"))

    assert ["Utility", "Roof panels"] == reader.texts(".chain > li > .meter .name")
    assert ["Racks 1 and 2"] == reader.texts(".chain > li > ul > li > ul .name")
    assert "also fed by Roof panels" in reader.text(".meter.stale .meter-name")
    assert "no news for 14 min" == reader.text(".meter.stale .flag")
    assert "not measured" == reader.text(".meter.missing .flag")
    assert "declared, between 200 W and 400 W" == reader.text(".meter.declared .flag")
    assert "hatch" in reader.find(".meter.declared .fill").value_of_css_property("fill")
    assert [] == reader.all(".meter.missing .fill")


def test_bar_begins_where_the_bar_before_it_ends(reader: Reader) -> None:
    """Within the bar that feeds them, loads stand side by side: what is left over is seen."""
    document = {"chain": [{"name": "a", "watts": 1000.0, "state": "ok"}]}
    document["chain"] += [
        {"name": name, "watts": watts, "state": "ok", "fed_by": ["a"]} for name, watts in (("b", 600.0), ("c", 300.0))
    ]
    reader.opens(document)

    bars = [(bar.get_attribute("x"), bar.get_attribute("width")) for bar in reader.all(".fill")]
    assert [("0.00%", "100.00%"), ("0.00%", "60.00%"), ("60.00%", "30.00%")] == bars


# ---- curves


def test_gap_is_a_gap_and_hours_are_the_sites_own(reader: Reader) -> None:
    """No line crosses the hour without readings; 11:00 UTC is noon in Caen in November."""
    reader.opens(sample("usual"))

    paths = [path.get_attribute("d") for path in reader.all("#curve-power .lines path")]
    assert 5 == len(paths)
    assert {2, 1} == {path.count("M") for path in paths}
    assert "12:00" == reader.texts("#curve-power .hour")[0]
    assert "Tue 24" in reader.texts("#curve-power .hour")


def test_arrow_keys_read_a_curve_and_move_all_three_cursors(reader: Reader) -> None:
    """What hovering shows, the keyboard and a screen reader get too."""
    reader.opens(sample("usual"))
    plot = reader.find("#curve-power .plot")
    plot.send_keys(Keys.END, Keys.ARROW_LEFT, Keys.PAGE_UP, Keys.ARROW_LEFT)

    said = plain(plot.get_attribute("aria-valuetext"))
    value = sample("usual")["curves"]["series"][0]["values"][287]
    assert f"at 10:55, Utility {value:,.0f} W" in said
    assert ["at 10:55"] * 3 == reader.texts(".at")
    assert 3 == len(reader.all(".cursor"))
    plot.send_keys(Keys.ESCAPE)
    assert ["latest, 11:00"] * 3 == reader.texts(".at")


def test_table_holds_every_value_of_the_curves(reader: Reader) -> None:
    """The alternative to the drawing is complete, gaps included."""
    reader.opens(sample("usual"))
    reader.find("#curve-temperature .values summary").click()

    reader.until(lambda: reader.all("#curve-temperature tbody tr"))
    first = reader.texts("#curve-temperature tbody tr:nth-child(1) > *")
    values = [series["values"] for series in sample("usual")["curves"]["temperature"]]
    assert ["23 Nov, 11:00", *(f"{series[0]:.1f} °C" for series in values)] == first
    assert len(values[0]) == len(reader.all("#curve-temperature tbody tr"))
    assert ["—"] * 3 == reader.texts("#curve-temperature tbody tr:nth-child(180) > td")


# ---- devices


def test_hundreds_of_devices_are_folded_with_the_troubled_ones_first(reader: Reader) -> None:
    """Whoever opens the page sees what needs a person; the rest is one button away."""
    document = sample("usual")
    document["devices"] = [{"name": f"pdu-{n}", "state": "ok"} for n in range(300)]
    document["devices"] += [{"name": "ups-z", "state": "unreachable", "message": "no answer in 2 s"}]
    reader.opens(document)

    assert "301 devices, 1 needs attention" == reader.text("#devices-intro")
    assert "ups-z" == reader.texts("#devices tbody .name")[0]
    assert 12 == len(reader.all("#devices tbody tr"))
    assert "Show 289 more devices" == reader.text("#all-devices")
    reader.find("#all-devices").click()
    assert 301 == len(reader.all("#devices tbody tr"))


@pytest.mark.parametrize(
    ("language", "took", "trouble"),
    [
        (
            "en",
            "10:46 took 9.4 s, 3 retries",
            "in 24 hours: 2 × partial answer, 1 × unreachable, 14 × with retries",
        ),
        (
            "fr",
            "10:46 en 9,4 s, 3 nouveaux essais",
            "sur 24 heures : 2 × réponse partielle, 1 × injoignable, 14 × avec nouvel essai",
        ),
    ],
)
def test_a_device_tells_how_long_it_took_and_how_often_it_failed(
    reader: Reader, language: str, took: str, trouble: str
) -> None:
    """A device that answers only the third time is seen before it is lost."""
    reader.opens(sample("usual"), language)
    rows = dict(zip(reader.texts("#devices tbody .name"), reader.all("#devices tbody tr"), strict=True))

    def said(device: str, column: str) -> str:
        return plain(rows[device].find_element(By.CSS_SELECTOR, f".{column}").text)

    assert took == said("pdu-3", "last")
    assert said("pdu-3", "message").endswith(trouble)
    assert "" == said("ups-a", "message")


@pytest.mark.parametrize(
    ("language", "takes", "warned"),
    [
        (
            "en",
            "server-host 31.2 MB of memory, 0.27% of a processor core, 24 open files, about 52 mW of electricity,"
            " 8.4 Wh since it started, 182,334 readings, nothing waiting to be sent, seen at 10:59",
            "no news since 10:54, up to 3.2 s behind with its work,"
            " in 24 hours: 120,400 lines thinned to means, 1 line lost for want of room, 37 polls missed",
        ),
        (
            "fr",
            "server-host 31,2 Mo de mémoire, 0,27 % d’un cœur de processeur, 24 fichiers ouverts, environ 52 mW"
            " d’électricité, 8,4 Wh depuis son démarrage, 182 334 mesures, rien en attente d’envoi, vu à 10:59",
            "sans nouvelles depuis 10:54, jusqu’à 3,2 s de retard sur son travail, sur 24 heures :"
            " 120 400 lignes réduites à des moyennes, 1 ligne perdue faute de place, 37 interrogations manquées",
        ),
    ],
)
def test_agents_tell_what_they_take_and_warn_of_what_they_lost(
    reader: Reader, language: str, takes: str, warned: str
) -> None:
    """The monitoring is not silent about itself; an agent that is well has no warning."""
    reader.opens(sample("usual"), language)

    assert takes == reader.texts("#agents li")[0]
    assert [warned] == reader.texts("#agents .caution")
    assert "electricity" not in reader.texts("#agents li")[1]


# ---- language, site, failures


def test_chosen_language_is_kept(reader: Reader) -> None:
    """A choice outlives a reload, and the site's own sentences follow it."""
    reader.opens(sample("usual"), "en")
    reader.find("[data-language=fr]").click()
    reader.until(lambda: reader.texts("#headline h3")[:1] == ["Puissance actuelle"])
    reader.until(lambda: "12 mois" in reader.text(".lacking"))

    reader.opens(sample("usual"), "en")
    assert "Énergie aujourd’hui" == reader.texts("#headline h3")[1]
    assert "true" == reader.find("[data-language=fr]").get_attribute("aria-pressed")
    assert ["fr"] == reader.site.asked[-1]["lang"]


def test_other_site_is_asked_for(reader: Reader) -> None:
    """With several sites there is a choice, and the address keeps it."""
    reader.opens(sample("usual"))
    Select(reader.find("#site-choice")).select_by_visible_text("Hérouville-2")

    reader.until(lambda: reader.site.asked[-1].get("site") == ["Hérouville-2"])
    assert "site=H" in reader.browser.current_url


@pytest.mark.parametrize(
    ("status", "document", "reason"),
    [
        (401, {}, "The site refuses access to this page (answer 401): ask the person who runs it for access."),
        (503, {}, "The site answered with an error (503)."),
        (200, "<html>", "The site’s answer cannot be read."),
        (200, [], "The site’s answer cannot be read."),
    ],
)
def test_failure_is_said_with_since_when_and_ends_with_the_next_answer(
    reader: Reader, status: int, document: Any, reason: str
) -> None:
    """Old values stay, marked as old; the banner goes when the site answers again."""
    reader.opens(sample("usual"))
    assert not reader.is_shown("#frozen")
    reader.site.status, reader.site.document = status, document
    reader.fetches_again()

    reader.until(lambda: reader.is_shown("#frozen"))
    assert "Values stand still since" in reader.text("#frozen-since")
    assert "11:00." in reader.text("#frozen-since")
    assert reason == reader.text("#frozen-why")
    assert "4,321 W" == reader.texts("#headline .value")[0]
    reader.site.status, reader.site.document = 200, sample("usual")
    reader.find("#retry").click()
    reader.until(lambda: not reader.is_shown("#frozen"))


def test_wait_doubles_while_the_site_does_not_answer(reader: Reader) -> None:
    """A site in trouble is not asked every ten seconds by every open page."""
    reader.site.status = 503
    reader.opens({})
    waits = []
    for _ in range(3):
        told = re.search(r"\d\d:\d\d:\d\d", reader.text("#frozen-next"))
        assert told is not None
        waits.append((datetime.strptime(told[0], "%H:%M:%S") - datetime.now()).total_seconds() % 86400)
        before = reader.text("#frozen-next")
        reader.find("#retry").click()
        reader.until(lambda before=before: reader.text("#frozen-next") != before)

    assert "No value has been received yet." == reader.text("#frozen-since")
    assert [True] * 3 == [abs(wait - expected) < 8 for wait, expected in zip(waits, (20, 40, 80), strict=True)]


def test_new_document_leaves_the_reader_undisturbed(reader: Reader) -> None:
    """An opened explanation stays open and the focus where it was; nothing is announced for an equal headline."""
    document = sample("usual")
    reader.opens(document)
    summary = reader.find(".facts details:nth-child(5) summary")
    summary.click()
    said = reader.runs("return document.querySelector('#announcement').textContent")
    document["headline"]["power"]["watts"] = 4400.0
    reader.fetches_again()
    reader.until(lambda: reader.texts("#headline .value")[0] == "4,400 W")

    assert "Caen-1: power now 4,321 W." == plain(said)
    assert said == reader.runs("return document.querySelector('#announcement').textContent")
    assert reader.is_shown(".facts details:nth-child(5) p")
    assert summary == reader.browser.switch_to.active_element


# ---- for everyone


@pytest.mark.parametrize("name", ["usual", "absent", "hostile"])
def test_phone_never_scrolls_sideways(reader: Reader, name: str) -> None:
    """At 360 px everything fits, however long the names."""
    reader.opens(sample(name), width=360)

    assert 360 == reader.runs("return document.documentElement.scrollWidth")


def test_keyboard_reaches_everything_and_shows_where_it_is(reader: Reader) -> None:
    """Every control is on the way of the Tab key, with a visible outline."""
    reader.opens({**sample("usual"), "devices": [{"name": f"pdu-{n}"} for n in range(60)]})
    controls = reader.runs("""
        const all = document.querySelectorAll("a[href], button, select, summary, [tabindex='0']");
        return [...all].filter((one) => one.checkVisibility({ contentVisibilityAuto: true })).length;
    """)
    reached = set()
    for _ in range(controls):
        reader.browser.switch_to.active_element.send_keys(Keys.TAB)
        reached.add(reader.browser.switch_to.active_element)
        assert "solid" == reader.browser.switch_to.active_element.value_of_css_property("outline-style")

    assert controls == len(reached)
    assert controls >= 20


CONTRAST = """
const light = (part) => (part /= 255) <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4;
const colour = (text) => text.match(/[\\d.]+/g).map(Number);
const luminance = ([r, g, b]) => 0.2126 * light(r) + 0.7152 * light(g) + 0.0722 * light(b);
const behind = (node) => {
  for (; node; node = node.parentElement) {
    const told = colour(getComputedStyle(node).backgroundColor);
    if (told.length === 3 || told[3] === 1) return told;
  }
};
const texts = [...document.querySelectorAll("body *")].filter((node) => node.checkVisibility()
  && [...node.childNodes].some((child) => child.nodeType === 3 && child.data.trim()));
return texts.map((node) => {
  const style = getComputedStyle(node);
  const ink = luminance(colour(node instanceof SVGElement ? style.fill : style.color));
  const paper = luminance(behind(node));
  return [(Math.max(ink, paper) + 0.05) / (Math.min(ink, paper) + 0.05), node.textContent.slice(0, 60)];
});
"""


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_every_text_stands_out_from_its_ground(reader: Reader, dark: bool) -> None:
    """WCAG 2.2 AA: a contrast of 4.5 or more, for every text there is."""
    document = sample("usual")
    document["headline"]["battery"]["on_battery"] = True
    reader.opens(document, dark=dark)
    reader.site.status = 503
    reader.fetches_again()
    reader.until(lambda: reader.is_shown("#frozen"))
    reader.runs("for (const one of document.querySelectorAll('details')) one.open = true")

    ground = reader.runs("return getComputedStyle(document.body).backgroundColor")
    assert dark == (sum(map(int, re.findall(r"\d+", ground))) < 200)
    measured = reader.runs(CONTRAST)
    assert len(measured) > 150
    assert [] == [(round(ratio, 2), text) for ratio, text in measured if ratio < 4.5]


def test_hostile_names_are_only_text(reader: Reader) -> None:
    """Markup in a name is shown as it was written, and nothing in it runs."""
    reader.opens(sample("hostile"))
    for summary in reader.all("summary"):
        summary.click()

    markup = sample("hostile")["site"]
    assert markup == reader.text("h1")
    assert markup in reader.texts(".lacking li")
    assert f"{markup} in 24 hours: 3 × {markup}, 2 × __proto__" in reader.texts("#devices .message")
    assert 0 == reader.runs("return document.querySelectorAll('img, main b').length")
    assert "owned" != reader.browser.title
    assert [] == reader.complaints()


# ---- the files


def test_both_languages_have_the_same_texts_and_blanks() -> None:
    """A text in one language only would show its key to somebody."""
    texts = json.loads((PAGE / "texts.json").read_text("utf-8"))
    blanks = {
        language: {key: sorted(re.findall(r"\{\w+\}", text)) for key, text in spoken.items()}
        for language, spoken in texts.items()
    }

    assert ["en", "fr"] == sorted(texts)
    assert blanks["fr"] == blanks["en"]


def test_every_text_the_page_asks_for_exists() -> None:
    """Keys written out in the sources are keys of texts.json."""
    texts = json.loads((PAGE / "texts.json").read_text("utf-8"))["fr"]
    sources = "".join(path.read_text("utf-8") for path in PAGE.iterdir() if path.suffix in (".js", ".html"))
    asked = {*re.findall(r'words\.text\("([\w.]+)"', sources), *re.findall(r'data-(?:text|label)="([\w.]+)"', sources)}
    counted = {f"{key}.{form}" for key in re.findall(r'words\.count\("([\w.]+)"', sources) for form in ("one", "other")}

    assert len(asked) > 40
    assert set() == (asked | counted) - {*texts}


def test_french_keeps_narrow_spaces_before_double_punctuation() -> None:
    """French typography: U+202F before ; : ! ? % and inside « »."""
    texts = json.loads((PAGE / "texts.json").read_text("utf-8"))["fr"]

    assert [] == [text for text in texts.values() if re.search(r"[^\u202f][;:!?%»]|«[^\u202f]|'", text)]


def test_page_asks_nothing_of_the_outside_and_carries_no_inline_code() -> None:
    """It works without the Internet and under `default-src 'self'`."""
    for path in PAGE.iterdir():
        if path.suffix in (".html", ".css", ".js", ".svg"):
            source = path.read_text("utf-8").replace("http://www.w3.org/2000/svg", "")
            assert [] == re.findall(r"https?://|@import|data:|innerHTML|outerHTML|insertAdjacentHTML", source), path
            assert [] == re.findall(r"\sstyle=|\son\w+=\"|<style|javascript:", source), path
