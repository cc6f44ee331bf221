// An account's day, read from the record: when its tokens were renewed, and which programs used them.

import { sentence } from "./activity.js";
import { el } from "./dom.js";
import { name, visible } from "./names.js";
import { t } from "./texts.js";
import { ago, clock, dayBegan } from "./time.js";

/** @import { Account, AuditEntry } from "./api.d.ts" */

/** Labels closer than this, as a part of the line, would run into each other. */
const APART = 0.12;

/**
 * @param {Account} account
 * @param {AuditEntry[]} audit
 * @param {number} present
 */
export function renewals(account, audit, present) {
  const today = dayBegan(present);
  const done = audit.filter((e) => e.action === "refresh" && e.account === account.name && e.at >= today);
  const well = done.filter((e) => e.outcome === "ok");
  const next =
    account.state === "ready" && account.next_rotation_at && account.next_rotation_at > present
      ? account.next_rotation_at
      : null;
  if (done.length === 0 && next === null) return null;
  const from = Math.min(done[0]?.at ?? present, present);
  const to = Math.max(next ?? present, present);
  const span = Math.max(1, to - from);
  /** @type {{ at: number, kind: string }[]} */
  const points = [
    ...done.map((e) => ({ at: e.at, kind: e.outcome === "ok" ? "done" : "failed" })),
    { at: present, kind: "now" },
    ...(next ? [{ at: next, kind: "next" }] : []),
  ];
  // the present and what comes keep their labels; the past gives way
  /** @type {number[]} */
  const taken = [];
  const labelled = new Set(
    [...points].reverse().filter(({ at }) => {
      const x = (at - from) / span;
      if (taken.some((other) => Math.abs(other - x) < APART)) return false;
      taken.push(x);
      return true;
    }),
  );
  return el(
    "section",
    { class: "part", key: "renewals" },
    el(
      "div",
      { class: "part-head" },
      el("h3", null, t.account.renewals),
      el(
        "span",
        { class: "quiet small", "aria-hidden": "true" },
        [well.at(-1) ? t.account.last(clock(well.at(-1)?.at ?? 0)) : "", next ? t.account.next(clock(next)) : ""]
          .filter(Boolean)
          .join(" · "),
      ),
    ),
    el(
      "p",
      { class: "unseen" },
      t.account.renewalsSaid(
        well.map((e) => clock(e.at)),
        done.length - well.length,
        next ? clock(next) : "",
      ),
    ),
    el(
      "div",
      { class: "timeline", "aria-hidden": "true" },
      el("div", { class: "timeline-line" }),
      points.map((point) => {
        const x = (point.at - from) / span;
        return el(
          "span",
          { class: `point point-${point.kind}`, title: clock(point.at), vars: { "--at": x.toFixed(4) } },
          labelled.has(point)
            ? el(
                "span",
                { class: `point-label${x < 0.04 ? " point-left" : x > 0.96 ? " point-right" : ""}` },
                point.kind === "now" ? t.account.now : clock(point.at),
              )
            : null,
        );
      }),
    ),
  );
}

/** What happened, beside renewals and hand-outs that went as they should: so many lines at most. */
const HAPPENED = 4;

/**
 * @param {Account} account
 * @param {AuditEntry[]} audit
 * @param {number} present
 */
export function happened(account, audit, present) {
  const lines = audit
    .filter(
      (e) =>
        e.account === account.name &&
        !(e.outcome === "ok" && ["token", "refresh", "approval_asked"].includes(e.action)),
    )
    .slice(-HAPPENED)
    .reverse();
  if (lines.length === 0) return null;
  return el(
    "section",
    { class: "part", key: "happened" },
    el("h3", null, t.account.happened),
    el(
      "ul",
      { class: "lines" },
      lines.map((e) =>
        el(
          "li",
          { key: e.seq },
          el(
            "span",
            null,
            el("span", { class: e.outcome === "ok" ? null : "amber" }, sentence(e).replace(/:$/, "")),
            e.caller?.subject ? [", ", name(e.caller.subject.name)] : null,
            e.code ? [" ", el("code", { class: "quiet" }, visible(e.code, 60))] : null,
          ),
          el("span", { class: "quiet" }, ago(e.at, present)),
        ),
      ),
    ),
  );
}

/**
 * @param {Account} account
 * @param {AuditEntry[]} audit
 * @param {number} present
 */
export function usedBy(account, audit, present) {
  /** @type {Map<string, { name: string, at: number, times: number, refused: boolean }>} */
  const programs = new Map();
  for (const entry of audit) {
    if (entry.action !== "token" || entry.account !== account.name) continue;
    const key = entry.caller?.subject?.program ?? entry.caller?.chain[0]?.name ?? "";
    const known = programs.get(key);
    programs.set(key, {
      name: entry.caller?.subject?.name ?? entry.caller?.chain.at(-1)?.name ?? t.names.unknownProgram,
      at: entry.at,
      times: (known?.times ?? 0) + 1,
      refused: entry.outcome !== "ok",
    });
  }
  const rows = [...programs.entries()].sort(([, a], [, b]) => b.at - a.at).slice(0, 8);
  return el(
    "section",
    { class: "part", key: "used" },
    el("h3", null, t.account.usedBy),
    rows.length === 0
      ? el("p", { class: "quiet" }, t.account.usedByNobody)
      : el(
          "ul",
          { class: "lines" },
          rows.map(([key, program]) =>
            el(
              "li",
              { key },
              el(
                "span",
                { title: visible(key, 1000) },
                name(program.name),
                program.refused ? el("span", { class: "amber" }, ` ${t.account.refused}`) : null,
              ),
              el("span", { class: "quiet" }, ago(program.at, present)),
            ),
          ),
        ),
  );
}
