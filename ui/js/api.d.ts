// Generated from the types in src-tauri/crates/ipc. Renew with: cargo run -p mcp-login-ipc --example docs

/** An account, without a token. */
export type Account = {
  /** What was asked for. */
  asked_scope: string[];
  /** The code of the trouble, when the state is not `ready`. */
  code?: string;
  /** When the sign-in itself will probably end, and a person has to sign in again. */
  ends_at?: number;
  /** How that is known. */
  ends_by?: EndsBy;
  /** When the access token ends; nothing when the issuer does not say. */
  expires_at?: number;
  /** Goes up with every stored token set. */
  generation: number;
  /** Never changes and is never used again. */
  id: string;
  /** The issuer, byte for byte. */
  issuer: string;
  /** Set when the state is `issuer_changed`. */
  issuer_change?: IssuerChange;
  /** Who is signed in, from the ID token; nothing when the issuer does not say. */
  label?: string;
  /** When it last did. */
  last_rotation_at?: number;
  /** What a person calls it; unique, and can change. */
  name: string;
  /** When the agent will rotate. */
  next_rotation_at?: number;
  /** Its redirect. */
  redirect_kind: RedirectKind;
  /** Our client identity there. */
  registration: RegistrationView;
  /** The canonical resource URI (RFC 8707). */
  resource: string;
  /** What a sign-out can do there. */
  revocation: Revocation;
  /** What was granted. */
  scope: string[];
  /** The server's address as it was typed. */
  server: string;
  /** When the person signed in. */
  signed_in_at: number;
  /** What holds now. */
  state: AccountState;
};

/** `account.refresh` parameters: rotate now, whatever the clock says. */
export type AccountRefresh = {
  /** Name, id, or the server's URL. */
  account: string;
};

/** `account.rename` parameters. */
export type AccountRename = {
  /** Name, id, or the server's URL. */
  account: string;
  /** The new name. */
  name: string;
};

/** `account.rename` result. */
export type AccountResult = {
  /** As it is now. */
  account: Account;
};

/** What an account's record and its tokens allow right now. */
export type AccountState = "ready" | "needs_sign_in" | "offline" | "server_refuses" | "leaving" | "unsaved" | "issuer_changed" | "vault_unavailable";

/** `account.status` parameters. */
export type AccountStatus = {
  /** Name, id, or the server's URL. */
  account: string;
  /** Ask the issuer (RFC 7662) and the server whether the token is good. */
  verify?: boolean;
};

/** `account.status` result. */
export type AccountStatusResult = {
  /** The account. */
  account: Account;
  /** With `verify`. */
  verification?: Verification;
};

/** `account.list` result. */
export type Accounts = {
  /** All of them, by name. */
  accounts: Account[];
};

/** `agent.status` result. */
export type AgentStatus = {
  /** How many accounts are in which state, by the state's name on the wire. */
  accounts: Record<string, number>;
  /** How a program that nobody approved yet is dealt with. */
  approvals: ApprovalsMode;
  /** Whether there is one to open. */
  consent_window: ConsentWindow;
  /** Whether a window can be opened. */
  display: Display;
  /** Links of MCP clients that are open; nothing from an agent that knows none. */
  links?: number;
  /** What the administrator of this computer set; none when nothing is. */
  managed?: ManagedView;
  /** Where things lie. */
  paths: PathsView;
  /** Rotation and hand-out are paused. */
  paused: boolean;
  /** Its process id. */
  pid: number;
  /** What is wrong with the policy file, which counts as empty until it is mended. */
  policy_mistake?: string;
  /** Revocations that wait to be tried again. */
  revocations_queued: number;
  /** Who opens our custom scheme. */
  scheme: SchemeView;
  /** When it began to serve. */
  started_at: number;
  /** What is known of newer versions; none when nobody has looked, or nobody may. */
  update?: Update;
  /** The keychain. */
  vault: VaultView;
  /** The agent's version. */
  version: string;
};

/** `session.announce` parameters. */
export type Announce = {
  /** Names and values of the session's variables, of those that a window needs; others are refused. */
  environment: Record<string, string>;
};

/** The profile of a known provider. */
export type AppliedProfile = {
  /** Its short name. */
  name: string;
  /** Its name for people. */
  title: string;
};

