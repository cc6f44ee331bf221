// A sign-in on its way: looking, what was found, the browser, the way back, the end.
//
// Invariant: the address of the issuer's page never comes here; the shell takes it from the agent and opens it, and only
// when a person pressed the button. What a person began lives in the agent: this page can be left and found again.

import { again, mine, note } from "./begun.js";
import { agent, ofFault, shell } from "./bridge.js";
import { isBusy, run } from "./busy.js";
import { el } from "./dom.js";
import { say } from "./live.js";
import { host, hostOf, owner, readable, visible } from "./names.js";
import { button, facts, scopes, spinner, troubleAt, troubleBox } from "./parts.js";
import { back, open, route } from "./router.js";
import { changed, forget } from "./store.js";
import { t } from "./texts.js";
import { failed } from "./sign_in_end.js";
import { about } from "./time.js";

/** @import { BrowserStep, RedirectChoice, RedirectKind, SignIn } from "./api.d.ts" */
/** @import { Browser } from "./shell.d.ts" */

/** After this long without an answer, the other way is offered. */
const DOUBT = 45;

/** @type {Browser[] | null} */
let browsers = null;
let browser = "";

/**
 * Where it is, in a few words, for the list.
 * @param {SignIn} signIn
 */
export function where(signIn) {
  return signIn.progress.step === "browser" && mine.get(signIn.sign_in)?.openedAt
    ? t.step.waiting
    : t.step[signIn.progress.step];
}

/**
 * Hears how it goes on: says it, and shows the account at the end.
 * @param {SignIn} signIn
 */
export function onSignIn(signIn) {
  const step = signIn.progress;
  const shown = route.view === "accounts" && route.pane.kind === "sign_in" && route.pane.id === signIn.sign_in;
  if (shown || step.step === "done") say(step.step === "failed" ? step.error.message : t.step[step.step]);
  // whoever cancelled it elsewhere knows of it
  if (step.step === "failed" && step.error.data.code === "sign_in_cancelled" && !shown) forget(signIn.sign_in);
  if (step.step === "tried") forget(signIn.sign_in);
  if (step.step === "done") {
    mine.delete(signIn.sign_in);
    forget(signIn.sign_in);
    if (shown) open({ kind: "account", id: step.account.id, done: step });
  }
}

/**
 * @param {SignIn} signIn
 * @param {number} present
 */
export function signIn(signIn, present) {
  const step = signIn.progress;
  const title = signIn.name ? t.signIn.again(visible(signIn.name)) : t.signIn.title(readable(hostOf(signIn.server)));
  return el(
    "article",
    { class: "detail", key: `sign_in/${signIn.sign_in}`, "aria-labelledby": "detail-title" },
    el("div", { class: "back" }, button(t.back, back, { kind: "link" })),
    el("h2", { id: "detail-title", class: "title", tabindex: -1, "data-arrive": true }, title),
    steps(signIn),
    step.step === "browser"
      ? found(signIn, step, present)
      : step.step === "failed"
        ? failed(signIn)
        : working(signIn),
  );
}

/**
 * Where it is, as a line of four.
 * @param {SignIn} signIn
 */
function steps(signIn) {
  const order = ["look", "browser", "store"];
  const at = { discovering: 0, registering: 0, browser: 1, exchanging: 2, storing: 2, done: 3, tried: 3, failed: -1 }[
    signIn.progress.step
  ];
  if (at < 0) return null;
  return el(
    "ol",
    { class: "steps", "aria-label": t.signIn.steps },
    order.map((word, i) =>
      el(
        "li",
        { class: i < at ? "step-done" : i === at ? "step-now" : "", "aria-current": i === at ? "step" : null },
        t.signIn.step[/** @type {"look" | "browser" | "store"} */ (word)],
      ),
    ),
  );
}

/** @param {SignIn} signIn */
function working(signIn) {
  const step = signIn.progress;
  const text =
    step.step === "registering"
      ? t.signIn.registering(owner(step.issuer))
      : step.step === "discovering"
        ? t.signIn.discovering(readable(hostOf(signIn.server)))
        : t.step[step.step];
  return el(
    "div",
    { key: "working" },
    el("p", { class: "lead" }, spinner(), " ", text),
    el("div", { class: "row-buttons" }, cancelButton(signIn)),
    troubleAt(`cancel/${signIn.sign_in}`),
  );
}

/**
 * What was found, and the way to the browser.
 * @param {SignIn} signIn
 * @param {BrowserStep} step
 * @param {number} present
 */
function found(signIn, step, present) {
  const id = signIn.sign_in;
  const my = mine.get(id) ?? {};
  const opened = my.openedAt !== undefined;
  const doubt = my.doubt || (my.openedAt !== undefined && present - my.openedAt >= DOUBT);
  if (browsers === null) readBrowsers();
  return el(
    "div",
    { key: "found" },
    step.refused
      ? el(
          "div",
          { class: "notice notice-needs", role: "alert" },
          el("h3", null, t.signIn.refused),
          troubleBox(ofFault(step.refused)),
          el("p", { class: "quiet" }, t.signIn.stillWaits),
        )
      : null,
    facts([
      [t.signIn.server, host(step.server, { path: true })],
      [t.signIn.issuer, host(step.issuer)],
      [t.signIn.known, t.known[step.registration]],
      [t.signIn.asks, scopes(step.scopes)],
      [t.signIn.way, t.redirect[step.redirect_kind]],
    ]),
    opened
      ? el("p", { class: "lead", role: "status" }, t.signIn.waiting)
      : el("p", { class: "lead" }, t.signIn.ready),
    el(
      "div",
      { class: "row-buttons" },
      browsers && browsers.length > 1 ? chooser() : null,
      button(opened ? t.signIn.openAgain : t.signIn.open, () => openBrowser(id), {
        kind: opened ? "plain" : "primary",
        busy: `open/${id}`,
        id: "open-browser",
      }),
      button(my.copied ? t.signIn.copied : t.signIn.copy, () => copyLink(id), { busy: `link/${id}` }),
    ),
    troubleAt(`open/${id}`),
    troubleAt(`link/${id}`),
    troubleAt(`cancel/${id}`),
    el(
      "div",
      { class: "row-buttons row-quiet" },
      el("p", { class: "quiet small grow" }, t.signIn.givenUp(about(step.expires_at - present))),
      anotherButton(signIn),
      cancelButton(signIn),
    ),
    doubt
      ? otherWay(signIn, step)
      : opened
        ? el(
            "p",
            null,
            button(t.signIn.nothing, () => note(id, { doubt: true }), { kind: "link" }),
          )
        : null,
  );
}

