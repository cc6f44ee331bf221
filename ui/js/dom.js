// Elements, made and kept up to date.
//
// Invariant: text goes in as text nodes and attributes only, never as markup, so that whatever a server calls itself is
// shown and not run. Nothing here sets a style; geometry goes into SVG's own attributes, as the page's policy wants it.
//
// A view is a function that describes all of what it shows; `show` compares that with what is there and changes only the
// difference, so that focus, selection, scrolling and what was typed stay.

/** @typedef {Node | string | number | null | undefined | false} Leaf */
/** @typedef {Leaf | (Leaf | (Leaf | Leaf[])[])[]} Child */
/** @typedef {Record<string, any>} Props */

const SVG = "http://www.w3.org/2000/svg";

/** What was given as handlers: moved over when a fresh description meets the element that is there. */
const HANDLERS = /** @type {const} */ ([
  "onclick",
  "oninput",
  "onchange",
  "onsubmit",
  "onkeydown",
  "ontoggle",
  "onclose",
  "oncancel",
]);

/**
 * An element. `key` tells siblings apart over changes; `value` and `checked` are only the beginning, unless `live`.
 * @template {keyof HTMLElementTagNameMap} T
 * @param {T} tag
 * @param {Props | null} [props]
 * @param {...(Child | Child[])} children
 * @returns {HTMLElementTagNameMap[T]}
 */
export function el(tag, props, ...children) {
  return /** @type {any} */ (fill(document.createElement(tag), props ?? {}, children));
}

/**
 * @param {string} tag
 * @param {Props | null} [props]
 * @param {...(Child | Child[])} children
 * @returns {SVGElement}
 */
export function svg(tag, props, ...children) {
  return fill(document.createElementNS(SVG, tag), props ?? {}, children);
}

/** @type {WeakMap<Element, Record<string, string>>} */
const varsOf = new WeakMap();

/**
 * Sets custom properties through the object model, which the page's policy lets through; an attribute would not be.
 * @param {HTMLElement | SVGElement} element
 * @param {Record<string, string>} vars
 */
function setVars(element, vars) {
  for (const [name, value] of Object.entries(vars)) element.style.setProperty(name, value);
  varsOf.set(element, vars);
}

/**
 * @template {Element} E
 * @param {E} element
 * @param {Props} props
 * @param {(Child | Child[])[]} children
 * @returns {E}
 */
function fill(element, props, children) {
  const target = /** @type {any} */ (element);
  for (const [name, value] of Object.entries(props)) {
    if (value === null || value === undefined || value === false) continue;
    if (name === "live") element.setAttribute("data-live", "");
    else if (name === "vars") setVars(target, value);
    else if (name === "key") element.setAttribute("data-key", String(value));
    else if (typeof value === "function") target[name] = value;
    else if (name === "value" || name === "checked") target[name] = value;
    else element.setAttribute(name, value === true ? "" : String(value));
  }
  for (const child of /** @type {Leaf[]} */ (children.flat(4))) {
    if (child === null || child === undefined || child === false) continue;
    element.append(child instanceof Node ? child : String(child));
  }
  return element;
}

/**
 * Makes the children of `parent` what `children` say.
 * @param {Element} parent
 * @param {...(Child | Child[])} children
 */
export function show(parent, ...children) {
  const wanted = document.createElement("div");
  fill(wanted, {}, children);
  align(parent, wanted);
}

/**
 * @param {Element} parent
 * @param {Element} wanted
 */
function align(parent, wanted) {
  /** @type {Map<string, Element>} */
  const keyed = new Map();
  for (const child of parent.children) {
    const key = child.getAttribute("data-key");
    if (key !== null) keyed.set(key, child);
  }
  let at = parent.firstChild;
  for (const next of [...wanted.childNodes]) {
    const key = next instanceof Element ? next.getAttribute("data-key") : null;
    const same = key === null ? null : keyed.get(key);
    if (same && same !== at && same.nodeName === next.nodeName) {
      parent.insertBefore(same, at);
      at = same;
    }
    if (at && alike(at, next)) {
      update(at, next);
      at = at.nextSibling;
    } else {
      parent.insertBefore(next, at);
    }
  }
  while (at) {
    const gone = at;
    at = at.nextSibling;
    gone.remove();
  }
}

/**
 * @param {Node} there
 * @param {Node} next
 */
function alike(there, next) {
  if (there.nodeType !== next.nodeType || there.nodeName !== next.nodeName) return false;
  if (!(there instanceof Element) || !(next instanceof Element)) return true;
  return there.getAttribute("data-key") === next.getAttribute("data-key");
}

/**
 * @param {Node} there
 * @param {Node} next
 */
function update(there, next) {
  if (!(there instanceof Element) || !(next instanceof Element)) {
    if (there.nodeValue !== next.nodeValue) there.nodeValue = next.nodeValue;
    return;
  }
  // what a person opened stays open
  const kept = there instanceof HTMLDetailsElement || there instanceof HTMLDialogElement ? "open" : "";
  for (const { name } of [...there.attributes]) {
    if (name !== kept && name !== "style" && !next.hasAttribute(name)) there.removeAttribute(name);
  }
  for (const { name, value } of next.attributes) {
    if (name !== kept && name !== "style" && there.getAttribute(name) !== value) there.setAttribute(name, value);
  }
  const vars = varsOf.get(next);
  if (vars) setVars(/** @type {HTMLElement} */ (there), vars);
  const to = /** @type {any} */ (there);
  const from = /** @type {any} */ (next);
  for (const name of HANDLERS) {
    if (to[name] !== from[name]) to[name] = from[name];
  }
  if (next.hasAttribute("data-live")) {
    if ("checked" in from && to.checked !== from.checked) to.checked = from.checked;
    if ("value" in from && to.value !== from.value) to.value = from.value;
  }
  align(there, next);
}