/** A decision that stands. */
export type Approval = {
  /** The account's name. */
  account: string;
  /** When it ends by the clock. */
  expires_at?: number;
  /** When it was given. */
  granted_at: number;
  /** Its id, for `approval.remove`; nothing removes a policy's but an edit of the file. */
  id: string;
  /** When it last let somebody in. */
  last_used_at?: number;
  /** Nothing: all scopes of the account. */
  scopes?: string[];
  /** Where it comes from. */
  source: ApprovalSource;
  /** Whom it is for. */
  subject: Subject;
  /** How long. */
  until: Until;
};

/** `approval.ask` parameters. */
export type ApprovalAsk = {
  /** The question; or the id of a `never`, which is asked about anew. */
  pending: string;
};

/** `approval.deny` parameters. */
export type ApprovalDeny = {
  /** The question. */
  pending: string;
};

/** `approval.grant` parameters: answers a question, or lets a program in beforehand. */
export type ApprovalGrant = {
  /** Name, id, or the server's URL. */
  account: string;
  /** The question; or `program`. */
  pending?: string;
  /** An executable's absolute path; or `pending`. */
  program?: string;
  /** Nothing: all scopes of the account. */
  scopes?: string[];
  /** How long. */
  until: Until;
};

/** `approval.grant` result. */
export type ApprovalGranted = {
  /** What stands now. */
  approval: Approval;
};

/** `approval.remove` parameters. */
export type ApprovalRemove = {
  /** The approval's id. */
  id: string;
};

/** `approval.request` parameters. */
export type ApprovalRequest = {
  /** Name, id, or the server's URL. */
  account: string;
  /** An executable's absolute path. */
  program: string;
};

/** `approval.request` result. */
export type ApprovalRequested = {
  /** The question, when there is one. */
  pending?: string;
  /** What came of it. */
  state: RequestedState;
};

/** Where an approval comes from. */
export type ApprovalSource = "person" | "policy";

/** `approval.list` result. */
export type Approvals = {
  /** Those that wait. */
  pending: PendingApproval[];
  /** Those that stand. */
  standing: Approval[];
};

/** How a program that nobody approved yet is dealt with. */
export type ApprovalsMode = "window" | "terminal" | "policy";

/** A program waits for a person. */
export type Attention = {
  /** The account's name, or what the program asked for when there is none. */
  account: string;
  /** The program that needs it. */
  program?: string;
  /** With `more_scopes`: those that are missing. */
  scopes?: string[];
  /** The server's address; nothing when only a name is known. */
  server?: string;
  /** Since when. */
  since: number;
  /** Why. */
  why: AttentionWhy;
};

/** Why a person is needed. */
export type AttentionWhy = "no_account" | "needs_sign_in" | "more_scopes";

/** What happened. */
export type AuditAction = "agent_started" | "agent_stopped" | "token" | "gateway" | "door" | "refresh" | "sign_in_started" | "sign_in" | "stray_callback" | "sign_out" | "revocation" | "rename" | "server_examined" | "approval_asked" | "approval_granted" | "approval_denied" | "approval_removed" | "connection_refused" | "file_kept_aside";

/** One line of the record. */
export type AuditEntry = {
  /** The account's name. */
  account?: string;
  /** What. */
  action: AuditAction;
  /** When. */
  at: number;
  /** Who asked. */
  caller?: Caller;
  /** The code of the trouble. */
  code?: string;
  /** The token set's generation. */
  generation?: number;
  /** A word more, bounded and without a secret. */
  note?: string;
  /** How it ended. */
  outcome: AuditOutcome;
  /** Goes up by one. */
  seq: number;
  /** The server's address. */
  server?: string;
};

/** How it ended. */
export type AuditOutcome = "ok" | "denied" | "failed";

/** `audit.read` result. */
export type AuditPage = {
  /** Oldest first. */
  entries: AuditEntry[];
  /** For the next `after`. */
  next: number;
};

/** `audit.read` parameters. */
export type AuditRead = {
  /** Entries after this `seq`; the newest ones when missing. */
  after?: number;
  /** Entries before this `seq`, the newest of them: to page back. */
  before?: number;
  /** New ones follow as notifications `audit.entry`. */
  follow?: boolean;
  /** At most so many; 100 when missing, bounded to 1,000. */
  limit?: number;
};

/** An answer that a person gave before, about the same program and account. */
export type Before = {
  /** When. */
  at: number;
  /** Which. */
  until: FormerAnswer;
};

/** What the program in front of the person has to open. */
export type BrowserStep = {
  /** Open it; never log it. */
  authorization_url: string;
  /** When the sign-in is given up. */
  expires_at: number;
  /** The issuer. */
  issuer: string;
  /** Which way that is. */
  redirect_kind: RedirectKind;
  /** Where the browser will be sent back. */
  redirect_uri: string;
  /** Set when an answer came that was not to be believed, and why: the step is sent again then, and the right answer is still waited for. */
  refused?: Fault;
  /** How we came to a client identity. */
  registration: RegistrationKind;
  /** What is asked for. */
  scopes: string[];
  /** The server's address. */
  server: string;
};

