// Names that a server or a program chose are data. Whatever they hold, a person must see what is there: so what is
// invisible or turns the reading direction is written out as ‹U+202E›, long ones are cut, and of a host the part that
// somebody owns stands out, with the ASCII form beside it when letters of other alphabets are in it.
//
// Invariant: everything that came from outside passes through `visible` before it is shown. The rules are the command's
// (crates/cli/src/text.rs).

import { shell } from "./bridge.js";
import { el } from "./dom.js";
import { t } from "./texts.js";

/** Longest text of a server that is shown. */
const SHOWN = 160;

/** Characters that change what is seen without being seen. */
const HIDDEN =
  /[\p{Cc}\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\u3164\ufe00-\ufe0f\ufeff\uffa0\ufff9-\ufffb\u{1d173}-\u{1d17a}\u{e0000}-\u{e0fff}]/u;

/**
 * The text with everything invisible written out, cut at `limit` characters.
 * @param {string} text
 * @param {number} [limit]
 */
export function visible(text, limit = SHOWN) {
  let out = "";
  let n = 0;
  for (const c of text) {
    if (n++ === limit) return `${out}…`;
    out += HIDDEN.test(c) ? written(c) : c;
  }
  return out;
}

/** @param {string} c */
function written(c) {
  return `‹U+${(c.codePointAt(0) ?? 0).toString(16).toUpperCase().padStart(4, "0")}›`;
}

/**
 * A name as an element: what was written out stands apart from what was there, and direction stays inside.
 * @param {string} text
 * @param {{ limit?: number, class?: string }} [how]
 */
export function name(text, how = {}) {
  const shown = visible(text, how.limit);
  const parts = shown.split(/(‹U\+[0-9A-F]{4,6}›)/u);
  // a server that writes ‹U+0041› itself gains nothing: it is shown as what it is, text
  return el(
    "bdi",
    { class: how.class ?? "name", title: shown.length > 40 ? visible(text, 1000) : null },
    parts.map((part, i) => (i % 2 === 1 ? el("span", { class: "hidden-char" }, part) : part)),
  );
}

/** What the shell said of whose host is whose. */
/** @type {Map<string, string>} */
const domains = new Map();
let learned = () => {};

/**
 * Is told when an owner was learned, so that what is shown can be brought up to date.
 * @param {() => void} told
 */
export function onLearned(told) {
  learned = told;
}

/**
 * Takes over what is known already.
 * @param {string} address
 * @param {string} domain
 */
export function learn(address, domain) {
  const host = hostOf(address);
  if (host && domain) domains.set(host, domain);
}

/**
 * The registrable domain of a host, when it is known already.
 * @param {string} host
 * @returns {string | undefined}
 */
function domainOf(host) {
  const known = domains.get(host);
  if (known === undefined) {
    domains.set(host, "");
    shell("registrable_domain", { host }).then(
      (domain) => {
        domains.set(host, domain);
        learned();
      },
      () => {},
    );
  }
  return known || undefined;
}

/**
 * An address's host, without its port; nothing for what is no address.
 * @param {string} address
 */
export function hostOf(address) {
  try {
    return new URL(address).hostname;
  } catch {
    return "";
  }
}

/**
 * The registrable domain of an address as text, or its host.
 * @param {string} address
 */
export function owner(address) {
  const host = hostOf(address);
  return host ? readable(domainOf(host) ?? host) : visible(address);
}

/**
 * The host of an address as an element: what somebody owns in ink, what stands before it quiet, and the ASCII form
 * beside it where other alphabets are in it. With `path`, the rest of the address follows.
 * @param {string} address
 * @param {{ path?: boolean }} [how]
 */
