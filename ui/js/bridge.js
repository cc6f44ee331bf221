// The only way out of the page: the shell's commands, and through it the agent's methods.
//
// Invariant: whatever goes wrong comes back as a `Trouble`, with a fact and a next step, so that no view has to guess.

import { t } from "./texts.js";

/** @import { Commands, Told, Trouble } from "./shell.d.ts" */
/** @import { Fault, Methods } from "./api.d.ts" */

/**
 * A command of the shell.
 * @template {keyof Commands} C
 * @param {C} command
 * @param {Commands[C]["args"]} args
 * @returns {Promise<Commands[C]["result"]>}
 */
export async function shell(command, args) {
  try {
    // the shell's commands look for `signIn` where the type says `sign_in`, unless each is told otherwise: both are there
    const camel = Object.entries(args).map(([key, value]) => [
      key.replace(/_([a-z])/g, (_, c) => c.toUpperCase()),
      value,
    ]);
    return await window.__TAURI__.core.invoke(command, { ...Object.fromEntries(camel), ...args });
  } catch (error) {
    throw trouble(error);
  }
}

/**
 * A method of the agent.
 * @template {keyof Methods} M
 * @param {M} method
 * @param {Methods[M]["params"]} params
 * @returns {Promise<Methods[M]["result"]>}
 */
export async function agent(method, params) {
  try {
    return await window.__TAURI__.core.invoke("agent_call", { method, params });
  } catch (error) {
    throw trouble(error);
  }
}

/**
 * From now on, `told` hears of what happens.
 * @param {(message: Told) => void} told
 */
export async function subscribe(told) {
  const channel = new window.__TAURI__.core.Channel();
  channel.onmessage = told;
  await window.__TAURI__.core.invoke("subscribe", { channel });
}

/**
 * Any error as a trouble.
 * @param {unknown} error
 * @returns {Trouble}
 */
export function trouble(error) {
  const it = /** @type {any} */ (error);
  if (it && typeof it.code === "string" && typeof it.fact === "string") {
    return { code: it.code, fact: it.fact, next: it.next ?? "", details: it.details ?? null };
  }
  const said = it instanceof Error ? it.message : typeof error === "string" ? error : "";
  return {
    code: "internal",
    fact: t.trouble.unexpected,
    next: t.trouble.unexpectedNext,
    details: said ? { said } : null,
  };
}

/**
 * A fault of the agent's as a trouble.
 * @param {Fault} fault
 * @returns {Trouble}
 */
export function ofFault(fault) {
  return { code: fault.data.code, fact: fault.message, next: fault.data.next, details: fault.data.detail ?? null };
}
