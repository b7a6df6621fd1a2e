// One chart: lines over time with gaps left as gaps, a legend that reads them at the cursor, and a table of all values.

import { el, known, show, svg } from "./dom.js";
import { extent, scale } from "./drawing.js";
import { joined } from "./words.js";

const TOP = 14; // px above and below the lines
const BOTTOM = 26;
const TOLD = 8; // lines with a colour and a place in the legend; further ones are thin, grey and in the table
const LEAP = 12; // samples a Page key moves the cursor
const QUARTER = 900e3; // ms; clocks of the world differ from UTC by whole quarters of an hour
const HOUR = 3600e3;

export class Chart {
  #title = el("h3");
  #at = el("p", { class: "at" });
  #empty = el("p", { class: "none soft" });
  #legend = el("ul", { class: "legend" });
  #canvas = svg("svg", { width: "100%", "aria-hidden": "true" });
  #marks = svg("g", { class: "marks" });
  #plot = el("div", { class: "plot", role: "slider", tabindex: 0, "aria-valuemin": 0 }, this.#canvas);
  #more = el("p", { class: "more soft" });
  #summary = el("summary");
  #table = el("div", { class: "scroll", tabindex: 0, role: "region" });
  #details = el("details", { class: "values" }, this.#summary, this.#table);

  #words;
  #axis; // { start, step } in ms
  #content;
  #lines = []; // those with a value
  #last = 0; // index of the last sample
  #scale;

