// One account in full: who, where, what it may do, how long; and what to do when it needs a person.

import { agent } from "./bridge.js";
import { run } from "./busy.js";
import { ask } from "./dialog.js";
import { el } from "./dom.js";
import { say } from "./live.js";
import { host, name, owner, visible } from "./names.js";
import { ending, justNow, needs, renew } from "./notices.js";
import { button, copyable, facts, scopes, tile, troubleAt, troubleBox } from "./parts.js";
import { life, words } from "./ring.js";
import { back, go, open, route } from "./router.js";
import { afterwards, changed, putAccount, state } from "./store.js";
import { happened, renewals, usedBy } from "./timeline.js";
import { t } from "./texts.js";
import { length, when } from "./time.js";
import { showOnly } from "./activity.js";

/** @import { Account, DoneStep, Verification } from "./api.d.ts" */

/** The account that is being renamed. */
let renaming = "";
/** @type {Map<string, Verification>} */
const verified = new Map();

/**
 * @param {Account} account
 * @param {number} present
 * @param {DoneStep} [done] when it was signed in just now
 */
export function account(account, present, done) {
  const paused = state.status?.paused ?? false;
  return el(
    "article",
    { class: "detail", key: `account/${account.id}`, "aria-labelledby": "detail-title" },
    el("div", { class: "back" }, button(t.back, back, { kind: "link" })),
    el(
      "header",
      { class: "detail-head" },
      tile(account.name),
      el(
        "div",
        { class: "detail-name" },
        el("h2", { id: "detail-title", tabindex: -1, "data-arrive": true, class: "title" }, name(account.name)),
        el("p", { class: "quiet" }, host(account.server)),
      ),
      life(account, present, paused),
    ),
    renaming === account.id ? renameForm(account) : null,
    done ? justNow(account, done, present) : null,
    needs(account, present),
    ending(account, present),
    facts([
      account.label ? [t.account.who, name(account.label)] : null,
      [t.account.issuer, host(account.issuer)],
      [t.account.redirect, t.redirect[account.redirect_kind]],
      [t.account.mayDo, scopes(account.scope)],
      missing(account).length > 0 && [t.account.notGranted, scopes(missing(account))],
    ]),
    renewals(account, state.audit, present),
    usedBy(account, state.audit, present),
    happened(account, state.audit, present),
    more(account, present),
    el(
      "footer",
      { class: "detail-foot" },
      troubleAt(`renew/${account.id}`),
      troubleAt(`out/${account.id}`),
      el(
        "div",
        { class: "row-buttons" },
        button(t.account.rename, () => startRename(account), { name: t.account.renameName(visible(account.name)) }),
        el("span", { class: "grow" }),
        canRenew(account) ? button(t.account.renew, () => renew(account), { busy: `renew/${account.id}` }) : null,
        account.state === "leaving"
          ? null
          : button(t.account.signOut, () => signOut(account, present), { kind: "danger", busy: `out/${account.id}` }),
      ),
    ),
  );
}

/** @param {Account} account */
function missing(account) {
  return account.asked_scope.filter((scope) => !account.scope.includes(scope));
}

/** @param {Account} account */
function canRenew(account) {
  return (
    account.next_rotation_at !== undefined &&
    ["ready", "offline", "server_refuses", "unsaved"].includes(account.state)
  );
}

/** @param {Account} account */
function startRename(account) {
  renaming = account.id;
  afterwards(() => {
    const field = document.getElementById("rename");
    if (field instanceof HTMLInputElement) field.select();
  });
}

/** @param {Account} account */
function renameForm(account) {
  const key = `rename/${account.id}`;
  const end = () => {
    renaming = "";
    afterwards(() => document.getElementById("detail-title")?.focus());
  };
  return el(
    "form",
    {
      class: "rename",
      key: "rename",
      onsubmit: async (/** @type {SubmitEvent} */ event) => {
        event.preventDefault();
        const field = /** @type {HTMLInputElement} */ (document.getElementById("rename"));
        if (field.value === account.name) return end();
        const result = await run(key, () =>
          agent("account.rename", { account: account.id, name: field.value.trim() }),
        );
        if (!result) return;
        putAccount(result.account);
        say(t.account.renamed(visible(result.account.name)));
        end();
      },
      onkeydown: (/** @type {KeyboardEvent} */ event) => {
        if (event.key !== "Escape") return;
        event.preventDefault();
        end();
      },
    },
    el("label", { class: "label", for: "rename" }, t.account.newName),
    el("input", {
      id: "rename",
      class: "field",
      value: account.name,
      maxlength: 64,
      spellcheck: "false",
      autocomplete: "off",
      required: true,
    }),
    el("button", { type: "submit", class: "button button-primary" }, t.account.saveName),
    button(t.cancel, end, { kind: "link" }),
    troubleAt(key),
  );
}

