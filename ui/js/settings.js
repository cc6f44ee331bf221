// Settings, where things lie, and the doctor: everything that has to be right on this computer, and what to do about
// what is not.

import { agent, shell } from "./bridge.js";
import { isBusy, run } from "./busy.js";
import { el } from "./dom.js";
import { say } from "./live.js";
import { visible } from "./names.js";
import { button, copyable, facts, prose, spinner, troubleAt } from "./parts.js";
import { changed, lookAgain, state } from "./store.js";
import { t } from "./texts.js";
import { when } from "./time.js";
import { updates } from "./updates.js";

/** @import { Check, Doctor } from "./shell.d.ts" */

/** @type {Doctor | null} */
let doctor = null;
/** @type {{ place: string, hint: string | null } | null} */
let installed = null;
let asked = false;

/** @param {number} present */
export function settings(present) {
  if (!asked) {
    asked = true;
    examine();
  }
  const status = state.status;
  const own = state.settings;
  return [
    el(
      "div",
      { class: "page", key: "settings" },
      el("h1", { tabindex: -1, "data-arrive": true }, t.nav.settings),
      el(
        "section",
        { class: "part", key: "general" },
        own ? autostart(own.autostart) : null,
        troubleAt("autostart"),
        status
          ? toggle(
              "pause",
              t.settings.pause,
              status.paused ? t.settings.pausedMeans : t.settings.pauseMeans,
              status.paused,
              (on) => pause(on),
            )
          : null,
        troubleAt("pause"),
      ),
      el("section", { class: "part", key: "doctor", "aria-labelledby": "doctor-title" }, examination()),
      el(
        "section",
        { class: "part", key: "links" },
        el("h2", null, t.settings.links),
        own
          ? el(
              "p",
              { class: own.scheme.state === "foreign" ? "amber" : "" },
              scheme(own.scheme.state, own.scheme.program ?? ""),
            )
          : null,
        own && own.scheme.state !== "ours"
          ? el("div", { class: "row-buttons" }, button(t.settings.takeScheme, takeScheme, { busy: "scheme" }))
          : null,
        troubleAt("scheme"),
        own?.tray === "missing" ? el("p", { class: "quiet" }, t.settings.noTray) : null,
      ),
      el(
        "section",
        { class: "part", key: "terminal" },
        el("h2", null, t.settings.terminal),
        el("p", { class: "quiet" }, t.settings.terminalMeans),
        el(
          "div",
          { class: "row-buttons" },
          button(t.settings.installCommand, installCommand, { busy: "command" }),
        ),
        installed
          ? [
              el("p", null, t.settings.commandInstalled(visible(installed.place, 200))),
              installed.hint ? el("p", { class: "quiet" }, visible(installed.hint, 300)) : null,
            ]
          : null,
        troubleAt("command"),
      ),
      el(
        "section",
        { class: "part", key: "approvals" },
        el("h2", null, t.settings.asking),
        status ? el("p", null, t.settings.approvals[status.approvals]) : null,
        status?.managed
          ? el(
              "p",
              { class: status.managed.mistake ? "amber" : "quiet" },
              status.managed.mistake
                ? t.settings.managedBroken(visible(status.managed.mistake))
                : t.settings.managed((status.managed.keys ?? []).map(visible), visible(status.managed.place)),
            )
          : null,
        status?.policy_mistake
          ? el("p", { class: "amber" }, t.settings.policyMistake, " ", visible(status.policy_mistake))
          : null,
      ),
      el("section", { class: "part", key: "paths" }, el("h2", null, t.settings.paths), paths()),
      el(
        "section",
        { class: "part", key: "about" },
        el("h2", null, t.settings.about),
        facts([
          [t.settings.version, own ? visible(own.version) : "–"],
          status
            ? [
                t.settings.agent,
                t.settings.agentSaid(visible(status.version), status.pid, when(status.started_at, present)),
              ]
            : null,
          status ? [t.settings.vault, t.vault(status.vault.kind, status.vault.state)] : null,
          status && status.revocations_queued > 0
            ? [t.settings.queued, t.settings.queuedSaid(status.revocations_queued)]
            : null,
        ]),
        updates(present),
        el(
          "div",
          { class: "row-buttons" },
          button(t.settings.quit, () => run("quit", () => shell("quit", {})), { busy: "quit" }),
          el("span", { class: "quiet small" }, t.settings.quitMeans),
        ),
        troubleAt("quit"),
      ),
    ),
  ];
}

async function takeScheme() {
  await run("scheme", async () => {
    await shell("take_scheme", {});
    state.settings = await shell("settings", {});
  });
}

