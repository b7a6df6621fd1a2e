// The devices and what they last said, those in trouble first.

import { el, known, list, record, svg } from "./dom.js";
import { NONE } from "./words.js";

const SHOWN = 12;
const COLUMNS = ["state", "device", "model", "readings", "last", "message"];
const SEVERITY = { unreachable: 2, refused: 2, malformed: 2, silent: 2, partial: 1, late: 1, ok: 0 };

function severity({ state }) {
  return SEVERITY[state] ?? 1;
}

/** How many there are and how many need someone. */
export function devicesIntro(words, devices) {
  const all = list(devices);
  if (all.length === 0) return words.text("devices.none");
  const troubled = all.filter((device) => severity(device) > 0).length;
  const verdict = troubled ? words.count("devices.troubled", troubled) : words.text("devices.well");
  return words.all([words.count("devices.count", all.length), verdict]);
}

/** The devices, troubled ones first, at most `SHOWN` unless `all`; and how many there are in all. */
export function devices(words, values, now, all) {
  const sorted = [...list(values)].sort((one, other) => severity(other) - severity(one));
  if (sorted.length === 0) return { table: null, folded: 0 };
  const troubled = sorted.filter((device) => severity(device) > 0).length;
  const limit = all ? sorted.length : Math.max(SHOWN, Math.min(troubled, 50));
  const heads = COLUMNS.map((name) => words.text(`devices.${name}`));
  const table = el("table", { class: "devices", role: "table", "aria-labelledby": "devices-heading" },
    el("thead", { role: "rowgroup" },
      el("tr", { role: "row" }, heads.map((head) => el("th", { scope: "col", role: "columnheader" }, head)))),
    el("tbody", { role: "rowgroup" }, sorted.slice(0, limit).map((device) => row(words, device, now, heads))),
  );
  return { table, folded: sorted.length - Math.min(limit, sorted.length) };
}

// The roles are written out because the phone's layout lays rows out as blocks, which would hide them otherwise.
function row(words, device, now, heads) {
  const since = device.since && severity(device) > 0 && words.text("since", { time: words.moment(device.since, now) });
  const model = [device.vendor, device.model].filter(Boolean).join(" ");
  const small = (text) => text && el("span", { class: "soft" }, " ", text);
  const cell = (column, ...content) =>
    el("td", { role: "cell", class: COLUMNS[column], "data-head": heads[column] }, ...content);
  return el("tr", { role: "row", class: `severity-${severity(device)}` },
    cell(0, icon(severity(device)), words.word("device", device.state) || NONE, small(since)),
    el("th", { role: "rowheader", scope: "row" },
      el("span", { class: "name" }, String(device.name ?? NONE)), small(words.word("devicekind", device.kind))),
    cell(2, model || NONE, small(device.profile)),
    cell(3, words.number(device.readings)),
    cell(4, device.last ? words.moment(device.last, now) : NONE, small(poll(words, device))),
    cell(5, String(device.message ?? ""), small(trouble(words, device))),
  );
}

/** How long the last poll took, and how many questions of it had to be asked again. */
function poll(words, device) {
  if (!known(device.poll_seconds)) return null;
  const took = words.text("devices.took", { duration: words.brief(device.poll_seconds) });
  return words.all([took, device.retries > 0 && words.count("devices.retries", device.retries)]);
}

/** Polls of the last 24 hours that failed, by reason, and those with retries. */
function trouble(words, device) {
  const counts = Object.entries(record(device.trouble)).filter(([, count]) => count > 0)
    .map(([reason, count]) => words.text("trouble.times", {
      count: words.number(count), what: words.word(reason === "retried" ? "trouble" : "device", reason),
    }));
  return counts.length > 0 && words.text("trouble.day", { what: words.all(counts) });
}

/** A shape a severity: ring with tick, triangle, crossed square. */
function icon(level) {
  const paths = [
    ["M8 1.5a6.5 6.5 0 1 0 0 13a6.5 6.5 0 1 0 0-13z", "M5 8.2l2.1 2.1L11 6"],
    ["M8 1.8L15 14.2H1z", "M8 6.2v4M8 12v.3"],
    ["M2 2h12v12H2z", "M5.2 5.2l5.6 5.6M10.8 5.2l-5.6 5.6"],
  ][level];
  return svg("svg", { class: "icon", width: 16, height: 16, viewBox: "0 0 16 16", "aria-hidden": "true" },
    paths.map((d) => svg("path", { d })));
}
