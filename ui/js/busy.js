// What is being done: a button that was pressed waits, and what went wrong stands beside it until it is tried again.
//
// Invariant: one thing at a time a key. A spinner shows only after 400 ms (css/parts.css), so that quick answers do not flicker.

import { trouble } from "./bridge.js";
import { changed } from "./store.js";

/** @import { Trouble } from "./shell.d.ts" */

/** @type {Set<string>} */
const running = new Set();
/** @type {Map<string, Trouble>} */
const failed = new Map();

/** @param {string} key */
export function isBusy(key) {
  return running.has(key);
}

/**
 * What went wrong the last time.
 * @param {string} key
 */
export function troubleOf(key) {
  return failed.get(key) ?? null;
}

/** @param {string} key */
export function forgive(key) {
  if (failed.delete(key)) changed();
}

/**
 * Does it, unless it is being done.
 * @template T
 * @param {string} key
 * @param {() => Promise<T>} work
 * @returns {Promise<T | undefined>}
 */
export async function run(key, work) {
  if (running.has(key)) return undefined;
  running.add(key);
  failed.delete(key);
  changed();
  try {
    return await work();
  } catch (error) {
    failed.set(key, trouble(error));
    return undefined;
  } finally {
    running.delete(key);
    changed();
  }
}
