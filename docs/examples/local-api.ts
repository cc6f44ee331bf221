// Generated from the schema of the local API. Renew with: cargo run -p mcp-login-ipc --example docs
//
// A whole client of MCP Login's local API: what accounts are there, and a token of one.
//
//   node local-api.ts                    list the accounts
//   node local-api.ts NAME               get a token of NAME, and say when it ends
//   node local-api.ts NAME --show-token  the same, and print the token
//
// Node.js 22.18 or newer runs it as it is; no packages. (Node.js cannot ask who serves a socket: the check of the
// directory, which nobody else can enter, stands for that.)

import { execFileSync } from "node:child_process";
import { lstatSync } from "node:fs";
import { connect } from "node:net";
import { homedir } from "node:os";
import { dirname, join } from "node:path";
import { createInterface } from "node:readline";

/** `hello` result. */
interface Welcome {
  build: string;
  instance: string;
  pid: number;
  protocol: number;
  version: string;
}

/** How we know when a sign-in will end. */
type EndsBy = "announced" | "profile" | "history";

/** The server moved to another issuer. */
interface IssuerChange {
  new: string;
  old: string;
}

/** The redirect that a registration is for: one each, never mixed. */
type RedirectKind = "scheme" | "loopback" | "localhost" | "exact";

/** How we came to a client identity at the issuer. */
type RegistrationKind = "pre_registered" | "metadata_document" | "dynamic";

/** Our client identity, as far as it is no secret. */
interface RegistrationView {
  client_id: string;
  kind: RegistrationKind;
}

/** Whether the issuer has a revocation endpoint (RFC 7009, RFC 8414 `revocation_endpoint`). */
type Revocation = "offered" | "not_offered";

/** What an account's record and its tokens allow right now. */
type AccountState = "ready" | "needs_sign_in" | "offline" | "server_refuses" | "leaving" | "unsaved" | "issuer_changed" | "vault_unavailable";

/** An account, without a token. */
interface Account {
  asked_scope: string[];
  code?: string;
  ends_at?: number;
  ends_by?: EndsBy;
  expires_at?: number;
  generation: number;
  id: string;
  issuer: string;
  issuer_change?: IssuerChange;
  label?: string;
  last_rotation_at?: number;
  name: string;
  next_rotation_at?: number;
  redirect_kind: RedirectKind;
  registration: RegistrationView;
  resource: string;
  revocation: Revocation;
  scope: string[];
  server: string;
  signed_in_at: number;
  state: AccountState;
}

/** `account.list` result. */
interface Accounts {
  accounts: Account[];
}

/** How a program that nobody approved yet is dealt with. */
type ApprovalsMode = "window" | "terminal" | "policy";

/** Whether the consent window's program lies beside the agent. */
type ConsentWindow = "there" | "missing";

/** Whether the agent knows where to open a window. */
type Display = "known" | "unknown";

/** What the administrator of this computer set; it goes over the settings. */
interface ManagedView {
  keys?: string[];
  mistake?: string;
  place: string;
}

/** Where things lie. */
interface PathsView {
  config: string;
  data: string;
  log?: string;
  socket: string;
}

/** Who opens our custom scheme. */
type SchemeState = "ours" | "foreign" | "none";

/** Who opens our custom scheme, as the system says. */
interface SchemeView {
  program?: string;
  state: SchemeState;
}

/** `update.check` result. */
interface Update {
  current: string;
  looked_at: number;
  newer: boolean;
  newest: string;
  page: string;
}

/** What the keychain is. */
type VaultKind = "keychain" | "memory";

/** Whether it works. */
type VaultState = "ready" | "locked" | "unavailable" | "unknown";

/** The keychain, as the agent last saw it. */
interface VaultView {
  code?: string;
  kind: VaultKind;
  state: VaultState;
}

/** `agent.status` result. */
interface AgentStatus {
  accounts: Record<string, number>;
  approvals: ApprovalsMode;
  consent_window: ConsentWindow;
  display: Display;
  links?: number;
  managed?: ManagedView;
  paths: PathsView;
  paused: boolean;
  pid: number;
  policy_mistake?: string;
  revocations_queued: number;
  scheme: SchemeView;
  started_at: number;
  update?: Update;
  vault: VaultView;
  version: string;
}

/** `token.get` result. */
interface TokenGrant {
  access_token: string;
  account: string;
  expires_at?: number;
  generation: number;
  scope: string[];
  server: string;
  token_type: string;
}

