// What is known of the agent, and the one place that changes it.
//
// Invariant: views read `state` and never keep a copy; whoever changes it says so with `changed`, and what is on the
// screen follows in one go. Events say what to look at again; when some were missed, everything is read anew.

import { agent, shell, subscribe, trouble } from "./bridge.js";
import { dayBegan, now } from "./time.js";

/** @import { Account, AgentStatus, Approval, AuditEntry, Event, PendingApproval, SignIn, Update } from "./api.d.ts" */
/** @import { Settings, Told, Trouble } from "./shell.d.ts" */

/** Entries of the record that are kept here at most; older ones are read again when somebody pages back. */
const KEPT = 3000;
/** Entries a page: a day of an ordinary desktop. */
const PAGE = 200;
/** Longest that anything waits to be drawn, in milliseconds. */
const LATEST = 250;
/** Pages that are read at most to have the whole of today. */
const TODAY = 5;
/** Events often come in crowds; the agent's own state is read once after each. */
const SETTLE = 250;

/**
 * @type {{
 *   link: "starting" | "up" | "down", linkTrouble: Trouble | null, loaded: boolean,
 *   status: AgentStatus | null, accounts: Account[], standing: Approval[], pending: PendingApproval[], signIns: SignIn[],
 *   settings: Settings | null, audit: AuditEntry[], auditLoaded: boolean, auditWhole: boolean, auditTrouble: Trouble | null,
 * }}
 */
export const state = {
  link: "starting",
  linkTrouble: null,
  loaded: false,
  status: null,
  accounts: [],
  standing: [],
  pending: [],
  signIns: [],
  settings: null,
  audit: [],
  auditLoaded: false,
  auditWhole: false,
  auditTrouble: null,
};

/** @type {() => void} */
let draw = () => {};
/** @type {(() => void)[]} */
let then = [];
let frame = 0;
let latest = 0;

/** Says that something changed: what is shown follows with the next frame, or a little later when nobody looks. */
export function changed() {
  if (frame === 0) frame = requestAnimationFrame(redraw);
  if (latest === 0) latest = window.setTimeout(redraw, LATEST);
}

/** The same for what comes in crowds, as the record of a busy program does: it is not drawn one by one. */
function changedAlso() {
  if (latest === 0) latest = window.setTimeout(redraw, LATEST);
}

function redraw() {
  cancelAnimationFrame(frame);
  clearTimeout(latest);
  frame = 0;
  latest = 0;
  draw();
  const after = then;
  then = [];
  for (const act of after) act();
}

/**
 * Does something when what changed has been drawn.
 * @param {() => void} act
 */
export function afterwards(act) {
  then.push(act);
  changed();
}

/** @type {((view: string) => void)} */
let wanted = () => {};
/** @type {((event: Event) => void)} */
let heard = () => {};

/**
 * Begins to listen, and reads everything.
 * @param {{ draw: () => void, show: (view: string) => void, heard: (event: Event) => void }} to
 */
export async function begin(to) {
  draw = to.draw;
  wanted = to.show;
  heard = to.heard;
  try {
    await subscribe(told);
  } catch (error) {
    state.link = "down";
    state.linkTrouble = trouble(error);
  }
  await load();
}

/** Reads everything again. */
export async function load() {
  shell("settings", {}).then(
    (settings) => {
      state.settings = settings;
      changed();
    },
    () => {},
  );
  try {
    const [status, accounts, approvals, signIns] = await Promise.all([
      agent("agent.status", {}),
      agent("account.list", {}),
      agent("approval.list", {}),
      agent("sign_in.list", {}),
    ]);
    state.status = status;
    state.accounts = accounts.accounts;
    state.standing = approvals.standing;
    state.pending = approvals.pending;
    const ended = state.signIns.filter(
      (s) => isEnd(s) && !signIns.sign_ins.some((other) => other.sign_in === s.sign_in),
    );
    state.signIns = [...signIns.sign_ins.filter((s) => !seen.has(s.sign_in)), ...ended];
    state.link = "up";
    state.linkTrouble = null;
    state.loaded = true;
    if (!state.auditLoaded) loadAudit();
  } catch (error) {
    state.link = "down";
    state.linkTrouble = trouble(error);
  }
  changed();
}

/** Reads the agent's own state again: the keychain, whether it is paused, what waits. */
export async function lookAgain() {
  try {
    state.status = await agent("agent.status", {});
    changed();
  } catch {
    // the link says so by itself
  }
}