async function installCommand() {
  const done = await run("command", () => shell("install_command", {}));
  if (!done) return;
  installed = done;
  changed();
  say(t.settings.commandInstalled(visible(done.place, 200)));
}

/** @param {"on" | "off" | "unavailable"} how */
function autostart(how) {
  if (how === "unavailable") return el("p", { class: "quiet" }, t.settings.autostartUnavailable);
  return toggle("autostart", t.settings.autostart, t.settings.autostartMeans, how === "on", async (on) => {
    await shell("set_autostart", { on });
    state.settings = await shell("settings", {});
  });
}

/**
 * @param {string} key
 * @param {string} label
 * @param {string} means
 * @param {boolean} on
 * @param {(on: boolean) => Promise<unknown>} set
 */
function toggle(key, label, means, on, set) {
  return el(
    "div",
    { class: "toggle", key },
    el("input", {
      type: "checkbox",
      role: "switch",
      id: `set-${key}`,
      class: "switch",
      checked: on,
      live: true,
      "aria-describedby": `set-${key}-means`,
      onchange: (/** @type {Event} */ event) => {
        const wanted = /** @type {HTMLInputElement} */ (event.target).checked;
        run(key, () => set(wanted));
      },
    }),
    el(
      "div",
      null,
      el("label", { for: `set-${key}` }, label),
      el("p", { class: "quiet small", id: `set-${key}-means` }, means),
    ),
  );
}

/** @param {boolean} paused */
export async function pause(paused) {
  await agent("agent.pause", { paused });
  await lookAgain();
}

/**
 * @param {"ours" | "foreign" | "none"} how
 * @param {string} program
 */
function scheme(how, program) {
  return how === "foreign" ? t.settings.scheme.foreign(visible(program, 200)) : t.settings.scheme[how];
}

function paths() {
  const status = state.status;
  if (!status) return null;
  /** @type {["config" | "data" | "log" | "socket", string | undefined][]} */
  const all = [
    ["config", status.paths.config],
    ["data", status.paths.data],
    ["log", status.paths.log],
    ["socket", status.paths.socket],
  ];
  return [
    facts(
      all.flatMap(([what, path]) =>
        path === undefined
          ? []
          : [
              /** @type {[string, Node[]]} */ ([
                t.settings.path[what],
                [
                  copyable(path, t.settings.path[what]),
                  ...(what === "socket"
                    ? []
                    : [
                        button(t.open, () => run("open_path", () => shell("open_path", { what })), {
                          kind: "link",
                          name: t.settings.openName(t.settings.path[what]),
                        }),
                      ]),
                ],
              ]),
            ],
      ),
      "facts-paths",
    ),
    troubleAt("open_path"),
  ];
}

async function examine() {
  const found = await run("doctor", () => shell("doctor", {}));
  if (!found) return;
  doctor = found;
  changed();
  say(found.problems === 0 ? t.doctor.well : t.doctor.problems(found.problems));
}

function examination() {
  const busy = isBusy("doctor");
  return [
    el(
      "div",
      { class: "part-head" },
      el("h2", { id: "doctor-title" }, t.doctor.title),
      button(t.doctor.again, examine, { kind: "link", busy: "doctor" }),
    ),
    troubleAt("doctor"),
    doctor
      ? [
          el(
            "p",
            { class: doctor.problems > 0 ? "amber" : "" },
            doctor.problems === 0 ? t.doctor.well : t.doctor.problems(doctor.problems),
          ),
          el("ul", { class: "checks" }, [...doctor.checks].sort((a, b) => rank(a) - rank(b)).map(check)),
        ]
      : busy
        ? el("p", { class: "quiet" }, spinner(), " ", t.doctor.looking)
        : null,
  ];
}

/** @param {Check} check */
function rank(check) {
  return { problem: 0, note: 1, ok: 2 }[check.verdict];
}

/** @param {Check} check */
function check(check) {
  return el(
    "li",
    { class: `check check-${check.verdict}`, key: `${check.name}/${check.said}` },
    el("span", { class: "check-mark", "aria-hidden": "true" }, { problem: "!", note: "·", ok: "✓" }[check.verdict]),
    el(
      "span",
      { class: "check-name" },
      el("span", { class: "unseen" }, `${t.doctor.verdict[check.verdict]}: `),
      visible(check.name),
    ),
    el(
      "div",
      null,
      el("p", null, prose(check.said)),
      check.next ? el("p", { class: "quiet" }, prose(check.next)) : null,
    ),
  );
}
