// The last hours as curves: what each chart draws, on one time axis and with one cursor.

import { Chart } from "./chart.js";
import { known, list, record } from "./dom.js";
import { extent, hue } from "./drawing.js";
import { NONE } from "./words.js";

const FIRST = { total: 0, it: 1 }; // roles drawn before all others
const HUES = ["ups", "it", "cooling", "distribution", "reuse", "lighting"]; // of lines that have no role

/** The charts of the page, by name, and the cursor they share. */
export class Curves {
  #charts;
  #cursor = null;

  constructor(figures) {
    const move = (cursor) => this.#point(cursor);
    this.#charts = Object.entries(figures).map(([name, figure]) => new Chart(name, figure, move));
  }

  update(words, document) {
    const curves = record(document);
    const start = Date.parse(curves.start);
    const step = curves.step_seconds * 1000;
    const axis = known(start) && step > 0 ? { start, step } : null;
    for (const chart of this.#charts) chart.update(words, axis, CONTENT[chart.name](words, curves));
    this.#point(this.#cursor);
  }

  #point(cursor) {
    this.#cursor = cursor;
    for (const chart of this.#charts) chart.point(cursor);
  }
}

/**
 * What each chart draws: `lines` in the order of the legend, `height` in px, values its axis `must` show, a `band` of
 * the ground, and how a value (or a tick of the axis) is written.
 */
const CONTENT = {
  power(words, curves) {
    const lines = list(curves.series).map((one) => line(one, hue(one.role)));
    lines.sort((one, other) => (FIRST[one.hue] ?? 2) - (FIRST[other.hue] ?? 2) || mean(other) - mean(one));
    const [, highest] = extent(lines.flatMap(({ values }) => values));
    return { lines, height: 280, must: [0], write: (value) => words.watts(value, highest) };
  },

  pue(words, curves) {
    const lines = Array.isArray(curves.pue) ? [line({ name: "PUE", values: curves.pue }, "total")] : [];
    const write = (value, tick) => ({ number: words.number(value, 2, tick ? 1 : 2), unit: "" });
    return { lines, height: 200, must: [1, 1.5], write };
  },

  temperature(words, curves) {
    const lines = list(curves.temperature).map((one) => line(one));
    lines.sort((one, other) => mean(other) - mean(one));
    lines.forEach((one, nth) => { one.hue = HUES[nth % HUES.length]; });
    // ASHRAE TC 9.9, Thermal Guidelines for Data Processing Environments, 5th ed. (2021): recommended inlet, A1 to A4
    const band = { low: 18, high: 27, told: words.text("curve.recommended") };
    return { lines, height: 200, must: [18, 27], band, write: (value, tick) => words.celsius(value, tick ? 0 : 1) };
  },
};

function line({ label, name, values }, hue) {
  return { name: String(label || name || NONE), hue, values: Array.isArray(values) ? values : [] };
}

function mean({ values }) {
  const told = values.filter(known);
  return told.length > 0 ? told.reduce((sum, value) => sum + value, 0) / told.length : -Infinity;
}
