// Sign-ins that were begun in this window, and what was done with them here. What happens to them is the agent's (store.js).

import { agent } from "./bridge.js";
import { run } from "./busy.js";
import { open } from "./router.js";
import { changed, forget, state } from "./store.js";

/** @import { SignIn, SignInStart } from "./api.d.ts" */

/**
 * What was done here with a sign-in: how it was begun (without its secrets), when the browser was opened.
 * @type {Map<string, { params?: SignInStart, openedAt?: number, copied?: boolean, doubt?: boolean }>}
 */
export const mine = new Map();

/**
 * @param {string} id
 * @param {{ openedAt?: number, copied?: boolean, doubt?: boolean }} what
 */
export function note(id, what) {
  mine.set(id, { ...mine.get(id), ...what });
  changed();
}

/**
 * Begins a sign-in and shows it.
 * @param {string} key where it is said when that does not work
 * @param {SignInStart} params
 */
export async function startSignIn(key, params) {
  const started = await run(key, () => agent("sign_in.start", params));
  if (!started) return;
  const { client_secret: _, registration_token: __, ...kept } = params;
  mine.set(started.sign_in, { params: kept });
  if (!state.signIns.some((s) => s.sign_in === started.sign_in)) {
    const list = await run("sign_in.list", () => agent("sign_in.list", {}));
    const known = new Set(state.signIns.map((s) => s.sign_in));
    if (list) state.signIns = [...state.signIns, ...list.sign_ins.filter((s) => !known.has(s.sign_in))];
  }
  open({ kind: "sign_in", id: started.sign_in });
}

/**
 * Begins anew, and gives up what is still on its way.
 * @param {SignIn} signIn
 * @param {SignInStart} params
 */
export async function again(signIn, params) {
  const id = signIn.sign_in;
  if (signIn.progress.step !== "failed") await run(`cancel/${id}`, () => agent("sign_in.cancel", { sign_in: id }));
  forget(id);
  mine.delete(id);
  await startSignIn(`again/${id}`, params);
}
