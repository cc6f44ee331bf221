// Times for people. The wire has seconds since 1970; people want "43 min" and the clock on their wall.
// The words and the clock are the command's (`mcp-login list`), in the language of the rest of the window.

import { t } from "./texts.js";

const MINUTE = 60;
const HOUR = 3600;
const DAY = 86_400;

const clockOf = new Intl.DateTimeFormat("en-GB", { hour: "2-digit", minute: "2-digit" });
const secondsOf = new Intl.DateTimeFormat("en-GB", { hour: "2-digit", minute: "2-digit", second: "2-digit" });
const dayOf = new Intl.DateTimeFormat("en-GB", { weekday: "long", day: "numeric", month: "long" });
const shortDayOf = new Intl.DateTimeFormat("en-GB", { day: "numeric", month: "short" });
const yearOf = new Intl.DateTimeFormat("en-GB", { day: "numeric", month: "short", year: "numeric" });

/** Now, in seconds since 1970. */
export function now() {
  return Math.floor(Date.now() / 1000);
}

/**
 * A length: `45 s`, `43 min`, `3 h 10 min`, `2 days`.
 * @param {number} seconds
 */
export function length(seconds) {
  const s = Math.max(0, Math.round(seconds));
  if (s < 90) return t.time.seconds(s);
  if (s < 90 * MINUTE) return t.time.minutes(Math.round(s / MINUTE));
  if (s < 2 * DAY) {
    const minutes = Math.round(s / MINUTE);
    return t.time.hours(Math.floor(minutes / 60), minutes % 60);
  }
  return t.time.days(Math.round(s / DAY));
}

/**
 * A length that is read in passing: under two minutes it is not counted in seconds, since rings move once a minute.
 * @param {number} seconds
 */
export function about(seconds) {
  return seconds < 90 ? t.time.underTwoMinutes : length(seconds);
}

/**
 * How long ago: `just now`, `12 min ago`, then the clock.
 * @param {number} at
 * @param {number} present
 */
export function ago(at, present) {
  const s = present - at;
  if (s < 60) return t.time.justNow;
  if (s < 90 * MINUTE) return t.time.ago(t.time.minutes(Math.round(s / MINUTE)));
  return when(at, present);
}

/**
 * The clock on the wall, with the day when it is another: `14:02`, `yesterday, 09:40`, `20 Nov, 09:40`.
 * @param {number} at
 * @param {number} present
 */
export function when(at, present) {
  const there = new Date(at * 1000);
  const here = new Date(present * 1000);
  const clock = clockOf.format(there);
  const days = Math.round((midnight(there) - midnight(here)) / (DAY * 1000));
  if (days === 0) return clock;
  if (days === -1) return t.time.yesterday(clock);
  if (days === 1) return t.time.tomorrow(clock);
  return t.time.on(
    there.getFullYear() === here.getFullYear() ? shortDayOf.format(there) : yearOf.format(there),
    clock,
  );
}

/**
 * `14:02`.
 * @param {number} at
 */
export function clock(at) {
  return clockOf.format(new Date(at * 1000));
}

/**
 * `14:02:31`, where lines come close together.
 * @param {number} at
 */
export function exactClock(at) {
  return secondsOf.format(new Date(at * 1000));
}

/**
 * The day as a heading: `Today`, `Yesterday`, `Friday, 20 November`.
 * @param {number} at
 * @param {number} present
 */
export function day(at, present) {
  const there = new Date(at * 1000);
  const days = Math.round((midnight(there) - midnight(new Date(present * 1000))) / (DAY * 1000));
  if (days === 0) return t.time.today;
  if (days === -1) return t.time.theDayBefore;
  return dayOf.format(there);
}

/**
 * For machines: what `<time datetime>` wants.
 * @param {number} at
 */
export function stamp(at) {
  return new Date(at * 1000).toISOString();
}

/**
 * When today began.
 * @param {number} present
 */
export function dayBegan(present) {
  return Math.floor(midnight(new Date(present * 1000)) / 1000);
}

/** @param {Date} date */
function midnight(date) {
  return new Date(date.getFullYear(), date.getMonth(), date.getDate()).getTime();
}

export { HOUR, MINUTE };
