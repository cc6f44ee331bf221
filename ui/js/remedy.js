// The next step of an error as a button, where the window can take it.

import { shell } from "./bridge.js";
import { run } from "./busy.js";
import { button } from "./parts.js";
import { open } from "./router.js";
import { pause } from "./settings.js";
import { load, state } from "./store.js";
import { t } from "./texts.js";

/** @import { Trouble } from "./shell.d.ts" */

export function startButton() {
  return button(
    t.agent.start,
    () =>
      run("start", async () => {
        await shell("start_agent", {});
        await load();
      }),
    { kind: "primary", busy: "start" },
  );
}

/** @param {Trouble} trouble */
export function remedy(trouble) {
  switch (trouble.code) {
    case "agent_not_running":
    case "connection_lost":
    case "agent_stopping":
      return state.link === "down" ? startButton() : null;
    case "paused":
      return button(t.agent.resume, () => run("pause", () => pause(false)), { busy: "pause" });
    case "needs_sign_in":
    case "token_expired":
    case "server_refuses": {
      const account = state.accounts.find((a) => a.name === trouble.details?.["account"]);
      return account ? button(t.accounts.see, () => open({ kind: "account", id: account.id })) : null;
    }
    default:
      return null;
  }
}
