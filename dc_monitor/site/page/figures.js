// What anyone understands first, then the PUE with its interval and what is missing.

import { el, known, list, record, sentences, svg } from "./dom.js";
import { scale } from "./drawing.js";
import { NONE, joined } from "./words.js";

const ROW = 34; // px, one window in the drawing of the interval
const LINEAGE = ["meter", "role", "method", "energy", "accuracy", "coverage"];
const NUMBERS = ["energy", "accuracy", "coverage"];

/** The five cards of the headline. */
export function headline(words, values, now) {
  const power = record(values.power);
  const energy = record(values.energy_today);
  const cost = record(values.cost_month);
  const inlet = record(values.hottest_inlet);
  const battery = record(values.battery);
  const price = words.money(cost.price_per_kwh, cost.currency, 2);
  return [
    card(words, "power", words.watts(power.watts), power.why, [words.word("method", power.method)]),
    card(words, "energy_today", words.kilowattHours(energy.kwh), energy.why, [
      energy.since && words.text("since", { time: words.moment(energy.since, now) }),
      known(energy.coverage) && words.text("covered", { share: words.share(energy.coverage) }),
    ]),
    card(words, "cost_month", words.money(cost.amount, cost.currency, cost.amount < 100 ? 2 : 0), cost.why, [
      known(cost.price_per_kwh) && words.text("price", { price: joined(price) }),
    ]),
    card(words, "hottest_inlet", words.celsius(inlet.celsius), inlet.why, [inlet.label || inlet.point, inlet.device]),
    card(words, "battery", minutes(words, battery.minutes), battery.why, [
      typeof battery.on_battery === "boolean" && words.text(battery.on_battery ? "battery.on" : "battery.off"),
      known(battery.charge) && words.text("battery.charge", { share: words.share(battery.charge) }),
    ], battery.on_battery === true),
  ];
}

function card(words, name, quantity, why, details, alarming = false) {
  const absent = quantity.number === NONE;
  const unit = quantity.unit && el("span", { class: "unit" }, quantity.unit);
  const value = quantity.first ? [unit, quantity.number] : [quantity.number, unit && [" ", unit]];
  return el("li", { class: `card ${name}${absent ? " absent" : ""}${alarming ? " alarming" : ""}` },
    el("h3", {}, words.text(name)),
    el("p", { class: "value" }, absent ? nothing(words) : value),
    el("p", { class: "detail" }, absent ? why || words.text("why.unknown") : words.all(details)),
  );
}

/** A dash for the eye, words for the ear. */
function nothing(words) {
  return [el("span", { "aria-hidden": "true" }, NONE), el("span", { class: "hidden" }, words.text("no_value"))];
}

function minutes(words, value) {
  if (!known(value)) return { number: NONE, unit: "" };
  if (value >= 600) return { number: words.number(value / 60), unit: "h" };
  return { number: words.number(value), unit: "min" };
}

/** The PUE over its windows; the first one told is the one in large. */
export function pue(words, figures, now) {
  const windows = list(figures).filter((figure) => figure.kpi === "pue");
  const figure = windows[0];
  if (!figure) return el("p", { class: "reason" }, words.text("pue.none"));
  const shown = windows.filter((one) => known(one.value));
  return [
    el("div", { class: "pue" },
      el("div", { class: "pue-value" }, known(figure.value) ? claimed(words, figure) : absent(words, figure)),
      el("div", {}, shown.length > 0 && range(words, shown), missing(words, figure)),
    ),
    el("div", { class: "facts" }, facts(words, figure, now)),
    notes(words, figure),
    lineage(words, figure),
  ];
}

function claimed(words, figure) {
  const value = words.number(figure.value, 2);
  const told = [
    "PUE", words.window(figure.window),
    known(figure.category) && words.text("category.short", { number: figure.category }),
    figure.status && words.word("status", figure.status),
  ];
  return [
    el("p", { class: "soft" }, words.all(told)),
    el("p", { class: "hero" }, value),
    interval(words, figure) && el("p", { class: "between" }, interval(words, figure)),
    el("p", { class: "meaning" }, words.text("pue.meaning", { value })),
  ];
}

function absent(words, figure) {
  const [reason] = [...sentences(figure.missing), ...sentences(figure.notes), words.text("why.unknown")];
  const told = words.text("pue.absent", { window: words.window(figure.window) });
  return [el("p", { class: "soft" }, told), el("p", { class: "reason" }, reason)];
}

function interval(words, { low, high }) {
  return known(low) && known(high)
    && words.text("between", { low: words.number(low, 2), high: words.number(high, 2) });
}

