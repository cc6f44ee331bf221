//! What can be typed. The two commands that other programs start many times a minute, `token` and
//! `headers`, are read by [`crate::fast`] first; a test holds that both readers understand the same.

use clap::{Args, Parser, Subcommand, ValueEnum};
use std::path::PathBuf;

/// One sign-in per MCP server, kept by one program, shared by every MCP client on this computer.
#[derive(Debug, Clone, PartialEq, Eq, Parser)]
#[command(
    name = "mcp-login",
    version,
    max_term_width = 100,
    disable_help_subcommand = true,
    subcommand_required = true,
    arg_required_else_help = true,
    after_help = "Begin with:  mcp-login add https://mcp.example.com/mcp\n\
                  See it work: mcp-login demo\n\n\
                  Exit status: 0 done, 1 failed, 2 not understood, 3 needs sign-in, 4 not approved,\n\
                  5 no such account, 6 network or server, 7 keychain, 8 agent not reachable,\n\
                  9 server refuses, 10 cancelled or timed out."
)]
pub struct Cli {
    /// Print one JSON value for programs instead of text for people; errors too
    #[arg(long, global = true)]
    pub json: bool,
    /// What to do
    #[command(subcommand)]
    pub command: Command,
}

/// The commands.
#[derive(Debug, Clone, PartialEq, Eq, Subcommand)]
pub enum Command {
    /// Sign in to an MCP server through your browser
    Add(Box<Add>),
    /// Sign in again to an account that you have
    Login(Login),
    /// Show the accounts
    #[command(visible_alias = "ls")]
    List,
    /// Show one account, or the agent and everything that needs you
    Status(Status),
    /// Print an access token, and nothing else
    Token(Token),
    /// Print the Authorization header as a JSON object, for MCP clients that call a header helper
    Headers(Headers),
    /// Be an MCP server on standard input and output: carry messages to the account's server, with its token
    Proxy(Proxy),
    /// An HTTP address on this computer, for MCP clients that speak HTTP only; closed until you open it
    Door(Door),
    /// Fetch new tokens now
    Refresh(Name),
    /// Sign out: revoke the tokens at the server, delete them here, and say what was achieved
    Logout(Logout),
    /// Give an account another name
    Rename(Rename),
    /// Stop handing out tokens until `resume`
    Pause,
    /// Hand out tokens again
    Resume,
    /// Connect an MCP client to an account; alone, show the clients that are here
    Connect(Connect),
    /// Take an account out of an MCP client's configuration
    Disconnect(Disconnect),
    /// Take back the last change that was made in clients' configuration
    Undo(Undo),
    /// Move in: sign in to the remote servers that your MCP clients have already, and connect the clients
    Setup(Box<Setup>),
    /// Which programs may use which accounts
    Approvals(Approvals),
    /// Show who got what, and when (never a token)
    Log(Log),
    /// Start, stop or look at the agent
    Agent(Agent),
    /// Look for what is wrong on this computer, or test a server, and say what to do
    Doctor(Box<Doctor>),
    /// Ask which version is the newest. Nothing is downloaded or installed
    Update,
    /// Finish a sign-in with the address that the browser ended at
    Callback(Callback),
    /// Watch the whole story against a server on this computer; your own accounts are not touched
    Demo(Demo),
    /// Have terminals find `mcp-login` by its name
    Path {
        /// What to do
        #[command(subcommand)]
        action: PathAction,
    },
    /// Print the completions for a shell
    Completions {
        /// The shell
        shell: clap_complete::Shell,
    },
    /// Print the manual page (roff), or write one page a command into a directory
    Man {
        /// Write the pages here
        #[arg(long, value_name = "DIR")]
        dir: Option<PathBuf>,
    },
}

/// How the browser comes back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub enum Redirect {
    /// What this issuer accepted before; else the app's scheme if the app is there; else a local port
    #[default]
    Auto,
    /// The app's own scheme
    Scheme,
    /// A port on this computer, as 127.0.0.1
    Loopback,
    /// A port on this computer, as localhost, for issuers that know only that
    Localhost,
}

