// A sign-in that did not come to the end that was wanted: why, and what can be done. When somebody else came back, nothing
// was changed, and the person is asked before anything is replaced.

import { again, mine } from "./begun.js";
import { ofFault } from "./bridge.js";
import { el } from "./dom.js";
import { owner, visible } from "./names.js";
import { moved } from "./notices.js";
import { button, facts, troubleAt, troubleBox } from "./parts.js";
import { back } from "./router.js";
import { forget, state } from "./store.js";
import { t } from "./texts.js";

/** @import { SignIn } from "./api.d.ts" */

/** @param {string} person */
function hint(person) {
  return person ? { login_hint: person } : {};
}

/** @param {SignIn} signIn */
export function failed(signIn) {
  const step = signIn.progress;
  if (step.step !== "failed") return null;
  const id = signIn.sign_in;
  const error = ofFault(step.error);
  const params = mine.get(id)?.params;
  const account = state.accounts.find((a) => a.name === signIn.name);
  const close = () => {
    mine.delete(id);
    forget(id);
    back();
  };
  const closeButton = button(t.close, close, { kind: "link" });
  if (error.code === "another_person" && account) {
    const older = String(step.error.data.detail?.["old"] ?? account.label ?? "");
    const newer = String(step.error.data.detail?.["new"] ?? "");
    return el(
      "section",
      { class: "notice notice-needs", key: "another", role: "alert" },
      el("h3", null, t.another.title),
      facts([
        [t.another.was, el("bdi", null, visible(older))],
        [t.another.is, el("bdi", null, visible(newer))],
      ]),
      el("p", null, t.another.means),
      el(
        "div",
        { class: "row-buttons" },
        button(
          t.another.same(visible(older, 40)),
          () => again(signIn, { account: account.id, prompt: "select_account", ...hint(older) }),
          { kind: "primary", busy: `again/${id}` },
        ),
        button(
          t.another.both,
          () => again(signIn, { url: account.server, prompt: "select_account", ...hint(newer) }),
          { busy: `again/${id}` },
        ),
        button(t.another.replace, () => again(signIn, { account: account.id, replace: true, ...hint(newer) }), {
          busy: `again/${id}`,
        }),
        closeButton,
      ),
    );
  }
  const [older, newer] = [step.error.data.detail?.["old"], step.error.data.detail?.["new"]];
  if (error.code === "issuer_changed" && account && typeof older === "string" && typeof newer === "string") {
    const move = () => again(signIn, { account: account.id, issuer_change: "accept" });
    const moveButton = button(t.needs.moveTo(owner(newer)), move, { busy: `again/${id}` });
    return moved(older, newer, [moveButton, closeButton], `again/${id}`);
  }
  const cancelled = error.code === "sign_in_cancelled";
  const retry = params && !params.client_id ? params : account ? { account: account.id } : { url: signIn.server };
  return el(
    "div",
    { key: "failed" },
    cancelled ? el("p", { class: "lead" }, error.fact) : troubleBox(error),
    el(
      "div",
      { class: "row-buttons" },
      button(t.again, () => again(signIn, retry), { kind: "primary", busy: `again/${id}` }),
      closeButton,
    ),
    troubleAt(`again/${id}`),
  );
}
