// What the agent and the shell might say. Times hang on one fixed moment of today, so that pictures stay the same.

const day = new Date();
day.setHours(14, 2, 0, 0);
// the pages read the clock: it stands still here
const still = day.getTime();
Date.now = () => still;
export const now = Math.floor(still / 1000);
const MINUTE = 60;
const HOUR = 3600;
const DAY = 86_400;

const base = {
  asked_scope: ["read", "issues:create", "comments:create"],
  scope: ["read", "issues:create", "comments:create"],
  state: "ready",
  generation: 7,
  signed_in_at: now - 12 * DAY,
  last_rotation_at: now - 17 * MINUTE,
  next_rotation_at: now + 43 * MINUTE,
  expires_at: now + 48 * MINUTE,
  registration: { kind: "dynamic", client_id: "mcp-login-8f2c41d0" },
  redirect_kind: "scheme",
  revocation: "offered",
};

export const account = (id, over = {}) => ({
  id,
  name: id,
  server: `https://mcp.${id}.app/mcp`,
  resource: `https://mcp.${id}.app/mcp`,
  issuer: `https://mcp.${id}.app`,
  label: "ada@example.com",
  ...base,
  ...over,
});

export const linear = account("linear");
export const github = account("github", {
  server: "https://api.githubcopilot.example/mcp/",
  issuer: "https://github.example/login/oauth",
  label: "ada-dev",
  next_rotation_at: undefined,
  expires_at: now + 3 * HOUR,
  last_rotation_at: undefined,
  signed_in_at: now - 5 * HOUR,
  revocation: "not_offered",
  asked_scope: ["repo", "read:org", "gist"],
  scope: ["repo", "read:org"],
});
export const sentry = account("sentry", {
  server: "https://mcp.sentry.example/mcp",
  issuer: "https://mcp.sentry.example",
  state: "needs_sign_in",
  code: "invalid_grant",
  next_rotation_at: undefined,
  expires_at: now - 2 * HOUR,
});
export const atlassian = account("atlassian", {
  server: "https://mcp.atlassian.example/v1/sse",
  issuer: "https://auth.atlassian.example",
  last_rotation_at: now - 3 * MINUTE,
  next_rotation_at: now + 51 * MINUTE,
  expires_at: now + 57 * MINUTE,
});
export const offline = account("intranet", {
  server: "https://mcp.intra.example.co.uk:8443/mcp",
  issuer: "https://sso.intra.example.co.uk:8443/realms/staff",
  state: "offline",
  code: "offline",
  expires_at: now + 12 * MINUTE,
  next_rotation_at: now + 2 * MINUTE,
});
export const moved = account("notes", {
  server: "https://notes.example/mcp",
  issuer: "https://accounts.notes.example",
  state: "issuer_changed",
  code: "issuer_changed",
  issuer_change: {
    old: "https://accounts.notes.example",
    new: "https://accounts.notes.example.login-service.example/t",
  },
});
export const refuses = account("warehouse", {
  server: "https://mcp.warehouse.example/mcp",
  issuer: "https://id.warehouse.example",
  state: "server_refuses",
  code: "server_refuses",
});
export const unsaved = account("payroll", {
  server: "https://mcp.payroll.example/mcp",
  issuer: "https://id.payroll.example",
  state: "unsaved",
  code: "unsaved",
});
export const closed = account("closed", { state: "vault_unavailable", code: "keychain_locked" });
export const leaving = account("old", { state: "leaving" });
export const endless = account("endless", {
  server: "https://mcp.endless.example/mcp",
  issuer: "https://mcp.endless.example",
  expires_at: undefined,
  next_rotation_at: undefined,
  label: undefined,
  scope: [],
  asked_scope: [],
});
export const soon = account("calendar", {
  server: "https://mcp.calendar.example/mcp",
  issuer: "https://id.calendar.example",
  ends_at: now + 20 * HOUR,
  ends_by: "announced",
});
export const hostile = account("odd", {
  name: "odd",
  server: "https://xn--pypal-4ve.example/<img src=x onerror=alert(1)>",
  issuer: "https://accounts.bank.com.evil.example/login",
  label: "Bob\u202egnp.exe\u001b[2J<img src=x onerror=alert(1)>",
  scope: ["read", "<script>alert(1)</script>", "a".repeat(400)],
  registration: { kind: "metadata_document", client_id: "https://evil.example/<b>client</b>" },
});

const cursor = { program: "/opt/Cursor/cursor", name: "Cursor", kind: "program" };
const claude = { program: "/home/ada/.local/bin/claude", name: "claude", kind: "program" };
const bash = { program: "/usr/bin/bash", name: "bash", kind: "bare_shell" };
const python = { program: "/usr/bin/python3.12", name: "python3", kind: "bare_interpreter" };
const script = {
  program: "/usr/bin/python3.12",
  name: "python3",
  kind: "bare_interpreter",
  script: "/home/ada/bin/report.py",
};

