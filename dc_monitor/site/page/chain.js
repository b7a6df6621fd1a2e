// The power chain: who feeds whom, each bar as long as its watts and standing within the bar of what feeds it.

import { el, known, list, svg } from "./dom.js";
import { hue } from "./drawing.js";
import { joined } from "./words.js";

const STATES = ["ok", "stale", "missing", "declared"];

/** Nested lists from the supplies to the loads. */
export function chain(words, meters) {
  const nodes = list(meters).filter((meter) => meter.name !== undefined);
  if (nodes.length === 0) return el("p", { class: "soft" }, words.text("chain.none"));
  const { roots, reach } = layout(nodes);
  return [
    el("ul", { class: "chain" }, roots.map((node) => branch(words, node, reach))),
    el("p", { class: "soft chain-key" }, words.text("chain.key")),
  ];
}

/**
 * The tree to draw, and the watts its widest place reaches.
 *
 * A meter fed by several is drawn once, under the first of them that exists; the others are named beside it. Meters
 * that nothing reaches (a circle, which the site refuses but a page may still receive) are drawn as supplies.
 */
function layout(meters) {
  const byName = new Map(meters.map((meter) => [meter.name, { meter, children: [], begin: 0 }]));
  const feeders = ({ meter }) => (Array.isArray(meter.fed_by) ? meter.fed_by : []);
  const roots = [];
  for (const node of byName.values()) {
    const above = byName.get(feeders(node).find((name) => name !== node.meter.name && byName.has(name)));
    (above?.children ?? roots).push(node);
  }
  let reach = 0;
  const seen = new Set();
  const place = (siblings, begin) => {
    for (const node of siblings) {
      seen.add(node);
      node.begin = begin;
      node.children = node.children.filter((child) => !seen.has(child));
      const { watts, high } = node.meter;
      const width = known(watts) ? Math.max(watts, 0) : 0;
      reach = Math.max(reach, begin + Math.max(width, known(high) ? high : 0));
      begin = Math.max(begin + width, place(node.children, begin));
    }
    return begin;
  };
  let end = place(roots, 0);
  for (const node of byName.values()) {
    if (!seen.has(node)) {
      roots.push(node);
      end = place([node], end);
    }
  }
  for (const node of byName.values()) {
    node.root = roots.includes(node);
    node.others = feeders(node).slice(node.root ? 0 : 1).map((name) => byName.get(name)?.meter.label || name);
  }
  return { roots, reach: reach || 1 };
}

function branch(words, node, reach) {
  const { meter, children } = node;
  const state = meter.state ?? (known(meter.watts) ? "ok" : "missing");
  const style = STATES.includes(state) ? state : "stale";
  const kind = meter.role === "total" ? words.word("kind", meter.kind) : "";
  return el("li", {},
    el("div", { class: `meter ${style}` },
      el("div", { class: "meter-name" },
        el("span", { class: "name" }, String(meter.label || meter.name)),
        el("span", { class: "soft" }, words.all([words.word("role", meter.role), kind])),
        node.others.length > 0 && el("span", { class: "soft" },
          words.text(node.root ? "chain.fed" : "chain.also", { feeders: node.others.join(", ") })),
      ),
      bar(node, style, reach),
      el("div", { class: "watts" }, joined(words.watts(meter.watts))),
      state !== "ok" && el("div", { class: "flag" }, flag(words, meter, state)),
    ),
    children.length > 0 && el("ul", {}, children.map((child) => branch(words, child, reach))),
  );
}

/** A bar from where the one before it ended; `style` is one of `STATES`. */
function bar({ meter, begin }, style, reach) {
  const percent = (watts) => `${Math.max(0, (watts / reach) * 100).toFixed(2)}%`;
  const mark = (low, high, y1, y2) => svg("line", { class: "cap", x1: percent(low), x2: percent(high), y1, y2 });
  const low = begin + meter.low;
  const high = begin + meter.high;
  return svg("svg", { class: `bar hue-${hue(meter.role)}`, width: "100%", height: 18, "aria-hidden": "true" },
    svg("line", { class: "track", x1: "0%", x2: "100%", y1: 17.5, y2: 17.5 }),
    known(meter.watts) && svg("rect", {
      class: "fill", x: percent(begin), width: percent(Math.max(meter.watts, 0)), y: 2, height: 14, rx: 2,
    }),
    style === "declared" && known(low) && known(high)
      && [mark(low, high, 9, 9), mark(low, low, 4, 14), mark(high, high, 4, 14)],
  );
}

function flag(words, meter, state) {
  if (state === "declared" && known(meter.low) && known(meter.high)) {
    const low = joined(words.watts(meter.low, meter.high));
    return words.text("state.declared_between", { low, high: joined(words.watts(meter.high)) });
  }
  if (state === "stale" && known(meter.age_seconds)) {
    return words.text("state.stale_since", { age: words.duration(meter.age_seconds) });
  }
  return words.word("state", state);
}