/** Value and interval of each window on one axis that begins at 1, the best there can be. */
function range(words, windows) {
  const ends = windows.flatMap(({ value, low, high }) => [value, low, high]).filter(known);
  const { low, high, ticks } = scale(Math.min(1, ...ends), Math.max(2, ...ends), 5);
  const at = (value) => `${(((value - low) / (high - low)) * 100).toFixed(2)}%`;
  const height = 26 + windows.length * ROW;
  return el("figure", { class: "range" },
    el("figcaption", {}, words.text("range")),
    el("div", { class: "range-names", "aria-hidden": "true" },
      windows.map((one) => el("span", {}, words.window(one.window)))),
    svg("svg", { width: "100%", height, role: "img", "aria-label": described(words, windows) },
      ticks.map((tick) => [
        svg("line", { class: "grid", x1: at(tick), x2: at(tick), y1: 0, y2: height - 22 }),
        svg("text", { class: "tick", x: at(tick), y: height - 5, "text-anchor": "middle" }, words.number(tick, 2, 1)),
      ]),
      windows.map((one, row) => whisker(one, at, (row + 0.5) * ROW, row)),
    ),
  );
}

function whisker({ value, low, high }, at, y, row) {
  return svg("g", { class: row ? "whisker second" : "whisker" },
    known(low) && known(high) && [
      svg("line", { class: "band", x1: at(low), x2: at(high), y1: y, y2: y }),
      svg("line", { class: "cap", x1: at(low), x2: at(low), y1: y - 7, y2: y + 7 }),
      svg("line", { class: "cap", x1: at(high), x2: at(high), y1: y - 7, y2: y + 7 }),
    ],
    svg("circle", { cx: at(value), cy: y, r: row ? 5 : 6.5 }),
  );
}

function described(words, windows) {
  return windows.map((one) => {
    const told = interval(words, one);
    return `${words.window(one.window)}: PUE ${words.number(one.value, 2)}${told ? ` (${told})` : ""}`;
  }).join("; ");
}

/** What the figure is, over what, how sure and from where: each explained in place. */
function facts(words, figure, now) {
  const period = figure.from && figure.to && words.period(figure.from, figure.to, now);
  const where = new Set([figure.category, words.word("category", figure.category)].map(String));
  const told = {
    pue: words.text("pue.formula"),
    interval: interval(words, figure) || NONE,
    window: words.all([words.window(figure.window), period]) || NONE,
    coverage: words.share(figure.coverage),
    category: known(figure.category) ? words.all([...where]) : words.text("category.unknown"),
    status: words.word("status", figure.status) || NONE,
    boundary: words.word("boundary", figure.boundary) || NONE,
    edition: String(figure.edition ?? NONE),
  };
  return Object.entries(told).map(([name, value]) => el("details", {},
    el("summary", {},
      el("span", { class: "label" }, words.text(`fact.${name}`)), " ", el("span", { class: "told" }, value)),
    el("p", {}, words.text(`explain.${name}`)),
  ));
}

function missing(words, figure) {
  const lacking = sentences(figure.missing);
  return [
    el("h3", {}, words.text("missing")),
    lacking.length > 0
      ? el("ul", { class: "lacking" }, lacking.map((sentence) => el("li", {}, sentence)))
      : el("p", { class: "soft" }, words.text(known(figure.value) ? "missing.nothing" : "missing.untold")),
  ];
}

function notes(words, figure) {
  const told = sentences(figure.notes);
  return told.length > 0 && [
    el("h3", {}, words.text("notes")),
    el("ul", { class: "notes" }, told.map((sentence) => el("li", {}, sentence))),
  ];
}

/** Which meters the figure was made of. */
function lineage(words, figure) {
  const rows = list(figure.lineage);
  if (rows.length === 0) return null;
  const title = words.text("lineage");
  const cell = (name, text) => el("td", { class: NUMBERS.includes(name) && "number" }, text);
  return el("details", { class: "lineage" },
    el("summary", {}, title),
    el("div", { class: "scroll", tabindex: 0, role: "region", "aria-label": title },
      el("table", {},
        el("thead", {}, el("tr", {}, LINEAGE.map((name) =>
          el("th", { scope: "col", class: NUMBERS.includes(name) && "number" }, words.text(`lineage.${name}`))))),
        el("tbody", {}, rows.map((row) => el("tr", {},
          el("th", { scope: "row" }, String(row.meter ?? NONE)),
          cell("role", words.word("role", row.role)),
          cell("method", words.word("method", row.method)),
          cell("energy", joined(words.kilowattHours(known(row.joules) ? row.joules / 3.6e6 : null))),
          cell("accuracy", accuracy(words, row)),
          cell("coverage", words.share(row.coverage)),
        ))),
      ),
    ),
  );
}

function accuracy(words, row) {
  if (!known(row.accuracy)) return NONE;
  const told = `± ${words.number(row.accuracy, 1, 0)}${words.text("percent")}`;
  return row.assumed === true ? `${told} ${words.text("lineage.assumed")}` : told;
}