const ours = { pid: 4123, name: "mcp-login", program: "/opt/mcp-login/mcp-login", role: "ours" };
const chainOf = (subject, ...between) => ({
  subject,
  strength: "pinned",
  chain: [
    ours,
    ...between,
    {
      pid: 4001,
      name: subject.name,
      program: subject.program,
      role: subject.kind === "bare_shell" ? "shell" : subject.kind === "bare_interpreter" ? "interpreter" : "program",
    },
  ],
});
const node = { pid: 4120, name: "node", program: "/usr/bin/node", role: "interpreter" };
const zsh = { pid: 4110, name: "zsh", program: "/usr/bin/zsh", role: "shell" };

let seq = 0;
const entry = (ago, action, over = {}) => ({ seq: ++seq, at: now - ago, action, outcome: "ok", ...over });
export const audit = [
  entry(27 * HOUR, "agent_started"),
  entry(26 * HOUR, "sign_in_started", { server: "https://mcp.atlassian.example/v1/sse" }),
  entry(26 * HOUR - 50, "sign_in", { account: "atlassian", generation: 1 }),
  entry(25 * HOUR, "stray_callback", { code: "callback_unmatched", note: "state=Xk3…" }),
  entry(5 * HOUR, "refresh", { account: "linear", generation: 3 }),
  entry(5 * HOUR - 60, "token", {
    account: "github",
    outcome: "denied",
    code: "not_approved",
    caller: chainOf(python),
  }),
  entry(4 * HOUR + 22 * MINUTE, "token", { account: "linear", generation: 3, caller: chainOf(claude, zsh) }),
  entry(4 * HOUR, "refresh", { account: "linear", generation: 4 }),
  entry(3 * HOUR, "refresh", { account: "linear", generation: 5 }),
  entry(2 * HOUR, "refresh", {
    account: "sentry",
    outcome: "failed",
    code: "invalid_grant",
    note: "the issuer no longer accepts the refresh token",
  }),
  entry(77 * MINUTE, "refresh", { account: "linear", generation: 6 }),
  entry(60 * MINUTE, "approval_asked", { account: "linear", caller: chainOf(cursor, node) }),
  entry(59 * MINUTE, "approval_granted", {
    account: "linear",
    caller: chainOf(cursor, node),
    note: "until Cursor quits",
  }),
  ...Array.from({ length: 14 }, (_, i) =>
    entry(58 * MINUTE - i * 150, "token", { account: "linear", generation: 6, caller: chainOf(cursor, node) }),
  ),
  entry(17 * MINUTE, "refresh", { account: "linear", generation: 7 }),
  entry(2 * MINUTE, "token", { account: "linear", generation: 7, caller: chainOf(cursor, node) }),
];

export const standing = [
  {
    id: "a1",
    subject: cursor,
    account: "linear",
    until: "process",
    source: "person",
    granted_at: now - 59 * MINUTE,
    last_used_at: now - 2 * MINUTE,
  },
  {
    id: "a2",
    subject: cursor,
    account: "github",
    scopes: ["repo"],
    until: "twelve_hours",
    source: "person",
    granted_at: now - HOUR,
    expires_at: now + 11 * HOUR,
  },
  {
    id: "a3",
    subject: claude,
    account: "linear",
    until: "always",
    source: "person",
    granted_at: now - 9 * DAY,
    last_used_at: now - 4 * HOUR - 22 * MINUTE,
  },
  {
    id: "p1",
    subject: { ...claude, program: "/usr/local/bin/ci-agent", name: "ci-agent" },
    account: "atlassian",
    scopes: ["read"],
    until: "always",
    source: "policy",
    granted_at: now - 30 * DAY,
  },
  { id: "n1", subject: script, account: "github", until: "never", source: "person", granted_at: now - 3 * DAY },
];

export const question = (id, over = {}) => ({
  id,
  subject: cursor,
  caller: chainOf(cursor, node),
  account: "linear",
  scopes: ["read", "issues:create"],
  asked_at: now - 4,
  expires_at: now + 116,
  before: [],
  server: "https://mcp.linear.app/mcp",
  issuer: "https://mcp.linear.app",
  label: "ada@example.com",
  ...over,
});
export const signed = (q, signer) => ({ ...q, subject: { ...q.subject, signer } });
export const subjects = { cursor, claude, bash, python, script };
export { chainOf, node, zsh };

