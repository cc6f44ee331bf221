// The list of accounts, and beside it whatever was chosen. A sign-in on its way stands at the top of the list until its
// end was seen, since it lives on when the window is closed.

import { account } from "./account.js";
import { add } from "./add.js";
import { clientsHere, servers } from "./clients.js";
import { el } from "./dom.js";
import { hostOf, name, readable, short, visible } from "./names.js";
import { endsSoon } from "./notices.js";
import { button, facts, spinner, tile, troubleAt, troubleBox } from "./parts.js";
import { startButton } from "./remedy.js";
import { receipt } from "./receipt.js";
import { brief, draw, needsYou, ring, words } from "./ring.js";
import { isWide, open, route } from "./router.js";
import { signIn, where } from "./sign_in.js";
import { changed, state } from "./store.js";
import { t } from "./texts.js";
import { about, ago, when } from "./time.js";

/** @import { Account, SignIn } from "./api.d.ts" */

/** More accounts than one sees at a glance: then there is a filter. */
const MANY = 5;

let filter = "";

/** @param {number} present */
export function accounts(present) {
  if (!state.loaded) return [waiting()];
  const empty = state.accounts.length === 0 && state.signIns.length === 0;
  if (empty && route.pane.kind === "none") return [first()];
  if (empty && route.pane.kind === "add") return [el("div", { class: "pane pane-alone", key: "pane" }, add())];
  return [
    list(present),
    el("section", { class: "pane", key: "pane", "aria-label": t.accounts.beside }, beside(present)),
  ];
}

/** Whether something stands beside the list, which matters when there is room for one of them only. */
export function isBeside() {
  return route.pane.kind !== "none";
}

function waiting() {
  if (state.link === "down" && state.linkTrouble) {
    return el(
      "div",
      { class: "pane pane-alone pane-first", key: "down" },
      draw("needs", 0, { big: true }),
      el("h1", { tabindex: -1, "data-arrive": true }, t.agent.down),
      el("p", { class: "lead" }, t.agent.downMeans),
      el("div", { class: "row-buttons" }, startButton()),
      troubleAt("start"),
      // that it does not run was said already
      state.linkTrouble.code === "agent_not_running" ? null : troubleBox(state.linkTrouble),
    );
  }
  return el(
    "div",
    { class: "pane pane-alone pane-wait", key: "wait" },
    el("h1", { class: "unseen" }, t.nav.accounts),
    el("p", { class: "quiet", role: "status" }, spinner(), " ", t.loading),
  );
}

/** Nothing is signed in yet. */
function first() {
  return el(
    "div",
    { class: "pane pane-alone pane-first", key: "first" },
    draw("well", 0.76, { big: true }),
    el("h1", { tabindex: -1, "data-arrive": true }, t.first.title),
    el("p", { class: "lead" }, t.first.lead),
    add({ bare: true }),
    (clientsHere()?.servers.length ?? 0) > 0
      ? el(
          "section",
          { class: "part found", key: "found", "aria-labelledby": "found-title" },
          el("h2", { id: "found-title" }, t.clients.foundTitle),
          el("p", { class: "quiet" }, t.clients.moveInMeans),
          servers(),
        )
      : null,
  );
}

/** @param {number} present */
function list(present) {
  // without its field a filter would hide rows, and nobody could see why
  const long = state.accounts.length > MANY;
  const wanted = long ? filter.trim().toLowerCase() : "";
  const shown = state.accounts.filter(
    (a) => !wanted || [a.name, a.label ?? "", a.server].some((text) => text.toLowerCase().includes(wanted)),
  );
  const onWay = state.signIns.filter((s) => s.progress.step !== "done" && s.progress.step !== "tried");
  const rows = [...onWay.map(signInRow), ...shown.map((a) => row(a, present))];
  return el(
    "section",
    { class: "list", key: "list", "aria-labelledby": "list-title" },
    el(
      "header",
      { class: "list-head" },
      el("h1", { id: "list-title", tabindex: -1, "data-arrive": true }, t.nav.accounts),
      button(t.add.button, () => open({ kind: "add" }), { kind: "primary", id: "add", name: t.add.buttonName }),
    ),
    long
      ? el("input", {
          key: "filter",
          class: "field filter",
          type: "search",
          "data-filter": true,
          placeholder: t.filter,
          "aria-label": t.accounts.filter,
          spellcheck: "false",
          autocomplete: "off",
          oninput: (/** @type {InputEvent} */ event) => {
            filter = /** @type {HTMLInputElement} */ (event.target).value;
            changed();
          },
        })
      : null,
    rows.length > 0
      ? el("ul", { class: "rows", key: "rows", "data-list": true }, stops(rows))
      : el(
          "p",
          { class: "quiet nothing", key: "nothing" },
          wanted ? t.accounts.noneFound(visible(filter)) : t.first.title,
        ),
  );
}

/**
 * One stop for the Tab key in the whole list: the chosen row, else the first.
 * @param {HTMLElement[]} rows
 */
function stops(rows) {
  const buttons = rows.map((r) => /** @type {HTMLElement} */ (r.querySelector("[data-row]")));
  const chosen = buttons.find((b) => b.hasAttribute("aria-current")) ?? buttons[0];
  for (const b of buttons) b.setAttribute("tabindex", b === chosen ? "0" : "-1");
  return rows;
}

