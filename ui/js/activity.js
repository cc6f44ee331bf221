// The record: who got what, and when. Newest first; the same thing many times in a row is one line.

import { run } from "./busy.js";
import { el } from "./dom.js";
import { name, short, visible } from "./names.js";
import { button, troubleBox } from "./parts.js";
import { changed, earlier, loadAudit, state } from "./store.js";
import { t } from "./texts.js";
import { clock, day, exactClock, stamp } from "./time.js";

/** @import { AuditEntry } from "./api.d.ts" */

/** Lines that are drawn at once. */
const SHOWN = 150;

/** @typedef {"all" | "tokens" | "renewals" | "sign_ins" | "approvals" | "trouble"} Kind */
/** @type {Record<Kind, (entry: AuditEntry) => boolean>} */
const KINDS = {
  all: () => true,
  tokens: (e) => e.action === "token" || e.action === "gateway",
  renewals: (e) => e.action === "refresh",
  sign_ins: (e) =>
    ["sign_in", "sign_in_started", "sign_out", "revocation", "rename", "stray_callback"].includes(e.action),
  approvals: (e) => e.action.startsWith("approval_"),
  trouble: (e) =>
    e.outcome !== "ok" ||
    e.action === "stray_callback" ||
    e.action === "connection_refused" ||
    e.action === "file_kept_aside",
};

/** @type {Kind} */
let kind = "all";
let filter = "";
let shown = SHOWN;

/**
 * Shows only what was done with one account.
 * @param {string} account
 */
export function showOnly(account) {
  filter = account;
  kind = "all";
  shown = SHOWN;
}

/** @param {number} present */
export function activity(present) {
  const wanted = filter.trim().toLowerCase();
  const found = state.audit.filter((e) => KINDS[kind](e) && (!wanted || haystack(e).includes(wanted)));
  const runs = together(found.reverse());
  const more = runs.length > shown || !state.auditWhole;
  return [
    el(
      "div",
      { class: "page", key: "activity" },
      el(
        "header",
        { class: "page-head" },
        el("h1", { tabindex: -1, "data-arrive": true }, t.nav.activity),
        el("input", {
          class: "field filter",
          type: "search",
          "data-filter": true,
          value: filter,
          live: true,
          placeholder: t.filter,
          "aria-label": t.activity.filter,
          spellcheck: "false",
          autocomplete: "off",
          oninput: (/** @type {Event} */ event) => {
            filter = /** @type {HTMLInputElement} */ (event.target).value;
            shown = SHOWN;
            changed();
          },
        }),
        el(
          "select",
          {
            class: "field",
            "aria-label": t.activity.kind,
            value: kind,
            live: true,
            onchange: (/** @type {Event} */ event) => {
              kind = /** @type {Kind} */ (/** @type {HTMLSelectElement} */ (event.target).value);
              shown = SHOWN;
              changed();
            },
          },
          /** @type {Kind[]} */ (Object.keys(KINDS)).map((k) =>
            el("option", { value: k, selected: k === kind }, t.activity.kinds[k]),
          ),
        ),
      ),
      state.auditTrouble
        ? troubleBox(state.auditTrouble, { act: button(t.again, () => run("audit", loadAudit), { busy: "audit" }) })
        : null,
      runs.length === 0
        ? el("p", { class: "quiet nothing" }, state.audit.length === 0 ? t.activity.nothing : t.activity.noneFound)
        : days(runs.slice(0, shown), present),
      more && state.audit.length > 0
        ? el(
            "div",
            { class: "row-buttons" },
            button(
              t.activity.earlier,
              () =>
                run("earlier", async () => {
                  shown += SHOWN;
                  if (runs.length < shown) await earlier();
                }),
              { busy: "earlier" },
            ),
          )
        : runs.length > 0
          ? el("p", { class: "quiet small" }, t.activity.beginning)
          : null,
    ),
  ];
}

/** @param {AuditEntry} entry */
function haystack(entry) {
  return [
    entry.account,
    entry.server,
    entry.code,
    entry.caller?.subject?.name,
    entry.caller?.subject?.program,
    sentence(entry),
    ...(entry.caller?.chain.map((p) => p.name) ?? []),
  ]
    .filter(Boolean)
    .join("\n")
    .toLowerCase();
}

/**
 * The same again is counted.
 * @param {AuditEntry[]} list newest first
 * @returns {{ newest: AuditEntry, oldest: AuditEntry, times: number }[]}
 */
function together(list) {
  /** @type {{ newest: AuditEntry, oldest: AuditEntry, times: number }[]} */
  const runs = [];
  /** @param {AuditEntry} e */
  const face = (e) =>
    [e.action, e.outcome, e.account, e.code, e.caller?.subject?.program, new Date(e.at * 1000).toDateString()].join(
      "\n",
    );
  for (const entry of list) {
    const last = runs.at(-1);
    if (last && face(last.newest) === face(entry)) {
      last.oldest = entry;
      last.times += 1;
    } else {
      runs.push({ newest: entry, oldest: entry, times: 1 });
    }
  }
  return runs;
}

/**
 * @param {ReturnType<typeof together>} runs
 * @param {number} present
 */
function days(runs, present) {
  /** @type {Map<string, typeof runs>} */
  const by = new Map();
  for (const run of runs) {
    const heading = day(run.newest.at, present);
    by.set(heading, [...(by.get(heading) ?? []), run]);
  }
  return [...by.entries()].map(([heading, list]) =>
    el(
      "section",
      { class: "day", key: heading },
      el("h2", null, heading),
      el("ul", { class: "log", "data-list": true }, list.map(line)),
    ),
  );
}

/** @param {ReturnType<typeof together>[number]} run */
function line({ newest, oldest, times }) {
  const who = chain(newest);
  const bad = newest.outcome !== "ok";
  return el(
    "li",
    { key: oldest.seq, class: bad ? "log-bad" : null },
    el("time", { class: "log-time", datetime: stamp(newest.at), title: exactClock(newest.at) }, clock(newest.at)),
    el(
      "span",
      { class: "log-mark", "aria-hidden": "true" },
      newest.outcome === "ok" ? "✓" : newest.outcome === "denied" ? "✗" : "!",
    ),
    el(
      "span",
      { class: "log-text" },
      el("span", { class: bad ? "amber" : "" }, sentence(newest)),
      newest.account
        ? [" ", el("strong", null, name(newest.account))]
        : newest.server
          ? [" ", el("strong", null, el("bdi", null, short(newest.server)))]
          : null,
      times > 1 ? el("span", { class: "quiet" }, ` ${t.activity.times(times, clock(oldest.at))}`) : null,
      newest.note ? el("span", { class: "quiet log-note" }, visible(newest.note)) : null,
    ),
    el(
      "span",
      { class: "log-who quiet" },
      who,
      newest.code ? [who ? " · " : "", el("code", null, visible(newest.code, 60))] : null,
    ),
  );
}

/**
 * What happened, in a few words; with a colon where whom it was about is to follow.
 * @param {AuditEntry} entry
 */
export function sentence(entry) {
  const said = t.audit[entry.action];
  return typeof said === "string" ? said : entry.outcome === "ok" ? said.ok : said.not;
}

/**
 * From the outside in: `Terminal › zsh › node`.
 * @param {AuditEntry} entry
 */
function chain(entry) {
  const names = (entry.caller?.chain ?? []).map((p) => visible(p.name, 40)).reverse();
  return names.length > 0 ? names.join(" › ") : entry.caller?.subject ? visible(entry.caller.subject.name) : "";
}