/** Who asked, as the system said at accept. */
export type Caller = {
  /** The caller first, then its ancestors up to the subject. */
  chain: CallerProcess[];
  /** How sure that is. */
  strength: Strength;
  /** Whom approvals are for; nothing when the agent itself acted. */
  subject?: Subject;
};

/** One process of the caller's chain. */
export type CallerProcess = {
  /** Its short name. */
  name: string;
  /** Its id at the time. */
  pid: number;
  /** The executable; nothing when the system does not say. */
  program?: string;
  /** What it is; nothing in entries of versions that did not note it. */
  role?: Role;
  /** Who signed it; nothing where the system does not say, or was not asked. */
  signer?: Signer;
};

/** Why a program that was approved is asked about again. */
export type Changed = "file";

/** Whether the consent window's program lies beside the agent. */
export type ConsentWindow = "there" | "missing";

/** What a sign-out has to end. */
export type Credential = "refresh_token" | "access_token" | "registration" | "keychain_item" | "approvals";

/** Whether the agent knows where to open a window. */
export type Display = "known" | "unknown";

/** What came of it. */
export type DoneStep = {
  /** The account, new or renewed. */
  account: Account;
  /** What was asked for. */
  asked: string[];
  /** What became of the tokens of the former issuer, when the server had moved to another one. */
  former?: Receipt;
  /** What was granted. */
  granted: string[];
  /** Set when the account was somebody else's before: who that was. */
  was?: string;
};

/** `door.status` result. */
export type Door = {
  /** Why it is not open although it should be. */
  code?: string;
  /** The keys, oldest first. */
  keys: DoorKey[];
  /** Whether it is to be open. */
  open: boolean;
  /** Its port on 127.0.0.1, once it had one. */
  port?: number;
};

/** `door.forget_key` parameters. */
export type DoorForgetKey = {
  /** Which. */
  id: string;
};

/** A key, without the key itself. */
export type DoorKey = {
  /** The account that it is for, by name. */
  account: string;
  /** The client that it was made for, in the words of whoever made it. */
  client: string;
  /** Names it. */
  id: string;
  /** The same over a Unix socket or a named pipe, as VS Code writes it. */
  local_url?: string;
  /** When it was made. */
  made_at: number;
  /** The address for this key, when the door is open. */
  url?: string;
};

/** `door.make_key` parameters. */
export type DoorMakeKey = {
  /** Name, id, or the server's URL. */
  account: string;
  /** Which client it is for; shown to the person who allows it. */
  client: string;
};

/** `door.make_key` result. The key is worth nothing before a person has allowed it, which they are asked at its first use. */
export type DoorNewKey = {
  /** To be sent as `Authorization: Bearer …`. Said this once. */
  key: string;
  /** What is known of it later, too. */
  made: DoorKey;
};

/** `door.set` parameters. */
export type DoorSet = {
  /** Whether it is open, now and after the next start. */
  open: boolean;
  /** The port from now on; the one that it had, or else any, when missing. */
  port?: number;
};

/** Nothing: parameters or result of methods that need none. Goes as `{}`. */
export type Empty = {};

/** How we know when a sign-in will end. */
export type EndsBy = "announced" | "profile" | "history";

/** The notification `event`. */
export type Event =
  | {
    /** As it is now. */
    account: Account;
    kind: "account_changed";
  }
  | {
    /** Its id. */
    id: string;
    kind: "account_removed";
    /** Its name. */
    name: string;
  }
  | {
    kind: "sign_in_changed";
    /** As it is now. */
    sign_in: SignIn;
  }
  | {
    kind: "approval_asked";
    /** The question. */
    pending: PendingApproval;
  }
  | {
    kind: "approvals_changed";
  }
  | {
    /** Which. */
    account: Account;
    kind: "sign_in_ends";
  }
  | {
    kind: "hand_out_changed";
    /** Whether they stand still now. */
    paused: boolean;
  }
  | {
    /** What for. */
    attention: Attention;
    kind: "attention";
  }
  | {
    kind: "update_found";
    /** Which, and where its page is. */
    update: Update;
  }
  | {
    kind: "window_wanted";
  }
  | {
    kind: "agent_stopping";
  }
  | {
    kind: "missed";
  };

