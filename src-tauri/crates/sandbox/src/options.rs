//! The command line, which is also how tests configure a sandbox in their own process.

use clap::{Args, Parser, ValueEnum};
use std::path::PathBuf;

/// Which parts run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Mode {
    /// Authorization server and MCP server in one process.
    All,
    /// The authorization server alone.
    Issuer,
    /// The MCP server alone, in front of the issuer that `--issuer` names.
    Resource,
}

/// Who decides on the consent page.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Approve {
    /// A person, in the browser.
    Ask,
    /// Nobody: the page is left out and the answer is yes.
    Auto,
    /// Nobody: the page is left out and the answer is no.
    Deny,
}

/// What access tokens look like.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum TokenForm {
    /// Random text.
    Opaque,
    /// RFC 9068, signed with ES256.
    Jwt,
}

/// How MCP requests are answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Answers {
    /// `application/json`.
    Json,
    /// `text/event-stream`.
    Sse,
}

/// What at the MCP server needs a token.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Protect {
    /// Every request.
    All,
    /// All but `initialize`, `ping`, `server/discover` and notifications.
    Methods,
    /// Tool calls only, and of these not `echo` and `add`.
    Tools,
}

/// Which MCP revisions are spoken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Protocol {
    /// Sessions up to 2025-11-25 and the stateless form of 2026-07-28.
    Both,
    /// `initialize` and sessions only.
    Session,
    /// The stateless form only.
    Stateless,
}

/// Whom the sandbox plays.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Guise {
    /// Itself: everything the newest specification has.
    Sandbox,
    /// Microsoft Entra ID.
    Entra,
    /// Amazon Cognito.
    Cognito,
    /// A server of 2025-03-26: no protected resource metadata, metadata at the MCP server's origin.
    #[value(name = "legacy-2025-03-26")]
    Legacy202503,
    /// The same without any metadata: only the default endpoints /authorize, /token, /register.
    #[value(name = "legacy-2025-03-26-endpoints")]
    Legacy202503Endpoints,
    /// A server of 2025-06-18: RFC 8414 only, no `iss`, no Client ID Metadata Documents.
    #[value(name = "legacy-2025-06-18")]
    Legacy202506,
}

/// An authorization server and a protected MCP server on loopback, with fault switches.
#[derive(Debug, Clone, Parser)]
#[command(name = "mcp-login-sandbox", version, after_long_help = crate::document::faults_help())]
pub struct Options {
    /// The port on 127.0.0.1; 0 takes a free one.
    #[arg(long, default_value_t = 0)]
    pub port: u16,
    /// Which parts run.
    #[arg(long, value_enum, default_value = "all")]
    pub mode: Mode,
    /// With `--mode resource`: the authorization server, which is asked for its metadata.
    #[arg(long, value_name = "URL", required_if_eq("mode", "resource"))]
    pub issuer: Option<String>,
    /// The address by which clients reach the sandbox, when it is not http://127.0.0.1:PORT.
    #[arg(long, value_name = "URL")]
    pub origin: Option<String>,
    /// A path behind the issuer's origin, for example /tenant.
    #[arg(long, value_name = "PATH", default_value = "")]
    pub issuer_path: String,
    /// Whom the sandbox plays.
    #[arg(long, value_enum, default_value = "sandbox")]
    pub guise: Guise,
    /// Who decides on the consent page.
    #[arg(long, value_enum, default_value = "ask")]
    pub approve: Approve,
    /// Turns a fault on; may be given several times. The list is below (`--help`).
    #[arg(long = "fault", value_name = "NAME[=ARG]")]
    pub faults: Vec<String>,
    /// Tokens.
    #[command(flatten)]
    pub tokens: TokenOptions,
    /// Clients.
    #[command(flatten)]
    pub clients: ClientOptions,
    /// The MCP server.
    #[command(flatten)]
    pub mcp: McpOptions,
    /// The certificate chain (PEM); the sandbox then speaks https.
    #[arg(long, value_name = "FILE", requires = "tls_key")]
    pub tls_cert: Option<PathBuf>,
    /// The certificate's private key (PEM).
    #[arg(long, value_name = "FILE", requires = "tls_cert")]
    pub tls_key: Option<PathBuf>,
    /// A further certificate authority (PEM) to believe when the sandbox itself is a client.
    #[arg(long, value_name = "FILE")]
    pub ca: Option<PathBuf>,
    /// Appends the redacted request log to this file, one JSON object a line.
    #[arg(long, value_name = "FILE")]
    pub log: Option<PathBuf>,
    /// Requests a second that are served before 429; 0 for no limit. /sandbox and /health are not counted.
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub rate: u32,
}

/// Tokens.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Tokens")]
pub struct TokenOptions {
    /// What access tokens look like.
    #[arg(long = "token", value_enum, default_value = "opaque")]
    pub form: TokenForm,
    /// Seconds an access token lives.
    #[arg(long, value_name = "SECONDS", default_value_t = 300)]
    pub access_ttl: u64,
    /// Seconds a refresh token lives.
    #[arg(long, value_name = "SECONDS", default_value_t = 30 * 86_400)]
    pub refresh_ttl: u64,
    /// Seconds an authorization code lives.
    #[arg(long, value_name = "SECONDS", default_value_t = 60)]
    pub code_ttl: u64,
    /// Seconds in which a used refresh token gives the same new tokens again; 0 for none.
    #[arg(long, value_name = "SECONDS", default_value_t = 0)]
    pub grace: u64,
    /// Makes access tokens at least this long.
    #[arg(long, value_name = "BYTES", default_value_t = 0)]
    pub token_bytes: usize,
}

/// Clients.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Clients")]
pub struct ClientOptions {
    /// Clients that are known from the start: a JSON list of registrations with client_id.
    #[arg(long = "clients", value_name = "FILE")]
    pub preregistered: Option<PathBuf>,
    /// Seconds until a client secret that the sandbox gives out expires; 0 for never.
    #[arg(long, value_name = "SECONDS", default_value_t = 0)]
    pub client_secret_ttl: u64,
    /// Registration needs the initial access token in this file (RFC 7591 §3). The same through the environment:
    /// MCP_LOGIN_SANDBOX_INITIAL_ACCESS_TOKEN.
    #[arg(long, value_name = "FILE")]
    pub initial_access_token_file: Option<PathBuf>,
    /// A file with ID:SECRET, the client as which the MCP server introspects tokens. The same through the
    /// environment: MCP_LOGIN_SANDBOX_INTROSPECTION_CLIENT. An issuer that is given one lets it introspect every token.
    #[arg(long, value_name = "FILE")]
    pub introspection_client_file: Option<PathBuf>,
}

/// The MCP server.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "The MCP server")]
pub struct McpOptions {
    /// How MCP requests are answered.
    #[arg(long, value_enum, default_value = "json")]
    pub answers: Answers,
    /// What needs a token.
    #[arg(long, value_enum, default_value = "all")]
    pub protect: Protect,
    /// Which MCP revisions are spoken.
    #[arg(long, value_enum, default_value = "both")]
    pub protocol: Protocol,
    /// Seconds for which an introspection is remembered (`--mode resource`).
    #[arg(long, value_name = "SECONDS", default_value_t = 0)]
    pub introspection_cache: u64,
}

impl Default for Options {
    fn default() -> Self {
        Self::parse_from(["mcp-login-sandbox"])
    }
}