/** What a program switches on, and what a person does next. */
interface FaultData {
  code: string;
  detail?: Record<string, unknown>;
  next: string;
  retryable: boolean;
}

/** The `error` member of an answer. */
interface Fault {
  code: number;
  data: FaultData;
  message: string;
}

interface Answer {
  id?: number | null;
  method?: string;
  result?: unknown;
  error?: Fault;
}

/** Where the agent listens. Not from XDG variables: programs that start header helpers strip them. */
function address(): string {
  if (process.platform === "win32") {
    const user = execFileSync("whoami", ["/user", "/fo", "csv", "/nh"], { encoding: "utf8" });
    const sid = user.trim().split(",").pop()?.replaceAll('"', "");
    return `\\\\.\\pipe\\mcp-login.${sid}`;
  }
  const home = process.env.MCP_LOGIN_HOME;
  if (home) {
    return join(home, "run", "agent.sock");
  }
  const runtime = `/run/user/${process.geteuid?.()}`;
  if (process.platform === "linux" && isPrivate(runtime)) {
    return join(runtime, "mcp-login", "agent.sock");
  }
  const below = process.platform === "darwin" ? "Library/Application Support" : ".local/share";
  return join(homedir(), below, "mcp-login", "run", "agent.sock");
}

/** Ours, mode 0700, no link: then nobody else can have put a socket there. */
function isPrivate(directory: string): boolean {
  const status = lstatSync(directory, { throwIfNoEntry: false });
  return status !== undefined && status.isDirectory() && status.uid === process.geteuid?.() && (status.mode & 0o077) === 0;
}

/** One connection. */
function open() {
  const path = address();
  if (process.platform !== "win32" && !isPrivate(dirname(path))) {
    throw new Error(`${dirname(path)} is not there or not yours alone; run: mcp-login agent start`);
  }
  const socket = connect(path);
  const waiting = new Map<number, { resolve: (result: unknown) => void; reject: (error: Error) => void }>();
  const fail = (error: Error) => {
    for (const request of waiting.values()) {
      request.reject(error);
    }
    waiting.clear();
  };
  socket.on("error", (error) => fail(new Error(`The agent is not running (${error.message}); run: mcp-login agent start`)));
  socket.on("close", () => fail(new Error("The agent closed the connection")));
  const lines = createInterface({ input: socket });
  lines.on("error", () => {}); // the socket's own, once more
  lines.on("line", (line) => {
    const answer = JSON.parse(line) as Answer;
    const request = waiting.get(answer.id ?? -1);
    if (answer.method !== undefined || request === undefined) {
      return; // a notification, or an answer that nobody waits for
    }
    waiting.delete(answer.id ?? -1);
    if (answer.error) {
      request.reject(new Error(`${answer.error.message}\n${answer.error.data.next} (${answer.error.data.code})`));
    } else {
      request.resolve(answer.result);
    }
  });
  let lastId = 0;
  return {
    call<T>(method: string, params: Record<string, unknown> = {}): Promise<T> {
      lastId += 1;
      const id = lastId;
      return new Promise<T>((resolve, reject) => {
        waiting.set(id, { resolve: (result) => resolve(result as T), reject });
        socket.write(`${JSON.stringify({ jsonrpc: "2.0", id, method, params })}\n`);
      });
    },
    close: () => socket.end(),
  };
}

const names = process.argv.slice(2).filter((argument) => !argument.startsWith("-"));
try {
  const agent = open();
  const welcome = await agent.call<Welcome>("hello", { client: "local-api.ts", version: "1", protocol: 1 });
  console.log(`agent ${welcome.version}, process ${welcome.pid}`);
  const status = await agent.call<AgentStatus>("agent.status");
  console.log(`keychain ${status.vault.state}, approvals by ${status.approvals}`);
  const { accounts } = await agent.call<Accounts>("account.list");
  for (const account of accounts) {
    console.log(`${account.name}: ${account.state}, ${account.server}`);
  }
  for (const name of names) {
    const token = await agent.call<TokenGrant>("token.get", { account: name });
    const left = token.expires_at === undefined ? "an unknown time" : `${token.expires_at - Math.floor(Date.now() / 1000)} s`;
    console.log(`${token.account}: a ${token.token_type} token for ${token.server}, good for ${left}`);
    if (process.argv.includes("--show-token")) {
      console.log(token.access_token);
    }
  }
  agent.close();
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  process.exit(1);
}
