// The ring is the life of a token: full when it is new, emptying, and closed again by itself at the renewal. Dashed
// with a mark means that it needs a person.
//
// Invariant: what the ring shows is said in words too (`words`), for those who do not see it. Nothing moves at rest: the
// arc follows the clock once a minute, and sweeps once when a new token came.

import { el, svg } from "./dom.js";
import { t } from "./texts.js";
import { about, when } from "./time.js";

/** @import { Account } from "./api.d.ts" */

/** States in which only a person can go on. */
const NEEDS = new Set(["needs_sign_in", "server_refuses", "issuer_changed", "vault_unavailable", "unsaved"]);

/**
 * Whether the account waits for a person.
 * @param {Account} account
 */
export function needsYou(account) {
  return NEEDS.has(account.state);
}

/**
 * How much of the token's life is left, from 0 to 1; nothing when its end is not known.
 * @param {Account} account
 * @param {number} present
 */
export function left(account, present) {
  if (account.expires_at === undefined) return null;
  const from = Math.max(account.last_rotation_at ?? 0, account.signed_in_at);
  const whole = account.expires_at - from;
  if (whole <= 0) return 0;
  return Math.min(1, Math.max(0, (account.expires_at - present) / whole));
}

/**
 * The ring in words, whole: `Renews by itself, in 43 min`.
 * @param {Account} account
 * @param {number} present
 * @param {boolean} paused
 */
export function words(account, present, paused) {
  const { head, tail } = parts(account, present, paused);
  return tail ? t.ring.both(head, tail) : head;
}

/**
 * The same in two parts, the more important first: `43 min`, `renews by itself`.
 * @param {Account} account
 * @param {number} present
 * @param {boolean} paused
 * @returns {{ head: string, tail: string }}
 */
export function parts(account, present, paused) {
  if (account.state !== "ready" && account.state !== "offline") {
    return { head: t.state[account.state], tail: t.ring.needs[account.state] };
  }
  const ends = account.expires_at;
  if (account.state === "offline") {
    const works = ends !== undefined && ends > present ? t.ring.worksFor(about(ends - present)) : t.ring.stopped;
    return { head: t.state.offline, tail: works };
  }
  if (paused) return { head: t.ring.paused, tail: t.ring.pausedTail };
  const next = account.next_rotation_at;
  if (next !== undefined) {
    return next > present
      ? { head: about(next - present), tail: t.ring.renews }
      : { head: t.ring.now, tail: t.ring.renews };
  }
  if (ends === undefined) return { head: t.ring.endless, tail: t.ring.endlessTail };
  if (ends > present) return { head: about(ends - present), tail: t.ring.thenYou };
  return { head: t.ring.ended, tail: t.ring.thenYou };
}

/**
 * The time beside a small ring, or nothing.
 * @param {Account} account
 * @param {number} present
 * @param {boolean} paused
 */
export function brief(account, present, paused) {
  if (account.state !== "ready" || paused) return "";
  const until = account.next_rotation_at ?? account.expires_at;
  return until !== undefined && until > present ? about(until - present) : "";
}

/** How long a sweep takes, in milliseconds: a little more than in css/parts.css. */
const SWEEP = 1000;
/** The generation that was last drawn, and since when, to see when a new token came. */
/** @type {Map<string, { generation: number, since: number }>} */
const drawn = new Map();

/**
 * The ring of an account.
 * @param {Account} account
 * @param {number} present
 * @param {boolean} paused
 * @param {{ big?: boolean, label?: boolean }} [how] with `label`, its words are read with it
 */
export function ring(account, present, paused, how = {}) {
  const place = `${account.id}${how.big ? "/big" : ""}`;
  const before = drawn.get(place);
  const moment = performance.now();
  if (before?.generation !== account.generation)
    drawn.set(place, { generation: account.generation, since: before ? moment : -SWEEP });
  const renewed = account.state === "ready" && moment - (drawn.get(place)?.since ?? -SWEEP) < SWEEP;
  const kind = needsYou(account)
    ? "needs"
    : account.state === "offline"
      ? "offline"
      : account.state === "leaving"
        ? "empty"
        : paused
          ? "paused"
          : "well";
  const part = kind === "needs" || kind === "empty" ? 0 : (left(account, present) ?? 1);
  return draw(kind, part, {
    // the generation is in the key, so that each new token makes a new ring, which sweeps once
    key: `${place}/${account.generation}`,
    sweep: renewed,
    big: how.big,
    label: how.label ? words(account, present, paused) : "",
  });
}

/**
 * @param {"well" | "needs" | "offline" | "empty" | "paused" | "asking"} kind
 * @param {number} part
 * @param {{ key?: string, sweep?: boolean, big?: boolean, label?: string }} [how]
 */
export function draw(kind, part, how = {}) {
  const arc = Math.round(part * 1000) / 10;
  return svg(
    "svg",
    {
      key: how.key,
      class: `ring ring-${kind}${how.big ? " ring-big" : ""}${how.sweep ? " ring-sweep" : ""}`,
      viewBox: "0 0 32 32",
      role: how.label ? "img" : null,
      "aria-label": how.label || null,
      "aria-hidden": how.label ? null : "true",
      focusable: "false",
    },
    svg("circle", { class: "ring-track", cx: 16, cy: 16, r: 13, pathLength: 96 }),
    arc > 0
      ? svg("circle", {
          class: "ring-arc",
          cx: 16,
          cy: 16,
          r: 13,
          pathLength: 100,
          "stroke-dasharray": `${arc} 100`,
          transform: "rotate(-90 16 16)",
        })
      : null,
    mark(kind),
  );
}

/** @param {string} kind */
function mark(kind) {
  if (kind === "needs") return svg("path", { class: "ring-mark", d: "M16 9.5v8M16 21.8v.4" });
  if (kind === "asking")
    return svg("path", { class: "ring-mark", d: "M12.6 13a3.5 3.5 0 1 1 5 3.1c-1.1.6-1.6 1.2-1.6 2.4M16 22.2v.3" });
  if (kind === "paused") return svg("path", { class: "ring-mark", d: "M13 12v8M19 12v8" });
  if (kind === "offline") return svg("path", { class: "ring-mark", d: "M11 21 21 11" });
  return null;
}

/**
 * The big ring with its two lines.
 * @param {Account} account
 * @param {number} present
 * @param {boolean} paused
 */
export function life(account, present, paused) {
  const { head, tail } = parts(account, present, paused);
  const until = account.next_rotation_at ?? account.expires_at;
  return el(
    "div",
    {
      class: `life${needsYou(account) ? " life-needs" : ""}`,
      title: until === undefined ? null : t.ring.until(when(until, present)),
    },
    el(
      "p",
      { class: "life-words" },
      el("strong", null, head),
      tail ? el("span", { class: "quiet small" }, tail) : null,
    ),
    ring(account, present, paused, { big: true }),
  );
}
