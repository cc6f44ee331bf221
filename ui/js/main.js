// The window: the way around on the left, one line about the whole above, and the view.

import { accounts, isBeside } from "./accounts.js";
import { activity } from "./activity.js";
import { agent, shell } from "./bridge.js";
import { lookAtClients } from "./clients.js";
import { run } from "./busy.js";
import { el, show } from "./dom.js";
import { keydown } from "./keyboard.js";
import { say } from "./live.js";
import { name, onLearned, visible } from "./names.js";
import { button, prose, troubleAt } from "./parts.js";
import { programs } from "./programs.js";
import { startButton } from "./remedy.js";
import { needsYou } from "./ring.js";
import { go, open, route, settleFocus } from "./router.js";
import { pause, settings } from "./settings.js";
import { startSignIn } from "./begun.js";
import { onSignIn } from "./sign_in.js";
import { begin, changed, load, lookAgain, state } from "./store.js";
import { t } from "./texts.js";
import { now, when } from "./time.js";

/** @import { Event } from "./api.d.ts" */
/** @import { View } from "./router.js" */

const nav = /** @type {HTMLElement} */ (document.getElementById("nav"));
const banner = /** @type {HTMLElement} */ (document.getElementById("banner"));
const view = /** @type {HTMLElement} */ (document.getElementById("view"));

const VIEWS = { accounts, programs, activity, settings };

function draw() {
  const present = now();
  show(nav, links(), foot());
  show(banner, line());
  view.className = `view view-${route.view}${route.view === "accounts" && isBeside() ? " view-beside" : ""}`;
  show(view, VIEWS[route.view](present));
  settleFocus();
}

function links() {
  const needs = state.accounts.filter(needsYou).length;
  /** @type {[View, number, string][]} */
  const all = [
    ["accounts", needs, t.nav.needs(needs)],
    ["programs", state.pending.length, t.nav.waits(state.pending.length)],
    ["activity", 0, ""],
    ["settings", 0, ""],
  ];
  return el(
    "ul",
    { class: "nav-links" },
    all.map(([to, count, means]) =>
      el(
        "li",
        null,
        el(
          "button",
          {
            type: "button",
            class: "nav-link",
            id: `nav-${to}`,
            "aria-current": route.view === to ? "page" : null,
            onclick: () => go(to, { focus: false }),
          },
          t.nav[to],
          count > 0
            ? el(
                "span",
                { class: "nav-count" },
                el("span", { "aria-hidden": "true" }, String(count)),
                el("span", { class: "unseen" }, `, ${means}`),
              )
            : null,
        ),
      ),
    ),
  );
}

function foot() {
  if (!state.loaded) return null;
  const ready = state.accounts.filter((a) => a.state === "ready").length;
  const vault = state.status?.vault;
  return el(
    "div",
    { class: "nav-foot" },
    state.accounts.length > 0 ? el("p", null, t.foot.accounts(state.accounts.length, ready)) : null,
    vault ? el("p", null, t.foot.vault[vault.kind === "memory" ? "memory" : vault.state]) : null,
  );
}

/** The one line about the whole, the gravest first. */
function line() {
  if (!state.loaded) return null;
  const status = state.status;
  if (state.link === "down") {
    return bar(
      "down",
      t.agent.down,
      t.agent.downMeans,
      [startButton()],
      [
        troubleAt("start"),
        state.linkTrouble && state.linkTrouble.code !== "agent_not_running"
          ? el(
              "p",
              { class: "bar-more quiet small" },
              prose(state.linkTrouble.fact),
              " ",
              el("code", null, visible(state.linkTrouble.code)),
            )
          : null,
      ],
    );
  }
  if (status?.paused) {
    return bar(
      "paused",
      t.agent.paused,
      t.agent.pausedMeans,
      [button(t.agent.resume, () => run("pause", () => pause(false)), { kind: "primary", busy: "pause" })],
      [troubleAt("pause")],
    );
  }
  if (status?.vault.state === "locked" || status?.vault.state === "unavailable") {
    const locked = status.vault.state === "locked";
    return bar(
      "vault",
      locked ? t.agent.locked : t.agent.noVault,
      locked ? t.agent.lockedMeans : t.agent.noVaultMeans,
      [button(t.agent.lookAgain, () => run("look", load), { busy: "look" })],
    );
  }
  const asking = state.pending[0];
  if (asking && route.view !== "programs") {
    return bar(
      "asks",
      [name(asking.subject.name), " ", t.programs.asksFor, " ", name(asking.account)],
      "",
      [
        button(
          t.programs.answer,
          () => run(`ask/${asking.id}`, () => agent("approval.ask", { pending: asking.id })),
          { kind: "primary", busy: `ask/${asking.id}` },
        ),
      ],
      [troubleAt(`ask/${asking.id}`)],
    );
  }
  const offline = state.accounts.filter((a) => a.state === "offline");
  if (offline.length > 1 && offline.length === state.accounts.length)
    return bar("offline", t.agent.offline, t.agent.offlineMeans, []);
  const own = state.settings;
  if (own && !own.asked_autostart && own.autostart === "off" && state.accounts.length > 0) {
    return bar(
      "autostart",
      t.agent.autostart,
      t.settings.autostartMeans,
      [
        button(t.settings.autostart, () => autostart(true), { busy: "autostart" }),
        button(t.agent.noAutostart, () => autostart(false), { kind: "link" }),
      ],
      [troubleAt("autostart")],
    );
  }
  return null;
}