/// How to bring the person to the sign-in page.
#[derive(Debug, Clone, PartialEq, Eq, Args, Default)]
pub struct Browser {
    /// Print the address instead of opening a browser, and take the way back from standard input
    #[arg(long)]
    pub no_browser: bool,
    /// Open with this program (one path or name; it gets the address as its only argument).
    /// The environment variable MCP_LOGIN_BROWSER says the same
    #[arg(long, value_name = "PROGRAM", conflicts_with = "no_browser")]
    pub browser: Option<String>,
    /// Ask the server to let you choose the account
    #[arg(long)]
    pub select_account: bool,
    /// Tell the server whom you want to sign in, such as an e-mail address
    #[arg(long, value_name = "WHO")]
    pub login_hint: Option<String>,
    /// Ask for this scope (repeat it; or several, separated by spaces) instead of what the server names
    #[arg(long = "scope", value_name = "SCOPE")]
    pub scopes: Vec<String>,
    /// How the browser comes back
    #[arg(long, value_enum, default_value_t)]
    pub redirect: Redirect,
    /// Give up after this many seconds
    #[arg(long, value_name = "SECONDS", default_value_t = 600, value_parser = clap::value_parser!(u64).range(1..=3600))]
    pub timeout: u64,
}

/// `add`
#[derive(Debug, Clone, PartialEq, Eq, Args)]
pub struct Add {
    /// The address of the MCP server
    #[arg(value_name = "URL")]
    pub url: String,
    /// Call the account this; by default, after the server
    #[arg(long)]
    pub name: Option<String>,
    #[command(flatten)]
    #[allow(missing_docs)] // a doc line here would be taken for the help text
    pub browser: Browser,
    /// The issuer to use, when the server names several
    #[arg(long, value_name = "URL")]
    pub issuer: Option<String>,
    /// A client that was registered for you beforehand
    #[arg(long, value_name = "ID", help_heading = "Registered beforehand")]
    pub client_id: Option<String>,
    /// Read that client's secret from standard input (one line)
    #[arg(long, requires = "client_id", help_heading = "Registered beforehand")]
    pub client_secret_stdin: bool,
    /// The redirect URI that was registered for that client, exactly
    #[arg(long, value_name = "URI", requires = "client_id", help_heading = "Registered beforehand")]
    pub redirect_uri: Option<String>,
    /// Read an initial access token for the registration from standard input (one line)
    #[arg(long, conflicts_with = "client_id", help_heading = "Registered beforehand")]
    pub initial_access_token_stdin: bool,
}

/// `login`
#[derive(Debug, Clone, PartialEq, Eq, Args)]
pub struct Login {
    /// The account
    pub name: String,
    #[command(flatten)]
    #[allow(missing_docs)] // a doc line here would be taken for the help text
    pub browser: Browser,
    /// The server has moved to another issuer, I have seen which, and I want to sign in there
    #[arg(long)]
    pub accept_new_issuer: bool,
    /// Somebody else signs in now, and the account shall be theirs
    #[arg(long)]
    pub replace: bool,
}

/// `status`
#[derive(Debug, Clone, PartialEq, Eq, Args)]
pub struct Status {
    /// The account
    pub name: Option<String>,
    /// Ask the server whether the tokens are good
    #[arg(long)]
    pub verify: bool,
}

/// `token`
#[derive(Debug, Clone, PartialEq, Eq, Args)]
pub struct Token {
    /// The account, or the server's address
    pub name: String,
    /// The token must be good for this many seconds more
    #[arg(long, value_name = "SECONDS")]
    pub min_ttl: Option<u64>,
    /// The server refused the token of this generation: get a newer one
    #[arg(long, value_name = "GENERATION")]
    pub newer_than: Option<u64>,
}

/// `headers`
#[derive(Debug, Clone, PartialEq, Eq, Args)]
pub struct Headers {
    /// The account, or the server's address
    pub name: String,
}

/// `proxy`
#[derive(Debug, Clone, PartialEq, Eq, Args)]
pub struct Proxy {
    /// The account, or the server's address, which need not be signed in to yet
    #[arg(value_name = "NAME|URL")]
    pub name: String,
}

/// `door`
#[derive(Debug, Clone, PartialEq, Eq, Args)]
pub struct Door {
    /// What to do; `status` when nothing is said
    #[command(subcommand)]
    pub action: Option<DoorAction>,
}