/**
 * @param {Account} account
 * @param {number} present
 */
async function signOut(account, present) {
  const users = state.standing
    .filter((a) => a.account === account.name && a.until !== "never")
    .map((a) => visible(a.subject.name, 40));
  const until =
    account.expires_at && account.expires_at > present
      ? t.out.until(when(account.expires_at, present))
      : t.out.untilNobodyKnows;
  const agreed = await ask({
    title: t.out.title(visible(account.name)),
    body: [
      el(
        "p",
        null,
        account.revocation === "offered"
          ? t.out.revoked(owner(account.issuer), state.status?.vault.kind ?? "keychain")
          : `${t.out.notOffered} ${until}`,
      ),
      users.length > 0 ? el("p", null, t.out.programs([...new Set(users)])) : null,
      el("p", { class: "quiet" }, t.out.receipt),
    ].filter((part) => part !== null),
    agree: t.account.signOut,
    danger: true,
  });
  if (!agreed) return;
  const result = await run(`out/${account.id}`, () => agent("account.sign_out", { account: account.id }));
  const receipt = result?.receipts[0];
  if (!receipt) return;
  state.accounts = state.accounts.filter((a) => a.id !== account.id);
  if (route.view === "accounts") open({ kind: "receipt", receipt });
  say(t.out.said(visible(account.name)));
}

/**
 * The protocol's words, one click deeper.
 * @param {Account} account
 * @param {number} present
 */
function more(account, present) {
  const key = `verify/${account.id}`;
  const verification = verified.get(account.id);
  return el(
    "details",
    { class: "more", key: "more" },
    el("summary", null, t.details),
    facts(
      [
        [t.account.ring, words(account, present, state.status?.paused ?? false)],
        [t.account.signedIn, when(account.signed_in_at, present)],
        account.last_rotation_at ? [t.account.lastRenewal, when(account.last_rotation_at, present)] : null,
        account.next_rotation_at ? [t.account.nextRenewal, when(account.next_rotation_at, present)] : null,
        account.expires_at
          ? [
              t.account.expires,
              `${when(account.expires_at, present)} (${account.expires_at > present ? t.time.in(length(account.expires_at - present)) : t.account.over})`,
            ]
          : [t.account.expires, t.account.notSaid],
        account.ends_at ? [t.account.endsAt, when(account.ends_at, present)] : null,
        [t.account.generation, String(account.generation)],
        [t.account.server, copyable(account.server, t.account.server)],
        ["resource", copyable(account.resource, "resource")],
        ["issuer", copyable(account.issuer, "issuer")],
        ["client_id", copyable(account.registration.client_id, "client_id")],
        [t.account.registration, t.registration[account.registration.kind]],
        [t.account.revocation, t.revocation[account.revocation]],
        ["scope", account.scope.length > 0 ? copyable(account.scope.join(" "), "scope") : t.scopes.none],
        [t.account.command, copyable(`mcp-login headers ${account.name}`, t.account.command)],
      ],
      "facts-small",
    ),
    verification
      ? [
          facts(
            [
              [t.verify.issuer, t.verify.introspection[verification.introspection]],
              [t.verify.server, t.verify.atServer[verification.server]],
            ],
            "facts-small",
          ),
          verification.fault
            ? troubleBox({
                code: verification.fault.data.code,
                fact: verification.fault.message,
                next: verification.fault.data.next,
              })
            : null,
        ]
      : null,
    el(
      "div",
      { class: "row-buttons" },
      button(t.verify.button, () => verify(account, key), { busy: key }),
      button(t.account.allActivity, () => {
        showOnly(account.name);
        go("activity");
      }),
    ),
    troubleAt(key),
  );
}

/**
 * @param {Account} account
 * @param {string} key
 */
async function verify(account, key) {
  const result = await run(key, () => agent("account.status", { account: account.id, verify: true }));
  if (!result) return;
  putAccount(result.account);
  if (result.verification) verified.set(account.id, result.verification);
  changed();
}