/**
 * Asked once; whatever was answered stands in the settings.
 * @param {boolean} on
 */
function autostart(on) {
  run("autostart", async () => {
    await shell("set_autostart", { on });
    state.settings = await shell("settings", {});
  });
}

/**
 * @param {string} key
 * @param {import("./dom.js").Child | import("./dom.js").Child[]} fact
 * @param {string} means
 * @param {import("./dom.js").Child[]} act
 * @param {import("./dom.js").Child[]} [below]
 */
function bar(key, fact, means, act, below = []) {
  return el(
    "div",
    { class: `bar bar-${key}`, key },
    el("p", { class: "bar-text" }, el("strong", null, fact), means ? ` ${means}` : ""),
    act,
    below,
  );
}

/** @param {Event} event */
function heard(event) {
  // which servers are signed in to says what is left to move
  if (event.kind === "account_changed" || event.kind === "account_removed") lookSoon();
  if (event.kind === "sign_in_changed") onSignIn(event.sign_in);
  else if (event.kind === "approval_asked")
    say(t.programs.asked(visible(event.pending.subject.name, 40), visible(event.pending.account, 40)));
  else if (event.kind === "attention")
    say(t.programs.waitsForYou(visible(event.attention.program ?? "", 40), visible(event.attention.account, 40)));
  else if (event.kind === "update_found") say(t.updates.newer(visible(event.update.newest, 60)));
  else if (event.kind === "hand_out_changed") say(event.paused ? t.settings.pausedMeans : t.agent.resumed);
  else if (event.kind === "sign_in_ends")
    say(`${visible(event.account.name, 40)}: ${t.ends.row(when(event.account.ends_at ?? now(), now()))}`);
  else if (event.kind === "account_changed" && needsYou(event.account))
    say(t.account.needsSaid(visible(event.account.name, 40), t.state[event.account.state]));
}

let looking = 0;

/** Events come in crowds; the clients' files are looked at once after each. */
function lookSoon() {
  clearTimeout(looking);
  looking = window.setTimeout(lookAtClients, 500);
}

/** @param {string} wanted */
function wanted(wanted) {
  if (wanted === "add") open({ kind: "add" });
  else if (wanted.startsWith("account/")) open({ kind: "account", id: wanted.slice("account/".length) });
  else if (wanted.startsWith("again/")) startSignIn(wanted, { account: wanted.slice("again/".length) });
  else if (wanted in VIEWS) go(/** @type {View} */ (wanted));
}

/** Rings follow the clock once a minute, and not at all while nobody looks. */
function tick() {
  const wait = 60_000 - (Date.now() % 60_000) + 50;
  window.setTimeout(() => {
    if (!document.hidden) changed();
    tick();
  }, wait);
}

document.addEventListener("keydown", keydown);
document.addEventListener("visibilitychange", () => {
  if (!document.hidden) changed();
});
window.addEventListener("focus", () => {
  if (!state.loaded) return;
  lookAgain();
  lookAtClients();
});
document.getElementById("to-view")?.addEventListener("click", (event) => {
  event.preventDefault();
  const heading = view.querySelector("h1, h2");
  if (heading instanceof HTMLElement) heading.focus();
});
onLearned(changed);
tick();
begin({ draw, show: wanted, heard }).then(lookAtClients);
draw();
