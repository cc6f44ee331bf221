// The consent window: may this program use that sign-in, and for how long? One question after another.
//
// Invariants: nothing is preselected that gives more than "until I quit". Enter never allows. No button and no key
// decides anything before a question has stood there for half a second, so that a stray click or key decides nothing.
//
// Tab order, on which tests rely: the focus begins on the heading (which Tab does not come back to); then the choice of
// how long (one stop, arrows move in it), "Never", "Not now", "Allow". Space presses a button, and Enter only
// "Not now". Esc is "Not now".

import { shell, subscribe, trouble } from "./bridge.js";
import { asks, chain } from "./chain.js";
import { el, show } from "./dom.js";
import { host, learn, name, onLearned, visible } from "./names.js";
import { facts, scopes, tile, troubleBox } from "./parts.js";
import { draw as ringOf } from "./ring.js";
import { t } from "./texts.js";
import { ago, exactClock, now } from "./time.js";

/** @import { Question, Told, Trouble } from "./shell.d.ts" */

/** Longer than a double click, and than the way from a key that was already on its way down. */
const ALIVE_AFTER = 500;

/** @typedef {"once" | "process" | "always"} Choice */

const root = /** @type {HTMLElement} */ (document.getElementById("consent"));

/** @type {Question[]} */
let questions = [];
/** @type {Question | null} */
let current = null;
let answered = 0;
let alive = false;
let timer = 0;
let deciding = false;
let began = false;
/** @type {Trouble | null} */
let wrong = null;
let lost = false;

async function load() {
  try {
    questions = (await shell("consent_questions", {})).sort((a, b) => a.asked_at - b.asked_at);
    for (const q of questions) learn(q.server, q.domain ?? "");
    lost = false;
  } catch (error) {
    wrong = trouble(error);
  }
  began = true;
  turn();
}

/** Stays with the question that is there while it waits, and goes on to the next when it does not. */
function turn() {
  const same = current && questions.find((q) => q.id === current?.id);
  if (same) {
    current = same;
    draw();
    return;
  }
  current = questions[0] ?? null;
  alive = false;
  deciding = false;
  clearTimeout(timer);
  draw();
  document.getElementById("question")?.focus();
  if (!current) return;
  // from when it is seen, not from when it was made
  requestAnimationFrame(() => {
    timer = window.setTimeout(() => {
      alive = true;
      draw();
    }, ALIVE_AFTER);
  });
}

function draw() {
  show(root, current ? question(current) : nothing());
}

function nothing() {
  if (!began) return el("p", { class: "quiet" }, t.loading);
  return el(
    "div",
    { class: "consent-over", key: "over" },
    ringOf("well", 1, { big: true }),
    el("h1", { id: "question", tabindex: -1 }, lost ? t.consent.lost : t.consent.over),
    wrong ? troubleBox(wrong) : null,
  );
}

/** @param {Question} q */
function question(q) {
  const all = answered + questions.length;
  const script = q.subject.script && baseName(q.subject.script);
  const short = visible(script || q.subject.name, 20);
  return el(
    "div",
    { class: "question", key: q.id },
    el(
      "div",
      { class: "question-body" },
      all > 1 ? el("p", { class: "quiet small" }, t.consent.count(answered + 1, all)) : null,
      el(
        "div",
        { class: "question-head" },
        q.icon?.startsWith("data:image/png;base64,")
          ? el("img", { class: "program-icon", src: q.icon, alt: "" })
          : tile(q.subject.name),
        el(
          "h1",
          { id: "question", tabindex: -1 },
          name(script || q.subject.name, { limit: 60 }),
          script ? t.consent.runBy(visible(q.subject.name, 40)) : null,
          ` ${t.consent.wants} `,
          name(q.account, { limit: 64 }),
          " ",
          el("span", { class: "whole" }, t.consent.signIn),
        ),
      ),
      chain(q),
      warnings(q, short),
      facts([
        q.label ? [t.consent.account, name(q.label)] : null,
        [t.consent.at, host(q.server, { path: true })],
        [t.consent.mayDo, scopes(q.scopes)],
        [t.consent.neverSees, t.consent.neverSeesWhat],
        q.before.length > 0 && [t.consent.before, before(q)],
      ]),
    ),
    el(
      "div",
      { class: "question-foot" },
      wrong ? el("div", { role: "alert" }, troubleBox(wrong)) : null,
      choices(q, script ? t.consent.scriptProcess(short) : t.consent.process(short)),
      el(
        "div",
        { class: "row-buttons" },
        decision(t.consent.never, "plain", () => decide("never"), t.consent.neverName),
        el("span", { class: "grow" }),
        decision(t.consent.notNow, "plain", () => decide("denied")),
        decision(t.consent.allow, "primary", () => decide(chosen())),
      ),
      el("p", { class: "quiet small" }, t.consent.time(exactClock(q.expires_at))),
    ),
  );
}

