// What the agents themselves take, and what they could not do.

import { el, known, list, record } from "./dom.js";
import { NONE, joined } from "./words.js";

const LATE = 1; // s an agent may lag behind before that is worth a word

/** A small sentence an agent, and below it in another tone what is not as it should be. */
export function agents(words, values, now) {
  const all = list(values);
  if (all.length === 0) return el("p", {}, words.text("agents.none"));
  return el("ul", {}, all.map((agent) => {
    const warned = warnings(words, agent, now);
    return el("li", {}, el("strong", {}, String(agent.name ?? NONE)), " ",
      words.all([...takes(words, agent), ...does(words, agent), !unheard(agent) && seen(words, agent, now)]),
      warned && el("span", { class: "caution" }, warned));
  }));
}

/** Memory, processor, open files, energy. */
function takes(words, { rss_mb, cpu_share, cpu_seconds, open_files, own_watts, own_joules }) {
  return [
    known(rss_mb) && words.text("agents.memory", { size: words.number(rss_mb, 1) }),
    known(cpu_share) ? words.text("agents.share", { share: percent(words, cpu_share) })
      : known(cpu_seconds) && words.text("agents.processor", { seconds: words.number(cpu_seconds, 1) }),
    known(open_files) && words.count("agents.files", open_files),
    known(own_watts) && words.text("agents.power", { power: joined(smallWatts(words, own_watts)) }),
    known(own_joules) && words.text("agents.energy", { energy: joined(wattHours(words, own_joules / 3600)) }),
  ];
}

/** What it has read, and what waits. */
function does(words, { readings, spool_bytes, spool_oldest_seconds }) {
  const waiting = { size: words.number(spool_bytes / 1e6, 1), age: words.duration(spool_oldest_seconds) };
  return [
    known(readings) && words.count("agents.readings", readings),
    known(spool_bytes) && words.text(spool_bytes > 0 ? "agents.waiting" : "agents.nothing_waiting", waiting),
  ];
}

function seen(words, agent, now) {
  return agent.last && words.text("agents.last", { time: words.moment(agent.last, now) });
}

function unheard({ state }) {
  return state === "late" || state === "silent";
}

/** Since when it is not heard, how late it is, and what it could not keep or read in the last 24 hours. */
function warnings(words, agent, now) {
  const { thinned, dropped, missed } = record(agent.trouble);
  const lost = words.all([
    thinned > 0 && words.count("agents.thinned", thinned),
    dropped > 0 && words.count("agents.dropped", dropped),
    missed > 0 && words.count("agents.missed", missed),
  ]);
  return words.all([
    unheard(agent) && words.text("agents.unheard", { time: words.moment(agent.last, now) }),
    agent.lag_seconds > LATE && words.text("agents.lag", { duration: words.brief(agent.lag_seconds) }),
    lost && words.text("trouble.day", { what: lost }),
  ]);
}

/** A share of a core, which is small: with two digits where one would be 0. */
function percent(words, share) {
  return `${words.number(share * 100, share < 0.01 ? 2 : 1)}${words.text("percent")}`;
}

function smallWatts(words, watts) {
  return watts < 1 ? { number: words.number(watts * 1e3), unit: "mW" } : words.watts(watts);
}

function wattHours(words, hours) {
  return hours < 1e3 ? { number: words.number(hours, 1), unit: "Wh" } : words.kilowattHours(hours / 1e3);
}
