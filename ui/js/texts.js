// Every word that the window says itself, in one table. What an error means and what to do about it comes from the
// agent's own table (docs/errors.md), with the error.

/** @param {number} n @param {string} one @param {string} [many] */
const count = (n, one, many = `${one}s`) => `${n} ${n === 1 ? one : many}`;
/** @param {string[]} list */
const and = (list) => (list.length < 2 ? (list[0] ?? "") : `${list.slice(0, -1).join(", ")} and ${list.at(-1)}`);

export const t = {
  ok: "Done",
  close: "Close",
  cancel: "Cancel",
  back: "‹ Accounts",
  again: "Try again",
  open: "Open",
  copy: "Copy",
  copied: "Copied",
  /** @param {string} what */
  copyWhat: (what) => `Copy ${what}`,
  details: "Details",
  filter: "Filter",
  loading: "Looking for the agent…",

  nav: {
    accounts: "Accounts",
    programs: "Programs",
    activity: "Activity",
    settings: "Settings",
    /** @param {number} n */
    needs: (n) => `${count(n, "account")} ${n === 1 ? "needs" : "need"} you`,
    /** @param {number} n */
    waits: (n) => `${count(n, "question")} ${n === 1 ? "waits" : "wait"} for your answer`,
  },
  foot: {
    /** @param {number} all @param {number} ready */
    accounts: (all, ready) =>
      all === ready ? `${count(all, "account")}, all ready` : `${count(all, "account")}, ${ready} ready`,
    vault: {
      ready: "Keychain open",
      locked: "Keychain locked",
      unavailable: "Keychain unavailable",
      unknown: "Keychain not asked yet",
      memory: "Kept in memory only",
    },
  },

  time: {
    /** @param {number} n */
    seconds: (n) => `${n} s`,
    /** @param {number} n */
    minutes: (n) => `${n} min`,
    /** @param {number} h @param {number} m */
    hours: (h, m) => (m === 0 ? `${h} h` : `${h} h ${m} min`),
    /** @param {number} n */
    days: (n) => `${n} days`,
    underTwoMinutes: "1 min",
    justNow: "just now",
    /** @param {string} length */
    ago: (length) => `${length} ago`,
    /** @param {string} length */
    in: (length) => `in ${length}`,
    /** @param {string} clock */
    yesterday: (clock) => `yesterday, ${clock}`,
    /** @param {string} clock */
    tomorrow: (clock) => `tomorrow, ${clock}`,
    /** @param {string} day @param {string} clock */
    on: (day, clock) => `${day}, ${clock}`,
    today: "Today",
    theDayBefore: "Yesterday",
  },

  state: {
    ready: "Ready",
    needs_sign_in: "Needs you",
    offline: "Offline",
    server_refuses: "Server refuses",
    leaving: "Signing out",
    unsaved: "Not saved yet",
    issuer_changed: "Server moved",
    vault_unavailable: "Keychain closed",
  },
  row: {
    ready: "Ready",
    needs_sign_in: "Sign in again",
    offline: "Offline",
    server_refuses: "Server refuses the token",
    leaving: "Signing out",
    unsaved: "Not in the keychain yet",
    issuer_changed: "Its sign-in page changed",
    vault_unavailable: "Keychain cannot be read",
  },
  ring: {
    renews: "renews by itself",
    now: "Now",
    paused: "Paused",
    pausedTail: "not renewed meanwhile",
    endless: "No end",
    endlessTail: "the issuer names none",
    ended: "Ended",
    thenYou: "then sign in again",
    stopped: "its token has ended",
    /** @param {string} length */
    worksFor: (length) => `works for ${length} more`,
    /** @param {string} clock */
    until: (clock) => `Until ${clock}`,
    /** @param {string} head @param {string} tail */
    both: (head, tail) => `${head}, ${tail}`,
    needs: {
      needs_sign_in: "sign in again",
      server_refuses: "two fresh tokens refused",
      leaving: "nothing is handed out",
      unsaved: "unlock the keychain",
      issuer_changed: "nothing is sent there",
      vault_unavailable: "unlock it",
    },
  },

  agent: {
    down: "The agent is not running.",
    downMeans: "It keeps your sign-ins; until it runs, no program gets a token. Nothing is lost.",
    start: "Start it",
    paused: "Paused.",
    pausedMeans: "No token is handed out or renewed.",
    resume: "Go on",
    resumed: "Tokens are handed out and renewed again",
    locked: "The keychain is locked.",
    lockedMeans: "Tokens that are in use go on; nothing can be renewed or signed in before it is unlocked.",
    noVault: "The keychain cannot be used.",
    noVaultMeans: "Nothing can be renewed or signed in. The doctor in Settings says why.",
    lookAgain: "Look again",
    autostart: "Start at login?",
    noAutostart: "No, thanks",
    offline: "No issuer can be reached.",
    offlineMeans: "Tokens work until they end, and are renewed by themselves when the network is back.",
  },

  first: {
    title: "Nothing is signed in yet.",
    lead: "Paste the address of an MCP server. You sign in once, in your browser, and every program on this computer can share it, if you let it.",
  },
  accounts: {
    beside: "The chosen account",
    filter: "Filter the accounts",
    /** @param {string} text */
    noneFound: (text) => `No account has “${text}” in it.`,
    oneNeeds: "needs you.",
    /** @param {number} n */
    someNeed: (n) => `${n} accounts need you.`,
    see: "See why",
    allRenew: "All sign-ins renew by themselves.",
    allWell: "All sign-ins work.",
    /** @param {number} ready @param {number} all */
    someReady: (ready, all) => `${ready} of ${count(all, "sign-in")} ${ready === 1 ? "is" : "are"} ready.`,
    allPaused: "Paused: nothing is handed out.",
    next: "Next renewal",
    last: "Last used by",
    keys: "Arrows choose · N adds · / filters · Esc goes back",
  },
  account: {
    who: "Signed in as",
    issuer: "Issuer",
    redirect: "Came back by",
    mayDo: "May do",
    notGranted: "Not granted",
    renewals: "Renewals today",
    now: "now",
    /** @param {string[]} done @param {number} failed @param {string} next */
    renewalsSaid: (done, failed, next) =>
      [
        done.length > 0 ? `Renewed today at ${and(done)}.` : "Not renewed today yet.",
        failed > 0 ? `${count(failed, "renewal")} failed.` : "",
        next ? `Next at ${next}.` : "",
      ]
        .filter(Boolean)
        .join(" "),
    /** @param {string} clock */
    last: (clock) => `last ${clock}`,
    /** @param {string} clock */
    next: (clock) => `next ${clock}`,
    happened: "What happened",
    usedBy: "Used by",
    usedByNobody: "No program has asked for it lately.",
    refused: "refused",
    rename: "Rename",
    /** @param {string} name */
    renameName: (name) => `Rename ${name}`,
    newName: "New name",
    saveName: "Rename",
    /** @param {string} name */
    renamed: (name) => `It is called ${name} now`,
    renew: "Renew now",
    /** @param {string} name */
    renewedSaid: (name) => `${name} is renewed`,
    signOut: "Sign out",
    again: "Sign in again",
    code: "Code:",
    /** @param {string} name @param {string} state */
    needsSaid: (name, state) => `${name}: ${state}`,
    ring: "Ring",
    signedIn: "Signed in",
    lastRenewal: "Last renewal",
    nextRenewal: "Next renewal",
    expires: "Token ends",
    over: "over",
    notSaid: "not said by the issuer",
    endsAt: "Sign-in ends",
    server: "Server",
    generation: "Generation",
    registration: "Known there as",
    revocation: "Sign-out",
    command: "Header command",
    allActivity: "All its activity",
  },
  redirect: {
    scheme: "MCP Login link",
    loopback: "a local port",
    localhost: "a local port, as localhost",
    exact: "the address of your own client",
  },
  redirectChoice: {
    auto: "Whatever the issuer takes",
    scheme: "MCP Login link",
    loopback: "A local port (127.0.0.1)",
    localhost: "A local port (localhost)",
  },
  registration: {
    pre_registered: "the client that you named",
    metadata_document: "MCP Login, by its metadata document",
    dynamic: "MCP Login, registered there for this computer",
  },
  known: {
    pre_registered: "By the client id that you gave",
    metadata_document: "By MCP Login’s public document; nothing was registered",
    dynamic: "By a registration that was made just now, for this computer",
  },
  revocation: {
    offered: "revokes the tokens at the issuer",
    not_offered: "deletes them here; this issuer offers no revocation",
  },
  scopes: {
    none: "what the server gives by default",
    all: "All that the account may do",
  },
  /** @type {Partial<Record<import("./api.d.ts").AccountState, { title: string, means: string }>> & Record<string, any>} */
  needs: {
    needs_sign_in: {
      title: "You have to sign in again.",
      means:
        "The issuer ended this sign-in: it ran out, was revoked, or an administrator ended it. Programs get no token until you do.",
    },
    offline: { title: "The issuer cannot be reached.", means: "It is tried again by itself." },
    server_refuses: {
      title: "The server refuses fresh tokens.",
      means:
        "Two new ones were refused, so nothing more is sent. Ask whoever runs it whether you may use it; then renew.",
    },
    leaving: { title: "Being signed out.", means: "Nothing is handed out any more. The receipt follows." },
    unsaved: {
      title: "The newest tokens are not in the keychain yet.",
      means: "Unlock it and leave the agent running: it saves them by itself.",
    },
    vault_unavailable: {
      title: "The keychain cannot be read.",
      means: "Unlock it; the doctor in Settings says more.",
    },
    movedTitle: "The server names another sign-in page.",
    until: "Until now",
    from: "From now",
    movedMeans:
      "Nothing was sent to the new one. If you expected this, sign in there, and the tokens of the old one are revoked. If not, ask whoever runs the server first.",
    /** @param {string} owner */
    moveTo: (owner) => `Sign in at ${owner}`,
    /** @param {string} clock */
    worksUntil: (clock) => `The token that is there works until ${clock}.`,
  },
  ends: {
    /** @param {string} when */
    title: (when) => `This sign-in will probably end: ${when}`,
    by: {
      announced: "The issuer announced it.",
      profile: "This issuer ends sign-ins after a fixed time.",
      history: "The last ones ended after that long.",
    },
    /** @param {string} when */
    row: (when) => `Ends ${when}`,
    means: "Sign in again when it suits you, and nothing is interrupted.",
    now: "Sign in again now",
  },
  done: {
    title: "Signed in.",
    /** @param {string} who */
    as: (who) => `Signed in as ${who}.`,
    kept: "The tokens are in the keychain; only the agent reads them.",
    memory: "The tokens are in the agent’s memory and are lost when it ends.",
    renews: "They renew by themselves.",
    noRenewal: "The server gave nothing to renew them with: when they end, you sign in again.",
    /** @param {string} who */
    was: (who) => `This account was signed in as ${who} before.`,
    unasked: "Granted unasked",
    use: "For a program:",
    noRevocation: "This issuer offers no revocation: signing out deletes the tokens here.",
    /** @param {string} owner */
    former: (owner) => `What became of the tokens of ${owner}`,
  },
  out: {
    /** @param {string} name */
    title: (name) => `Sign out of ${name}?`,
    /** @param {string} owner @param {"keychain" | "memory"} vault */
    revoked: (owner, vault) =>
      `The tokens are revoked at ${owner} and deleted ${vault === "memory" ? "from the agent’s memory" : "from the keychain"}.`,
    notOffered: "This issuer offers no revocation: the tokens are deleted here, but a copy of one would still work.",
    /** @param {string} clock */
    until: (clock) => `The access token ends ${clock}.`,
    untilNobodyKnows: "Nobody knows when it ends.",
    /** @param {string[]} names */
    programs: (names) => `${and(names)} can no longer use it.`,
    receipt: "You get a receipt of what really happened.",
    /** @param {string} name */
    said: (name) => `Signed out of ${name}. The receipt is shown.`,
  },
  verify: {
    button: "Ask whether the token is good",
    issuer: "The issuer",
    server: "The server",
    introspection: {
      active: "says that the token is good",
      inactive: "says that the token is dead",
      refused: "does not let us ask",
      not_offered: "offers no such question",
      unreachable: "did not answer",
    },
    atServer: {
      active: "takes the token",
      inactive: "refuses the token",
      refused: "does not let us ask",
      not_offered: "was not asked",
      unreachable: "did not answer",
    },
  },

  add: {
    button: "Add",
    buttonName: "Add an account",
    title: "Add an account",
    lead: "You see what was found before a browser opens.",
    address: "Address of the MCP server",
    placeholder: "https://mcp.example.com/mcp",
    go: "Continue",
    which: "Who signs in",
    whichBrowser: "Whoever the browser is signed in as",
    whichSelect: "Let me choose on the issuer’s page",
    more: "More",
    moreMeans: "Everything here can stay empty.",
    name: "Name of the account",
    nameHint: "Letters, digits, “.”, “_” and “-”. Made from the server’s name when empty.",
    hint: "Sign in as",
    hintHint: "Your address or user name there, so that the page knows whom to expect.",
    scopes: "What it may do",
    scopesHint: "Scopes, with spaces between; what the server asks for when empty.",
    redirect: "How the browser comes back",
    own: "A client of your own",
    ownMeans: "For issuers where somebody registered MCP Login by hand.",
    clientId: "Client id",
    clientSecret: "Client secret",
    redirectUri: "Redirect address",
    redirectUriHint: "Exactly as it was registered.",
    registrationToken: "Initial access token",
    registrationTokenHint: "For issuers that let only those register who have one.",
    issuer: "Issuer",
    issuerHint: "When the server names several.",
  },
  signIn: {
    /** @param {string} host */
    title: (host) => `Sign in to ${host}`,
    /** @param {string} name */
    again: (name) => `Sign in again: ${name}`,
    steps: "Steps",
    step: { look: "Look", browser: "Sign in", store: "Keep" },
    /** @param {string} host */
    discovering: (host) => `Asking ${host} where you sign in…`,
    /** @param {string} owner */
    registering: (owner) => `Introducing MCP Login to ${owner}…`,
    server: "Server",
    issuer: "You sign in at",
    known: "It knows us",
    asks: "Asks for",
    way: "Comes back by",
    ready: "Is that where you want to sign in?",
    waiting: "Waiting for you to sign in, in the browser…",
    open: "Open the browser",
    openAgain: "Open it again",
    copy: "Copy link",
    copied: "Link copied",
    which: "Browser",
    cancel: "Cancel this sign-in",
    /** @param {string} length */
    givenUp: (length) => `Given up in ${length}.`,
    another: "Sign in as somebody else",
    nothing: "Nothing came back?",
    nothingTitle: "Nothing has come back yet.",
    /** @param {string} way */
    otherMeans: (way) => `If the browser could not open MCP Login, begin again with ${way}.`,
    other: "Try the other way",
    noOther: "Your own client has one way back only; there is no other.",
    paste: "Or paste the address that the browser ended at",
    pastePlaceholder: "The whole address bar, even if the page shows an error",
    pasteGo: "Use this address",
    refused: "An answer came that cannot be believed.",
    stillWaits: "Nothing was changed, and the right answer is still waited for.",
  },
  step: {
    discovering: "Looking…",
    registering: "Introducing ourselves…",
    browser: "Ready for your browser",
    waiting: "Waiting for your browser",
    exchanging: "Taking the tokens…",
    storing: "Putting them into the keychain…",
    done: "Signed in",
    tried: "Signed in for a test",
    failed: "Did not work",
  },
  other: {
    loopback: "a local port",
    localhost: "a local port called localhost",
  },
  another: {
    title: "Somebody else signed in.",
    was: "This account is",
    is: "Came back",
    means: "Nothing was changed. What do you want?",
    /** @param {string} who */
    same: (who) => (who ? `Sign in as ${who}` : "Sign in as before"),
    both: "Keep both",
    replace: "Replace it",
  },

  receipt: {
    title: "Signed out of",
    copy: "Copy the receipt",
    /** @param {string} owner */
    whole: (owner) => `Nothing of this sign-in works any more, here or at ${owner}.`,
    queue: "What waits is tried again by itself, also after a restart; the activity shows it.",
    open: "What is not confirmed is said above; MCP Login cannot do more about it from here.",
    outcome: {
      confirmed: "confirmed",
      accepted: "accepted, not proved",
      queued: "still to do",
      not_offered: "not offered",
      failed: "failed",
      none: "nothing to do",
    },
    what: {
      refresh_token: "Refresh token",
      access_token: "Access token",
      registration: "Our registration there",
      keychain_item: "The copy in the keychain",
      approvals: "Approvals",
    },
    confirmed: {
      refresh_token: "Refresh token revoked",
      access_token: "Access token revoked",
      registration: "Our registration there deleted",
      keychain_item: "Keychain item deleted",
      approvals: "Approvals taken back",
    },
    proof: {
      server_refused: "the server refused it",
      introspection_inactive: "the issuer says it is dead",
      revocation_answered: "the issuer confirmed",
      deleted: "",
    },
    /** @param {string} thing @param {string} until */
    accepted: (thing, until) =>
      `${thing}: the issuer accepted the revocation, which is not proved${until ? `; it may still work until ${until}` : ""}`,
    /** @param {string} thing */
    acceptedOther: (thing) => `${thing}: the issuer accepted it`,
    /** @param {string} thing @param {string} until */
    queued: (thing, until) =>
      `${thing} not revoked yet: the issuer cannot be reached. It is tried again until it works${until ? `; the token works until ${until}` : ""}`,
    /** @param {string} thing */
    queuedOther: (thing) => `${thing}: waits until everything that needs it is done`,
    /** @param {string} thing @param {string} until */
    notOffered: (thing, until) =>
      `${thing}: this issuer offers no revocation${until ? `; a copy of it would work until ${until}` : "; when it ends is not known"}`,
    /** @param {string} thing */
    notOfferedOther: (thing) => `${thing}: this issuer offers no deletion`,
    /** @param {string} thing @param {string} code @param {string} until */
    failed: (thing, code, until) =>
      `${thing}: failed${code ? ` (${code})` : ""}${until ? `; it works until ${until}` : ""}`,
    none: {
      refresh_token: "There was no refresh token",
      access_token: "There was no access token",
      registration: "Our registration there stays: another account uses it, or it was made beforehand",
      keychain_item: "There was nothing in the keychain",
      approvals: "No program was allowed to use it",
    },
  },

  programs: {
    lead: {
      window: "A program gets a token only after you said so, in a window that the agent opens itself.",
      terminal: "A program gets a token only after you said so, in the window or with “mcp-login approvals”.",
      policy: "A program gets a token only when the policy file says so.",
    },
    nothing: "No program has asked yet. When one does, you are asked here and in a window of its own.",
    waiting: "Waiting for your answer",
    may: "May use",
    never: "Never",
    neverMeans: "These are refused without a question.",
    asksFor: "asks for",
    answer: "Answer…",
    /** @param {string} program @param {string} account */
    answerName: (program, account) => `Answer whether ${program} may use ${account}`,
    /** @param {string} program @param {string} account */
    waitsForYou: (program, account) => `${program || "A program"} waits for you to sign in: ${account}`,
    /** @param {string} program @param {string} account */
    asked: (program, account) => `${program} asks for ${account}`,
    /** @param {string} length */
    waits: (length) => `denied in ${length} without an answer`,
    /** @param {string} when */
    lastUsed: (when) => `Last used ${when}`,
    neverUsed: "Not used yet",
    /** @param {string} when */
    refusedSince: (when) => `Since ${when}`,
    policy: "By the policy file",
    takeBack: "Take back",
    /** @param {string} program @param {string} account */
    takeBackName: (program, account) => `Take back from ${program}: ${account}`,
    askAgain: "Ask again…",
    /** @param {string} program @param {string} account */
    askAgainName: (program, account) => `Let ${program} ask again for ${account}`,
    takenBack: "Taken back; it counts from now on",
  },
  clients: {
    title: "Your MCP programs",
    connect: "Connect a program…",
    /** @param {string[]} names */
    found: (names) => `Found on this computer: ${and(names)}.`,
    none: "No MCP program was found on this computer.",
    client: "Program",
    account: "Account",
    via: "How it gets there",
    ways: {
      proxy: "Through MCP Login: it never sees a token",
      headers: "By itself, with a header from MCP Login (Claude Code, Codex)",
    },
    means: "You see the exact change first. Nothing is written before you say so.",
    show: "Show the change",
    change: "What would be changed",
    write: "Write it",
    copy: "A copy of each file is kept, and “Undo” puts it back.",
    becomes: { new: "new file", removed: "is removed" },
    starts: "Starts",
    entryOnly: "The file was changed since: our entry goes alone, and what it replaced does not come back.",
    /** @param {string} name */
    lines: (name) => `Lines of ${name}'s file`,
    sign: { stays: "", goes: "goes: ", comes: "comes: " },
    made: "Written.",
    already: "Everything is so already.",
    undo: "Undo",
    asked: {
      /** @param {string} client @param {string} account */
      allowed: (client, account) => `${client} may use ${account}.`,
      /** @param {string} client @param {string} account */
      refused: (client, account) => `You said never to ${client} for ${account}.`,
      /** @param {string} client @param {string} account */
      asked: (client, account) => `A window asks whether ${client} may use ${account}.`,
      /** @param {string} client @param {string} account */
      waiting: (client, account) => `${client} asks once, when it first uses ${account}.`,
    },
    by: {
      proxy: "Through MCP Login; it never sees a token",
      headers: "By itself, with a header from MCP Login",
      door: "Through MCP Login's own address",
    },
    changed: {
      /** @param {string} _ */
      gone: (_) => "The entry is gone from its file.",
      /** @param {string} what */
      address: (what) => `The entry leads to ${what} now. If you did not do that, find out who did.`,
      /** @param {string} what */
      command: (what) => `The entry starts ${what} now. If you did not do that, find out who did.`,
      /** @param {string} what */
      account: (what) => `The entry is for ${what} now.`,
      /** @param {string} _ */
      otherwise: (_) => "The entry says something else now. If you did not do that, find out who did.",
      /** @param {string} what */
      no_program: (what) => `The entry starts ${what}, which is not there.`,
      /** @param {string} what */
      unread: (what) => `It cannot be looked at: ${what}`,
    },
    disconnect: "Disconnect…",
    /** @param {string} client @param {string} account */
    disconnectName: (client, account) => `Disconnect ${client} from ${account}`,
    moveIn: "Move in",
    moveInMeans:
      "Your programs have these servers from elsewhere. Sign in once each, and all of them use that sign-in.",
    /** @param {string[]} names */
    knownTo: (names) => `In ${and(names)}`,
    /** @param {string} account */
    signedIn: (account) => `Signed in as ${account}`,
    signIn: "Sign in…",
    /** @param {string} host */
    signInName: (host) => `Sign in to ${host}`,
    rewire: "Show what would be rewired",
    foundTitle: "Found in your programs",
  },
  until: {
    once: "this once",
    /** @param {string} program */
    process: (program) => `until you quit ${program}`,
    twelve_hours: "for 12 hours",
    always: "always",
    never: "never",
    policy: "by the policy file",
    /** @param {string} length */
    for: (length) => `for ${length} more`,
  },
  subject: {
    bare_shell: "(whatever runs in this shell)",
    bare_interpreter: "(whatever script it runs)",
  },
  signer: {
    /** @param {string} name */
    by: (name) => `signed by ${name}`,
    verified: "signed, by whom is not said",
    adhoc: "signed by nobody known",
    unsigned: "not signed",
    unknown: "signer not known",
  },

  activity: {
    filter: "Filter the record",
    kind: "What to show",
    kinds: {
      all: "Everything",
      tokens: "Tokens",
      renewals: "Renewals",
      sign_ins: "Sign-ins",
      approvals: "Approvals",
      trouble: "Trouble",
    },
    nothing: "Nothing has happened yet.",
    noneFound: "Nothing like that in what was read so far.",
    earlier: "Earlier",
    beginning: "This is where the record begins.",
    /** @param {number} n @param {string} since */
    times: (n, since) => `${n} times since ${since}`,
  },
  audit: {
    agent_started: "Agent started",
    agent_stopped: "Agent stopped",
    token: { ok: "Token handed out:", not: "Token refused:" },
    gateway: { ok: "Messages carried:", not: "Messages refused:" },
    door: "HTTP address:",
    refresh: { ok: "Renewed:", not: "Renewal failed:" },
    sign_in_started: "Sign-in begun:",
    sign_in: { ok: "Signed in:", not: "Sign-in failed:" },
    stray_callback: "An answer that belongs to no sign-in",
    sign_out: "Signed out:",
    revocation: { ok: "Queued revocation done:", not: "Queued revocation tried:" },
    rename: "Renamed:",
    server_examined: "A server was tested",
    approval_asked: "You were asked:",
    approval_granted: "Allowed:",
    approval_denied: "Denied:",
    approval_removed: "Taken back:",
    connection_refused: "A connection was refused",
    file_kept_aside: "A file that cannot be read was kept aside",
  },

  settings: {
    autostart: "Start at login",
    autostartMeans: "MCP Login waits in the tray, so that questions and notices reach you.",
    autostartUnavailable: "This system does not let MCP Login start at login.",
    pause: "Stop handing out tokens",
    pauseMeans: "Programs get no token and nothing is renewed until you go on.",
    pausedMeans: "Paused: programs get no token, and nothing is renewed.",
    links: "Sign-in links",
    scheme: {
      ours: "MCP Login opens its own links, so the browser comes back here by itself.",
      /** @param {string} program */
      foreign: (program) =>
        `Another program opens MCP Login’s links: ${program || "which one is not known"}. Sign-ins come back by a local port instead.`,
      none: "Nothing opens MCP Login’s links on this computer. Sign-ins come back by a local port.",
    },
    takeScheme: "Let MCP Login open them",
    noTray: "This desktop has no tray: everything can be reached from this window.",
    terminal: "In the terminal",
    terminalMeans: "The command mcp-login does the same as this window: for scripts, over SSH, and for MCP clients that start it.",
    installCommand: "Install the command-line tool",
    /** @param {string} place */
    commandInstalled: (place) => `Terminals find mcp-login: ${place}`,
    asking: "How programs are asked about",
    approvals: {
      window: "A window asks you. Without an answer within two minutes, it is a no.",
      terminal: "A window asks you, and “mcp-login approvals” in a terminal may answer too, as the settings say.",
      policy: "Nobody is asked: only the policy file lets programs in.",
    },
    /** @param {string[]} keys @param {string} place */
    managed: (keys, place) => `Set by whoever manages this computer: ${keys.join(", ")} (${place})`,
    /** @param {string} mistake */
    managedBroken: (mistake) => `Nobody can sign in: the policy of this computer has a mistake. ${mistake}`,
    policyMistake: "The policy file counts as empty until this is mended:",
    paths: "Where things lie",
    path: { config: "Settings", data: "Accounts, approvals, record", log: "Log", socket: "Socket" },
    /** @param {string} what */
    openName: (what) => `Open: ${what}`,
    quit: "Quit MCP Login",
    quitMeans: "Closes window and tray. The agent goes on handing out tokens.",
    about: "About",
    version: "MCP Login",
    agent: "Agent",
    /** @param {string} version @param {number} pid @param {string} since */
    agentSaid: (version, pid, since) => `${version}, process ${pid}, since ${since}`,
    vault: "Tokens lie in",
    queued: "To be revoked",
    /** @param {number} n */
    queuedSaid: (n) => `${count(n, "token")}; tried again when the issuer can be reached`,
  },
  /** @param {string} kind @param {string} state */
  vault: (kind, state) =>
    kind === "memory"
      ? "the agent’s memory; lost when it ends"
      : `the keychain${{ ready: "", locked: ", which is locked", unavailable: ", which cannot be used", unknown: ", not asked yet" }[state] ?? ""}`,
  updates: {
    look: "Look for a newer version",
    open: "Open its page",
    means: "Nothing is installed by itself: get it the way that you got this one.",
    /** @param {string} version */
    newer: (version) => `MCP Login ${version} is there.`,
    /** @param {string} looked */
    none: (looked) => `No newer version; looked ${looked}.`,
    off: "Nobody looks for newer versions: the policy of this computer turned that off.",
  },
  doctor: {
    title: "Doctor",
    again: "Look again",
    looking: "Looking around…",
    well: "Everything that a sign-in needs is right.",
    /** @param {number} n */
    problems: (n) => `${count(n, "problem")} to look at.`,
    verdict: { ok: "right", note: "to know", problem: "problem" },
  },

  names: {
    mixed: "mixed alphabets",
    unknownProgram: "a program that is gone",
  },
  trouble: {
    label: "What went wrong",
    code: "Code",
    unexpected: "Something unexpected happened in this window.",
    unexpectedNext: "Try again; if it happens again, report it with the details below.",
  },

  consent: {
    title: "A question from MCP Login",
    /** @param {number} at @param {number} all */
    count: (at, all) => `Question ${at} of ${all}`,
    wants: "wants to use your",
    signIn: "sign-in",
    chain: "How it came to ask, from the outside in",
    started: "started",
    runs: "which runs",
    role: { ours: "ours", shell: "shell", interpreter: "interpreter", session: "your session", program: "" },
    script: "with the script",
    account: "Account",
    at: "At",
    mayDo: "May do",
    neverSees: "Never sees",
    neverSeesWhat: "your refresh token, your password",
    before: "Before",
    /** @param {string} what @param {string} when */
    answered: (what, when) => `${what}, ${when}`,
    beforeWhat: {
      once: "allowed once",
      process: "allowed until it quit",
      twelve_hours: "allowed for 12 hours",
      always: "allowed always",
      never: "never allowed",
      denied: "not allowed",
    },
    changed:
      "The program’s file changed since you allowed it. That is what an update does, and what somebody does who wants to be taken for it.",
    unsigned: "Nobody vouches for this program: its file is not signed.",
    adhoc: "Nobody known vouches for this program: it was signed on this computer.",
    /** @param {string} name */
    shell: (name) => `Only the shell ${name} is known. A yes is for whatever runs in it.`,
    /** @param {string} name */
    interpreter: (name) => `Only ${name} is known, not what it runs. A yes is for any script that it runs.`,
    fromScript: "It is a script: a yes is for that file, whatever will stand in it.",
    /** @param {string} program */
    runBy: (program) => `, run by ${program},`,
    weak: "This system cannot pin the program down while it asks; another could have slipped into its place.",
    for: "For how long",
    again: "You refused it for good before, and wanted to be asked again.",
    beforehand: "You are connecting it: its first use would raise the same question.",
    once: "This once",
    next: "The next time",
    /** @param {string} program */
    process: (program) => `Until I quit ${program}`,
    /** @param {string} script */
    scriptProcess: (script) => `Until ${script} ends`,
    always: "Always",
    alwaysMeans: "Until you take it back, the program changes, or you sign out.",
    never: "Never",
    neverName: "Never: refuse without asking again",
    notNow: "Not now",
    allow: "Allow",
    /** @param {string} clock */
    time: (clock) => `Without an answer by ${clock} it is a no. Enter never allows.`,
    over: "Nothing to answer any more.",
    lost: "The agent is gone; the question went with it.",
  },
};