/// What can be done about the HTTP door.
#[derive(Debug, Clone, PartialEq, Eq, Subcommand)]
pub enum DoorAction {
    /// Show whether it is open, and who has keys
    Status,
    /// Open it, now and whenever the agent starts
    On {
        /// Listen at this port; by default the one from last time
        #[arg(long, value_name = "PORT", value_parser = clap::value_parser!(u16).range(1024..))]
        port: Option<u16>,
    },
    /// Close it
    Off,
    /// Make a key for one client and one account, and show it once
    Key {
        /// The account
        name: String,
        /// What you call the client
        #[arg(long, value_name = "LABEL")]
        client: String,
    },
    /// Take a key away
    Forget {
        /// The key, as `status` names it
        id: String,
    },
}

/// A command with one account.
#[derive(Debug, Clone, PartialEq, Eq, Args)]
pub struct Name {
    /// The account
    pub name: String,
}

/// `logout`
#[derive(Debug, Clone, PartialEq, Eq, Args)]
#[group(required = true)]
pub struct Logout {
    /// The account
    pub name: Option<String>,
    /// Sign out of everything
    #[arg(long, conflicts_with = "name")]
    pub all: bool,
}

/// `rename`
#[derive(Debug, Clone, PartialEq, Eq, Args)]
pub struct Rename {
    /// The account
    pub name: String,
    /// What to call it from now on
    pub new_name: String,
}

/// How a client gets to its server.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub enum Via {
    /// It starts `mcp-login proxy`, and never sees a token; every client can
    #[default]
    Proxy,
    /// It connects itself, and asks `mcp-login headers` for the header; Claude Code and Codex
    Headers,
    /// It connects to the agent's door (`mcp-login door on`) with a key of its own; VS Code
    Door,
}

/// Whether and how a change is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Args, Default)]
pub struct Consent {
    /// Do not ask; for scripts
    #[arg(long, short)]
    pub yes: bool,
    /// Show the change, and make none
    #[arg(long, conflicts_with = "yes")]
    pub dry_run: bool,
}

/// `connect`
#[derive(Debug, Clone, PartialEq, Eq, Args)]
pub struct Connect {
    /// The account
    #[arg(requires = "client")]
    pub name: Option<String>,
    /// The client, such as cursor; `mcp-login connect` shows them
    #[arg(long, value_name = "CLIENT", requires = "name")]
    pub client: Option<String>,
    /// How it gets to the server
    #[arg(long, value_enum, default_value_t, requires = "name")]
    pub via: Via,
    /// Write the file in this project instead of your own
    #[arg(long, value_name = "DIR", requires = "name")]
    pub project: Option<PathBuf>,
    /// Call the entry this; by default, after the account
    #[arg(long = "as", value_name = "NAME", requires = "name")]
    pub entry: Option<String>,
    /// Put ours in the place of an entry that has the name
    #[arg(long, requires = "name")]
    pub replace: bool,
    #[command(flatten)]
    #[allow(missing_docs)] // a doc line here would be taken for the help text
    pub consent: Consent,
}

/// `disconnect`
#[derive(Debug, Clone, PartialEq, Eq, Args)]
pub struct Disconnect {
    /// The account, or the entry's name
    pub name: String,
    /// The client
    #[arg(long, value_name = "CLIENT")]
    pub client: String,
    /// In this project's file instead of your own
    #[arg(long, value_name = "DIR")]
    pub project: Option<PathBuf>,
    #[command(flatten)]
    #[allow(missing_docs)] // a doc line here would be taken for the help text
    pub consent: Consent,
}

/// `undo`
#[derive(Debug, Clone, Copy, PartialEq, Eq, Args)]
pub struct Undo {
    #[command(flatten)]
    #[allow(missing_docs)] // a doc line here would be taken for the help text
    pub consent: Consent,
}

/// `setup`
#[derive(Debug, Clone, PartialEq, Eq, Args)]
pub struct Setup {
    /// Only these servers (repeat it); by default all that are found
    #[arg(long = "only", value_name = "URL")]
    pub only: Vec<String>,
    /// Print addresses instead of opening a browser
    #[arg(long)]
    pub no_browser: bool,
    #[command(flatten)]
    #[allow(missing_docs)] // a doc line here would be taken for the help text
    pub consent: Consent,
}

/// `approvals`
#[derive(Debug, Clone, PartialEq, Eq, Args)]
pub struct Approvals {
    /// What to do; `list` when nothing is said
    #[command(subcommand)]
    pub action: Option<ApprovalAction>,
}

