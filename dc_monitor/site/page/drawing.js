// What the drawings of the page share.

import { known } from "./dom.js";

const HUES = ["total", "it", "ups", "cooling", "distribution", "lighting", "reuse", "water"];

/** The colour of a role, the same in the chain and in the curves. */
export function hue(role) {
  return HUES.includes(role) ? role : "other";
}

/** The lowest and the highest of the numbers among `values`. */
export function extent(values) {
  return values.filter(known).reduce(([low, high], value) => [Math.min(low, value), Math.max(high, value)],
    [Infinity, -Infinity]);
}

/** Round ends and about `count` ticks (steps of 1, 2 or 5 × 10ⁿ) around [low, high]. */
export function scale(low, high, count) {
  const rough = (high - low || Math.abs(high) || 1) / count;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].map((digit) => digit * power).find((size) => size >= rough * 0.999);
  const first = Math.floor(low / step + 1e-9);
  const last = Math.max(first + 1, Math.ceil(high / step - 1e-9));
  const ticks = Array.from({ length: last - first + 1 }, (_, nth) => (first + nth) * step);
  return { low: first * step, high: last * step, ticks };
}