/** The report. */
export type Examination = {
  /** Its issuer, if one was found. */
  issuer?: string;
  /** Registrations that could not be deleted, by their `client_id`. */
  left?: string[];
  /** Part by part. */
  parts: ExaminedPart[];
  /** The provider's profile, if it is a known one. */
  profile?: AppliedProfile;
  /** How we came to a client identity. */
  registration?: RegistrationKind;
  /** The server's address, without its query. */
  server: string;
  /** Request by request. */
  trace: Exchange[];
};

/** The notification `examination.progress`. */
export type ExaminationProgress = {
  /** Which. */
  examination: string;
} & ExaminationStage;

/** Where an examination is. */
export type ExaminationStage =
  | {
    /** Which. */
    part: Part;
    stage: "looking";
  }
  | {
    stage: "done";
  } & Examination;

/** `server.examine` parameters. */
export type Examine = {
  /** OpenID Connect Core §3.1.2.1. */
  login_hint?: string;
  /** OpenID Connect Core §3.1.2.1, e.g. `select_account`. */
  prompt?: string;
  /** How the test's sign-in comes back; a local port when missing or `auto`. */
  redirect?: RedirectChoice;
  /** Instead of what the server asks for. */
  scopes?: string[];
  /** Whether a person is there who signs in for the test. Without one, what needs a sign-in is not run. */
  sign_in?: boolean;
  /** Whether a used refresh token is used again, which ends the test's sign-in at a server that does it right. */
  thorough?: boolean;
  /** The server's address, as a person typed it. */
  url: string;
};

/** `server.examine` result. */
export type ExamineStarted = {
  /** The examination's id. Progress and the report follow as notifications on the same connection. */
  examination: string;
};

/** One part, and what was found there. */
export type ExaminedPart = {
  /** What it follows. */
  clause: string;
  /** What was found, the worst first. */
  findings?: Finding[];
  /** Which. */
  part: Part;
  /** What was seen, for people. */
  seen?: Record<string, string>;
  /** How it went. */
  verdict: PartVerdict;
};

/** One request and its answer: what can be told of them without telling a secret. */
export type Exchange = {
  /** Bytes of the answer's body. */
  bytes: number;
  /** `Content-Type` of the answer. */
  content_type?: string;
  /** Why no whole answer came. */
  failure?: string;
  /** The members of a JSON answer, and of which type each is. No value. */
  members?: Record<string, string>;
  /** GET, POST or DELETE. */
  method: string;
  /** Milliseconds from the request to the whole answer. */
  millis: number;
  /** During which part. */
  part: Part;
  /** What it was for. */
  purpose: string;
  /** Where a redirect leads: scheme and host. */
  redirect?: string;
  /** The status; none when no whole answer came. */
  status?: number;
  /** The address without its query. */
  url: string;
};

/** The `error` member of an answer. */
export type Fault = {
  /** JSON-RPC's number. */
  code: number;
  /** The rest. */
  data: FaultData;
  /** The fact, one sentence for people. */
  message: string;
};

/** What a program switches on, and what a person does next. */
export type FaultData = {
  /** A word of the table in `docs/errors.md`. A newer agent may know more of them. */
  code: string;
  /** What the sentences were filled with, and a word more. */
  detail?: Record<string, unknown>;
  /** The next step, for people. */
  next: string;
  /** Whether the same request may work later with nothing changed. */
  retryable: boolean;
};

/** Something that was found. */
export type Finding = {
  /** What it offends against: RFC and section, or MCP revision and section. */
  clause: string;
  /** A word of the table in `docs/for-servers.md`. A newer agent may know more of them. */
  code: string;
  /** What the sentences were filled with, and a word more. */
  detail?: Record<string, unknown>;
  /** The fact, one sentence for people. */
  fact: string;
  /** What to do about it, for whoever runs the server. */
  next: string;
  /** How bad it is. */
  weight: Weight;
};

/** What a person answered before. */
export type FormerAnswer = "once" | "process" | "twelve_hours" | "always" | "never" | "denied";

/** `gateway.list` result. */
export type Gateway = {
  /** What waits for a person. */
  attention: Attention[];
  /** The links that are open, oldest first. */
  links: GatewayLink[];
};

/** A link. */
export type GatewayLink = {
  /** The account's name; nothing while there is none. */
  account?: string;
  /** Its number; changes with every start of the agent. */
  link: number;
  /** The program at its other end. */
  program: string;
  /** The server's address. */
  server: string;
  /** Since when. */
  since: number;
};

