// What an account has to tell on its own: what a person has to do, what will end, what a sign-in brought. What happened, what
// it means, one button.

import { startSignIn } from "./begun.js";
import { agent } from "./bridge.js";
import { run } from "./busy.js";
import { el } from "./dom.js";
import { say } from "./live.js";
import { host, owner, visible } from "./names.js";
import { button, copyable, facts, scopes, troubleAt } from "./parts.js";
import { receiptLines } from "./receipt.js";
import { open } from "./router.js";
import { state } from "./store.js";
import { t } from "./texts.js";
import { when } from "./time.js";

/** @import { Account, DoneStep } from "./api.d.ts" */

/** @param {Account} account */
export async function renew(account) {
  const key = `renew/${account.id}`;
  const done = await run(key, () => agent("account.refresh", { account: account.id }));
  if (done) say(t.account.renewedSaid(visible(account.name)));
}

/**
 * What a person has to do, if anything: what happened, what it means, one button.
 * @param {Account} account
 * @param {number} present
 */
export function needs(account, present) {
  const key = `again/${account.id}`;
  const again = button(t.account.again, () => startSignIn(key, { account: account.id }), {
    kind: "primary",
    busy: key,
  });
  const change = account.issuer_change;
  // also when the sign-in at the old one is over: the next one would be at the new one
  if (change && (account.state === "issuer_changed" || account.state === "needs_sign_in")) {
    const move = () => startSignIn(key, { account: account.id, issuer_change: "accept" });
    return moved(change.old, change.new, [button(t.needs.moveTo(owner(change.new)), move, { busy: key })], key);
  }
  const said = t.needs[account.state];
  if (!said) return troubleAt(key);
  const act =
    account.state === "needs_sign_in"
      ? again
      : account.state === "server_refuses"
        ? button(t.account.renew, () => renew(account), { busy: `renew/${account.id}` })
        : null;
  const ends = account.expires_at;
  return el(
    "section",
    {
      class: `notice${account.state === "offline" || account.state === "leaving" ? "" : " notice-needs"}`,
      key: "needs",
    },
    el("h3", null, said.title),
    el(
      "p",
      null,
      said.means,
      account.state === "offline" && ends && ends > present ? ` ${t.needs.worksUntil(when(ends, present))}` : "",
    ),
    act || account.code
      ? el(
          "div",
          { class: "row-buttons" },
          act,
          account.code
            ? el("span", { class: "quiet small" }, t.account.code, " ", el("code", null, visible(account.code)))
            : null,
        )
      : null,
    troubleAt(key),
  );
}

/**
 * The server names another issuer: both, and what that may mean.
 * @param {string} older
 * @param {string} newer
 * @param {HTMLElement[]} buttons
 * @param {string} key where it is said when one of them does not work
 */
export function moved(older, newer, buttons, key) {
  return el(
    "section",
    { class: "notice notice-needs", key: "moved" },
    el("h3", null, t.needs.movedTitle),
    facts([
      // one host may be the issuer of many, each at a path of its own
      [t.needs.until, host(older, { path: true })],
      [t.needs.from, host(newer, { path: true })],
    ]),
    el("p", null, t.needs.movedMeans),
    el("div", { class: "row-buttons" }, buttons),
    troubleAt(key),
  );
}

/** How long before its end a sign-in is shown to end: over a weekend. */
const SOON = 3 * 86_400;

/**
 * Whether the sign-in itself will end before long.
 * @param {Account} account
 * @param {number} present
 */
export function endsSoon(account, present) {
  return (
    account.ends_at !== undefined &&
    account.ends_at - present < SOON &&
    account.state !== "needs_sign_in" &&
    account.state !== "leaving"
  );
}

/**
 * A sign-in that will end is said beforehand.
 * @param {Account} account
 * @param {number} present
 */
export function ending(account, present) {
  if (!endsSoon(account, present)) return null;
  const key = `again/${account.id}`;
  return el(
    "section",
    { class: "notice notice-needs", key: "ends" },
    el("h3", null, t.ends.title(when(account.ends_at ?? present, present))),
    el("p", null, t.ends.by[account.ends_by ?? "history"], " ", t.ends.means),
    el(
      "div",
      { class: "row-buttons" },
      button(t.ends.now, () => startSignIn(key, { account: account.id }), { busy: key }),
    ),
    troubleAt(key),
  );
}

/**
 * What a sign-in brought, when that was just now.
 * @param {Account} account
 * @param {DoneStep} done
 * @param {number} present
 */
export function justNow(account, done, present) {
  const refused = done.asked.filter((s) => !done.granted.includes(s));
  const unasked = done.asked.length > 0 ? done.granted.filter((s) => !done.asked.includes(s)) : [];
  const memory = state.status?.vault.kind === "memory";
  return el(
    "section",
    { class: "notice notice-good", key: "done" },
    el("h3", null, account.label ? t.done.as(visible(account.label)) : t.done.title),
    el(
      "p",
      null,
      memory ? t.done.memory : t.done.kept,
      " ",
      account.next_rotation_at ? t.done.renews : account.expires_at ? t.done.noRenewal : "",
    ),
    done.was ? el("p", { class: "amber" }, t.done.was(visible(done.was))) : null,
    refused.length > 0 || unasked.length > 0
      ? facts([
          refused.length > 0 && [t.account.notGranted, scopes(refused)],
          unasked.length > 0 && [t.done.unasked, scopes(unasked)],
        ])
      : null,
    account.revocation === "not_offered" ? el("p", { class: "quiet" }, t.done.noRevocation) : null,
    el("p", { class: "quiet" }, t.done.use, " ", copyable(`mcp-login headers ${account.name}`, t.account.command)),
    done.former
      ? [el("h3", null, t.done.former(owner(done.former.issuer))), receiptLines(done.former, present)]
      : null,
    el(
      "div",
      { class: "row-buttons" },
      button(t.ok, () => open({ kind: "account", id: account.id }), { kind: "link" }),
    ),
  );
}
