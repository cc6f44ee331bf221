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
  take_scheme: { args: object; result: object };
  install_command: { args: object; result: { place: string; changed: boolean; hint: string | null } };
  copy_text: { args: { text: string }; result: object };
  registrable_domain: { args: { host: string }; result: string };
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
