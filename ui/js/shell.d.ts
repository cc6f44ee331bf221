// What the shell offers the pages, beside the agent's own methods.

import type { AuditEntry, Event, PendingApproval } from "./api.d.ts";

/** An error as it is shown: what happened, what to do, and the rest for those who want it. */
export interface Trouble {
  /** A word of docs/errors.md. */
  code: string;
  fact: string;
  next: string;
  details?: Record<string, unknown> | null;
}

/** What comes in without being asked for. */
export type Told =
  | { type: "event"; event: Event }
  | { type: "link"; state: "up" | "down"; error?: Trouble | null }
  | { type: "audit"; entry: AuditEntry }
  | { type: "show"; view: string };

export interface Browser {
  id: string;
  name: string;
}

export interface Check {
  name: string;
  verdict: "ok" | "note" | "problem";
  said: string;
  next?: string;
}

export interface Doctor {
  checks: Check[];
  problems: number;
}

export interface SchemeState {
  state: "ours" | "foreign" | "none";
  program?: string | null;
}

export interface Settings {
  autostart: "on" | "off" | "unavailable";
  asked_autostart: boolean;
  scheme: SchemeState;
  paths: Record<string, string | null | undefined>;
  version: string;
  tray: "there" | "missing";
}

/** A question of the consent window, with the program's icon when the system has one, and whose the server's host is. */
export type Question = PendingApproval & { icon?: string | null; domain?: string | null };

/** An MCP client that is installed. */
export interface ClientHere {
  id: string;
  name: string;
  file: string;
  ways: ("proxy" | "headers")[];
}

/** An entry that was written for a client, and what became of it. */
export interface WiredEntry {
  id: string;
  client: string;
  name: string;
  account: string;
  account_id: string;
  entry: string;
  via: "proxy" | "headers" | "door";
  file: string;
  changed: {
    kind: "gone" | "address" | "command" | "account" | "otherwise" | "no_program" | "unread";
    what: string;
  } | null;
}

/** A remote server that clients have from elsewhere. */
export interface FoundServer {
  url: string;
  account: string | null;
  entries: { client: string; entry: string }[];
}

export interface ClientsHere {
  installed: ClientHere[];
  wired: WiredEntry[];
  servers: FoundServer[];
  unread: Trouble[];
  undo: "there" | "none";
}

/** What becomes of one file. */
export interface PreviewChange {
  client: string;
  file: string;
  becomes: "new" | "removed" | "changed";
  starts: string[];
  lines: { sign: "stays" | "goes" | "comes"; text: string }[];
  after: string;
  exact: "whole" | "entry_only";
}

/** A change that is shown; the shell holds it under its number. */
export interface Preview {
  plan: number;
  changes: PreviewChange[];
}

/** What came of the question about a client and an account. */
export interface Asked {
  client: string;
  account: string;
  state: "allowed" | "refused" | "asked" | "waiting";
}

/** The shell's own commands. */
export interface Commands {
  open_browser: { args: { sign_in: string; browser?: string }; result: object };
  copy_link: { args: { sign_in: string }; result: object };
  browsers: { args: object; result: Browser[] };
  doctor: { args: object; result: Doctor };
  settings: { args: object; result: Settings };
  set_autostart: { args: { on: boolean }; result: object };
  open_path: { args: { what: "config" | "data" | "log" }; result: object };
  start_agent: { args: object; result: object };
  quit: { args: object; result: unknown };
  open_release: { args: object; result: object };
  take_scheme: { args: object; result: object };
  install_command: { args: object; result: { place: string; changed: boolean; hint: string | null } };
  copy_text: { args: { text: string }; result: object };
  registrable_domain: { args: { host: string }; result: string };
  clients: { args: object; result: ClientsHere };
  plan_connect: { args: { client: string; account: string; via: "proxy" | "headers" }; result: Preview };
  plan_disconnect: { args: { wired: string }; result: Preview };
  plan_setup: { args: object; result: Preview };
  plan_undo: { args: object; result: Preview };
  make_change: { args: { plan: number }; result: { asked: Asked[] } };
  consent_questions: { args: object; result: Question[] };
  consent_decide: {
    args: { pending: string; until: "once" | "process" | "always" | "never" | "denied" };
    result: object;
  };
}

declare global {
  interface Window {
    __TAURI__: {
      core: {
        invoke(command: string, args?: object): Promise<any>;
        Channel: new () => { onmessage: (message: any) => void };
      };
    };
  }
}