function chooser() {
  return el(
    "label",
    { class: "chooser" },
    el("span", { class: "unseen" }, t.signIn.which),
    el(
      "select",
      {
        class: "field",
        onchange: (/** @type {Event} */ event) => {
          browser = /** @type {HTMLSelectElement} */ (event.target).value;
        },
      },
      (browsers ?? []).map((b) => el("option", { value: b.id }, visible(b.name, 40))),
    ),
  );
}

async function readBrowsers() {
  browsers = [];
  try {
    browsers = await shell("browsers", {});
    changed();
  } catch {
    // the system's own choice is used then
  }
}

/** @param {string} id */
async function openBrowser(id) {
  const done = await run(`open/${id}`, () =>
    shell("open_browser", browser ? { sign_in: id, browser } : { sign_in: id }),
  );
  if (!done) return;
  begun(id, {});
  say(t.signIn.waiting);
}

/** @param {string} id */
async function copyLink(id) {
  const done = await run(`link/${id}`, () => shell("copy_link", { sign_in: id }));
  if (!done) return;
  begun(id, { copied: true });
  say(t.copied);
}

/**
 * From now on an answer is waited for, and doubted after a while.
 * @param {string} id
 * @param {{ copied?: boolean }} what
 */
function begun(id, what) {
  note(id, { openedAt: Math.floor(Date.now() / 1000), ...what });
  window.setTimeout(() => {
    if (mine.has(id)) note(id, { doubt: true });
  }, DOUBT * 1000);
}

/** @param {RedirectKind} kind @returns {[RedirectChoice, string] | null} */
function other(kind) {
  switch (kind) {
    case "scheme":
      return ["loopback", t.other.loopback];
    case "loopback":
      return ["localhost", t.other.localhost];
    case "localhost":
      return ["loopback", t.other.loopback];
    default:
      return null;
  }
}

/**
 * Nothing came back: the other way, or the address by hand.
 * @param {SignIn} signIn
 * @param {BrowserStep} step
 */
function otherWay(signIn, step) {
  const id = signIn.sign_in;
  const way = other(step.redirect_kind);
  return el(
    "section",
    { class: "notice", key: "other", "aria-labelledby": "other-title" },
    el("h3", { id: "other-title" }, t.signIn.nothingTitle),
    way
      ? el(
          "div",
          { class: "split" },
          el("p", null, t.signIn.otherMeans(way[1])),
          button(
            t.signIn.other,
            () =>
              run(`other/${id}`, async () => {
                await agent("sign_in.redirect", { sign_in: id, kind: way[0] });
                mine.set(id, { params: mine.get(id)?.params });
              }),
            { busy: `other/${id}` },
          ),
        )
      : el("p", null, t.signIn.noOther),
    troubleAt(`other/${id}`),
    el(
      "form",
      {
        class: "paste",
        onsubmit: (/** @type {SubmitEvent} */ event) => {
          event.preventDefault();
          const field = /** @type {HTMLTextAreaElement} */ (document.getElementById("paste"));
          const url = field.value.replace(/\s+/g, "");
          if (!url) return;
          run(`paste/${id}`, async () => {
            await agent("sign_in.callback", { url, sign_in: id });
            field.value = "";
          });
        },
      },
      el("label", { class: "label", for: "paste" }, t.signIn.paste),
      el("textarea", {
        id: "paste",
        class: "field",
        rows: 2,
        maxlength: 16384,
        spellcheck: "false",
        autocomplete: "off",
        placeholder: t.signIn.pastePlaceholder,
      }),
      el(
        "div",
        { class: "row-buttons" },
        el(
          "button",
          { type: "submit", class: "button button-plain", "aria-busy": isBusy(`paste/${id}`) ? "true" : null },
          t.signIn.pasteGo,
        ),
      ),
      troubleAt(`paste/${id}`),
    ),
  );
}

/**
 * Begin again, and choose the person on the issuer's page; only for what was begun here and needs no secret.
 * @param {SignIn} signIn
 */
function anotherButton(signIn) {
  const params = mine.get(signIn.sign_in)?.params;
  if (!params || params.client_id || params.prompt) return null;
  return button(t.signIn.another, () => again(signIn, { ...params, prompt: "select_account" }), {
    kind: "link",
    busy: `again/${signIn.sign_in}`,
  });
}

/** @param {SignIn} signIn */
function cancelButton(signIn) {
  const id = signIn.sign_in;
  return button(
    t.cancel,
    async () => {
      const done = await run(`cancel/${id}`, () => agent("sign_in.cancel", { sign_in: id }));
      if (!done) return;
      mine.delete(id);
      forget(id);
      back();
    },
    { kind: "link", busy: `cancel/${id}`, name: t.signIn.cancel },
  );
}