  /** Build inside `figure`; `move` is called with the sample the reader points at, null when with none. */
  constructor(name, figure, move) {
    this.name = name;
    const caption = el("figcaption", {}, this.#title, this.#at);
    figure.append(caption, this.#empty, this.#legend, this.#plot, this.#more, this.#details);
    this.#plot.addEventListener("pointermove", (event) => {
      const { left, width } = this.#canvas.getBoundingClientRect();
      move(Math.round(((event.clientX - left) / width) * this.#last));
    });
    this.#plot.addEventListener("pointerleave", () => move(null));
    this.#plot.addEventListener("blur", () => move(null));
    this.#plot.addEventListener("keydown", (event) => {
      const here = Number(this.#plot.getAttribute("aria-valuenow"));
      const goal = {
        ArrowLeft: here - 1, ArrowDown: here - 1, ArrowRight: here + 1, ArrowUp: here + 1,
        PageDown: here - LEAP, PageUp: here + LEAP, Home: 0, End: this.#last, Escape: null,
      }[event.key];
      if (goal === undefined) return;
      event.preventDefault();
      move(goal);
    });
    this.#details.addEventListener("toggle", () => this.#tabulate());
  }

  /** Draw `content` (see curves.js); `axis` is null when the document tells no times. */
  update(words, axis, content) {
    this.#words = words;
    this.#axis = axis;
    this.#content = content;
    this.#lines = content.lines.filter(({ values }) => values.some(known));
    this.#last = Math.max(0, ...content.lines.map(({ values }) => values.length - 1));
    const drawable = axis !== null && this.#lines.length > 0 && this.#last > 0;
    const further = this.#lines.length - TOLD;
    const name = words.text(`curve.${this.name}`);
    for (const part of [this.#at, this.#legend, this.#plot, this.#details]) part.hidden = !drawable;
    this.#empty.hidden = drawable;
    this.#more.hidden = !drawable || further <= 0;
    show(this.#title, name);
    show(this.#empty, words.text("curve.none"));
    show(this.#more, words.count("curve.more", further));
    show(this.#summary, words.text("curve.table"));
    this.#plot.setAttribute("aria-label", words.text("curve.slider", { curve: name }));
    this.#table.setAttribute("aria-label", name);
    if (drawable) this.#draw();
    this.#tabulate();
  }

  /** Read the lines at one sample; at the newest one when `cursor` is null. */
  point(cursor) {
    if (this.#plot.hidden) return;
    const { write, band, height } = this.#content;
    const index = cursor === null ? this.#newest() : Math.min(Math.max(cursor, 0), this.#last);
    const told = this.#lines.slice(0, TOLD).map((line, nth) => {
      const value = line.values[index];
      return { name: line.name, look: look(line, nth), value, text: joined(write(value)) };
    });
    const time = this.#words.moment(this.#time(index), this.#time(this.#last));
    const when = this.#words.text(cursor === null ? "curve.latest" : "curve.at", { time });
    const x = this.#x(index);
    show(this.#at, when);
    show(this.#legend,
      told.map(({ name, look, text }) =>
        entry(name, text, svg("line", { class: `line ${look}`, x1: 1, x2: 25, y1: 5, y2: 5 }))),
      band && entry(band.told, "", svg("rect", { class: "band", width: 26, height: 10 })),
    );
    show(this.#marks, cursor !== null && [
      svg("line", { class: "cursor", x1: x, x2: x, y1: TOP, y2: height - BOTTOM }),
      told.map(({ look, value }) => known(value) && svg("circle", { class: look, cx: x, cy: this.#y(value), r: 4 })),
    ]);
    const spoken = [when, ...told.map(({ name, text }) => `${name} ${text}`)].join(this.#words.text("join"));
    this.#plot.setAttribute("aria-valuemax", this.#last);
    this.#plot.setAttribute("aria-valuenow", index);
    this.#plot.setAttribute("aria-valuetext", spoken);
  }

  #draw() {
    const { height, must, band } = this.#content;
    const [low, high] = extent([...must, ...this.#lines.flatMap(({ values }) => values)]);
    this.#scale = scale(low, high, Math.round(height / 50));
    this.#canvas.setAttribute("height", height);
    const inner = height - TOP - BOTTOM;
    // The inner drawing is stretched to the width there is; its strokes are not (vector-effect in page.css).
    const viewBox = `0 0 ${this.#last} ${inner}`;
    const frame = { class: "lines", y: TOP, width: "100%", height: inner, viewBox, preserveAspectRatio: "none" };
    const paths = this.#lines.map((line, nth) =>
      svg("path", { class: `line ${look(line, nth)}`, d: this.#path(line) }));
    show(this.#canvas,
      band && svg("rect", {
        class: "band", width: "100%", y: this.#y(band.high), height: this.#y(band.low) - this.#y(band.high),
      }),
      this.#levels(),
      this.#hours(),
      svg("svg", frame, paths.reverse()), // the first lies on top
      this.#lines.map((line, nth) => this.#lone(line, look(line, nth))),
    );
    this.#canvas.append(this.#marks);
  }

  /** The grid's levels, the unit above the highest. */
  #levels() {
    return this.#scale.ticks.map((tick, nth, { length }) => {
      const { number, unit } = this.#content.write(tick, true);
      const y = this.#y(tick);
      return [
        svg("line", { class: "grid", x2: "100%", y1: y, y2: y }),
        svg("text", { class: "tick", x: -8, y: y + 4, "text-anchor": "end" }, number),
        nth === length - 1 && svg("text", { class: "tick", x: -8, y: y - 9, "text-anchor": "end" }, unit),
      ];
    });
  }

  /** Marks at whole hours of the site's own clock, on days of 23 and 25 hours too; midnight is told by its day. */
  #hours() {
    const { start } = this.#axis;
    const end = this.#time(this.#last);
    const every = [1, 3, 6, 12].find((hours) => (end - start) / HOUR / hours <= 9) ?? 24;
    const bottom = this.#content.height - BOTTOM;
    const marks = [];
    for (let time = Math.ceil(start / QUARTER) * QUARTER; time <= end && marks.length < 60; time += QUARTER) {
      const told = this.#words.hour(time);
      const [hour, minute] = told.split(":").map(Number);
      if (minute !== 0 || hour % every !== 0) continue;
      const x = `${(((time - start) / (end - start)) * 100).toFixed(3)}%`;
      const midnight = hour === 0;
      marks.push(svg("g", { class: hour % (every * 2) ? "hour minor" : "hour" },
        svg("line", { class: midnight && "midnight", x1: x, x2: x, y1: midnight ? TOP : bottom, y2: bottom + 5 }),
        svg("text", { class: "tick", x, y: bottom + 19, "text-anchor": "middle" },
          midnight ? this.#words.weekday(time) : told),
      ));
    }
    return marks;
  }

  #path({ values }) {
    let path = "";
    values.forEach((value, at) => {
      if (!known(value)) return;
      path += `${known(values[at - 1]) ? "L" : "M"}${at} ${(this.#y(value) - TOP).toFixed(1)}`;
    });
    return path;
  }

  /** Values with a gap on both sides, which no line would show. */
  #lone({ values }, look) {
    return values.map((value, at) => known(value) && !known(values[at - 1]) && !known(values[at + 1])
      && svg("circle", { class: `lone ${look}`, cx: this.#x(at), cy: this.#y(value), r: 2 }));
  }

  /** The table is made when it is opened: a day of many lines is thousands of cells. */
  #tabulate() {
    if (!this.#details.open || this.#plot.hidden) return show(this.#table);
    const heads = [this.#words.text("time"), ...this.#lines.map(({ name }) => name)];
    const samples = Array.from({ length: this.#last + 1 }, (_, index) => index);
    show(this.#table, el("table", {},
      el("thead", {}, el("tr", {}, heads.map((head) => el("th", { scope: "col" }, head)))),
      el("tbody", {}, samples.map((index) => el("tr", {},
        el("th", { scope: "row" }, this.#words.moment(this.#time(index), this.#time(this.#last))),
        this.#lines.map(({ values }) => el("td", { class: "number" }, joined(this.#content.write(values[index])))),
      ))),
    ));
  }

  /** The last sample at which any line has a value. */
  #newest() {
    return Math.max(...this.#lines.map(({ values }) => values.findLastIndex(known)));
  }

  #time(index) {
    return this.#axis.start + index * this.#axis.step;
  }

  #x(index) {
    return `${((index / this.#last) * 100).toFixed(3)}%`;
  }

  #y(value) {
    const { low, high } = this.#scale;
    return TOP + (1 - (value - low) / (high - low)) * (this.#content.height - TOP - BOTTOM);
  }
}

/** Colour and dash of the nth line, so that lines of one colour still differ. */
function look({ hue }, nth) {
  return nth < TOLD ? `hue-${hue} dash-${nth % 4}` : "hue-rest";
}

function entry(name, value, swatch) {
  return el("li", {},
    svg("svg", { class: "swatch", width: 26, height: 10, "aria-hidden": "true" }, swatch),
    el("span", { class: "name" }, name),
    value && [" ", el("span", { class: "number" }, value)],
  );
}