/** @typedef {{ kind: "account" | "sign_in", id: string }} Row */

/** @param {Row} row */
function isChosen(row) {
  const pane = route.pane;
  return pane.kind === row.kind && "id" in pane && pane.id === row.id;
}

/**
 * Shows what was chosen beside the list; choosing it once more goes there.
 * @param {Row} row
 */
function choose(row) {
  open(row, { focus: isChosen(row) || !isWide() });
}

/**
 * @param {Account} account
 * @param {number} present
 */
function row(account, present) {
  const paused = state.status?.paused ?? false;
  const chosen = isChosen({ kind: "account", id: account.id });
  const needs = needsYou(account);
  const amber = needs || endsSoon(account, present);
  return el(
    "li",
    { key: account.id },
    el(
      "button",
      {
        type: "button",
        class: "row",
        "data-row": `account/${account.id}`,
        "data-follow": true,
        "aria-current": chosen ? "true" : null,
        onclick: () => choose({ kind: "account", id: account.id }),
      },
      tile(account.name),
      el(
        "span",
        { class: "row-text" },
        el("span", { class: "row-title" }, name(account.name)),
        amber
          ? el(
              "span",
              { class: "row-sub amber" },
              needs ? t.row[account.state] : t.ends.row(when(account.ends_at ?? present, present)),
            )
          : el(
              "span",
              { class: "row-sub" },
              account.state === "ready" ? null : `${t.row[account.state]} · `,
              account.label ? name(account.label) : el("bdi", null, short(account.server)),
            ),
      ),
      amber ? null : el("span", { class: "row-time", "aria-hidden": "true" }, brief(account, present, paused)),
      ring(account, present, paused),
      el("span", { class: "unseen" }, `, ${words(account, present, paused)}`),
    ),
  );
}

/** @param {SignIn} signIn */
function signInRow(signIn) {
  const chosen = isChosen({ kind: "sign_in", id: signIn.sign_in });
  const failed = signIn.progress.step === "failed";
  return el(
    "li",
    { key: signIn.sign_in },
    el(
      "button",
      {
        type: "button",
        class: "row",
        "data-row": `sign_in/${signIn.sign_in}`,
        "data-follow": true,
        "aria-current": chosen ? "true" : null,
        onclick: () => choose({ kind: "sign_in", id: signIn.sign_in }),
      },
      tile(signIn.name ?? hostOf(signIn.server)),
      el(
        "span",
        { class: "row-text" },
        el(
          "span",
          { class: "row-title" },
          signIn.name ? name(signIn.name) : el("bdi", null, readable(hostOf(signIn.server))),
        ),
        el("span", { class: `row-sub${failed ? " amber" : ""}` }, where(signIn)),
      ),
      draw(failed ? "needs" : "empty", 0),
    ),
  );
}

/** @param {number} present */
function beside(present) {
  const pane = route.pane;
  switch (pane.kind) {
    case "add":
      return add();
    case "sign_in": {
      const found = state.signIns.find((s) => s.sign_in === pane.id);
      return found ? signIn(found, present) : none(present);
    }
    case "account": {
      const found = state.accounts.find((a) => a.id === pane.id);
      return found ? account(found, present, pane.done) : none(present);
    }
    case "receipt":
      return receipt(pane.receipt, present);
    default:
      return none(present);
  }
}

/** @param {number} present */
function none(present) {
  const needs = state.accounts.filter(needsYou);
  const first = needs[0];
  return el(
    "div",
    { class: "pane-none", key: "none" },
    first
      ? [
          draw("needs", 0, { big: true }),
          el(
            "p",
            null,
            needs.length === 1 ? [name(first.name), " ", t.accounts.oneNeeds] : t.accounts.someNeed(needs.length),
          ),
          button(t.accounts.see, () => open({ kind: "account", id: first.id }), { kind: "plain" }),
        ]
      : [
          draw(state.status?.paused ? "paused" : "well", 1, { big: true }),
          el("p", null, whole()),
          overview(present),
          el("p", { class: "quiet small" }, t.accounts.keys),
        ],
  );
}

function whole() {
  const ready = state.accounts.filter((a) => a.state === "ready");
  if (state.status?.paused) return t.accounts.allPaused;
  if (ready.length < state.accounts.length) return t.accounts.someReady(ready.length, state.accounts.length);
  return ready.every((a) => a.next_rotation_at !== undefined || a.expires_at === undefined)
    ? t.accounts.allRenew
    : t.accounts.allWell;
}

/**
 * What comes next and what was last, for those who only look in.
 * @param {number} present
 */
function overview(present) {
  const next = state.accounts
    .filter((a) => a.state === "ready" && (a.next_rotation_at ?? 0) > present)
    .sort((a, b) => (a.next_rotation_at ?? 0) - (b.next_rotation_at ?? 0))[0];
  const last = [...state.audit]
    .reverse()
    .find((e) => e.action === "token" && e.outcome === "ok" && e.caller?.subject);
  return facts(
    [
      next && !state.status?.paused
        ? [t.accounts.next, [name(next.name), ` ${t.time.in(about((next.next_rotation_at ?? 0) - present))}`]]
        : null,
      last?.caller?.subject ? [t.accounts.last, [name(last.caller.subject.name), ` ${ago(last.at, present)}`]] : null,
    ],
    "overview",
  );
}