export function host(address, how = {}) {
  let url;
  try {
    url = new URL(address);
  } catch {
    return name(address);
  }
  const ascii = url.hostname;
  const domain = domainOf(ascii);
  const owned = domain && ascii.endsWith(domain) ? domain : ascii;
  const before = ascii.slice(0, ascii.length - owned.length);
  const shown = readable(ascii);
  const path = how.path && url.pathname !== "/" ? visible(url.pathname) : "";
  return el(
    "bdi",
    { class: "host", title: visible(address, 1000) },
    url.protocol === "https:" ? null : el("span", { class: "host-rest" }, `${url.protocol}//`),
    before ? el("span", { class: "host-rest" }, breakable(readable(before))) : null,
    el("span", { class: "host-owner" }, breakable(readable(owned))),
    url.port ? `:${url.port}` : null,
    path ? el("span", { class: "host-rest" }, path) : null,
    shown === ascii
      ? null
      : [
          " ",
          el("span", { class: "host-ascii" }, ascii),
          mixed(shown) ? [" ", el("span", { class: "warn" }, t.names.mixed)] : null,
        ].flat(),
  );
}

/**
 * A long host goes on in the next line after a dot.
 * @param {string} host
 */
function breakable(host) {
  return (host.match(/[^.]+\.?|\./g) ?? []).flatMap((label) => [label, el("wbr")]);
}

/**
 * The address without what every address has, as text.
 * @param {string} address
 */
export function short(address) {
  try {
    const url = new URL(address);
    return visible(
      readable(url.hostname) + (url.port ? `:${url.port}` : "") + (url.pathname === "/" ? "" : url.pathname),
    );
  } catch {
    return visible(address);
  }
}

/**
 * A host with its labels in their own letters.
 * @param {string} ascii
 */
export function readable(ascii) {
  return ascii
    .split(".")
    .map((label) => (label.startsWith("xn--") ? (punycode(label.slice(4)) ?? label) : label))
    .map((label) => visible(label))
    .join(".");
}

const SCRIPTS = [
  "Latin",
  "Cyrillic",
  "Greek",
  "Armenian",
  "Hebrew",
  "Arabic",
  "Thai",
  "Georgian",
  "Cherokee",
  "Hangul",
  "Han",
  "Hiragana",
  "Katakana",
];
const SCRIPT_OF = SCRIPTS.map((script) => /** @type {const} */ ([script, new RegExp(`\\p{Script=${script}}`, "u")]));
/** Written together by people who mean well. */
const TOGETHER = ["Han", "Hiragana", "Katakana", "Hangul"];

/**
 * Whether one label mixes alphabets, as look-alikes do.
 * @param {string} host
 */
export function mixed(host) {
  return host.split(".").some((label) => {
    const found = SCRIPT_OF.filter(([, pattern]) => pattern.test(label)).map(([script]) => script);
    return (
      found.filter((script) => !TOGETHER.includes(script)).length +
        (found.some((script) => TOGETHER.includes(script)) ? 1 : 0) >
      1
    );
  });
}

/**
 * RFC 3492 §6.2, bounded; nothing for what is not decodable.
 * @param {string} input
 */
function punycode(input) {
  const split = input.lastIndexOf("-");
  const out = [...(split > 0 ? input.slice(0, split) : "")];
  let n = 128;
  let i = 0;
  let bias = 72;
  for (let at = split > 0 ? split + 1 : 0; at < input.length;) {
    const before = i;
    for (let weight = 1, k = 36; ; k += 36) {
      const c = input.charCodeAt(at++);
      const digit = c >= 97 && c <= 122 ? c - 97 : c >= 48 && c <= 57 ? c - 22 : 99;
      if (digit >= 36) return null;
      i += digit * weight;
      const least = k <= bias ? 1 : k >= bias + 26 ? 26 : k - bias;
      if (digit < least) break;
      weight *= 36 - least;
      if (!Number.isSafeInteger(i) || weight > 2 ** 31) return null;
    }
    const size = out.length + 1;
    let delta = Math.floor((i - before) / (before === 0 ? 700 : 2));
    delta += Math.floor(delta / size);
    let k = 0;
    for (; delta > 455; k += 36) delta = Math.floor(delta / 35);
    bias = k + Math.floor((36 * delta) / (delta + 38));
    n += Math.floor(i / size);
    i %= size;
    if (n > 0x10ffff) return null;
    out.splice(i++, 0, String.fromCodePoint(n));
  }
  // one that decodes to plain letters, or to nothing, was made to be taken for another
  return out.some((c) => c > "\u007f") ? out.join("") : null;
}
