// The programs through which somebody asks, from the outside in, and on whose word each goes by that name.

import { el } from "./dom.js";
import { name, visible } from "./names.js";
import { t } from "./texts.js";

/** @import { CallerProcess, PendingApproval, Trust } from "./api.d.ts" */

/**
 * `signed by Anysphere, Inc.`, or plainly what is not known.
 * @param {Trust} trust
 * @param {string | undefined} who
 */
export function signed(trust, who) {
  return trust === "verified" && who ? t.signer.by(visible(who, 80)) : t.signer[trust];
}

/**
 * Whether the program itself asks. If not, a person wanted to be asked: again about one that was refused for good, or
 * about one that they connect. Then who asked is one of ours, which is nobody's business here, and the program may not
 * even run.
 * @param {PendingApproval} question
 */
export function asks(question) {
  return seen(question) || question.caller.chain[0]?.role !== "ours";
}

/**
 * Whether the program stands in the chain of those who ask.
 * @param {PendingApproval} question
 */
function seen(question) {
  const { program, name } = question.subject;
  return question.caller.chain.some((p) => p.program === program || p.name === name);
}

/**
 * One line a program.
 * @param {PendingApproval} question
 */
export function chain(question) {
  const { subject } = question;
  /** @type {CallerProcess[]} */
  const inward = asks(question) ? [...question.caller.chain].reverse() : [];
  /** @type {CallerProcess[]} */
  const outer =
    asks(question) && seen(question)
      ? []
      : [{ name: subject.name, program: subject.program, pid: 0, role: "program" }];
  const lines = [...outer, ...inward];
  return el(
    "ol",
    { class: "chain", "aria-label": t.consent.chain },
    lines.map((process, i) => line(question, process, i, i === lines.length - 1)),
  );
}

/**
 * @param {PendingApproval} question
 * @param {CallerProcess} process
 * @param {number} at
 * @param {boolean} last
 */
function line(question, process, at, last) {
  const subject = at === 0;
  const program = process.program ?? (subject ? question.subject.program : "");
  const word = subject ? null : last && at > 1 ? t.consent.runs : t.consent.started;
  const script = subject ? question.subject.script : undefined;
  return el(
    "li",
    { class: subject ? "chain-subject" : null },
    el(
      "span",
      { class: "chain-name" },
      word ? el("span", { class: "quiet" }, `${word} `) : null,
      subject ? el("strong", null, name(process.name, { limit: 60 })) : name(process.name, { limit: 60 }),
      script ? [el("span", { class: "quiet" }, ` ${t.consent.script} `), name(script, { limit: 120 })] : null,
    ),
    tag(question, process, subject),
    subject && program
      ? el("span", { class: "chain-path quiet" }, el("bdi", { title: visible(program, 1000) }, visible(program, 200)))
      : null,
  );
}

/**
 * @param {PendingApproval} question
 * @param {CallerProcess} process
 * @param {boolean} subject
 */
function tag(question, process, subject) {
  const role = process.role ?? "program";
  if (role !== "program") return el("span", { class: "chain-tag quiet" }, t.consent.role[role]);
  const signer = process.signer ?? (subject ? question.subject.signer : undefined);
  if (!signer) return subject ? el("span", { class: "chain-tag quiet" }, t.signer.unknown) : null;
  return el(
    "span",
    { class: `chain-tag ${signer.trust === "verified" ? "quiet" : "amber"}` },
    signed(signer.trust, signer.name),
  );
}
