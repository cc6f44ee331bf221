// The MCP clients of this computer: what is wired for them, and the change that is shown before anything is written.
//
// Invariant: nothing is written that was not shown. The page names a client, an account or an entry that the shell has
// shown; the shell holds the change, and makes the one that was shown last.

import { startSignIn } from "./begun.js";
import { shell } from "./bridge.js";
import { run } from "./busy.js";
import { el } from "./dom.js";
import { say } from "./live.js";
import { name, visible } from "./names.js";
import { button, troubleAt, troubleBox } from "./parts.js";
import { afterwards, changed, state } from "./store.js";
import { t } from "./texts.js";

/** @import { Asked, ClientsHere, Preview, PreviewChange, WiredEntry } from "./shell.d.ts" */

/** What the shell said last, and what is shown of a change. */
/** @type {{ here: ClientsHere | null, form: boolean, preview: Preview | null, done: string[] }} */
const view = { here: null, form: false, preview: null, done: [] };

/** Looks at the clients' files again. */
export async function lookAtClients() {
  try {
    view.here = await shell("clients", {});
  } catch {
    // without the command beside the app there is nothing to connect with: the doctor says so
    view.here = null;
  }
  changed();
}

/** What was seen last. */
export function clientsHere() {
  return view.here;
}

/** The part of the programs' page. */
export function clients() {
  const here = view.here;
  if (!here) return null;
  const foreign = here.servers.length > 0;
  return el(
    "section",
    { class: "part", key: "clients", "aria-labelledby": "clients-title" },
    el(
      "header",
      { class: "part-head" },
      el("h2", { id: "clients-title" }, t.clients.title),
      here.installed.length > 0 && state.accounts.length > 0 && !view.form && !view.preview
        ? button(t.clients.connect, () => openForm(true), { kind: "primary", id: "connect" })
        : null,
    ),
    el(
      "p",
      { class: "quiet" },
      here.installed.length > 0
        ? t.clients.found(here.installed.map((c) => visible(c.name, 40)))
        : t.clients.none,
    ),
    view.preview ? preview(view.preview) : view.form ? form(here) : null,
    view.done.length > 0 && !view.preview ? told(here) : null,
    foreign && !view.preview && !view.form ? moveIn(here) : null,
    here.wired.length > 0
      ? el(
          "ul",
          { class: "entries", key: "wired" },
          here.wired.map((w) => wired(w)),
        )
      : null,
    here.unread.map((u, n) => el("div", { key: `unread/${n}` }, troubleBox(u))),
    troubleAt("clients"),
  );
}

/** After drawing: where one goes on. @param {string} id */
function goTo(id) {
  afterwards(() => document.getElementById(id)?.focus());
}

/** @param {boolean} on */
function openForm(on) {
  view.form = on;
  view.preview = null;
  view.done = [];
  goTo(on ? "connect-client" : "connect");
}

/** What came of the last change, and the way back. @param {ClientsHere} here */
function told(here) {
  return el(
    "div",
    { class: "told", key: "told", id: "told", role: "status", tabindex: -1 },
    view.done.map((line) => el("p", null, line)),
    here.undo === "there" ? button(t.clients.undo, undo, { kind: "link", busy: "clients" }) : null,
  );
}

/** @param {ClientsHere} here */
function form(here) {
  return el(
    "form",
    { class: "connect", key: "form", "aria-label": t.clients.connect, onsubmit: submit },
    select(
      "client",
      t.clients.client,
      here.installed.map((c) => [c.id, visible(c.name, 60)]),
      true,
    ),
    select(
      "account",
      t.clients.account,
      state.accounts.map((a) => [a.id, visible(a.name, 64)]),
    ),
    here.installed.some((c) => c.ways.length > 1)
      ? select("via", t.clients.via, [
          ["proxy", t.clients.ways.proxy],
          ["headers", t.clients.ways.headers],
        ])
      : null,
    el("p", { class: "quiet small" }, t.clients.means),
    el(
      "div",
      { class: "row-buttons" },
      button(t.cancel, () => openForm(false)),
      el("button", { type: "submit", class: "button button-primary" }, t.clients.show),
    ),
  );
}

/**
 * @param {string} id
 * @param {string} label
 * @param {[string, string][]} options
 * @param {boolean} [arrive]
 */
function select(id, label, options, arrive = false) {
  return el(
    "div",
    { class: "form-row" },
    el("label", { class: "label", for: `connect-${id}` }, label),
    el(
      "select",
      { id: `connect-${id}`, class: "field", name: id, "data-arrive": arrive },
      options.map(([value, text]) => el("option", { value }, text)),
    ),
  );
}

/** @param {SubmitEvent} event */
function submit(event) {
  event.preventDefault();
  const data = new FormData(/** @type {HTMLFormElement} */ (event.target));
  const said = (/** @type {string} */ key) => String(data.get(key) ?? "");
  const via = said("via") === "headers" ? "headers" : "proxy";
  show(() => shell("plan_connect", { client: said("client"), account: said("account"), via }));
}

/** @param {() => Promise<Preview>} plan */
async function show(plan) {
  const shown = await run("clients", plan);
  if (!shown) return;
  view.done = [];
  if (shown.changes.length === 0) {
    view.form = false;
    view.done = [t.clients.already];
    goTo("told");
  } else {
    view.preview = shown;
    goTo("change");
  }
}