/** `gateway.open` parameters. */
export type GatewayOpen = {
  /** Name, id, or the server's URL. A URL that nobody signed in to yet will do: its first request waits for the person. */
  account: string;
  /** What a link that broke had come to. */
  resume?: GatewayResume;
};

/** `gateway.open` result. From the next byte on the connection carries MCP messages, one a line, in both directions. */
export type GatewayOpened = {
  /** The account's name; nothing while there is none for the URL. */
  account?: string;
  /** The link's number, as `gateway.list` shows it. */
  link: number;
  /** The server's address: messages go there and nowhere else. */
  server: string;
};

/** A conversation that goes on over a new link. */
export type GatewayResume = {
  /** The client's `initialize` request, its whole line. The server is told it again; its answer goes to nobody. */
  initialize: string;
  /** Whether the client had said `notifications/initialized`. */
  initialized?: boolean;
};

/** `hello` parameters. */
export type Hello = {
  /** What the client calls itself; shown nowhere as a fact. */
  client: string;
  /** The local API's version that it speaks. */
  protocol: number;
  /** Its version. */
  version: string;
};

/** The server moved to another issuer. */
export type IssuerChange = {
  /** What the server names now. */
  new: string;
  /** Where the tokens are from. */
  old: string;
};

/** Whether the person agreed to a new issuer. */
export type IssuerChangeChoice = "accept";

/** What the administrator of this computer set; it goes over the settings. */
export type ManagedView = {
  /** What is set. */
  keys?: string[];
  /** What is wrong with it: nobody signs in until it is mended. */
  mistake?: string;
  /** Where it was read. */
  place: string;
};

/** What came of it. */
export type Outcome = "confirmed" | "accepted" | "queued" | "not_offered" | "failed" | "none";

/** A part of a sign-in's life. */
export type Part = "discovery" | "registration" | "authorization" | "token" | "server" | "refresh" | "revocation";

/** How a part went. */
export type PartVerdict = "ok" | "warning" | "failed" | "not_run";

/** Where things lie. */
export type PathsView = {
  /** Settings, for people to edit. */
  config: string;
  /** Accounts, registrations, approvals, audit log. */
  data: string;
  /** The log file, when there is one. */
  log?: string;
  /** The socket or pipe. */
  socket: string;
};

/** `agent.pause` parameters. */
export type Pause = {
  /** Whether to pause or to go on. */
  paused: boolean;
};

/** A question that waits for a person. */
export type PendingApproval = {
  /** The account's name. */
  account: string;
  /** When it was asked. */
  asked_at: number;
  /** What was answered before, the newest first; at most five. */
  before: Before[];
  /** Who really asked, and through whom. */
  caller: Caller;
  /** Set when an approval fell because of it. */
  changed?: Changed;
  /** When it is denied for want of an answer. */
  expires_at: number;
  /** Its id. */
  id: string;
  /** The issuer. */
  issuer: string;
  /** Who is signed in, when the issuer says. */
  label?: string;
  /** What the account's token may do. */
  scopes: string[];
  /** The server's address. */
  server: string;
  /** Whom it is about. */
  subject: Subject;
};

/** What `confirmed` rests on. */
export type Proof = "server_refused" | "introspection_inactive" | "revocation_answered" | "deleted";

/** What became of one account's credentials. */
export type Receipt = {
  /** Its name. */
  account: string;
  /** The issuer. */
  issuer: string;
  /** One a credential. */
  lines: ReceiptLine[];
  /** The server's address. */
  server: string;
  /** When nothing was handed out any more. */
  signed_out_at: number;
};

/** What became of one credential. */
export type ReceiptLine = {
  /** When that was. */
  at?: number;
  /** The code of the trouble, for `queued` and `failed`. */
  code?: string;
  /** What came of it. */
  outcome: Outcome;
  /** What `confirmed` rests on. */
  proof?: Proof;
  /** Until when it still works if the outcome is not `confirmed`; nothing when nobody knows. */
  valid_until?: number;
  /** Which. */
  what: Credential;
};

/** `account.sign_out` result. */
export type Receipts = {
  /** One an account. */
  receipts: Receipt[];
};

/** Which redirect to use. */
export type RedirectChoice = "auto" | "scheme" | "loopback" | "localhost";

/** The redirect that a registration is for: one each, never mixed. */
export type RedirectKind = "scheme" | "loopback" | "localhost" | "exact";

/** `account.refresh` result. */
export type Refreshed = {
  /** When the new access token ends. */
  expires_at?: number;
  /** Of the new token set. */
  generation: number;
};

