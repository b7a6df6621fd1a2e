// The words, numbers and times of one language.

import { known } from "./dom.js";

const LOCALES = { fr: "fr-FR", en: "en-GB" };
const UNITS_OF_TIME = [ // unit, seconds in it, up to how many seconds it is used
  ["s", 1, 90],
  ["m", 60, 3 * 3600],
  ["h", 3600, 48 * 3600],
  ["d", 86400, Infinity],
];
const SPACE = "\u00a0"; // between a number and its unit

export const LANGUAGES = Object.keys(LOCALES);
export const NONE = "—";

export class Words {
  /** `texts` is one language of texts.json; times are told in `timezone`, in UTC when that is no zone. */
  constructor(language, texts, timezone) {
    this.texts = texts;
    this.locale = LOCALES[language];
    this.timezone = zone(timezone);
  }

  /** The text of `key` with its `{values}` filled in; the key itself when there is none. */
  text(key, values = {}) {
    const text = Object.hasOwn(this.texts, key) ? this.texts[key] : key;
    return text.replace(/\{(\w+)\}/g, (hole, name) => values[name] ?? hole);
  }

  /** The text for `count` things: `key.one` or `key.other`. */
  count(key, count) {
    const form = new Intl.PluralRules(this.locale).select(count) === "one" ? "one" : "other";
    return this.text(`${key}.${form}`, { count: this.number(count) });
  }

  /** What there is among `texts`, separated by commas. */
  all(texts) {
    return texts.filter(Boolean).join(this.text("join"));
  }

  /** The word for a code of the API, such as role `it`; an unknown code is shown as it came. */
  word(family, code) {
    return Object.hasOwn(this.texts, `${family}.${code}`) ? this.texts[`${family}.${code}`] : String(code ?? "");
  }

  /** A number with at most `digits` and at least `atLeast` decimals, `NONE` when it is none. */
  number(value, digits = 0, atLeast = digits) {
    if (!known(value)) return NONE;
    const options = { maximumFractionDigits: digits, minimumFractionDigits: atLeast };
    return format(Intl.NumberFormat, this.locale, options).format(value).replace("-", "−");
  }

  /** A ratio in percent, rounded down: 99.96 % of a day is not the whole day. */
  share(ratio) {
    return known(ratio) ? `${this.number(Math.floor(ratio * 1000 + 1e-6) / 10, 1, 0)}${this.text("percent")}` : NONE;
  }

  /** A number and its unit apart, so that they can be set in two sizes: watts as W, kW or MW. */
  watts(value, scale = value) {
    if (!known(value)) return { number: NONE, unit: "" };
    const size = Math.abs(scale);
    if (size >= 1e7) return { number: this.number(value / 1e6, 2), unit: "MW" };
    if (size >= 1e4) return { number: this.number(value / 1e3, 1), unit: "kW" };
    return { number: this.number(value, size < 10 ? 1 : 0), unit: "W" };
  }

  kilowattHours(value) {
    if (!known(value)) return { number: NONE, unit: "" };
    if (Math.abs(value) >= 1e5) return { number: this.number(value / 1e3, 1), unit: "MWh" };
    return { number: this.number(value, Math.abs(value) < 1000 ? 1 : 0), unit: "kWh" };
  }

  /** An amount of money; `first` tells that this language writes the currency before the number. */
  money(value, currency, digits) {
    if (!known(value)) return { number: NONE, unit: "" };
    const places = { minimumFractionDigits: digits, maximumFractionDigits: digits };
    try {
      const options = { style: "currency", currency, currencyDisplay: "narrowSymbol", ...places };
      const parts = format(Intl.NumberFormat, this.locale, options).formatToParts(value);
      const number = parts.filter((part) => part.type !== "currency").map((part) => part.value).join("").trim();
      const { value: unit } = parts.find((part) => part.type === "currency");
      return { number, unit, first: parts[0].type === "currency" };
    } catch {
      return { number: this.number(value, digits), unit: String(currency ?? "").slice(0, 4) }; // no code of ISO 4217
    }
  }

  celsius(value, least = 1) {
    return known(value) ? { number: this.number(value, 1, least), unit: "°C" } : { number: NONE, unit: "" };
  }

  /** A length of time in its largest fitting unit: 40 s, 14 min, 5 h, 3 d. */
  duration(seconds) {
    if (!known(seconds)) return NONE;
    const [unit, size] = UNITS_OF_TIME.find(([, , below]) => seconds < below);
    return joined({ number: this.number(seconds / size), unit: this.text(`unit.${unit}`) });
  }

  /** A length of time that is mostly short: 60 ms, 2.3 s, and from 10 s on like any other. */
  brief(seconds) {
    if (!known(seconds) || seconds >= 10) return this.duration(seconds);
    if (seconds < 1) return joined({ number: this.number(seconds * 1e3), unit: "ms" });
    return joined({ number: this.number(seconds, 1, 0), unit: this.text("unit.s") });
  }

  /** The window of a figure: `24h` as 24 h, `today` as a word, anything else as it came. */
  window(code) {
    const [, count, unit] = /^(\d+)(m|h|d)$/.exec(code) ?? [];
    if (!count) return this.word("window", code);
    return joined({ number: this.number(Number(count)), unit: this.text(`unit.${unit}`) });
  }

  /** The hour of an instant, `11:00`. */
  hour(instant) {
    return this.#told(instant, { hour: "2-digit", minute: "2-digit" });
  }

  /** Hour on the day of `now`, with the date otherwise. */
  moment(instant, now) {
    if (this.#sameDay(instant, now)) return this.hour(instant);
    return this.#told(instant, { day: "numeric", month: "short", hour: "2-digit", minute: "2-digit" });
  }

  /** From one instant to another; the dates are left out when both are of today. */
  period(from, to, now) {
    const key = this.#sameDay(from, now) && this.#sameDay(to, now) ? "period.hours" : "period.days";
    const whole = key === "period.days" ? null : now; // no instant is on the day of null
    return this.text(key, { from: this.moment(from, whole), to: this.moment(to, whole) });
  }

  /** The day of an instant, short: Tue 24. */
  weekday(instant) {
    return this.#told(instant, { weekday: "short", day: "numeric" });
  }

  /** The day of an instant in full. */
  day(instant) {
    return this.#told(instant, { weekday: "long", day: "numeric", month: "long", year: "numeric" });
  }

  #sameDay(one, other) {
    const day = { year: "numeric", month: "numeric", day: "numeric" };
    return this.#told(one, day) === this.#told(other, day);
  }

  #told(instant, options) {
    const date = new Date(instant ?? NaN);
    if (Number.isNaN(date.getTime())) return NONE;
    const all = { ...options, hourCycle: "h23", timeZone: this.timezone };
    return format(Intl.DateTimeFormat, this.locale, all).format(date);
  }
}

/** A number and its unit as one text. */
export function joined({ number, unit, first }) {
  if (first) return `${unit}${number}`;
  return unit ? `${number}${SPACE}${unit}` : number;
}

function zone(name) {
  try {
    return new Intl.DateTimeFormat("en", { timeZone: name || "UTC" }).resolvedOptions().timeZone;
  } catch {
    return "UTC";
  }
}

const formats = new Map();

/** Intl objects are slow to make and the same few serve always. */
function format(Kind, locale, options) {
  const key = Kind.name + locale + JSON.stringify(options);
  if (!formats.has(key)) formats.set(key, new Kind(locale, options));
  return formats.get(key);
}