export const status = (over = {}) => ({
  version: "0.3.0",
  pid: 2114,
  started_at: now - 27 * HOUR,
  vault: { kind: "keychain", state: "ready" },
  accounts: { ready: 3, needs_sign_in: 1 },
  revocations_queued: 0,
  approvals: "window",
  consent_window: "there",
  display: "known",
  scheme: { state: "ours", program: "/opt/mcp-login/mcp-login-desktop" },
  paths: {
    config: "/home/ada/.config/mcp-login/config.toml",
    data: "/home/ada/.local/share/mcp-login",
    socket: "/run/user/1000/mcp-login/agent.sock",
    log: "/home/ada/.local/share/mcp-login/agent.log",
  },
  paused: false,
  ...over,
});

export const update = (over = {}) => ({
  current: "0.3.0",
  newest: "0.4.0",
  newer: true,
  page: "https://github.com/mcp-login/mcp-login/releases/tag/v0.4.0",
  looked_at: now - 4,
  ...over,
});

export const receipt = (over = {}) => ({
  account: "linear",
  server: "https://mcp.linear.app/mcp",
  issuer: "https://mcp.linear.app",
  signed_out_at: now,
  lines: [
    { what: "refresh_token", outcome: "confirmed", proof: "server_refused", at: now },
    { what: "access_token", outcome: "confirmed", proof: "introspection_inactive", at: now },
    { what: "registration", outcome: "confirmed", proof: "deleted", at: now },
    { what: "keychain_item", outcome: "confirmed", proof: "deleted", at: now },
    { what: "approvals", outcome: "confirmed", proof: "deleted", at: now },
  ],
  ...over,
});
export const poorReceipt = receipt({
  account: "github",
  server: "https://api.githubcopilot.example/mcp/",
  issuer: "https://github.example/login/oauth",
  lines: [
    { what: "refresh_token", outcome: "queued", code: "revocation_queued", valid_until: now + 30 * DAY },
    { what: "access_token", outcome: "not_offered", valid_until: now + 3 * HOUR },
    { what: "registration", outcome: "failed", code: "server_error", at: now },
    { what: "keychain_item", outcome: "confirmed", proof: "deleted", at: now },
    { what: "approvals", outcome: "none" },
  ],
});

export const fault = (code, message, next, detail = {}) => ({
  code: -32000,
  message,
  data: { code, next, retryable: true, detail },
});

export const signIn = (step, over = {}) => ({
  sign_in: "s1",
  server: "https://mcp.figma.example/mcp",
  started_at: now - 20,
  expires_at: now + 580,
  progress: step,
  ...over,
});
export const browserStep = (over = {}) => ({
  step: "browser",
  redirect_uri: "io.github.mcp-login:/oauth/callback",
  redirect_kind: "scheme",
  issuer: "https://www.figma.example",
  server: "https://mcp.figma.example/mcp",
  scopes: ["files:read", "comments:write"],
  registration: "dynamic",
  expires_at: now + 580,
  ...over,
});

const domains = {
  "accounts.bank.com.evil.example": "evil.example",
  "accounts.notes.example.login-service.example": "login-service.example",
  "sso.intra.example.co.uk": "example.co.uk",
  "mcp.intra.example.co.uk": "example.co.uk",
};
const domain = (host) => domains[host] ?? host.split(".").slice(-2).join(".");

/** The clients of this computer. @param {Record<string, any>} over */
export function clientsHere(over = {}) {
  return {
    installed: [
      { id: "claude-code", name: "Claude Code", file: "/home/ada/.claude.json", ways: ["proxy", "headers"] },
      { id: "codex", name: "Codex", file: "/home/ada/.codex/config.toml", ways: ["proxy", "headers"] },
      { id: "cursor", name: "Cursor", file: "/home/ada/.cursor/mcp.json", ways: ["proxy"] },
    ],
    wired: [],
    servers: [],
    unread: [],
    undo: "none",
    ...over,
  };
}

export const wired = (over = {}) => ({
  id: "cursor/linear",
  client: "cursor",
  name: "Cursor",
  account: "linear",
  account_id: "id-linear",
  entry: "linear",
  via: "proxy",
  file: "/home/ada/.cursor/mcp.json",
  changed: null,
  ...over,
});

export const servers = [
  {
    url: "https://mcp.linear.app/mcp",
    account: "linear",
    entries: [
      { client: "Cursor", entry: "linear" },
      { client: "Codex", entry: "linear" },
    ],
  },
  { url: "https://mcp.figma.example/mcp", account: null, entries: [{ client: "Cursor", entry: "figma" }] },
];

const line = (sign, text) => ({ sign, text });

