// Every view and state that is looked at, by name.

import * as f from "./fixtures.js";

const { world } = f;
const row = (/** @type {string} */ name) =>
  /** @type {const} */ (["press", ".row", `${name[0]?.toUpperCase()}${name}`]);
const add = ["press", "#add"];
const nav = (/** @type {string} */ view) => ["press", `#nav-${view}`];
const down = f.refuse("agent_not_running", "The agent is not running.", "Run `mcp-login agent start`.");
const dead = {
  "agent.status": down,
  "account.list": down,
  "approval.list": down,
  "sign_in.list": down,
  "audit.read": down,
};
const onWay = (/** @type {any} */ step, /** @type {any} */ over = {}) => world({ signIns: [f.signIn(step, over)] });
const theSignIn = ["press", "[data-row^='sign_in/']"];
const consent = (/** @type {any[]} */ questions, over = {}) => ({
  page: "consent.html",
  world: () => world({ questions, ...over }),
  steps: [["wait", 560]],
});
const many = Array.from({ length: 12 }, (_, i) =>
  f.account(`server-${i + 1}`, {
    generation: i,
    next_rotation_at: f.now + i * 400 + 120,
    expires_at: f.now + i * 400 + 300,
    last_rotation_at: f.now - 3000,
  }),
);

/** @type {Record<string, { page?: string, world: () => any, steps?: any[] }>} */
export const scenes = {
  accounts: { world, steps: [row("linear")] },
  none: { world },
  "receipt-last": {
    world: () => world({ accounts: [f.linear], status: { vault: { kind: "memory", state: "ready" } } }),
    steps: [row("linear"), ["press", ".detail-foot button", "Sign out"], ["press", "dialog .button-danger-full"]],
  },
  well: { world: () => world({ accounts: [f.linear, f.atlassian] }) },
  first: { world: () => world({ accounts: [], standing: [], audit: [] }) },
  many: { world: () => world({ accounts: many }), steps: [["press", ".row"]] },
  filter: { world: () => world({ accounts: many }), steps: [["type", ".filter", "server-1"]] },
  loading: { world: () => world({ agent: { "agent.status": f.never } }), steps: [["wait", 450]] },
  down: { world: () => world({ agent: dead }) },
  "down-later": {
    world,
    steps: [
      row("linear"),
      [
        "tell",
        {
          type: "link",
          state: "down",
          error: {
            code: "connection_lost",
            fact: "The agent closed the connection before it answered.",
            next: "Try again; if it happens again, look at the agent's log.",
          },
        },
      ],
    ],
  },
  locked: {
    world: () =>
      world({
        accounts: [f.linear, f.closed],
        status: { vault: { kind: "keychain", state: "locked", code: "keychain_locked" } },
      }),
    steps: [["press", "[data-row='account/closed']"]],
  },
  paused: { world: () => world({ status: { paused: true } }), steps: [row("linear")] },
  offline: {
    world: () => world({ accounts: [f.offline, { ...f.linear, state: "offline", code: "offline" }] }),
    steps: [["press", "[data-row='account/intranet']"]],
  },
  "needs-sign-in": { world, steps: [["press", "[data-row='account/sentry']"]] },
  moved: { world: () => world({ accounts: [f.linear, f.moved] }), steps: [["press", "[data-row='account/notes']"]] },
  refuses: {
    world: () => world({ accounts: [f.linear, f.refuses, f.unsaved, f.leaving] }),
    steps: [["press", "[data-row='account/warehouse']"]],
  },
  unsaved: {
    world: () => world({ accounts: [f.linear, f.unsaved, f.leaving] }),
    steps: [["press", "[data-row='account/payroll']"]],
  },
  leaving: {
    world: () => world({ accounts: [f.linear, f.leaving] }),
    steps: [["press", "[data-row='account/old']"]],
  },
  ends: { world: () => world({ accounts: [f.linear, f.soon] }), steps: [["press", "[data-row='account/calendar']"]] },
  endless: {
    world: () => world({ accounts: [f.linear, f.endless] }),
    steps: [["press", "[data-row='account/endless']"]],
  },
  "not-granted": { world, steps: [["press", "[data-row='account/github']"]] },
  hostile: {
    world: () => world({ accounts: [f.hostile, f.linear] }),
    steps: [["press", "[data-row='account/odd']"]],
  },
  details: { world, steps: [row("linear"), ["open", ".detail .more"], ["scroll", ".pane", 320]] },
  rename: { world, steps: [row("linear"), ["press", ".detail-foot button", "Rename"]] },
  "renew-fails": {
    world: () =>
      world({
        agent: {
          "account.refresh": f.refuse(
            "rate_limited",
            "mcp.linear.app wants fewer requests.",
            "Wait 30 s; the agent waits by itself.",
            { host: "mcp.linear.app", retry_after: "30 s" },
          ),
        },
      }),
    steps: [row("linear"), ["press", ".detail-foot button", "Renew"]],
  },
  "sign-out": { world, steps: [row("linear"), ["press", ".detail-foot button", "Sign out"]] },
  receipt: {
    world,
    steps: [row("linear"), ["press", ".detail-foot button", "Sign out"], ["press", "dialog .button-danger-full"]],
  },
  "receipt-poor": {
    world: () => world({ agent: { "account.sign_out": { receipts: [f.poorReceipt] } } }),
    steps: [
      ["press", "[data-row='account/github']"],
      ["press", ".detail-foot button", "Sign out"],
      ["press", "dialog .button-danger-full"],
    ],
  },
  "first-found": {
    world: () =>
      world({
        accounts: [],
        standing: [],
        audit: [],
        shell: { clients: f.clientsHere({ servers: f.servers.map((s) => ({ ...s, account: null })) }) },
      }),
  },
  connected: {
    world: () =>
      world({
        shell: {
          clients: f.clientsHere({
            wired: [
              f.wired(),
              f.wired({ id: "2", name: "Codex", changed: { kind: "command", what: "/tmp/\u202ex/mcp-login" } }),
              f.wired({ id: "3", name: "Zed", via: "headers", changed: { kind: "gone", what: "" } }),
            ],
            unread: [
              {
                code: "client_file_unreadable",
                fact: "/home/ada/.kiro/settings/mcp.json, line 3: it cannot be read: unexpected token. Nothing was changed.",
                next: "Mend that line, or let the program write the file anew, and try again.",
              },
            ],
          }),
        },
      }),
    steps: [nav("programs")],
  },
  "connect-form": { world, steps: [nav("programs"), ["press", "#connect"]] },
  "connect-change": {
    world,
    steps: [nav("programs"), ["press", "#connect"], ["press", ".connect .button-primary"]],
  },
  "connect-done": {
    world: () => world({ shell: { clients: f.clientsHere({ wired: [f.wired()], undo: "there" }) } }),
    steps: [nav("programs"), ["press", "#connect"], ["press", ".connect .button-primary"], ["press", "#write"]],
  },
  "connect-fails": {
    world: () =>
      world({
        shell: {
          plan_connect: f.refuse(
            "entry_exists",
            "/home/ada/.cursor/mcp.json, line 4: there is an entry called linear already.",
            "Choose another name with `--as NAME`, or put ours in its place with `--replace`.",
          ),
        },
      }),
    steps: [nav("programs"), ["press", "#connect"], ["press", ".connect .button-primary"]],
  },
  "move-in": {
    world: () => world({ shell: { clients: f.clientsHere({ servers: f.servers }) } }),
    steps: [nav("programs")],
  },
  "move-in-change": {
    world: () => world({ shell: { clients: f.clientsHere({ servers: f.servers }) } }),
    steps: [nav("programs"), ["press", "#rewire"]],
  },
  add: { world, steps: [add, ["type", "#add-url", "https://mcp.figma.example/mcp"]] },
  "add-more": { world, steps: [add, ["open", ".add .more"]] },
  "add-fails": {
    world: () =>
      world({
        agent: {
          "sign_in.start": f.refuse(
            "bad_url",
            "The address cannot be used: plain http to another machine.",
            "Give the server's address as its documentation has it, for example `https://mcp.example.com/mcp`.",
            { reason: "plain http to another machine" },
          ),
        },
      }),
    steps: [add, ["type", "#add-url", "http://mcp.example.com"], ["press", ".address .button-primary"]],
  },
  discovering: { world: () => onWay({ step: "discovering" }), steps: [theSignIn, ["wait", 450]] },
  found: { world: () => onWay(f.browserStep()), steps: [theSignIn] },
  waiting: { world: () => onWay(f.browserStep()), steps: [theSignIn, ["press", "#open-browser"]] },
  "nothing-back": {
    world: () => onWay(f.browserStep()),
    steps: [theSignIn, ["press", "#open-browser"], ["press", ".detail .button-link", "Nothing"]],
  },
  "answer-refused": {
    world: () =>
      onWay(
        f.browserStep({
          refused: f.fault(
            "callback_issuer",
            "The answer came from another issuer than https://www.figma.example.",
            "Do not try again before whoever runs the server has explained it; nothing was sent.",
          ),
        }),
      ),
    steps: [theSignIn],
  },
  storing: { world: () => onWay({ step: "storing" }), steps: [theSignIn, ["wait", 450]] },
  failed: {
    world: () =>
      onWay({
        step: "failed",
        error: f.fault(
          "access_denied",
          "The sign-in was refused on the page of https://www.figma.example.",
          "Sign in again and allow it, or ask an administrator.",
          { error_description: "<img src=x onerror=alert(1)>" },
        ),
      }),
    steps: [theSignIn],
  },
  "another-person": {
    world: () =>
      onWay(
        {
          step: "failed",
          error: f.fault(
            "another_person",
            "Somebody else signed in: bob@example.com instead of ada@example.com.",
            "…",
            { new: "bob@example.com", old: "ada@example.com" },
          ),
        },
        { name: "linear", server: "https://mcp.linear.app/mcp" },
      ),
    steps: [theSignIn],
  },
  done: {
    world: () => onWay(f.browserStep()),
    steps: [
      theSignIn,
      [
        "tell",
        {
          type: "event",
          event: {
            kind: "account_changed",
            account: f.account("figma", {
              server: "https://mcp.figma.example/mcp",
              issuer: "https://www.figma.example",
              scope: ["files:read"],
              asked_scope: ["files:read", "comments:write"],
              last_rotation_at: undefined,
              signed_in_at: f.now,
              generation: 1,
              expires_at: f.now + 3600,
              next_rotation_at: f.now + 3300,
            }),
          },
        },
      ],
      [
        "tell",
        {
          type: "event",
          event: {
            kind: "sign_in_changed",
            sign_in: f.signIn(
              {
                step: "done",
                account: f.account("figma", {}),
                asked: ["files:read", "comments:write"],
                granted: ["files:read"],
              },
              { name: "figma" },
            ),
          },
        },
      ],
    ],
  },
  programs: { world: () => world({ pending: [f.question("17")] }), steps: [nav("programs")] },
  "programs-none": { world: () => world({ standing: [] }), steps: [nav("programs")] },
  asking: { world: () => world({ pending: [f.question("17")] }), steps: [row("linear")] },
  activity: { world, steps: [nav("activity")] },
  "activity-none": { world: () => world({ audit: [] }), steps: [nav("activity")] },
  "activity-trouble": { world, steps: [nav("activity"), ["type", ".page .filter", "sentry"]] },
  settings: { world, steps: [nav("settings")] },
  "settings-newer": {
    world: () => world({ status: { update: f.update() } }),
    steps: [nav("settings")],
  },
  "settings-newest": {
    world: () => world({ status: { update: f.update({ newest: "0.3.0", newer: false }) } }),
    steps: [nav("settings")],
  },
  "settings-managed": {
    world: () =>
      world({ status: { managed: { place: "/etc/mcp-login/policy.toml", keys: ["http_door", "updates"] } } }),
    steps: [nav("settings")],
  },
  "settings-foreign": {
    world: () =>
      world({
        settings: {
          scheme: { state: "foreign", program: "/usr/bin/other-login" },
          tray: "missing",
          autostart: "unavailable",
        },
        status: {
          approvals: "policy",
          policy_mistake: "policy.toml, line 3: until: no such word",
          revocations_queued: 2,
        },
      }),
    steps: [nav("settings")],
  },
  consent: consent([
    f.signed(
      {
        ...f.question("17"),
        subject: { ...f.subjects.cursor, program: "/Applications/Cursor.app/Contents/MacOS/Cursor" },
      },
      { name: "Anysphere, Inc.", trust: "verified" },
    ),
  ]),
  "consent-unknown": consent([
    f.question("17", {
      before: [
        { until: "once", at: f.now - 7000 },
        { until: "denied", at: f.now - 90_000 },
      ],
    }),
  ]),
  "consent-shell": consent([
    f.question("18", { subject: f.subjects.bash, caller: f.chainOf(f.subjects.bash) }),
    f.question("19"),
    f.question("20"),
  ]),
  "consent-interpreter": consent([
    f.signed(
      f.question("18", {
        subject: f.subjects.python,
        caller: { ...f.chainOf(f.subjects.python), strength: "pid_with_start" },
      }),
      { trust: "unsigned" },
    ),
  ]),
  "consent-again": consent([
    f.question("18", {
      subject: f.subjects.script,
      caller: f.chainOf({ program: "/opt/mcp-login/mcp-login-desktop", name: "mcp-login-desktop", kind: "program" }),
      before: [{ until: "never", at: f.now - 90_000 }],
    }),
  ]),
  "consent-always": {
    ...consent([f.question("18")]),
    steps: [
      ["wait", 560],
      ["press", "input[value=always]"],
    ],
  },
  "consent-beforehand": consent([
    f.question("18", { subject: f.subjects.cursor, caller: f.chainOf({ name: "kitty", program: "/usr/bin/kitty" }, f.zsh) }),
  ]),
  "consent-script": consent([
    f.question("18", { subject: f.subjects.script, caller: f.chainOf(f.subjects.script, f.zsh) }),
  ]),
  "consent-changed": consent([
    f.signed(f.question("18", { changed: "file", before: [{ until: "always", at: f.now - 900_000 }] }), {
      trust: "adhoc",
    }),
  ]),
  "consent-hostile": consent([
    f.question("18", {
      account: "odd",
      server: f.hostile.server,
      label: f.hostile.label,
      scopes: f.hostile.scope,
      subject: {
        ...f.subjects.cursor,
        name: "Cur\u202esor<img src=x onerror=alert(1)>",
        program: `/tmp/${"very-long-".repeat(14)}/cursor`,
      },
    }),
  ]),
  "consent-fresh": { page: "consent.html", world: () => world({ questions: [f.question("17")] }) },
  "consent-over": consent([]),
  "consent-fails": {
    ...consent([f.question("17")], {
      shell: {
        consent_decide: f.refuse(
          "no_such_approval",
          "There is no such approval or question.",
          "`mcp-login approvals` shows those that there are.",
        ),
      },
    }),
    steps: [
      ["wait", 560],
      ["press", ".question-foot .button-primary"],
    ],
  },
};
