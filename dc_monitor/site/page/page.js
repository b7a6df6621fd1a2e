// The live page: fetch `/api/v1/now` every ten seconds, show it, and say plainly when it no longer comes.

import { agents } from "./agents.js";
import { chain } from "./chain.js";
import { Curves } from "./curves.js";
import { devices, devicesIntro } from "./devices.js";
import { el, known, record, show } from "./dom.js";
import { headline, pue } from "./figures.js";
import { LANGUAGES, Words, joined } from "./words.js";

const PERIOD = 10_000; // ms between two fetches
const SLOWEST = 300_000; // ms the wait grows to while the site does not answer
const PATIENCE = 8_000; // ms to wait for an answer
const STANDSTILL = 180_000; // ms the document's time may stand still before that is said
const QUIET = 60_000; // ms between two announcements to a screen reader
const LANGUAGE = "dc-monitor.language";

const byId = (id) => document.getElementById(id);
const curves = new Curves({
  power: byId("curve-power"), pue: byId("curve-pue"), temperature: byId("curve-temperature"),
});

let texts = null; // texts.json
let words = null; // Words of the language and time zone shown
let now = null; // the last document
let failure = null; // { code, values } of the last fetch, null when it went well
let failures = 0; // in a row
let fetched = null; // when the shown document came, by this computer's clock
let moved = 0; // when the document's time last moved on, performance.now()
let nextFetch = null; // when the next one is due, by this computer's clock
let allDevices = false;
let timer = 0;
let latest = 0; // number of the latest fetch: an answer to an earlier one (another language, another site) is dropped

const site = () => new URLSearchParams(location.search).get("site");
let language = remembered() ?? spoken() ?? "en";

function remembered() {
  try {
    const told = localStorage.getItem(LANGUAGE);
    return LANGUAGES.includes(told) ? told : null;
  } catch {
    return null; // storage is forbidden: the browser's language serves
  }
}

/** The first of the browser's languages that we speak. */
function spoken() {
  return navigator.languages.map((tag) => tag.slice(0, 2)).find((tag) => LANGUAGES.includes(tag));
}

// ---- fetching

async function refresh() {
  clearTimeout(timer);
  const number = ++latest;
  let answer;
  try {
    answer = { document: await ask() };
  } catch (error) {
    answer = { failure: failed(error) };
  }
  if (number !== latest) return;
  if (answer.document) {
    if (answer.document.time !== now?.time) moved = performance.now();
    now = answer.document;
    fetched = new Date();
    failure = null;
    failures = 0;
  } else {
    failure = answer.failure;
    failures += 1;
  }
  const wait = Math.min(PERIOD * 2 ** failures, SLOWEST);
  if (!document.hidden) timer = setTimeout(refresh, wait);
  nextFetch = new Date(Date.now() + wait);
  draw();
}

async function ask() {
  if (texts === null) texts = await json("texts.json");
  const query = new URLSearchParams({ lang: language });
  if (site()) query.set("site", site());
  const answer = await json(`api/v1/now?${query}`);
  if (record(answer) !== answer) throw new SyntaxError("not an object");
  return answer;
}

async function json(address) {
  const response = await fetch(address, { cache: "no-store", signal: AbortSignal.timeout(PATIENCE) });
  if (!response.ok) throw { status: response.status };
  return response.json();
}

/** Why a fetch failed, as the key of a text and its values. */
function failed(error) {
  if (error.status === 401 || error.status === 403) return { code: "fail.refused", values: { status: error.status } };
  if (error.status === 404 && site()) return { code: "fail.unknown", values: { site: site() } };
  if (error.status) return { code: "fail.status", values: { status: error.status } };
  if (error.name === "TimeoutError") return { code: "fail.timeout", values: { seconds: PATIENCE / 1000 } };
  if (error instanceof SyntaxError) return { code: "fail.malformed", values: {} };
  return { code: navigator.onLine ? "fail.unreachable" : "fail.offline", values: {} };
}

// ---- showing

function draw() {
  if (texts === null) return drawWithoutTexts();
  words = new Words(language, texts[language], now?.timezone);
  document.documentElement.lang = language;
  for (const node of document.querySelectorAll("[data-text]")) show(node, words.text(node.dataset.text));
  for (const node of document.querySelectorAll("[data-label]")) {
    node.setAttribute("aria-label", words.text(node.dataset.label));
  }
  for (const button of document.querySelectorAll("[data-language]")) {
    button.setAttribute("aria-pressed", button.dataset.language === language);
  }
  drawFrozen();
  byId("document").hidden = now === null;
  byId("footer").hidden = now === null;
  byId("opening").hidden = now !== null || failure !== null;
  if (now !== null) drawDocument();
}

