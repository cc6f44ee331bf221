// The keyboard: arrows go through lists, `/` filters, `N` adds, `Esc` backs out.
//
// Invariant: one letter alone does nothing while somebody types, and no key takes a decision: those have buttons.

import { back, go, isWide, open, route } from "./router.js";
import { afterwards } from "./store.js";

/** @param {EventTarget | null} target */
function types(target) {
  return (
    (target instanceof HTMLInputElement && !["radio", "checkbox", "button"].includes(target.type)) ||
    target instanceof HTMLTextAreaElement ||
    target instanceof HTMLSelectElement
  );
}

/** @param {KeyboardEvent} event */
export function keydown(event) {
  if (event.defaultPrevented || event.isComposing || document.querySelector("dialog[open]")) return;
  if (event.key === "Escape") {
    escape(event);
    return;
  }
  if (event.ctrlKey || event.metaKey || event.altKey || types(event.target)) return;
  if (event.key === "/") {
    const filter = document.querySelector("[data-filter]");
    if (filter instanceof HTMLElement) {
      event.preventDefault();
      filter.focus();
    }
  } else if (event.key === "n" || event.key === "N") {
    event.preventDefault();
    open({ kind: "add" });
  } else if (["1", "2", "3", "4"].includes(event.key)) {
    const view = /** @type {const} */ (["accounts", "programs", "activity", "settings"])[Number(event.key) - 1];
    if (view) go(view);
  } else {
    arrows(event);
  }
}

/** @param {KeyboardEvent} event */
function escape(event) {
  const target = event.target;
  if (target instanceof HTMLInputElement && target.hasAttribute("data-filter")) {
    event.preventDefault();
    if (target.value) {
      target.value = "";
      target.dispatchEvent(new Event("input", { bubbles: true }));
    } else {
      // the rows that come back without the filter are drawn first
      afterwards(() => {
        const row = document.querySelector("[data-row]");
        if (row instanceof HTMLElement) row.focus();
        else target.blur();
      });
    }
  } else if (route.view === "accounts" && route.pane.kind !== "none") {
    event.preventDefault();
    back();
  }
}

/** @param {KeyboardEvent} event */
function arrows(event) {
  const row = event.target instanceof Element ? event.target.closest("[data-row]") : null;
  if (!(row instanceof HTMLElement)) return;
  const rows = /** @type {HTMLElement[]} */ ([...(row.closest("[data-list]")?.querySelectorAll("[data-row]") ?? [])]);
  const at = rows.indexOf(row);
  const to = { ArrowDown: at + 1, ArrowUp: at - 1, Home: 0, End: rows.length - 1 }[event.key];
  const next = to === undefined ? undefined : rows[Math.min(rows.length - 1, Math.max(0, to))];
  if (!next) return;
  event.preventDefault();
  next.focus();
  if (next !== row && next.hasAttribute("data-follow") && isWide()) next.click();
}
