// The receipt of a sign-out: what really happened, each line with its proof and time. What is queued, not offered or
// failed is said as plainly as what worked; `confirmed` alone means that the old one was seen to be dead.

import { el } from "./dom.js";
import { host, name, owner, visible } from "./names.js";
import { button, copy } from "./parts.js";
import { back } from "./router.js";
import { t } from "./texts.js";
import { exactClock, stamp, when } from "./time.js";

/** @import { Outcome, Receipt, ReceiptLine } from "./api.d.ts" */

/** @type {Record<Outcome, string>} */
const MARKS = { confirmed: "✓", accepted: "·", queued: "…", not_offered: "!", failed: "✗", none: "–" };

/**
 * The receipt where the account was.
 * @param {Receipt} receipt
 * @param {number} present
 */
export function receipt(receipt, present) {
  const open = receipt.lines.filter((line) => line.outcome !== "confirmed" && line.outcome !== "none").length;
  return el(
    "article",
    {
      class: "detail",
      key: `receipt/${receipt.account}/${receipt.signed_out_at}`,
      "aria-labelledby": "detail-title",
    },
    el("div", { class: "back" }, button(t.back, back, { kind: "link" })),
    el(
      "h2",
      { id: "detail-title", class: "title", tabindex: -1, "data-arrive": true },
      t.receipt.title,
      " ",
      name(receipt.account),
    ),
    el("p", { class: "quiet" }, host(receipt.server, { path: true }), " · ", time(receipt.signed_out_at, present)),
    receiptLines(receipt, present),
    el(
      "p",
      { class: "quiet" },
      open === 0
        ? t.receipt.whole(owner(receipt.issuer))
        : receipt.lines.some((line) => line.outcome === "queued")
          ? t.receipt.queue
          : t.receipt.open,
    ),
    el(
      "div",
      { class: "row-buttons" },
      button(t.ok, back, { kind: "primary" }),
      button(t.receipt.copy, () => copy(asText(receipt, present))),
    ),
  );
}

/**
 * @param {Receipt} receipt
 * @param {number} present
 */
export function receiptLines(receipt, present) {
  return el(
    "ul",
    { class: "receipt" },
    receipt.lines.map((line) =>
      el(
        "li",
        { class: `receipt-${line.outcome}` },
        el("span", { class: "receipt-mark", "aria-hidden": "true" }, MARKS[line.outcome]),
        el(
          "span",
          { class: "receipt-what" },
          el("span", { class: "unseen" }, `${t.receipt.outcome[line.outcome]}: `),
          what(line, present),
        ),
        el(
          "span",
          { class: "receipt-proof" },
          proof(line),
          line.at ? [proof(line) ? " · " : "", time(line.at, present)] : null,
        ),
      ),
    ),
  );
}

/**
 * @param {number} at
 * @param {number} present
 */
function time(at, present) {
  return el("time", { datetime: stamp(at), title: exactClock(at) }, when(at, present));
}

/**
 * One line's sentence.
 * @param {ReceiptLine} line
 * @param {number} present
 */
function what(line, present) {
  const token = line.what === "refresh_token" || line.what === "access_token";
  const thing = t.receipt.what[line.what];
  const until = line.valid_until ? when(line.valid_until, present) : "";
  switch (line.outcome) {
    case "confirmed":
      return t.receipt.confirmed[line.what];
    case "accepted":
      return token ? t.receipt.accepted(thing, until) : t.receipt.acceptedOther(thing);
    case "queued":
      return token ? t.receipt.queued(thing, until) : t.receipt.queuedOther(thing);
    case "not_offered":
      return token ? t.receipt.notOffered(thing, until) : t.receipt.notOfferedOther(thing);
    case "failed":
      return t.receipt.failed(thing, line.code ? visible(line.code) : "", until);
    case "none":
      return t.receipt.none[line.what];
  }
}

/** @param {ReceiptLine} line */
function proof(line) {
  return line.proof && line.outcome === "confirmed" && line.proof !== "deleted" ? t.receipt.proof[line.proof] : "";
}

/**
 * @param {Receipt} receipt
 * @param {number} present
 */
function asText(receipt, present) {
  return [
    `${t.receipt.title} ${visible(receipt.account)}`,
    `${visible(receipt.server)}, ${stamp(receipt.signed_out_at)}`,
    ...receipt.lines.map((line) =>
      [MARKS[line.outcome], what(line, present), proof(line) ? `(${proof(line)})` : "", line.at ? stamp(line.at) : ""]
        .filter(Boolean)
        .join(" "),
    ),
  ].join("\n");
}