/** How we came to a client identity at the issuer. */
export type RegistrationKind = "pre_registered" | "metadata_document" | "dynamic";

/** Our client identity, as far as it is no secret. */
export type RegistrationView = {
  /** `client_id`. */
  client_id: string;
  /** How we came to it. */
  kind: RegistrationKind;
};

/** What came of asking beforehand. */
export type RequestedState = "allowed" | "refused" | "asked" | "waiting";

/** Whether the issuer has a revocation endpoint (RFC 7009, RFC 8414 `revocation_endpoint`). */
export type Revocation = "offered" | "not_offered";

/** What a process of the caller's chain is. */
export type Role = "ours" | "shell" | "interpreter" | "session" | "program";

/** Who opens our custom scheme. */
export type SchemeState = "ours" | "foreign" | "none";

/** Who opens our custom scheme, as the system says. */
export type SchemeView = {
  /** The program, when there is one. */
  program?: string;
  /** Who. */
  state: SchemeState;
};

/** A sign-in on its way. */
export type SignIn = {
  /** When it is given up. */
  expires_at: number;
  /** The account's name, when it has one already. */
  name?: string;
  /** Where it is. */
  progress: Step;
  /** The server's address. */
  server: string;
  /** Its id. */
  sign_in: string;
  /** When it was started. */
  started_at: number;
};

/** `sign_in.callback` parameters: the address that the browser was sent to. */
export type SignInCallback = {
  /** Which sign-in a person pasted it for; by `state` when missing. */
  sign_in?: string;
  /** The whole address, from the scheme's handler or pasted. */
  url: string;
};

/** `sign_in.callback` result. */
export type SignInCalledBack = {
  /** The account, new or renewed; none when the sign-in was for an examination, which keeps nothing. */
  account?: Account;
  /** Which sign-in it was. */
  sign_in: string;
};

/** `sign_in.wait` result. */
export type SignInFinished = {
  /** The account, new or renewed. */
  account: Account;
};

/** The notification `sign_in.progress`. */
export type SignInProgress = {
  /** Which. */
  sign_in: string;
} & Step;

/** `sign_in.redirect` parameters: try the other way. */
export type SignInRedirect = {
  /** Which way. */
  kind: RedirectChoice;
  /** The sign-in's id. */
  sign_in: string;
};

/** Parameters of `sign_in.wait` and `sign_in.cancel`. */
export type SignInRef = {
  /** The sign-in's id. */
  sign_in: string;
};

/** `sign_in.start` parameters: a server's URL for a new account, or an account to sign in again. */
export type SignInStart = {
  /** The account to sign in again, or to give more scopes; instead of `url`. */
  account?: string;
  /** A client that the person registered. */
  client_id?: string;
  /** Its secret. */
  client_secret?: string;
  /** The issuer to use when the server names several. */
  issuer?: string;
  /** Said when the server moved to another issuer and the person agreed. */
  issuer_change?: IssuerChangeChoice;
  /** OpenID Connect Core §3.1.2.1. */
  login_hint?: string;
  /** The new account's name; made from the host when missing. */
  name?: string;
  /** OpenID Connect Core §3.1.2.1, e.g. `select_account`. */
  prompt?: string;
  /** `auto` when missing. */
  redirect?: RedirectChoice;
  /** Its redirect URI, exactly as it was registered. */
  redirect_uri?: string;
  /** An initial access token for the registration (RFC 7591 §3). */
  registration_token?: string;
  /** Said when somebody else came back on a sign-in again and the person wants that. */
  replace?: boolean;
  /** Instead of what the server asks for. */
  scopes?: string[];
  /** The server's address, as a person typed it. */
  url?: string;
};

/** `sign_in.start` result. */
export type SignInStarted = {
  /** The sign-in's id. Progress follows as notifications on the same connection. */
  sign_in: string;
};

/** `sign_in.list` result. */
export type SignIns = {
  /** Those on their way. */
  sign_ins: SignIn[];
};

/** `account.sign_out` parameters: one account, or all. */
export type SignOut = {
  /** Name, id, or the server's URL. */
  account?: string;
  /** Every account; instead of `account`. */
  all?: boolean;
};

/** Who signed a program, as the system says. */
export type Signer = {
  /** The name in the certificate; only when it was verified. */
  name?: string;
  /** What it is worth. */
  trust: Trust;
};

/** Where a sign-in is. */
export type Step =
  | {
    step: "discovering";
  }
  | {
    /** Where. */
    issuer: string;
    step: "registering";
  }
  | {
    step: "browser";
  } & BrowserStep
  | {
    step: "exchanging";
  }
  | {
    step: "storing";
  }
  | {
    step: "done";
  } & DoneStep
  | {
    step: "tried";
  }
  | {
    /** Why. */
    error: Fault;
    step: "failed";
  };