function drawWithoutTexts() {
  if (failure === null) return;
  show(byId("opening"), "Le site ne répond pas ; nouvel essai sous peu. ",
    el("span", { lang: "en" }, "The site does not answer; trying again soon."));
}

function drawDocument() {
  const name = String(now.site ?? "dc-monitor");
  document.title = name === "dc-monitor" ? name : `${name} – dc-monitor`;
  show(byId("site"), name);
  show(byId("updated"), Number.isNaN(Date.parse(now.time)) ? null
    : words.text("updated", { day: words.day(now.time), time: words.hour(now.time), zone: words.timezone }));
  byId("simulated").hidden = now.simulated !== true;
  drawSites();
  show(byId("headline"), headline(words, record(now.headline), now.time));
  show(byId("pue"), pue(words, now.figures, now.time));
  show(byId("chain"), chain(words, now.chain));
  curves.update(words, now.curves);
  drawDevices();
  show(byId("agents"), agents(words, now.agents, now.time));
  announce();
}

function drawDevices() {
  const { table, folded } = devices(words, now.devices, now.time, allDevices);
  show(byId("devices-intro"), devicesIntro(words, now.devices));
  show(byId("devices"), table);
  byId("all-devices").hidden = folded === 0;
  show(byId("all-devices"), words.count("devices.all", folded));
}

function drawSites() {
  const names = Array.isArray(now.sites) ? now.sites.map(String) : [];
  byId("sites").hidden = names.length < 2;
  show(byId("site-choice"), names.map((name) => el("option", { value: name }, name)));
  byId("site-choice").value = String(now.site);
}

function drawFrozen() {
  const still = failure === null && now !== null && performance.now() - moved > STANDSTILL;
  byId("frozen").hidden = failure === null && !still;
  if (byId("frozen").hidden) return;
  const since = now && words.moment(now.time, fetched);
  show(byId("frozen-since"), now ? words.text("frozen.since", { time: since }) : words.text("frozen.nothing"));
  show(byId("frozen-why"), failure ? words.text(failure.code, failure.values) : words.text("frozen.still"));
  show(byId("frozen-next"), words.text("frozen.next", { time: here(nextFetch) }));
}

/** A moment of this computer's clock, with seconds. */
function here(moment) {
  return moment.toLocaleTimeString(words.locale, { hourCycle: "h23" });
}

// ---- the screen reader's headline: at the first document, then only for a change worth a sentence, a minute apart

let announced = null;

function announce() {
  const { power, battery } = record(now.headline);
  const watts = record(power).watts ?? NaN;
  const onBattery = record(battery).on_battery === true;
  const subject = [now.site, language, onBattery].join();
  if (announced?.subject === subject) {
    const near = Math.abs(watts - announced.watts) <= 0.1 * Math.abs(announced.watts);
    const sameAbsence = !known(watts) && !known(announced.watts);
    if (near || sameAbsence || performance.now() - announced.when < QUIET) return;
  }
  announced = { subject, watts, when: performance.now() };
  const sentence = words.text("announce", { site: String(now.site ?? ""), power: joined(words.watts(watts)) });
  show(byId("announcement"), sentence, onBattery && ` ${words.text("announce.battery")}`);
}

// ---- what the reader does

for (const button of document.querySelectorAll("[data-language]")) {
  button.addEventListener("click", () => {
    language = button.dataset.language;
    try {
      localStorage.setItem(LANGUAGE, language);
    } catch { /* not remembered, still switched */ }
    draw(); // our own words at once
    refresh(); // the site's sentences when it answers
  });
}
byId("site-choice").addEventListener("change", (event) => {
  const address = new URL(location.href);
  address.searchParams.set("site", event.target.value);
  history.replaceState(null, "", address);
  refresh();
});
byId("all-devices").addEventListener("click", () => {
  allDevices = true;
  drawDevices();
});
byId("retry").addEventListener("click", refresh);
addEventListener("online", refresh);
document.addEventListener("visibilitychange", () => {
  if (document.hidden) clearTimeout(timer);
  else refresh();
});

document.documentElement.lang = language;
refresh();
