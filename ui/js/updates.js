// A newer version: looked for when the person presses, shown in place. Nothing is downloaded or installed; its page opens
// in the person's browser, by the shell, which knows the address.

import { agent, shell } from "./bridge.js";
import { run } from "./busy.js";
import { el } from "./dom.js";
import { say } from "./live.js";
import { visible } from "./names.js";
import { button, troubleAt } from "./parts.js";
import { putUpdate, state } from "./store.js";
import { t } from "./texts.js";
import { when } from "./time.js";

/** @import { Update } from "./api.d.ts" */

/** @param {number} present */
export function updates(present) {
  const status = state.status;
  if (!status) return null;
  if (status.managed?.keys?.includes("updates")) return el("p", { class: "quiet" }, t.updates.off);
  const update = status.update;
  return [
    update ? el("p", { class: update.newer ? "" : "quiet" }, said(update, present)) : null,
    update?.newer ? el("p", { class: "quiet small" }, t.updates.means) : null,
    el(
      "div",
      { class: "row-buttons" },
      update?.newer ? button(t.updates.open, openPage, { busy: "open_release", key: "open" }) : null,
      button(t.updates.look, look, { busy: "update", key: "look" }),
    ),
    troubleAt("open_release"),
    troubleAt("update"),
  ];
}

/**
 * @param {Update} update
 * @param {number} present
 */
function said(update, present) {
  return update.newer ? t.updates.newer(visible(update.newest, 60)) : t.updates.none(when(update.looked_at, present));
}

function openPage() {
  return run("open_release", () => shell("open_release", {}));
}

async function look() {
  const update = await run("update", () => agent("update.check", {}));
  if (!update) return;
  putUpdate(update);
  say(said(update, update.looked_at));
}