export const preview = {
  plan: 1,
  changes: [
    {
      client: "Cursor",
      file: "/home/ada/.cursor/mcp.json",
      becomes: "changed",
      starts: ["/opt/mcp-login/mcp-login proxy linear"],
      lines: [
        line("stays", "{"),
        line("stays", '  "mcpServers": {'),
        line("comes", '    "linear": {'),
        line("comes", '      "command": "/opt/mcp-login/mcp-login",'),
        line("comes", '      "args": ["proxy", "linear"]'),
        line("comes", "    }"),
        line("stays", "  }"),
      ],
      after: "Cursor asks to switch it on, under Settings, MCP.",
      exact: "whole",
    },
    {
      client: "Codex",
      file: "/home/ada/.codex/config.toml",
      becomes: "changed",
      starts: ["/opt/mcp-login/mcp-login proxy linear"],
      lines: [
        line("stays", "[mcp_servers.linear]"),
        line("comes", 'command = "/opt/mcp-login/mcp-login"'),
        line("goes", 'url = "https://mcp.linear.app/mcp"'),
      ],
      after: "The next session sees it.",
      exact: "entry_only",
    },
  ],
};

/**
 * A whole world. `never` is an answer that does not come.
 * @param {Record<string, any>} over
 */
export function world(over = {}) {
  const {
    accounts = [atlassian, github, linear, sentry],
    pending = [],
    signIns = [],
    agent = {},
    shell = {},
    questions = [],
  } = over;
  let waiting = [...questions];
  return {
    agent: {
      "agent.status": status(over.status),
      "account.list": { accounts },
      "approval.list": { standing: over.standing ?? standing, pending },
      "sign_in.list": { sign_ins: signIns },
      "audit.read": (params) =>
        params.before ? { entries: [], next: seq } : { entries: over.audit ?? audit, next: seq },
      "sign_in.start": { sign_in: "s1" },
      "sign_in.cancel": {},
      "sign_in.redirect": {},
      "approval.ask": {},
      "approval.remove": {},
      "account.refresh": { generation: 8, expires_at: now + HOUR },
      "account.sign_out": { receipts: [receipt()] },
      "account.rename": (params) => ({ account: { ...linear, name: params.name } }),
      "account.status": { account: linear, verification: { introspection: "active", server: "active", at: now } },
      "agent.pause": {},
      "update.check": update(),
      ...agent,
    },
    shell: {
      settings: {
        autostart: "off",
        asked_autostart: true,
        scheme: { state: "ours", program: "/opt/mcp-login/mcp-login-desktop" },
        paths: {},
        version: "0.3.0",
        tray: "there",
        ...over.settings,
      },
      browsers: [
        { id: "firefox", name: "Firefox" },
        { id: "chromium", name: "Chromium" },
      ],
      doctor: {
        problems: 1,
        checks: [
          { name: "Programs", verdict: "ok", said: "mcp-login and mcp-login-agent in /opt/mcp-login" },
          { name: "Clock", verdict: "ok", said: "2026-11-25T14:02:00+01:00" },
          { name: "Socket", verdict: "ok", said: "/run/user/1000/mcp-login/agent.sock, only you can enter" },
          { name: "Agent", verdict: "ok", said: "process 2114, version 0.3.0, release build" },
          { name: "Keychain", verdict: "ok", said: "the keychain (Secret Service)" },
          { name: "Approvals", verdict: "ok", said: "a window asks" },
          {
            name: "Account",
            verdict: "problem",
            said: "sentry is not ready",
            next: "sign in again with `mcp-login login sentry`",
          },
          { name: "Browser", verdict: "ok", said: "Firefox" },
          {
            name: "Scheme",
            verdict: "note",
            said: "nothing opens io.github.mcp-login: here",
            next: "Nothing to do: sign-ins come back by a local port.",
          },
        ],
      },
      clients: clientsHere(),
      plan_connect: preview,
      plan_disconnect: preview,
      plan_setup: preview,
      plan_undo: preview,
      make_change: { asked: [{ client: "cursor", account: "linear", state: "waiting" }] },
      registrable_domain: ({ host }) => domain(host),
      open_browser: {},
      copy_link: {},
      copy_text: {},
      open_path: {},
      open_release: {},
      start_agent: {},
      take_scheme: {},
      install_command: { place: "/usr/local/bin/mcp-login", changed: true, hint: null },
      set_autostart: {},
      consent_questions: () => waiting,
      consent_decide: ({ pending, until }) => {
        globalThis.decided = [...(globalThis.decided ?? []), { pending, until }];
        waiting = waiting.filter((q) => q.id !== pending);
        return {};
      },
      ...shell,
    },
  };
}

export const never = () => new Promise(() => {});
export const refuse = (code, fact, next, details) => () => Promise.reject({ code, fact, next, details });
