// Which programs may use what: questions that wait, what stands and until when, and what was refused for good.
//
// Invariant: nothing is granted here. A question is answered in the consent window, which the agent opens itself; from
// here it can be asked to show it, and a yes can be taken back.

import { agent } from "./bridge.js";
import { run } from "./busy.js";
import { clients } from "./clients.js";
import { el } from "./dom.js";
import { say } from "./live.js";
import { name, visible } from "./names.js";
import { signed } from "./chain.js";
import { button, scopes, tile, troubleAt } from "./parts.js";
import { draw } from "./ring.js";
import { approvals, state } from "./store.js";
import { t } from "./texts.js";
import { about, ago, length } from "./time.js";

/** @import { Approval, PendingApproval, Subject } from "./api.d.ts" */

/** @param {number} present */
export function programs(present) {
  const yes = state.standing.filter((a) => a.until !== "never");
  const never = state.standing.filter((a) => a.until === "never");
  const nothing = yes.length + never.length + state.pending.length === 0;
  return [
    el(
      "div",
      { class: "page", key: "programs" },
      el("h1", { tabindex: -1, "data-arrive": true }, t.nav.programs),
      el("p", { class: "lead" }, t.programs.lead[state.status?.approvals ?? "window"]),
      state.pending.length > 0 ? waiting(present) : null,
      clients(),
      nothing ? el("p", { class: "quiet", key: "nothing" }, t.programs.nothing) : null,
      yes.length > 0
        ? el(
            "section",
            { class: "part", key: "yes", "aria-labelledby": "yes-title" },
            el("h2", { id: "yes-title" }, t.programs.may),
            groups(yes, present),
          )
        : null,
      never.length > 0
        ? el(
            "section",
            { class: "part", key: "never", "aria-labelledby": "never-title" },
            el("h2", { id: "never-title" }, t.programs.never),
            el("p", { class: "quiet" }, t.programs.neverMeans),
            groups(never, present),
          )
        : null,
    ),
  ];
}

/** @param {number} present */
function waiting(present) {
  return el(
    "section",
    { class: "part", key: "waiting", "aria-labelledby": "waiting-title" },
    el("h2", { id: "waiting-title" }, t.programs.waiting),
    el(
      "ul",
      { class: "entries" },
      state.pending.map((p) => question(p, present)),
    ),
  );
}

/**
 * @param {PendingApproval} pending
 * @param {number} present
 */
function question(pending, present) {
  const key = `ask/${pending.id}`;
  return el(
    "li",
    { key: pending.id, class: "entry entry-asks" },
    draw("asking", 0),
    el(
      "div",
      { class: "entry-text" },
      el(
        "p",
        null,
        el("strong", null, name(pending.subject.name)),
        " ",
        t.programs.asksFor,
        " ",
        el("strong", null, name(pending.account)),
      ),
      el("p", { class: "quiet" }, chain(pending), " · ", t.programs.waits(about(pending.expires_at - present))),
      troubleAt(key),
    ),
    button(t.programs.answer, () => run(key, () => agent("approval.ask", { pending: pending.id })), {
      busy: key,
      name: t.programs.answerName(visible(pending.subject.name, 40), visible(pending.account, 40)),
    }),
  );
}

/** @param {PendingApproval} pending */
function chain(pending) {
  return pending.caller.chain
    .map((p) => visible(p.name, 40))
    .reverse()
    .join(" › ");
}

/**
 * By program, those that were used last first.
 * @param {Approval[]} list
 * @param {number} present
 */
function groups(list, present) {
  /** @type {Map<string, Approval[]>} */
  const by = new Map();
  for (const approval of list) {
    const key = `${approval.subject.program} ${approval.subject.script ?? ""}`;
    by.set(key, [...(by.get(key) ?? []), approval]);
  }
  /** @param {Approval[]} group */
  const used = (group) => Math.max(...group.map((a) => a.last_used_at ?? a.granted_at));
  const sorted = [...by.entries()].sort(([, a], [, b]) => used(b) - used(a));
  return el(
    "ul",
    { class: "groups" },
    sorted.map(([key, group]) => {
      const first = /** @type {Approval} */ (group[0]);
      return el(
        "li",
        { key, class: "group" },
        el(
          "div",
          { class: "group-head" },
          tile(first.subject.name),
          el(
            "div",
            null,
            el("h3", null, subject(first.subject)),
            el("p", { class: "quiet small path" }, visible(first.subject.program, 300)),
            signer(first.subject),
          ),
        ),
        el(
          "ul",
          { class: "entries" },
          group.map((a) => entry(a, present)),
        ),
      );
    }),
  );
}

/** @param {Subject} subject */
function signer(subject) {
  if (!subject.signer) return null;
  const { trust, name } = subject.signer;
  return el("p", { class: trust === "verified" ? "quiet small" : "amber small" }, signed(trust, name));
}

/**
 * Whom an approval is for, in a few words.
 * @param {Subject} subject
 */
export function subject(subject) {
  if (subject.script) return el("span", null, name(subject.name), " ", name(subject.script, { limit: 80 }));
  if (subject.kind === "program") return name(subject.name);
  return el("span", null, name(subject.name), " ", el("span", { class: "amber" }, t.subject[subject.kind]));
}

/**
 * @param {Approval} approval
 * @param {number} present
 */
function entry(approval, present) {
  const key = `remove/${approval.id}`;
  const never = approval.until === "never";
  return el(
    "li",
    { key: approval.id, class: "entry" },
    el(
      "div",
      { class: "entry-text" },
      el(
        "p",
        null,
        el("span", { class: "strong" }, name(approval.account)),
        never ? "" : [" · ", el("span", { class: "quiet" }, until(approval, present))],
      ),
      never ? null : approval.scopes ? scopes(approval.scopes) : el("p", { class: "quiet" }, t.scopes.all),
      el(
        "p",
        { class: "quiet small" },
        never
          ? t.programs.refusedSince(ago(approval.granted_at, present))
          : approval.last_used_at
            ? t.programs.lastUsed(ago(approval.last_used_at, present))
            : t.programs.neverUsed,
      ),
      troubleAt(key),
    ),
    approval.source === "policy"
      ? el("span", { class: "quiet small" }, t.programs.policy)
      : button(never ? t.programs.askAgain : t.programs.takeBack, () => remove(approval, key), {
          busy: key,
          name: (never ? t.programs.askAgainName : t.programs.takeBackName)(
            visible(approval.subject.name, 40),
            visible(approval.account, 40),
          ),
        }),
  );
}

/**
 * @param {Approval} approval
 * @param {number} present
 */
function until(approval, present) {
  if (approval.source === "policy" && !approval.expires_at) return t.until.policy;
  if (approval.expires_at) return t.until.for(length(approval.expires_at - present));
  return approval.until === "process" ? t.until.process(visible(approval.subject.name, 40)) : t.until[approval.until];
}

/**
 * Takes a yes back. A no is nothing that can be taken back here: the agent asks about it anew, in its own window.
 * @param {Approval} approval
 * @param {string} key
 */
async function remove(approval, key) {
  if (approval.until === "never") {
    await run(key, () => agent("approval.ask", { pending: approval.id }));
    return;
  }
  const done = await run(key, () => agent("approval.remove", { id: approval.id }));
  if (!done) return;
  await approvals();
  say(t.programs.takenBack);
}