/// What can be done about approvals.
#[derive(Debug, Clone, PartialEq, Eq, Subcommand)]
pub enum ApprovalAction {
    /// Show what is allowed and what waits for an answer
    List,
    /// Allow a waiting request, or a program by its path (needs `approvals = "terminal"` in the settings)
    Allow {
        /// The number of a waiting request
        #[arg(required_unless_present = "program")]
        pending: Option<String>,
        /// The program, as an absolute path
        #[arg(long, value_name = "PATH", conflicts_with = "pending", requires = "account")]
        program: Option<String>,
        /// The account it may use
        #[arg(long, value_name = "NAME")]
        account: Option<String>,
        /// Only these scopes (repeat it)
        #[arg(long = "scope", value_name = "SCOPE")]
        scopes: Vec<String>,
        /// For how long
        #[arg(long = "for", value_name = "TIME", value_enum, default_value_t = Period::TwelveHours)]
        period: Period,
    },
    /// Say no to a waiting request
    Deny {
        /// The number of the request
        pending: String,
    },
    /// Take an approval back
    Remove {
        /// The number of the approval
        id: String,
    },
}

/// How long an approval lasts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Period {
    /// This one request
    Once,
    /// While that program runs
    Process,
    /// Twelve hours
    #[value(name = "12h")]
    TwelveHours,
    /// Until you take it back, the program changes, or you sign out
    Always,
}

/// `log`
#[derive(Debug, Clone, PartialEq, Eq, Args)]
pub struct Log {
    /// Go on showing what happens
    #[arg(long, short)]
    pub follow: bool,
    /// How many of the last lines
    #[arg(long, short = 'n', value_name = "LINES", default_value_t = 50)]
    pub lines: u32,
}

/// `agent`
#[derive(Debug, Clone, PartialEq, Eq, Args)]
pub struct Agent {
    /// What to do
    #[command(subcommand)]
    pub action: AgentAction,
}

/// What can be done to the agent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Subcommand)]
pub enum AgentAction {
    /// Start it, if it does not run
    Start,
    /// Let it finish what it does, and end it
    Stop,
    /// Stop and start
    Restart,
    /// Show whether it runs; does not start it
    Status,
}

/// `doctor`
#[derive(Debug, Clone, PartialEq, Eq, Args, Default)]
pub struct Doctor {
    /// Test the MCP server at this address instead of this computer: a whole sign-in's life, nothing of it kept
    #[arg(value_name = "URL")]
    pub url: Option<String>,
    /// Do without a sign-in: only what can be seen without one
    #[arg(long, requires = "url", conflicts_with = "sign_in")]
    pub no_sign_in: bool,
    /// Sign in for the test although this is no terminal
    #[arg(long, requires = "url")]
    pub sign_in: bool,
    /// Also use a refresh token twice, as a thief would
    #[arg(long, requires = "url")]
    pub thorough: bool,
    /// Write the redacted trace into this file instead of showing it
    #[arg(long, value_name = "FILE", requires = "url")]
    pub trace: Option<PathBuf>,
    #[command(flatten)]
    #[allow(missing_docs)] // a doc line here would be taken for the help text
    pub browser: Browser,
}

/// What can be done about finding the command.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Subcommand)]
pub enum PathAction {
    /// For this user: a link in `/usr/local/bin` or `~/.local/bin`; on Windows, an entry in your `Path`
    Add,
    /// Take it back
    Remove,
}

/// `callback`
#[derive(Debug, Clone, PartialEq, Eq, Args)]
pub struct Callback {
    /// The address; `-` reads it from standard input, so that the code is in no list of processes
    #[arg(value_name = "URL|-", default_value = "-")]
    pub url: String,
}

/// `demo`
#[derive(Debug, Clone, PartialEq, Eq, Args)]
pub struct Demo {
    /// Play the person too: no browser, nothing to click
    #[arg(long)]
    pub auto: bool,
    /// Open the desktop app on the demo's server, and look on
    #[arg(long, conflicts_with = "auto")]
    pub window: bool,
    /// Keep the tokens of the demo in memory instead of the keychain
    #[arg(long)]
    pub memory: bool,
    /// Leave the logs of the demo behind, and say where
    #[arg(long)]
    pub keep: bool,
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_definition_holds_together() {
        Cli::command().debug_assert();
    }
}