/**
 * A path's last part.
 * @param {string} path
 */
function baseName(path) {
  return path.split(/[\\/]/).pop() || path;
}

/**
 * What a person should know before saying yes, plainly.
 * @param {Question} q
 * @param {string} short
 */
function warnings(q, short) {
  /** @type {string[]} */
  const said = [];
  if (!asks(q)) said.push(q.before[0]?.until === "never" ? t.consent.again : t.consent.beforehand);
  if (q.changed === "file") said.push(t.consent.changed);
  if (q.subject.script) said.push(t.consent.fromScript);
  else if (q.subject.kind === "bare_shell") said.push(t.consent.shell(short));
  else if (q.subject.kind === "bare_interpreter") said.push(t.consent.interpreter(short));
  if (q.subject.signer?.trust === "unsigned") said.push(t.consent.unsigned);
  if (q.subject.signer?.trust === "adhoc") said.push(t.consent.adhoc);
  if (q.caller.strength === "pid_with_start") said.push(t.consent.weak);
  if (said.length === 0) return null;
  return el(
    "ul",
    { class: "warnings", key: "warnings" },
    said.map((text) => el("li", null, text)),
  );
}

/** @param {Question} q */
function before(q) {
  const present = now();
  return el(
    "ul",
    { class: "plain" },
    q.before
      .slice(0, 5)
      .map((b) => el("li", null, t.consent.answered(t.consent.beforeWhat[b.until], ago(b.at, present)))),
  );
}

/**
 * @param {Question} q
 * @param {string} process what "until I quit" is called
 */
function choices(q, process) {
  const running = asks(q);
  /** @type {[Choice, string][]} */
  const all = [
    ["once", running ? t.consent.once : t.consent.next],
    // "until I quit" needs something that runs
    ...(running ? [/** @type {[Choice, string]} */ (["process", process])] : []),
    ["always", t.consent.always],
  ];
  const first = running ? "process" : "once";
  return [
    el(
      "fieldset",
      { class: "segments" },
      el("legend", { class: "unseen" }, t.consent.for),
      all.map(([value, label]) =>
        el(
          "label",
          { class: "segment" },
          el("input", {
            type: "radio",
            name: "until",
            value,
            checked: value === first,
            "aria-describedby": value === "always" ? "always-means" : null,
          }),
          el("span", null, label),
        ),
      ),
    ),
    el("p", { class: "always-means quiet small", id: "always-means" }, t.consent.alwaysMeans),
  ];
}

/** @returns {Choice} */
function chosen() {
  const input = root.querySelector("input[name=until]:checked");
  const value = input instanceof HTMLInputElement ? input.value : "";
  return value === "always" || value === "process" ? value : "once";
}

/**
 * A button that is not yet alive keeps its place in the tab order, and does nothing.
 * @param {string} label
 * @param {string} kind
 * @param {() => void} act
 * @param {string} [spoken]
 */
function decision(label, kind, act, spoken) {
  return el(
    "button",
    {
      type: "button",
      class: `button button-${kind}`,
      "aria-label": spoken,
      "aria-disabled": alive && !deciding ? null : "true",
      onclick: act,
    },
    label,
  );
}

/** @param {Choice | "never" | "denied"} until */
async function decide(until) {
  if (!alive || deciding || !current) return;
  const { id } = current;
  deciding = true;
  wrong = null;
  draw();
  try {
    await shell("consent_decide", { pending: id, until });
    answered += 1;
    questions = questions.filter((q) => q.id !== id);
  } catch (error) {
    wrong = trouble(error);
  }
  deciding = false;
  turn();
}

/** @param {KeyboardEvent} event */
function keydown(event) {
  if (event.key === "Escape") {
    event.preventDefault();
    if (!event.repeat) decide("denied");
  } else if (event.key === "Enter") {
    event.preventDefault();
    const label = event.target instanceof HTMLElement ? event.target.textContent : "";
    if (!event.repeat && label === t.consent.notNow) decide("denied");
  } else if (event.key === " " && event.repeat) {
    // a key that is held down presses nothing
    event.preventDefault();
  }
}

/** @param {Told} message */
function told(message) {
  if (
    message.type === "event" &&
    (message.event.kind === "approvals_changed" ||
      message.event.kind === "approval_asked" ||
      message.event.kind === "missed")
  ) {
    load();
  } else if (message.type === "link" && message.state === "down") {
    lost = true;
    questions = [];
    began = true;
    turn();
  }
}

document.addEventListener("keydown", keydown);
onLearned(draw);
subscribe(told).catch((error) => {
  wrong = trouble(error);
  draw();
});
load();