let settling = 0;
function settle() {
  clearTimeout(settling);
  settling = window.setTimeout(lookAgain, SETTLE);
}

/** The newest part of the record. */
export async function loadAudit() {
  try {
    const page = await agent("audit.read", { limit: PAGE });
    state.audit = merge(page.entries, state.audit);
    state.auditWhole = page.entries.length < PAGE;
    state.auditLoaded = true;
    state.auditTrouble = null;
  } catch (error) {
    state.auditTrouble = trouble(error);
  }
  changed();
  const today = dayBegan(now());
  for (let i = 0; i < TODAY && !state.auditWhole && !state.auditTrouble && (state.audit[0]?.at ?? 0) > today; i += 1)
    await earlier(1000);
}

/**
 * One page further back.
 * @param {number} [limit]
 */
export async function earlier(limit = PAGE) {
  const first = state.audit[0];
  if (!first || state.auditWhole) return;
  try {
    const page = await agent("audit.read", { before: first.seq, limit });
    state.auditWhole = page.entries.length === 0 || (page.entries.at(0)?.seq ?? 0) <= 1;
    state.audit = merge(page.entries, state.audit);
    state.auditTrouble = null;
  } catch (error) {
    state.auditTrouble = trouble(error);
  }
  changed();
}

/**
 * Both, in order, each once.
 * @param {AuditEntry[]} some
 * @param {AuditEntry[]} others
 */
function merge(some, others) {
  const all = new Map([...some, ...others].map((entry) => [entry.seq, entry]));
  return [...all.values()].sort((a, b) => a.seq - b.seq);
}

/** @param {Told} message */
function told(message) {
  if (message.type === "show") {
    wanted(message.view);
  } else if (message.type === "audit") {
    const last = state.audit.at(-1);
    state.audit =
      last && last.seq >= message.entry.seq
        ? merge(state.audit, [message.entry])
        : [...state.audit.slice(-KEPT), message.entry];
    changedAlso();
  } else if (message.type === "link") {
    if (message.state === "up") {
      // another agent may have another record
      state.auditLoaded = false;
      load();
    } else {
      state.link = "down";
      state.linkTrouble = message.error ? trouble(message.error) : null;
      changed();
    }
  } else {
    event(message.event);
  }
}

/** @param {Event} event */
function event(event) {
  switch (event.kind) {
    case "account_changed":
      putAccount(event.account);
      settle();
      break;
    case "account_removed":
      state.accounts = state.accounts.filter((a) => a.id !== event.id);
      settle();
      break;
    case "sign_in_changed":
      putSignIn(event.sign_in);
      break;
    case "approval_asked":
    case "approvals_changed":
      approvals();
      break;
    case "hand_out_changed":
      if (state.status) state.status = { ...state.status, paused: event.paused };
      // when each account is renewed next is another time now
      load();
      break;
    case "update_found":
      putUpdate(event.update);
      break;
    case "missed":
      load();
      break;
    default:
      break;
  }
  heard(event);
  changed();
}

/** Reads again who may use what. */
export async function approvals() {
  try {
    const list = await agent("approval.list", {});
    state.standing = list.standing;
    state.pending = list.pending;
    changed();
  } catch {
    // the link says so by itself
  }
}

/** @param {Update} update */
export function putUpdate(update) {
  if (state.status) state.status = { ...state.status, update };
  changed();
}

/** @param {Account} account */
export function putAccount(account) {
  state.accounts = [...state.accounts.filter((a) => a.id !== account.id), account].sort((a, b) =>
    a.name < b.name ? -1 : 1,
  );
  changed();
}

/** Those whose end was seen: what still comes in of them is not wanted. */
/** @type {Set<string>} */
const seen = new Set();

/** @param {SignIn} signIn */
export function putSignIn(signIn) {
  if (seen.has(signIn.sign_in)) return;
  const at = state.signIns.findIndex((s) => s.sign_in === signIn.sign_in);
  state.signIns = at < 0 ? [...state.signIns, signIn] : state.signIns.map((s, i) => (i === at ? signIn : s));
  changed();
}

/**
 * A sign-in that ended is kept until somebody has seen its end.
 * @param {string} id
 */
export function forget(id) {
  seen.add(id);
  state.signIns = state.signIns.filter((s) => s.sign_in !== id);
  changed();
}

/** @param {SignIn} signIn */
export function isEnd(signIn) {
  return ["done", "tried", "failed"].includes(signIn.progress.step);
}
