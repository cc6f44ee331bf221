// Small parts that every view uses: buttons, facts, troubles, what can be copied.

import { forgive, isBusy, run, troubleOf } from "./busy.js";
import { shell } from "./bridge.js";
import { el } from "./dom.js";
import { say } from "./live.js";
import { visible } from "./names.js";
import { remedy } from "./remedy.js";
import { t } from "./texts.js";

/** @import { Child } from "./dom.js" */
/** @import { Trouble } from "./shell.d.ts" */

/**
 * A button. With `busy`, it waits while that is being done.
 * @param {string} label
 * @param {() => void} act
 * @param {{ kind?: "primary" | "plain" | "danger" | "link", busy?: string, name?: string, id?: string, disabled?: boolean, key?: string, arrive?: boolean }} [how]
 */
export function button(label, act, how = {}) {
  const waits = how.busy !== undefined && isBusy(how.busy);
  return el(
    "button",
    {
      type: "button",
      key: how.key,
      id: how.id,
      class: `button button-${how.kind ?? "plain"}`,
      "aria-label": how.name,
      "aria-busy": waits ? "true" : null,
      // not `disabled`, which would throw the focus out of the button that was just pressed
      "aria-disabled": waits || how.disabled ? "true" : null,
      "data-arrive": how.arrive,
      onclick: waits || how.disabled ? () => {} : act,
    },
    label,
    waits ? spinner() : null,
  );
}

export function spinner() {
  return el("span", { class: "spinner", "aria-hidden": "true" });
}

/**
 * Names and values, one a line.
 * @param {([string, Child | Child[]] | null | false)[]} rows
 * @param {string} [extra]
 */
export function facts(rows, extra = "") {
  return el(
    "dl",
    { class: `facts ${extra}` },
    rows
      .filter((row) => row !== null && row !== false)
      .map(([name, value]) => el("div", { key: name }, el("dt", null, name), el("dd", null, value))),
  );
}

/**
 * A letter for what has no picture.
 * @param {string} text
 */
export function tile(text) {
  const letter = [...text].find((c) => /[\p{L}\p{N}]/u.test(c)) ?? "·";
  return el("span", { class: "tile", "aria-hidden": "true" }, letter.toUpperCase());
}

/**
 * What a token may do, each scope for itself.
 * @param {string[]} list
 */
export function scopes(list) {
  if (list.length === 0) return el("span", { class: "quiet" }, t.scopes.none);
  return el(
    "ul",
    { class: "scopes" },
    list.map((scope) =>
      el("li", null, el("bdi", { title: scope.length > 60 ? visible(scope, 1000) : null }, visible(scope, 60))),
    ),
  );
}

/**
 * A sentence with commands in it.
 * @param {string} text
 */
export function prose(text) {
  return visible(text, 600)
    .split(/`([^`]+)`/)
    .map((part, i) => (i % 2 === 1 ? el("code", null, part) : part));
}

/**
 * What went wrong: what happened, what to do, one button, and the rest folded.
 * @param {Trouble} trouble
 * @param {{ act?: Child, close?: () => void, heading?: boolean }} [how]
 */
export function troubleBox(trouble, how = {}) {
  const details = Object.entries(trouble.details ?? {});
  return el(
    "div",
    { class: "trouble", role: "group", "aria-label": t.trouble.label },
    el("p", { class: "trouble-fact" }, prose(trouble.fact)),
    trouble.next ? el("p", { class: "trouble-next" }, prose(trouble.next)) : null,
    how.act || how.close
      ? el(
          "div",
          { class: "row-buttons" },
          how.act ?? null,
          how.close ? button(t.close, how.close, { kind: "link" }) : null,
        )
      : null,
    el(
      "details",
      { class: "more" },
      el("summary", null, t.details),
      facts(
        [
          [t.trouble.code, el("code", null, visible(trouble.code))],
          ...details.map(
            ([key, value]) =>
              /** @type {[string, Child]} */ ([
                visible(key, 40),
                visible(typeof value === "string" ? value : JSON.stringify(value), 600),
              ]),
          ),
        ],
        "facts-small",
      ),
      button(
        t.copy,
        () =>
          copy(
            [
              `${trouble.fact} [${trouble.code}]`,
              trouble.next,
              ...details.map(([k, v]) => `${k}: ${typeof v === "string" ? v : JSON.stringify(v)}`),
            ].join("\n"),
          ),
        { kind: "link" },
      ),
    ),
  );
}

/**
 * The trouble of something that was tried, if there is one.
 * @param {string} key
 * @param {Child} [act]
 */
export function troubleAt(key, act) {
  const trouble = troubleOf(key);
  return trouble
    ? el(
        "div",
        { key: `trouble/${key}`, role: "alert" },
        troubleBox(trouble, { act: act ?? remedy(trouble), close: () => forgive(key) }),
      )
    : null;
}

/** @param {string} text */
export async function copy(text) {
  await run("copy", () => shell("copy_text", { text: text.slice(0, 4000) }));
  say(t.copied);
}

/**
 * A value that servers' people ask for, to be copied.
 * @param {string} value
 * @param {string} what
 */
export function copyable(value, what) {
  return el(
    "span",
    { class: "copyable" },
    el("code", null, visible(value, 300)),
    button(t.copy, () => copy(value), { kind: "link", name: t.copyWhat(what) }),
  );
}
