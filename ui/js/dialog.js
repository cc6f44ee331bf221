// A question in between. The safe answer has the focus, Esc gives it, and nothing else can be reached meanwhile.

import { el } from "./dom.js";
import { t } from "./texts.js";

/** @import { Child } from "./dom.js" */

/**
 * Asks, and says whether it was agreed to.
 * @param {{ title: Child, body: Child[], agree: string, danger?: boolean }} question
 * @returns {Promise<boolean>}
 */
export function ask(question) {
  const from = document.activeElement;
  return new Promise((answer) => {
    /** @param {boolean} yes */
    const end = (yes) => {
      dialog.close();
      dialog.remove();
      if (from instanceof HTMLElement && from.isConnected) from.focus();
      answer(yes);
    };
    const dialog = el(
      "dialog",
      {
        class: "dialog",
        "aria-labelledby": "dialog-title",
        oncancel: (/** @type {Event} */ event) => (event.preventDefault(), end(false)),
      },
      el("h2", { id: "dialog-title" }, question.title),
      question.body,
      el(
        "div",
        { class: "row-buttons row-end" },
        el(
          "button",
          { type: "button", class: "button button-plain", autofocus: true, onclick: () => end(false) },
          t.cancel,
        ),
        el(
          "button",
          {
            type: "button",
            class: `button ${question.danger ? "button-danger-full" : "button-primary"}`,
            onclick: () => end(true),
          },
          question.agree,
        ),
      ),
    );
    document.body.append(dialog);
    dialog.showModal();
  });
}