/** How strongly the system vouches for the caller's identity. */
export type Strength = "pinned" | "pid_with_start";

/** Whom an approval is for. */
export type Subject = {
  /** What kind it is. */
  kind: SubjectKind;
  /** Its short name. */
  name: string;
  /** The executable. */
  program: string;
  /** The script, where an interpreter runs one. */
  script?: string;
  /** Who signed the executable; nothing where the system does not say (Linux). */
  signer?: Signer;
};

/** What kind of program the subject is. */
export type SubjectKind = "program" | "bare_shell" | "bare_interpreter";

/** `token.get` parameters. */
export type TokenGet = {
  /** Name, id, or the server's URL. */
  account: string;
  /** The caller is an MCP client's header helper, which is not told why it is called: for a connection, or because the server refused the last token. One that may have been handed out before is tried at the server first, and renewed only when it is refused; and a person is told at once when a sign-in is needed. */
  helper?: boolean;
  /** Seconds that the token has to live at least; bounded by the agent to half the token's lifetime. */
  min_ttl?: number;
  /** The generation that the caller has and that the server refused: wants a newer one. At most one forced refresh a generation, however many ask. */
  newer_than?: number;
};

/** `token.get` result. */
export type TokenGrant = {
  /** RFC 6749 §1.4. */
  access_token: string;
  /** The account's name. */
  account: string;
  /** When it ends; nothing when the issuer does not say. */
  expires_at?: number;
  /** For `newer_than`. */
  generation: number;
  /** What was granted. */
  scope: string[];
  /** The server's address: the only place where this token may be sent. */
  server: string;
  /** RFC 6749 §7.1, as the issuer spelled it. */
  token_type: string;
};

/** What a program's signature is worth. */
export type Trust = "verified" | "adhoc" | "unsigned";

/** How long an approval holds. */
export type Until = "once" | "process" | "twelve_hours" | "always" | "never";

/** `update.check` result. */
export type Update = {
  /** The agent's own version. */
  current: string;
  /** When it was looked. */
  looked_at: number;
  /** Whether that one is newer than the agent's own. */
  newer: boolean;
  /** The newest version, as the page of releases names it. */
  newest: string;
  /** The newest version's page, for a person's browser: nothing is downloaded or installed. */
  page: string;
};

/** What the keychain is. */
export type VaultKind = "keychain" | "memory";

/** Whether it works. */
export type VaultState = "ready" | "locked" | "unavailable" | "unknown";

/** The keychain, as the agent last saw it. */
export type VaultView = {
  /** The code of the trouble. */
  code?: string;
  /** What it is. */
  kind: VaultKind;
  /** Whether it works. */
  state: VaultState;
};

/** One answer to "is this token good?". */
export type Verdict = "active" | "inactive" | "refused" | "not_offered" | "unreachable";

/** What one side said of the token. */
export type Verification = {
  /** When. */
  at: number;
  /** Why, where a verdict is `unreachable` or `refused`. */
  fault?: Fault;
  /** What the issuer's introspection endpoint said. */
  introspection: Verdict;
  /** What the MCP server said. */
  server: Verdict;
};

/** How bad a finding is. */
export type Weight = "note" | "warning" | "failed";

/** `hello` result. */
export type Welcome = {
  /** `release` or `debug`. */
  build: string;
  /** Changes with every start of the agent: what was learned from another instance may be stale. */
  instance: string;
  /** Its process id. */
  pid: number;
  /** The local API's version that it speaks. */
  protocol: number;
  /** The agent's version. */
  version: string;
};

