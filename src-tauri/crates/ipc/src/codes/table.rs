//! The rows. Ours first, by what they are about; then the standards'.

use super::{Exit, Origin, Row};

macro_rules! codes {
    ($($variant:ident $code:literal [$($origin:ident)*] $exit:ident $retry:ident
        fact $fact:literal next $next:literal cause $cause:literal;)*) => {
        /// A stable word for a trouble.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        #[allow(missing_docs)] // the row says it
        pub enum Code { $($variant,)* }

        impl Code {
            /// All of them, in the table's order.
            pub const ALL: &[Code] = &[$(Code::$variant,)*];

            /// Its row.
            #[must_use]
            pub const fn row(self) -> Row {
                match self {
                    $(Code::$variant => Row {
                        code: $code,
                        origins: &[$(Origin::$origin,)*],
                        fact: $fact,
                        next: $next,
                        cause: $cause,
                        exit: Exit::$exit,
                        retryable: retry!($retry),
                    },)*
                }
            }

            /// The code of that word.
            #[must_use]
            pub fn from_code(code: &str) -> Option<Code> {
                match code { $($code => Some(Code::$variant),)* _ => None }
            }
        }
    };
}

macro_rules! retry {
    (later) => {
        true
    };
    (no) => {
        false
    };
}

codes! {
    // the local API
    BadJson "bad_json" [Ours] Failed no
        fact "The line is no JSON: {reason}."
        next "Send one JSON-RPC 2.0 request a line, in UTF-8."
        cause "A client that is not made for this socket, or a message with a line feed inside.";
    BadMessage "bad_message" [Ours] Failed no
        fact "The line is no JSON-RPC 2.0 request: {reason}."
        next "Send an object with `jsonrpc`, `id`, `method` and `params`; batches are not served."
        cause "A client that is not made for this socket.";
    UnknownMethod "unknown_method" [Ours] Failed no
        fact "The agent does not know {method}."
        next "Check the name in docs/local-api.md; if the client is newer than the agent, run `mcp-login agent stop` and try again."
        cause "A typing mistake, or an agent that still runs from before an update.";
    BadParameters "bad_parameters" [Ours] Usage no
        fact "The parameters of {method} are wrong: {reason}."
        next "Compare them with docs/local-api.md; unknown fields are refused."
        cause "A typing mistake, or an agent that still runs from before an update.";
    Internal "internal" [Ours] Failed no
        fact "The agent made a mistake: {reason}."
        next "Try again; if it happens again, report it with the output of `mcp-login doctor`."
        cause "A bug in MCP Login.";
    LineTooLong "line_too_long" [Ours] Failed no
        fact "The message is longer than {limit} bytes."
        next "Send shorter messages, each ended by a line feed."
        cause "A client that sends no line feed.";
    AnswerTooLong "answer_too_long" [Ours] Failed no
        fact "The answer is too long for one message."
        next "Ask for less, for example with a smaller `limit`."
        cause "Hundreds of accounts, or very long scopes.";
    Busy "busy" [Ours] Agent later
        fact "The agent has too much to do at the moment."
        next "Wait a second and try again; close connections that are not needed."
        cause "A client that opens connections or asks without end.";
    ConnectionLost "connection_lost" [Ours] Agent later
        fact "The agent closed the connection before it answered."
        next "Try again; if it happens again, look at the agent's log (`mcp-login agent status` says where)."
        cause "The agent was stopped or updated, or the client read too slowly.";
    AgentSilent "agent_silent" [Ours] Agent later
        fact "The agent did not answer in time."
        next "Run `mcp-login doctor`; if the agent hangs, `mcp-login agent stop` ends it."
        cause "A stopped (suspended) agent, or an operation that waits for a person.";
    AgentNotRunning "agent_not_running" [Ours] Agent later
        fact "The agent is not running."
        next "Run `mcp-login agent start`."
        cause "It was stopped, or nothing has needed it yet.";
    AgentNotFound "agent_not_found" [Ours] Agent no
        fact "The agent's program was not found at {path}."
        next "Install mcp-login and mcp-login-agent into the same directory."
        cause "An incomplete installation, or a copy of one program only.";
    AgentStartFailed "agent_start_failed" [Ours] Agent no
        fact "The agent was started but does not serve: {reason}."
        next "Run `mcp-login doctor`; `mcp-login-agent --foreground` in a terminal shows why."
        cause "A broken settings file, a directory that cannot be written, or no session to run in.";
    AgentStopping "agent_stopping" [Ours] Agent later
        fact "The agent is about to end."
        next "Try again; a new agent starts by itself."
        cause "`mcp-login agent stop`, an update, or the end of the session.";
    AlreadyRunning "already_running" [Ours] Agent no
        fact "Another agent of this user is running."
        next "Use that one, or end it with `mcp-login agent stop`."
        cause "One agent serves one user, so that no refresh token is spent twice.";
    ProtocolMismatch "protocol_mismatch" [Ours] Agent no
        fact "The agent and this program do not understand each other: {reason}."
        next "Run `mcp-login agent stop` and try again; install both from the same release."
        cause "An agent that still runs from before an update.";
    RunDirectoryUnsafe "run_directory_unsafe" [Ours] Agent no
        fact "The socket's directory {path} cannot be trusted: {reason}."
        next "Make it a real directory of yours with mode 0700, or remove it and try again."
        cause "Another program or user made it, or its permissions were changed.";
    NotOurAgent "not_our_agent" [Ours] Agent no
        fact "What answers at {path} is not an agent of this user."
        next "Do not use it. Find out which program has that socket, end it, and try again."
        cause "Another user's program sits at our address.";
    CallerUnknown "caller_unknown" [Ours] NotApproved no
        fact "The system does not say who is calling."
        next "Keep the calling process alive until the answer has come."
        cause "The caller ended before it was looked at, or it runs in another process namespace.";
    NotPermitted "not_permitted" [Ours] NotApproved no
        fact "This connection may not use {method}."
        next "Answer in the consent window, or set `approvals = \"terminal\"` in the settings and use `mcp-login approvals`."
        cause "Decisions are taken from the consent window only, or from our own command when the settings allow it.";
    // accounts
    NoSuchAccount "no_such_account" [Ours] NoSuchAccount no
        fact "There is no account {account}."
        next "`mcp-login list` shows the accounts; `mcp-login add URL` makes one."
        cause "A typing mistake, or the account was signed out.";
    AmbiguousAccount "ambiguous_account" [Ours] NoSuchAccount no
        fact "There are several accounts at {server}."
        next "Say which one by its name: {reason}."
        cause "More than one person's sign-in is kept for this server.";
    NameTaken "name_taken" [Ours] Usage no
        fact "There is already an account {name}."
        next "Choose another name with `--name`, or sign out the other account first."
        cause "Names of accounts are unique.";
    BadName "bad_name" [Ours] Usage no
        fact "{name} cannot be an account's name."
        next "Use 1 to 64 letters, digits, `.`, `_` and `-`, beginning with a letter or a digit."
        cause "Names stand in commands and settings.";
    NeedsSignIn "needs_sign_in" [Ours] NeedsSignIn no
        fact "{account} has to be signed in again: {reason}."
        next "Run `mcp-login login {account}`."
        cause "The authorization server ended the sign-in: it expired, was revoked, or an administrator ended it.";
    NotSignedIn "not_signed_in" [Ours] NeedsSignIn no
        fact "Nobody has signed in to {server} yet, or it was signed out."
        next "Run `mcp-login add {server}`."
        cause "A program was set up for a server before a person signed in to it.";
    TokenExpired "token_expired" [Ours] NeedsSignIn no
        fact "The access token of {account} has expired and the issuer gave nothing to renew it with."
        next "Run `mcp-login login {account}`; see whether the server offers the scope `offline_access`."
        cause "The issuer gives no refresh token.";
    TtlTooLong "ttl_too_long" [Ours] Usage no
        fact "Tokens of {account} do not live as long as was asked for."
        next "Ask for a smaller `min_ttl`; half the token's lifetime is always possible."
        cause "The issuer gives tokens with a short life.";
    Leaving "leaving" [Ours] NoSuchAccount no
        fact "{account} is being signed out."
        next "Wait for the receipt; `mcp-login add URL` signs in anew."
        cause "A sign-out is on its way, and nothing is handed out from its first moment.";
    ServerRefuses "server_refuses" [Ours] Refused no
        fact "{server} refused two fresh tokens of {account}."
        next "Check at the server whether this person may use it; then run `mcp-login refresh {account}`."
        cause "The person lacks a right there, or the server expects another audience.";
    Unsaved "unsaved" [Ours] Keychain later
        fact "The newest tokens of {account} could not be written to the keychain yet."
        next "Unlock the keychain and leave the agent running: it tries again by itself."
        cause "The keychain was locked or gone while a token was rotated.";
    IssuerChanged "issuer_changed" [Ours] NeedsSignIn no
        fact "{server} now names the authorization server {new} instead of {old}."
        next "If you expect that, run `mcp-login login {account} --accept-new-issuer`; if not, ask whoever runs the server."
        cause "The server moved, or somebody wants your sign-in elsewhere.";
    Paused "paused" [Ours] Failed later
        fact "The agent is paused."
        next "Run `mcp-login resume` or choose Resume in the menu."
        cause "A person paused it.";
    // approvals
    NotApproved "not_approved" [Ours] NotApproved no
        fact "{program} may not use {account}: nobody has approved it."
        next "Answer the question in the app's window, or see it with `mcp-login approvals`; without a window, write a rule into the policy file."
        cause "Programs get tokens only after a person, or the policy file, has said so.";
    ApprovalDenied "approval_denied" [Ours] NotApproved no
        fact "A person said that {program} may not use {account}."
        next "If that was a mistake, run the program again and approve it."
        cause "The question was answered with no.";
    ApprovalTimedOut "approval_timed_out" [Ours] NotApproved later
        fact "Nobody answered whether {program} may use {account}."
        next "Run the program again and answer the question."
        cause "A question that nobody answers is a no.";
    NoConsentWindow "no_consent_window" [Ours] NotApproved later
        fact "The consent window cannot be shown: {reason}."
        next "Start the desktop app in your session and try again; without a display, set `approvals = \"terminal\"` in the settings or write a rule into the policy file."
        cause "The agent was started without a display and nobody has told it one, or mcp-login-desktop is not installed beside it.";
    NoSuchApproval "no_such_approval" [Ours] Usage no
        fact "There is no such approval or question."
        next "`mcp-login approvals` shows those that there are."
        cause "It was answered, removed, or has ended meanwhile.";
    ProgramNotFound "program_not_found" [Ours] Usage no
        fact "There is no program {program}."
        next "Give the absolute path of an executable file."
        cause "A typing mistake, or the program was removed.";
    // signing in
    BadUrl "bad_url" [Ours] Usage no
        fact "The address cannot be used: {reason}."
        next "Give the server's address as its documentation has it, for example `https://mcp.example.com/mcp`."
        cause "A typing mistake, plain http to another machine, or a user name inside the address.";
    NoSignInNeeded "no_sign_in_needed" [Ours] Failed no
        fact "{server} answered without a sign-in and names no authorization server."
        next "Use it without MCP Login, or pin its issuer in the settings."
        cause "The server is public, or announces its sign-in in a way of its own.";
    NoAuthorizationServer "no_authorization_server" [Ours] Failed no
        fact "{server} asks for a sign-in but does not say where."
        next "Ask whoever runs the server for its issuer and pin it in the settings."
        cause "The server publishes neither protected resource metadata nor authorization server metadata.";
    NoMetadata "no_metadata" [Ours] Failed no
        fact "{issuer} publishes no metadata that can be used."
        next "Pin its endpoints in the settings, or ask whoever runs it."
        cause "Neither RFC 8414 nor OpenID Connect discovery answers there.";
    BadMetadata "bad_metadata" [Ours] Failed no
        fact "What {issuer} publishes about itself cannot be used: {reason}."
        next "Ask whoever runs it; endpoints can be pinned in the settings."
        cause "Missing or broken fields, or endpoints that are not https.";
    MetadataMismatch "metadata_mismatch" [Ours] Refused no
        fact "The metadata found for {issuer} names another issuer."
        next "Do not sign in there before whoever runs the server has explained it."
        cause "A broken set-up, or somebody who wants your sign-in elsewhere (RFC 8414 section 3.3).";
    ResourceMismatch "resource_mismatch" [Ours] Refused no
        fact "The metadata found for {server} is about another server."
        next "Use the address that the metadata names, if you trust it; else ask whoever runs the server."
        cause "An address with an extra or missing path or slash, or a proxy in front (RFC 9728 section 3.3).";
    PkceMissing "pkce_missing" [Ours] Refused no
        fact "{issuer} does not announce PKCE with S256."
        next "If its maker says that it supports PKCE, say so in the settings; else do not sign in."
        cause "An old or incomplete authorization server. Without PKCE a stolen code is a stolen sign-in.";
    AddressRefused "address_refused" [Ours] Refused no
        fact "{host} lies in a private network, and only a remote document named it."
        next "If you trust it, allow the host in the settings."
        cause "A server that names addresses inside your network, by mistake or on purpose.";
    RegistrationNeeded "registration_needed" [Ours] Failed no
        fact "{issuer} lets no program register itself."
        next "Register a client there and pass `--client-id` (and `--client-secret-stdin` if it has a secret)."
        cause "Many company identity providers want an administrator to register clients.";
    RegistrationRefused "registration_refused" [Ours] Refused no
        fact "{issuer} refused to register MCP Login: {reason}."
        next "Register a client there by hand and pass `--client-id`, or ask whoever runs it."
        cause "The issuer registers known programs only, or wants an initial access token.";
    RegistrationTokenNeeded "registration_token_needed" [Ours] Refused no
        fact "{issuer} registers only who brings an initial access token, or does not take the one that was given."
        next "Get one from whoever runs it and pass it with `--initial-access-token-stdin`, or register a client there and pass `--client-id`."
        cause "A registration endpoint that is not open to everybody (RFC 7591 section 3).";
    RegistrationElsewhere "registration_elsewhere" [Ours] Usage no
        fact "The client id belongs to another issuer than {issuer}."
        next "Register a client at {issuer} and pass its id."
        cause "Client ids are bound to the issuer that gave them.";
    RedirectRefused "redirect_refused" [Ours] Refused no
        fact "{issuer} accepts none of our redirect addresses."
        next "Try `--redirect loopback` or `--redirect scheme`, or register a client by hand and pass `--client-id` and `--redirect-uri`."
        cause "Many issuers know only https or only localhost.";
    NotAllowedHere "not_allowed_here" [Ours] Refused no
        fact "The policy of this computer does not allow it: {reason}."
        next "Ask whoever manages this computer; `mcp-login doctor` shows what is set, and where."
        cause "An administrator set which servers and authorization servers may be used, or switched something off, or the policy has a mistake and nobody may sign in until it is mended.";
    RedirectNotOurs "redirect_not_ours" [Ours] Usage no
        fact "MCP Login cannot receive {redirect_uri}."
        next "Use our own scheme or an http address on 127.0.0.1 or localhost."
        cause "The redirect address of the pre-registered client is another program's or another machine's.";
    ListenerFailed "listener_failed" [Ours] Failed later
        fact "The local port {port} for the browser's answer cannot be opened."
        next "Close the program that has it, or use `--redirect scheme`."
        cause "Another program has the port, or a firewall forbids it.";
    BrowserFailed "browser_failed" [Ours] Failed no
        fact "No browser could be opened."
        next "Open the printed address yourself, in a browser on this machine, or paste the answer with `mcp-login callback -`."
        cause "No desktop session (SSH, a container), or no default browser.";
    NoSuchSignIn "no_such_sign_in" [Ours] Failed no
        fact "There is no such sign-in on its way."
        next "Start it again with `mcp-login add`."
        cause "It was finished, cancelled, or given up; or the agent was started anew.";
    SignInExpired "sign_in_expired" [Ours] Cancelled later
        fact "Nobody finished the sign-in in time."
        next "Start it again; if the browser said that it could not open the address, try `--redirect loopback`."
        cause "The browser's answer never came: the page was closed, or the redirect was blocked.";
    SignInCancelled "sign_in_cancelled" [Ours] Cancelled no
        fact "The sign-in was cancelled."
        next "Start it again when you want to."
        cause "Somebody cancelled it here.";
    TooManySignIns "too_many_sign_ins" [Ours] Failed later
        fact "Too many sign-ins are on their way."
        next "Finish or cancel some; `mcp-login status` shows them."
        cause "A program that starts sign-ins without end.";
    CallbackMalformed "callback_malformed" [Ours] Usage no
        fact "The address is no answer to a sign-in: {reason}."
        next "Paste the whole address that the browser shows after the sign-in."
        cause "Only a part was copied, or it is another page's address.";
    CallbackUnmatched "callback_unmatched" [Ours] Refused no
        fact "The answer belongs to no sign-in that was started here."
        next "Start the sign-in again. If you did not start one, somebody tried to sign you in to their account: nothing was changed."
        cause "An old page that was loaded again, or a forged answer.";
    CallbackUsed "callback_used" [Ours] Refused no
        fact "This answer was here before."
        next "Nothing, if the sign-in is done; else start it again."
        cause "A page that was loaded again, or an answer that somebody kept: each works once.";
    CallbackIssuer "callback_issuer" [Ours] Refused no
        fact "The answer came from another issuer than {issuer}."
        next "Do not try again before whoever runs the server has explained it; nothing was sent."
        cause "A broken issuer, or a mix-up attack (RFC 9207).";
    TokenAnswer "token_answer" [Ours] Unreachable later
        fact "{issuer} answered with something that is no token: {reason}."
        next "Try again; if it happens again, ask whoever runs the issuer."
        cause "A proxy or an error page in between, or a broken issuer.";
    BadIdToken "bad_id_token" [Ours] Refused no
        fact "The ID token of {issuer} cannot be trusted: {reason}."
        next "Try again; check this computer's clock; then ask whoever runs the issuer."
        cause "A clock that is wrong, or a broken issuer.";
    AnotherPerson "another_person" [Ours] Refused no
        fact "Somebody else signed in: {new} instead of {old}."
        next "Sign in as {old}; for both, make a new account with `mcp-login add URL --name NAME`; to give this one away, run `mcp-login login NAME --replace`."
        cause "The browser was signed in as another person.";
    ScopeMissing "scope_missing" [Ours] NeedsSignIn no
        fact "{account} lacks the scopes {scopes}."
        next "Run `mcp-login login {account} --scope \"{scopes}\"`."
        cause "They were not asked for, or the person or the issuer did not grant them.";
    // the gateway
    ServerUnauthorized "server_unauthorized" [Ours] Refused no
        fact "{server} refuses a token that was just renewed for {account}."
        next "Check at the server whether this person may use it; then run `mcp-login status {account} --verify`."
        cause "The person lacks a right there, or the server expects another audience.";
    ServerForbids "server_forbids" [Ours] Refused no
        fact "{server} forbids this to {account}: {reason}."
        next "Ask whoever runs the server for the right; MCP Login has done what a sign-in can do."
        cause "The account lacks a right that no scope gives, or the server asks for the same scopes without end.";
    LinkBusy "link_busy" [Ours] Usage no
        fact "A connection on which something else is under way cannot become a link."
        next "Open another connection, and ask for `gateway.open` as its first request."
        cause "A program that uses one connection for everything.";
    LinkBroken "link_broken" [Ours] Agent later
        fact "The agent went away while the request was under way; the server may have carried it out."
        next "Look whether it was carried out before you ask again."
        cause "The agent was ended or updated in the middle of a request that is not safe to repeat.";
    DoorPortTaken "door_port_taken" [Ours] Failed later
        fact "Port {port} cannot be had: {reason}."
        next "End the program that has it, or choose another with `mcp-login door on --port N` and tell your clients."
        cause "Another program took the port while the agent did not run.";
    // network
    Offline "offline" [Ours] Unreachable later
        fact "{host} cannot be reached: {reason}."
        next "Check the network connection and try again."
        cause "No network, a name that does not resolve, or a server that is down.";
    CertificateExpired "certificate_expired" [Ours] Unreachable no
        fact "The certificate of {host} is not valid at this time; nothing was sent."
        next "Check this computer's clock; if it is right, ask whoever runs {host} to renew the certificate."
        cause "A certificate that nobody renewed, or a clock that is wrong.";
    CertificateWrongHost "certificate_wrong_host" [Ours] Unreachable no
        fact "What answers at {host} has another host's certificate; nothing was sent."
        next "Check the address; if it is right, ask whoever runs {host}."
        cause "A typing mistake, a server that moved, a network that wants a sign-in of its own, or somebody in between.";
    CertificateUntrusted "certificate_untrusted" [Ours] Unreachable no
        fact "The certificate of {host} is not from an authority that this computer trusts; nothing was sent."
        next "If it is your company's own authority, put that into the system's trust store; else do not sign in there."
        cause "A self-signed certificate, a company's authority that is not installed here, or somebody in between.";
    TlsFailed "tls_failed" [Ours] Unreachable no
        fact "No secure connection to {host} could be made; nothing was sent."
        next "Check the address and its port, and this computer's trust store."
        cause "A server without https, with TLS older than 1.2, or a trust store that cannot be read.";
    ProxyFailed "proxy_failed" [Ours] Unreachable later
        fact "The proxy does not let us through to {host}: {reason}."
        next "Check the system's proxy settings."
        cause "A proxy that wants a sign-in of its own, or is down.";
    TimedOut "timed_out" [Ours] Unreachable later
        fact "{host} did not answer in time."
        next "Try again later."
        cause "A server that hangs, or a very slow network.";
    OutcomeUnknown "outcome_unknown" [Ours] Unreachable later
        fact "It was asked, but no answer came: what was done is not known."
        next "Of a sign-in's tokens the agent asks again by itself. A message of a program is not sent twice: look before you repeat it."
        cause "The connection broke between request and answer.";
    RateLimited "rate_limited" [Ours] Unreachable later
        fact "{host} wants fewer requests."
        next "Wait {retry_after}; the agent waits by itself."
        cause "Too many requests from this address.";
    ServerTrouble "server_trouble" [Ours] Unreachable later
        fact "{host} answered with {status}."
        next "Try again later; the agent tries by itself."
        cause "The server or something in front of it has a fault.";
    OddAnswer "odd_answer" [Ours] Unreachable later
        fact "{host} answered with something that the protocol does not know: {reason}."
        next "Try again later; if it stays, ask whoever runs it."
        cause "A proxy, a firewall or an error page in between, or a broken server.";
    AnswerTooLarge "answer_too_large" [Ours] Refused no
        fact "{host} sent an answer that is larger than {limit}."
        next "Ask whoever runs the server; nothing was changed."
        cause "A broken or hostile server.";
    NewestUnknown "newest_unknown" [Ours] Unreachable later
        fact "Nobody could say which version is the newest: {reason}."
        next "Open {page} yourself."
        cause "No network, a proxy or a page in between, or a page of releases that has moved.";
    // revocation
    RevocationQueued "revocation_queued" [Ours] Unreachable later
        fact "{issuer} could not be asked to revoke the tokens yet."
        next "Nothing: the agent tries again until it works, the tokens expire, or 30 days are over."
        cause "No network, or the issuer is down.";
    RevocationNotOffered "revocation_not_offered" [Ours] Refused no
        fact "{issuer} has no way to revoke tokens."
        next "The receipt says until when they work; many issuers have a page where a person can end sessions."
        cause "Revocation (RFC 7009) is optional.";
    RevocationFailed "revocation_failed" [Ours] Refused no
        fact "{issuer} refused to revoke the tokens: {reason}."
        next "End the session on the issuer's own page; the receipt says until when the tokens work."
        cause "The issuer has forgotten our client, or has a fault.";
    // keychain
    KeychainLocked "keychain_locked" [Ours] Keychain later
        fact "The keychain is locked."
        next "Unlock it and try again; over SSH it has to be unlocked first."
        cause "The session's keychain was never unlocked, or was locked again.";
    KeychainDismissed "keychain_dismissed" [Ours] Keychain later
        fact "The question to unlock the keychain was dismissed."
        next "Try again and answer it."
        cause "Somebody closed the question.";
    KeychainDenied "keychain_denied" [Ours] Keychain no
        fact "The keychain does not let MCP Login in."
        next "Allow mcp-login-agent in the keychain's own program."
        cause "Access was denied there, or the program was changed since.";
    KeychainAbsent "keychain_absent" [Ours] Keychain later
        fact "There is no keychain in this session."
        next "Start a Secret Service (GNOME Keyring, KWallet, KeePassXC), or choose `vault = \"memory\"` in the settings."
        cause "A session without a desktop, or a bus that is not there yet.";
    KeychainCorrupt "keychain_corrupt" [Ours] Keychain no
        fact "The keychain item of {account} cannot be read: {reason}."
        next "Sign in again with `mcp-login login {account}`; the old item is kept until then."
        cause "Another program changed it, or a write was cut short.";
    KeychainTooLong "keychain_too_long" [Ours] Keychain no
        fact "The keychain does not take a token as long as that of {account}."
        next "Ask the issuer for shorter tokens, or choose fewer scopes."
        cause "Windows keeps 2,560 bytes an item; MCP Login splits longer ones, up to a bound.";
    KeychainStale "keychain_stale" [Ours] Keychain later
        fact "Somebody else wrote newer tokens of {account}."
        next "Try again; make sure that only one agent runs on this keychain."
        cause "Two agents on one keychain, for example through a shared home directory.";
    KeychainDeadline "keychain_deadline" [Ours] Keychain later
        fact "The keychain did not answer in time."
        next "See whether it waits for your answer in a window, and try again."
        cause "A question to unlock that nobody saw, or a keychain that hangs.";
    KeychainFailed "keychain_failed" [Ours] Keychain later
        fact "The keychain has a fault: {reason}."
        next "Run `mcp-login doctor`; try again."
        cause "What the system's keychain says.";
    // files
    BadSettings "bad_settings" [Ours] Usage no
        fact "{file}, line {line}: {key}: {reason}."
        next "Correct that line; the agent goes on with the settings that it had."
        cause "A typing mistake in the settings.";
    FileUnreadable "file_unreadable" [Ours] Failed no
        fact "{file} cannot be read: {reason}."
        next "Check its owner and permissions."
        cause "Permissions, or a disk with a fault.";
    FileUnwritable "file_unwritable" [Ours] Failed later
        fact "{file} cannot be written: {reason}."
        next "Make room on the disk, or check the directory's owner and permissions."
        cause "A full disk, or permissions.";
    FileNewer "file_newer" [Ours] Failed no
        fact "{file} was written by a newer version of MCP Login."
        next "Update MCP Login; the file was left as it is."
        cause "A downgrade.";
    FileBroken "file_broken" [Ours] Failed no
        fact "{file} cannot be understood: {reason}."
        next "It was kept aside beside the original; restore a copy, or sign in again."
        cause "An edit by hand, or a disk with a fault.";
    AuditUnavailable "audit_unavailable" [Ours] Failed later
        fact "The audit log cannot be written, so nothing is handed out."
        next "Make room on the disk, or check the data directory's permissions."
        cause "A full disk, or permissions.";
    NoHome "no_home" [Ours] Failed no
        fact "This user has no home directory."
        next "Set `MCP_LOGIN_HOME` to a directory of yours with mode 0700."
        cause "A system user, or a broken passwd entry.";
    // MCP clients' files
    NoSuchClient "no_such_client" [Ours] Usage no
        fact "There is no client called {client}."
        next "Choose one of these: {known}."
        cause "A typing mistake, or a client that the table does not have yet.";
    NoSuchWay "no_such_way" [Ours] Usage no
        fact "{client} cannot be connected this way: {reason}."
        next "Leave `--via` and `--project` out: every client can be connected by `proxy`, in its own file."
        cause "Only some clients call a header helper, connect to a door, or read a file in a project.";
    ClientTooOld "client_too_old" [Ours] Failed no
        fact "{client} is {found}; for this way it has to be {least} or later."
        next "Update it, or leave `--via` out."
        cause "The header helper came with that version; the client's program is asked with `--version`.";
    EntryExists "entry_exists" [Ours] Usage no
        fact "{file}, line {line}: there is an entry called {entry} already."
        next "Choose another name with `--as NAME`, or put ours in its place with `--replace`."
        cause "Somebody wrote it before; it is not one of ours.";
    NotConnected "not_connected" [Ours] Usage no
        fact "{client} has no entry of ours for {account}."
        next "`mcp-login connect` shows what is connected."
        cause "It was never connected, or the entry was taken out by hand.";
    ClientFileUnreadable "client_file_unreadable" [Ours] Failed no
        fact "{file}{at}: {reason}. Nothing was changed."
        next "{advice}."
        cause "A client's configuration that is not what its format allows, has a key twice, or is written in a form that is not edited.";
    ClientFileUnwritable "client_file_unwritable" [Ours] Failed no
        fact "{file} cannot be written: {reason}. Nothing was changed."
        next "If you want it changed, see that you may write it, and try again."
        cause "A file that is read-only, a directory or a link to nowhere in its place, or a full disk.";
    ClientFileChanged "client_file_changed" [Ours] Failed later
        fact "{file} was changed while you looked at it. Nothing was written."
        next "Try again: you are shown the change anew."
        cause "The client itself, or another program, wrote it meanwhile.";
    NothingToUndo "nothing_to_undo" [Ours] Usage no
        fact "There is no change to take back."
        next "`mcp-login connect` shows what is connected."
        cause "Nothing was connected, or all of it was taken back.";
    NoWayBack "no_way_back" [Ours] Failed no
        fact "{file} was changed since, and the way back is not sure. Nothing was changed."
        next "What it was lies in {copy}; put back by hand what you need of it."
        cause "Somebody wrote the file after the change that is to be taken back.";
    // the command
    Usage "usage" [Ours] Usage no
        fact "The command line is wrong: {reason}."
        next "`mcp-login --help` shows what there is."
        cause "A typing mistake.";
    NoTerminal "no_terminal" [Ours] Usage no
        fact "This needs an answer, and there is no terminal to ask in."
        next "Run it in a terminal, or give the answer as an option."
        cause "A script or a pipe.";
    Interrupted "interrupted" [Ours] Cancelled no
        fact "It was interrupted."
        next "Run it again when you want to."
        cause "Ctrl-C.";
    ProgramMissing "program_missing" [Ours] Failed no
        fact "{program} was not found."
        next "Install it beside mcp-login, or build the whole workspace."
        cause "An incomplete installation.";
    // RFC 6749 §4.1.2.1 and §5.2, RFC 6750 §3.1
    InvalidRequest "invalid_request" [Rfc6749 Rfc6750 Rfc7009] Refused no
        fact "{issuer} says that our request is wrong."
        next "Run `mcp-login doctor` and report it; a provider profile or pinned settings may be needed."
        cause "A parameter is missing, repeated, or one that this issuer does not take.";
    InvalidClient "invalid_client" [Rfc6749] NeedsSignIn no
        fact "{issuer} does not know our client any more, or its secret is wrong."
        next "Sign in again: MCP Login registers anew. For a client of your own, check its id and secret."
        cause "The issuer forgot the registration, or a secret expired.";
    InvalidGrant "invalid_grant" [Rfc6749] NeedsSignIn no
        fact "{issuer} no longer accepts what it gave us."
        next "Sign in again."
        cause "The refresh token or code expired, was used twice, or was revoked.";
    UnauthorizedClient "unauthorized_client" [Rfc6749] Refused no
        fact "{issuer} does not let our client do this."
        next "Have the client allowed authorization code and refresh token there, or register anew."
        cause "The client is registered for other grants.";
    UnsupportedGrantType "unsupported_grant_type" [Rfc6749] Refused no
        fact "{issuer} does not support this grant."
        next "Ask whoever runs the issuer to allow authorization code and refresh token."
        cause "The issuer is set up without it.";
    UnsupportedResponseType "unsupported_response_type" [Rfc6749] Refused no
        fact "{issuer} gives no authorization code."
        next "Ask whoever runs the issuer to allow the response type `code`."
        cause "The issuer is set up for other flows.";
    InvalidScope "invalid_scope" [Rfc6749] Refused no
        fact "{issuer} does not accept the scopes {scopes}."
        next "Choose others with `--scope`; the server's documentation lists them."
        cause "A scope that is unknown, malformed, or more than was granted before.";
    AccessDenied "access_denied" [Rfc6749] Cancelled no
        fact "The sign-in was refused on the page of {issuer}."
        next "Sign in again and allow it, or ask an administrator."
        cause "Somebody chose Cancel, or a rule of the issuer forbids it.";
    ServerError "server_error" [Rfc6749] Unreachable later
        fact "{issuer} has a fault."
        next "Try again later."
        cause "A fault at the issuer.";
    TemporarilyUnavailable "temporarily_unavailable" [Rfc6749] Unreachable later
        fact "{issuer} is too busy or under maintenance."
        next "Try again later."
        cause "Load or maintenance at the issuer.";
    InvalidToken "invalid_token" [Rfc6750 Rfc7591] NeedsSignIn no
        fact "{server} does not accept the token."
        next "Run `mcp-login refresh {account}`; if that does not help, sign in again."
        cause "The token expired, was revoked, or is for another server.";
    InsufficientScope "insufficient_scope" [Rfc6750] NeedsSignIn no
        fact "{server} wants more scopes: {scopes}."
        next "Run `mcp-login login {account} --scope \"{scopes}\"`."
        cause "The token was granted for less than this request needs.";
    // RFC 7591 §3.2.2
    InvalidRedirectUri "invalid_redirect_uri" [Rfc7591] Refused no
        fact "{issuer} does not accept our redirect address {redirect_uri}."
        next "Try `--redirect loopback` or `--redirect scheme`, or register a client by hand."
        cause "The issuer knows only https, only localhost, or only programs on its list.";
    InvalidClientMetadata "invalid_client_metadata" [Rfc7591] Refused no
        fact "{issuer} does not accept how we describe ourselves."
        next "Try another `--redirect`, or register a client by hand and pass `--client-id`."
        cause "A value in the registration that this issuer does not take.";
    InvalidSoftwareStatement "invalid_software_statement" [Rfc7591] Refused no
        fact "{issuer} does not accept a software statement."
        next "Register a client by hand and pass `--client-id`."
        cause "The issuer registers only programs with a signed statement; we send none.";
    UnapprovedSoftwareStatement "unapproved_software_statement" [Rfc7591] Refused no
        fact "{issuer} has not approved this program."
        next "Ask whoever runs the issuer to approve MCP Login, or register a client by hand."
        cause "The issuer registers approved programs only.";
    // RFC 7009 §2.2.1
    UnsupportedTokenType "unsupported_token_type" [Rfc7009] Refused no
        fact "{issuer} does not revoke tokens of this kind."
        next "The receipt says until when the token works."
        cause "Many issuers revoke refresh tokens only.";
    // RFC 8707 §2
    InvalidTarget "invalid_target" [Rfc8707] Refused no
        fact "{issuer} gives no tokens for {server}."
        next "Check the server's address; ask whoever runs the issuer to register it as a resource."
        cause "The issuer does not know the resource, or knows it under another address.";
    // OpenID Connect Core 1.0 §3.1.2.6
    LoginRequired "login_required" [OpenIdConnect] NeedsSignIn no
        fact "{issuer} wants the person to sign in."
        next "Sign in again, and sign in on the issuer's page too."
        cause "There is no session in the browser.";
    ConsentRequired "consent_required" [OpenIdConnect] NeedsSignIn no
        fact "{issuer} wants the person to agree."
        next "Sign in again, and agree on the issuer's page; an administrator may have to agree first."
        cause "Nobody has agreed to these scopes yet.";
    InteractionRequired "interaction_required" [OpenIdConnect] NeedsSignIn no
        fact "{issuer} wants an answer from the person."
        next "Sign in again, and answer what the issuer's page asks."
        cause "A second factor, or a rule of the issuer.";
    AccountSelectionRequired "account_selection_required" [OpenIdConnect] NeedsSignIn no
        fact "{issuer} wants the person to choose an account."
        next "Sign in again with `--select-account`."
        cause "Several people are signed in in the browser.";
}