/** The lines that go and come, file by file. @param {Preview} shown */
function preview(shown) {
  return el(
    "div",
    { class: "preview", key: `preview/${shown.plan}`, role: "group", "aria-labelledby": "change" },
    el("h3", { id: "change", tabindex: -1 }, t.clients.change),
    shown.changes.map(file),
    el("p", { class: "quiet small" }, t.clients.copy),
    el(
      "div",
      { class: "row-buttons" },
      button(t.cancel, drop),
      button(t.clients.write, () => make(shown), { kind: "primary", busy: "clients", id: "write" }),
    ),
  );
}

/** @param {PreviewChange} change */
function file(change) {
  return el(
    "div",
    { class: "preview-file", key: change.file },
    el(
      "h4",
      null,
      name(change.client),
      " ",
      el("span", { class: "quiet small path" }, visible(change.file, 300)),
      change.becomes === "changed" ? null : el("span", { class: "quiet small" }, ` ${t.clients.becomes[change.becomes]}`),
    ),
    change.starts.map((line) =>
      el("p", { class: "small", key: line }, t.clients.starts, " ", el("code", null, visible(line, 400))),
    ),
    change.exact === "entry_only" ? el("p", { class: "amber small" }, t.clients.entryOnly) : null,
    el(
      "pre",
      { class: "diff", tabindex: 0, "aria-label": t.clients.lines(visible(change.client, 40)) },
      change.lines.map((line) =>
        el(
          "span",
          { class: `diff-${line.sign}` },
          el("span", { class: "unseen" }, t.clients.sign[line.sign]),
          el("span", { "aria-hidden": "true" }, { stays: "  ", goes: "− ", comes: "+ " }[line.sign]),
          `${visible(line.text.replaceAll("\t", "    "), 400)}\n`,
        ),
      ),
    ),
  );
}

function drop() {
  view.preview = null;
  goTo(view.form ? "connect-client" : "connect");
}

/** @param {Preview} shown */
async function make(shown) {
  const done = await run("clients", () => shell("make_change", { plan: shown.plan }));
  if (!done) return;
  view.preview = null;
  view.form = false;
  const after = shown.changes.filter((c) => c.starts.length > 0).map((c) => `${visible(c.client, 40)}: ${c.after}`);
  view.done = [t.clients.made, ...after, ...done.asked.map(asked).filter((line) => line !== "")];
  say(t.clients.made);
  await lookAtClients();
  goTo("told");
}

/** @param {Asked} one */
function asked(one) {
  const here = view.here?.installed.find((c) => c.id === one.client);
  return t.clients.asked[one.state](visible(here?.name ?? one.client, 40), visible(one.account, 40));
}

function undo() {
  show(() => shell("plan_undo", {}));
}

/** Servers that clients have from elsewhere: signed in to once each, and rewired. @param {ClientsHere} here */
function moveIn(here) {
  const ready = here.servers.some((s) => s.account !== null);
  return el(
    "div",
    { class: "move-in", key: "move-in" },
    el("h3", null, t.clients.moveIn),
    el("p", { class: "quiet" }, t.clients.moveInMeans),
    servers(),
    ready
      ? el(
          "div",
          { class: "row-buttons" },
          button(t.clients.rewire, () => show(() => shell("plan_setup", {})), { busy: "clients", id: "rewire" }),
        )
      : null,
  );
}

/** The servers, each with the programs that have it and what is left to do. */
export function servers() {
  const here = view.here;
  if (!here || here.servers.length === 0) return null;
  return el(
    "ul",
    { class: "entries", key: "servers" },
    here.servers.map((server) => {
      const host = visible(server.url.replace(/^https?:\/\//, ""), 80);
      const programs = [...new Set(server.entries.map((e) => visible(e.client, 40)))];
      return el(
        "li",
        { key: server.url, class: "entry" },
        el(
          "div",
          { class: "entry-text" },
          el("p", { class: "strong" }, el("bdi", null, host)),
          el("p", { class: "quiet" }, t.clients.knownTo(programs)),
          troubleAt(`found/${server.url}`),
        ),
        server.account
          ? el("span", { class: "quiet small" }, t.clients.signedIn(visible(server.account, 40)))
          : button(t.clients.signIn, () => startSignIn(`found/${server.url}`, { url: server.url }), {
              busy: `found/${server.url}`,
              name: t.clients.signInName(host),
            }),
      );
    }),
  );
}

/** @param {WiredEntry} entry */
function wired(entry) {
  return el(
    "li",
    { key: entry.id, class: "entry" },
    el(
      "div",
      { class: "entry-text" },
      el("p", null, el("span", { class: "strong" }, name(entry.name)), " · ", name(entry.account)),
      entry.changed
        ? el("p", { class: "amber" }, t.clients.changed[entry.changed.kind](visible(entry.changed.what, 120)))
        : el("p", { class: "quiet" }, t.clients.by[entry.via]),
      el("p", { class: "quiet small path" }, visible(entry.file, 300)),
    ),
    button(t.clients.disconnect, () => show(() => shell("plan_disconnect", { wired: entry.id })), {
      busy: "clients",
      name: t.clients.disconnectName(visible(entry.name, 40), visible(entry.account, 40)),
    }),
  );
}
