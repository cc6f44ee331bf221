// Adding an account: an address, and the rest folded away. Nothing leaves before the button is pressed, and no browser
// opens before what was found has been shown (sign_in.js).

import { el } from "./dom.js";
import { button, troubleAt } from "./parts.js";
import { back } from "./router.js";
import { startSignIn } from "./begun.js";
import { isBusy } from "./busy.js";
import { spinner } from "./parts.js";
import { t } from "./texts.js";

/** @import { SignInStart } from "./api.d.ts" */

/** @param {{ bare?: boolean }} [how] bare: the first one of all, in the middle of an empty window */
export function add(how = {}) {
  return el(
    "form",
    {
      class: `add${how.bare ? " add-bare" : ""}`,
      key: "add",
      "aria-labelledby": how.bare ? null : "add-title",
      onsubmit: submit,
    },
    how.bare
      ? null
      : [
          el("div", { class: "back" }, button(t.back, back, { kind: "link" })),
          el("h2", { id: "add-title", class: "title" }, t.add.title),
          el("p", { class: "quiet" }, t.add.lead),
        ],
    el("label", { class: how.bare ? "unseen" : "label", for: "add-url" }, t.add.address),
    el(
      "div",
      { class: "address" },
      el("input", {
        id: "add-url",
        class: "field",
        name: "url",
        type: "text",
        inputmode: "url",
        placeholder: t.add.placeholder,
        required: true,
        maxlength: 2048,
        spellcheck: "false",
        autocomplete: "off",
        autocapitalize: "off",
        // the heading of an empty window is read first; here the field is what one came for
        "data-arrive": !how.bare,
      }),
      el(
        "button",
        { type: "submit", class: "button button-primary", "aria-busy": isBusy("add") ? "true" : null },
        t.add.go,
        isBusy("add") ? spinner() : null,
      ),
    ),
    troubleAt("add"),
    el(
      "fieldset",
      { class: "choices" },
      el("legend", { class: "label" }, t.add.which),
      choice("which", "browser", t.add.whichBrowser, true),
      choice("which", "select", t.add.whichSelect, false),
    ),
    el(
      "details",
      { class: "more" },
      el("summary", null, t.add.more),
      el("p", { class: "quiet small" }, t.add.moreMeans),
      field("name", t.add.name, t.add.nameHint, { maxlength: 64 }),
      field("login_hint", t.add.hint, t.add.hintHint),
      field("scopes", t.add.scopes, t.add.scopesHint),
      el(
        "div",
        { class: "form-row" },
        el("label", { class: "label", for: "add-redirect" }, t.add.redirect),
        el(
          "select",
          { id: "add-redirect", class: "field", name: "redirect" },
          /** @type {const} */ (["auto", "scheme", "loopback", "localhost"]).map((kind) =>
            el("option", { value: kind }, t.redirectChoice[kind]),
          ),
        ),
      ),
      el("h3", null, t.add.own),
      el("p", { class: "quiet small" }, t.add.ownMeans),
      field("client_id", t.add.clientId),
      field("client_secret", t.add.clientSecret, "", { type: "password", autocomplete: "off" }),
      field("redirect_uri", t.add.redirectUri, t.add.redirectUriHint),
      field("registration_token", t.add.registrationToken, t.add.registrationTokenHint, {
        type: "password",
        autocomplete: "off",
      }),
      field("issuer", t.add.issuer, t.add.issuerHint),
    ),
  );
}

/**
 * @param {string} group
 * @param {string} value
 * @param {string} label
 * @param {boolean} chosen
 */
function choice(group, value, label, chosen) {
  return el(
    "label",
    { class: "choice" },
    el("input", { type: "radio", name: group, value, checked: chosen }),
    el("span", null, label),
  );
}

/**
 * @param {string} name
 * @param {string} label
 * @param {string} [hint]
 * @param {Record<string, unknown>} [props]
 */
function field(name, label, hint, props = {}) {
  const id = `add-${name}`;
  return el(
    "div",
    { class: "form-row" },
    el("label", { class: "label", for: id }, label),
    el("input", {
      id,
      class: "field",
      name,
      type: "text",
      maxlength: 2048,
      spellcheck: "false",
      autocomplete: "off",
      "aria-describedby": hint ? `${id}-hint` : null,
      ...props,
    }),
    hint ? el("p", { id: `${id}-hint`, class: "quiet small" }, hint) : null,
  );
}

/** @param {SubmitEvent} event */
function submit(event) {
  event.preventDefault();
  const form = /** @type {HTMLFormElement} */ (event.target);
  const data = new FormData(form);
  /** @param {string} key */
  const said = (key) => String(data.get(key) ?? "").trim() || undefined;
  const url = said("url");
  if (!url) return;
  const scopes = said("scopes")
    ?.split(/[\s,]+/)
    .filter(Boolean);
  const redirect = /** @type {SignInStart["redirect"]} */ (said("redirect"));
  /** @type {SignInStart} */
  const params = {
    url: /^[a-z][a-z0-9+.-]*:\/\//i.test(url) ? url : `https://${url}`,
    name: said("name"),
    login_hint: said("login_hint"),
    prompt: data.get("which") === "select" ? "select_account" : undefined,
    scopes,
    redirect: redirect === "auto" ? undefined : redirect,
    client_id: said("client_id"),
    client_secret: said("client_secret"),
    redirect_uri: said("redirect_uri"),
    registration_token: said("registration_token"),
    issuer: said("issuer"),
  };
  // what is not there is left out, since the agent refuses what it does not know
  for (const key of /** @type {(keyof SignInStart)[]} */ (Object.keys(params))) {
    if (params[key] === undefined) delete params[key];
  }
  startSignIn("add", params);
}