/** Every method, with what goes in and what comes out. */
export interface Methods {
  /** Says who is there. Optional; to be sent first when a client wants to know whether it is understood. Class: look. */
  "hello": { params: Hello; result: Welcome };
  /** How the agent is. Class: look. */
  "agent.status": { params: Empty; result: AgentStatus };
  /** All accounts, without their tokens. Class: look. */
  "account.list": { params: Empty; result: Accounts };
  /** One account; with `verify`, issuer and server are asked whether its token is good. Class: look. */
  "account.status": { params: AccountStatus; result: AccountStatusResult };
  /** From now on, notifications `event` come on this connection. Class: look. */
  "events.subscribe": { params: Empty; result: Empty };
  /** What was done, for whom. Class: look. */
  "audit.read": { params: AuditRead; result: AuditPage };
  /** Who may use what, and what waits for a person. Class: look. */
  "approval.list": { params: Empty; result: Approvals };
  /** The sign-ins on their way. Class: look. */
  "sign_in.list": { params: Empty; result: SignIns };
  /** Hands out an access token; rotates it first when it is about to end. Class: use. */
  "token.get": { params: TokenGet; result: TokenGrant };
  /** Makes a link of this connection: MCP messages follow, and the agent puts the token on. Nothing else may be under way on it. Class: use. */
  "gateway.open": { params: GatewayOpen; result: GatewayOpened };
  /** The links that are open, and what waits for a person. Class: look. */
  "gateway.list": { params: Empty; result: Gateway };
  /** Whether the HTTP door is open, and who has keys. Class: look. */
  "door.status": { params: Empty; result: Door };
  /** Opens or closes the HTTP door. Class: keep. */
  "door.set": { params: DoorSet; result: Door };
  /** Makes a key for one client and one account. It is worth nothing before a person has allowed it. Class: keep. */
  "door.make_key": { params: DoorMakeKey; result: DoorNewKey };
  /** Takes a key away. Class: keep. */
  "door.forget_key": { params: DoorForgetKey; result: Empty };
  /** Asks the page of releases which version is the newest. Downloads and installs nothing. Class: look. */
  "update.check": { params: Empty; result: Update };
  /** Begins a sign-in. Notifications `sign_in.progress` follow; the program in front of the person opens the address. Class: keep. */
  "sign_in.start": { params: SignInStart; result: SignInStarted };
  /** Waits until a sign-in is finished; notifications `sign_in.progress` come meanwhile. Class: keep. */
  "sign_in.wait": { params: SignInRef; result: SignInFinished };
  /** Brings in the address that the browser was sent to, from the scheme's handler or pasted. Class: keep. */
  "sign_in.callback": { params: SignInCallback; result: SignInCalledBack };
  /** Gives a sign-in up. Class: keep. */
  "sign_in.cancel": { params: SignInRef; result: Empty };
  /** Goes on with another redirect when the browser could not open the first. Class: keep. */
  "sign_in.redirect": { params: SignInRedirect; result: Empty };
  /** Looks at a server step by step, for whoever runs it: what it offers to desktop clients and what it lacks. Nothing is kept. Notifications `examination.progress` follow, and `sign_in.progress` when a person signs in for it. Class: keep. */
  "server.examine": { params: Examine; result: ExamineStarted };
  /** Rotates now, whatever the clock says. Class: keep. */
  "account.refresh": { params: AccountRefresh; result: Refreshed };
  /** Signs out and revokes; says what that really achieved. Class: keep. */
  "account.sign_out": { params: SignOut; result: Receipts };
  /** Changes what a person calls an account. Class: keep. */
  "account.rename": { params: AccountRename; result: AccountResult };
  /** Ends the agent; a new one starts when it is needed. Class: keep. */
  "agent.stop": { params: Empty; result: Empty };
  /** Stops rotation and hand-out, or goes on. Class: keep. */
  "agent.pause": { params: Pause; result: Empty };
  /** Takes an approval back. A `never` is taken back like an approval is granted: over the consent window's link. Class: keep. */
  "approval.remove": { params: ApprovalRemove; result: Empty };
  /** Shows the consent window for a question that waits. Class: keep. */
  "approval.ask": { params: ApprovalAsk; result: Empty };
  /** Asks the person beforehand whether a program may use an account, as `connect` does for a client. Only from our own programs. Class: keep. */
  "approval.request": { params: ApprovalRequest; result: ApprovalRequested };
  /** Says where windows can be opened, as an agent that was started without a display does not know. Only from our own programs. Class: keep. */
  "session.announce": { params: Announce; result: Empty };
  /** Asks the app to show its window. Class: keep. */
  "window.show": { params: Empty; result: Empty };
  /** Answers a question with yes, or lets a program in beforehand. Class: grant. */
  "approval.grant": { params: ApprovalGrant; result: ApprovalGranted };
  /** Answers a question with no. Class: grant. */
  "approval.deny": { params: ApprovalDeny; result: Empty };
}

/** What the agent sends without being asked again. */
export interface Notifications {
  /** To the connection that started the sign-in, or waits for it. */
  "sign_in.progress": SignInProgress;
  /** To the connection that started the examination. */
  "examination.progress": ExaminationProgress;
  /** After `events.subscribe`. */
  "event": Event;
  /** After `audit.read` with `follow`. */
  "audit.entry": AuditEntry;
}
