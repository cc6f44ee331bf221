// Where we are: one of five views, and in the accounts what stands beside the list.
//
// Invariant: going somewhere says where the focus goes. Whoever came by keyboard finds it on the new heading, or in the
// first field; moving through a list leaves it there.

import { afterwards, changed } from "./store.js";

/** @import { DoneStep, Receipt } from "./api.d.ts" */

/** @typedef {"accounts" | "programs" | "activity" | "settings"} View */
/**
 * What stands beside the list.
 * @typedef {{ kind: "none" }
 *   | { kind: "account", id: string, done?: DoneStep }
 *   | { kind: "add" }
 *   | { kind: "sign_in", id: string }
 *   | { kind: "receipt", receipt: Receipt }} Pane
 */

/** @type {{ view: View, pane: Pane }} */
export const route = { view: "accounts", pane: { kind: "none" } };

let focusWanted = false;
/** Where the view was when it was left. */
/** @type {Pane} */
let pane = route.pane;

/**
 * Another view.
 * @param {View} view
 * @param {{ focus?: boolean }} [how]
 */
export function go(view, how = {}) {
  if (route.view === "accounts") pane = route.pane;
  route.view = view;
  route.pane = view === "accounts" ? pane : { kind: "none" };
  focusWanted = how.focus ?? true;
  changed();
}

/**
 * Something beside the list of accounts.
 * @param {Pane} to
 * @param {{ focus?: boolean }} [how]
 */
export function open(to, how = {}) {
  route.view = "accounts";
  route.pane = to;
  focusWanted = how.focus ?? true;
  changed();
}

/** Whether list and what stands beside it are both in sight, which is so when enough letters fit. */
export function isWide() {
  const list = document.querySelector(".list");
  const pane = document.querySelector(".pane");
  return !list || !pane || (list.getClientRects().length > 0 && pane.getClientRects().length > 0);
}

/** Out of what stands beside the list. */
export function back() {
  const key =
    route.pane.kind === "account"
      ? `account/${route.pane.id}`
      : route.pane.kind === "sign_in"
        ? `sign_in/${route.pane.id}`
        : "";
  route.pane = { kind: "none" };
  focusWanted = false;
  afterwards(() => {
    const row = [...document.querySelectorAll("[data-row]")].find((r) => r.getAttribute("data-row") === key);
    const target = row ?? document.querySelector("[data-row]") ?? document.querySelector("#view h1");
    if (target instanceof HTMLElement) target.focus();
  });
}

/** After drawing: brings the focus where it was promised. */
export function settleFocus() {
  if (!focusWanted) return;
  focusWanted = false;
  const all = document.querySelectorAll("[data-arrive]");
  const target = all[all.length - 1];
  if (target instanceof HTMLElement) target.focus();
}
