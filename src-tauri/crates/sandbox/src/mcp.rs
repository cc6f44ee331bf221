//! The protected MCP server over Streamable HTTP: sessions up to revision 2025-11-25, and the stateless form of
//! 2026-07-28, told apart by the version that a request names.

use crate::endpoint::Endpoint;
use crate::fault::Fault;
use crate::guard::{self, Bearer, Refusal};
use crate::options::{Answers, Guise, Protect, Protocol};
use crate::problem::noted;
use crate::secret::random;
use crate::site::Site;
use crate::tool::{TOOLS, Tool};
use crate::wire::{Answer, Ask, answer, empty, json, with};
use axum::http::Method;
use serde_json::{Value, json};

const AT: Endpoint = Endpoint::Mcp;
/// The stateless revision.
const STATELESS: &str = "2026-07-28";
/// Revisions with sessions, newest first.
const SESSION: [&str; 4] = ["2025-11-25", "2025-06-18", "2025-03-26", "2024-11-05"];
/// Sessions that may be open; beyond, all are forgotten and clients initialize again.
const MOST_SESSIONS: usize = 10_000;

const PARSE_ERROR: i64 = -32700;
const INVALID_REQUEST: i64 = -32600;
const METHOD_NOT_FOUND: i64 = -32601;
const INVALID_PARAMS: i64 = -32602;
/// 2026-07-28: a header and the body say different things.
const HEADER_MISMATCH: i64 = -32020;
/// 2026-07-28: the version is not spoken.
const UNSUPPORTED_VERSION: i64 = -32022;

/// A JSON-RPC error with its HTTP status.
struct Fail {
    status: u16,
    code: i64,
    message: String,
    data: Option<Value>,
}

impl Fail {
    fn new(status: u16, code: i64, message: impl Into<String>) -> Self {
        Self { status, code, message: message.into(), data: None }
    }

    fn answer(self, id: &Value) -> Answer {
        let mut error = json!({"code": self.code, "message": self.message});
        if let Some(data) = self.data {
            error["data"] = data;
        }
        let body = json!({"jsonrpc": "2.0", "id": id, "error": error});
        noted(json(self.status, &body), "rpc_error", self.code)
    }
}

fn session_versions(site: &Site) -> &'static [&'static str] {
    match site.options.guise {
        Guise::Legacy202503 | Guise::Legacy202503Endpoints => &SESSION[2..],
        Guise::Legacy202506 => &SESSION[1..],
        _ => &SESSION,
    }
}

fn speaks_stateless(site: &Site) -> bool {
    let legacy = matches!(
        site.options.guise,
        Guise::Legacy202503 | Guise::Legacy202503Endpoints | Guise::Legacy202506
    );
    site.options.mcp.protocol != Protocol::Session && !legacy
}

/// Whether a method is open to everybody, by `--protect`.
fn is_open(site: &Site, body: &Value) -> bool {
    let method = body.get("method").and_then(Value::as_str).unwrap_or_default();
    let first =
        matches!(method, "initialize" | "ping" | "server/discover") || method.starts_with("notifications/");
    match site.options.mcp.protect {
        Protect::All => false,
        Protect::Methods => first,
        Protect::Tools => {
            let name = body.pointer("/params/name").and_then(Value::as_str).unwrap_or_default();
            first
                || method == "tools/list"
                || (method == "tools/call" && Tool::find(name).is_some_and(|t| t.open))
        }
    }
}

/// Any request to the MCP endpoint.
pub(crate) async fn serve(site: &Site, ask: &Ask) -> Answer {
    let body = (ask.method == Method::POST).then(|| ask.json()).flatten();
    let caller = match guard::bearer(site, ask).await {
        Ok(bearer) => Some(bearer),
        Err(Refusal::NoToken) if body.as_ref().is_some_and(|b| is_open(site, b)) => None,
        Err(refusal) => return guard::refuse(site, refusal),
    };
    if caller.is_some()
        && let Some(scope) = site.fault(Fault::Endless403, AT)
    {
        return guard::insufficient(site, &scope);
    }
    match ask.method {
        Method::POST => post(site, ask, body, caller.as_ref()),
        Method::DELETE => end(site, ask),
        // There is nothing that the server would say by itself, so there is no stream to open.
        _ => with(empty(405), "allow", "POST, DELETE"),
    }
}

fn end(site: &Site, ask: &Ask) -> Answer {
    match ask.header("mcp-session-id") {
        None => empty(400),
        Some(id) => empty(if site.sessions().remove(id) { 204 } else { 404 }),
    }
}

fn post(site: &Site, ask: &Ask, body: Option<Value>, caller: Option<&Bearer>) -> Answer {
    let accept = ask.header("accept").unwrap_or("*/*").to_ascii_lowercase();
    let takes = |kind: &str| accept.contains(kind) || accept.contains("*/*");
    if !takes("application/json") || !takes("text/event-stream") {
        return Fail::new(406, INVALID_REQUEST, "Accept names application/json and text/event-stream")
            .answer(&Value::Null);
    }
    let Some(body) = body else {
        return Fail::new(400, PARSE_ERROR, "the body is no JSON").answer(&Value::Null);
    };
    let id = body.get("id").cloned().unwrap_or(Value::Null);
    if body.get("jsonrpc").and_then(Value::as_str) != Some("2.0") {
        return Fail::new(400, INVALID_REQUEST, "one JSON-RPC 2.0 message a request").answer(&id);
    }
    let in_meta = body.pointer("/params/_meta/io.modelcontextprotocol~1protocolVersion");
    let in_header = ask.header("mcp-protocol-version");
    // A server of the older revisions answers 400 without one of the newer error codes: that is how clients tell.
    let stateless = speaks_stateless(site)
        && (in_meta.is_some()
            || in_header.is_some_and(|v| v == STATELESS || !SESSION.contains(&v))
            || site.options.mcp.protocol == Protocol::Stateless);
    let Some(method) = body.get("method").and_then(Value::as_str) else {
        // An answer to a request of ours; there are none, so it is taken and forgotten.
        return empty(202);
    };
    let checked = if stateless {
        stateless_headers(site, ask, &body, method)
    } else {
        session_headers(site, ask, method)
    };
    if let Err(fail) = checked {
        return fail.answer(&id);
    }
    if body.get("id").is_none() {
        return empty(202);
    }
    match call(site, &body, method, stateless, caller) {
        Err(Stop::Fail(fail)) => fail.answer(&id),
        Err(Stop::Scope(scope)) => guard::insufficient(site, scope),
        Ok(result) => {
            let message = json!({"jsonrpc": "2.0", "id": id, "result": result}).to_string();
            let mut out = match site.options.mcp.answers {
                Answers::Json => answer(200, "application/json", message),
                Answers::Sse => {
                    let event = format!("event: message\ndata: {message}\n\n");
                    let answer = with(answer(200, "text/event-stream", event), "cache-control", "no-store");
                    with(answer, "x-accel-buffering", "no")
                }
            };
            if method == "initialize" {
                let session = random("sbx-session-");
                let mut sessions = site.sessions();
                if sessions.len() >= MOST_SESSIONS {
                    sessions.clear();
                }
                sessions.insert(session.clone());
                drop(sessions);
                out = with(out, "mcp-session-id", &session);
            }
            out
        }
    }
}

fn session_headers(site: &Site, ask: &Ask, method: &str) -> Result<(), Fail> {
    if method == "initialize" {
        return Ok(());
    }
    if let Some(version) = ask.header("mcp-protocol-version")
        && !session_versions(site).contains(&version)
    {
        return Err(Fail::new(
            400,
            INVALID_REQUEST,
            format!("MCP-Protocol-Version {version:?} is not spoken"),
        ));
    }
    let Some(session) = ask.header("mcp-session-id") else {
        return Err(Fail::new(400, INVALID_REQUEST, "Mcp-Session-Id is missing: initialize first"));
    };
    if site.on(Fault::SessionLost, AT) || !site.sessions().contains(session) {
        return Err(Fail::new(404, INVALID_REQUEST, "no such session: initialize again"));
    }
    Ok(())
}

fn stateless_headers(site: &Site, ask: &Ask, body: &Value, method: &str) -> Result<(), Fail> {
    let mismatch = |why: String| Fail::new(400, HEADER_MISMATCH, why);
    let meta = body.pointer("/params/_meta").cloned().unwrap_or(Value::Null);
    let in_meta = meta.get("io.modelcontextprotocol/protocolVersion").and_then(Value::as_str);
    let in_header = ask.header("mcp-protocol-version");
    let Some(version) = in_header else {
        return Err(mismatch(format!(
            "MCP-Protocol-Version is missing; spoken are {}",
            versions(site).join(", ")
        )));
    };
    if let Some(other) = in_meta.filter(|v| *v != version) {
        return Err(mismatch(format!("MCP-Protocol-Version is {version:?}, _meta says {other:?}")));
    }
    if version != STATELESS {
        let mut fail = Fail::new(400, UNSUPPORTED_VERSION, "this protocol version is not spoken");
        fail.data = Some(json!({"supported": versions(site), "requested": version}));
        return Err(fail);
    }
    if in_meta.is_none() {
        return Err(Fail::new(
            400,
            INVALID_PARAMS,
            "_meta io.modelcontextprotocol/protocolVersion is missing",
        ));
    }
    if !meta.get("io.modelcontextprotocol/clientCapabilities").is_some_and(Value::is_object) {
        return Err(Fail::new(
            400,
            INVALID_PARAMS,
            "_meta io.modelcontextprotocol/clientCapabilities is missing",
        ));
    }
    if ask.header("mcp-method") != Some(method) {
        return Err(mismatch(format!(
            "Mcp-Method is {:?}, the body says {method:?}",
            ask.header("mcp-method")
        )));
    }
    if method == "tools/call" {
        let name = body.pointer("/params/name").and_then(Value::as_str);
        let header = ask.header("mcp-name").map(decoded);
        if header.as_deref() != name {
            return Err(mismatch(format!("Mcp-Name is {header:?}, the body says {name:?}")));
        }
    }
    Ok(())
}

/// A header value that no header can hold comes as `=?base64?…?=`.
fn decoded(value: &str) -> String {
    use base64::Engine as _;
    value
        .strip_prefix("=?base64?")
        .and_then(|v| v.strip_suffix("?="))
        .and_then(|v| base64::engine::general_purpose::STANDARD.decode(v).ok())
        .and_then(|bytes| String::from_utf8(bytes).ok())
        .unwrap_or_else(|| value.to_owned())
}

fn versions(site: &Site) -> Vec<&'static str> {
    let mut out = Vec::new();
    if speaks_stateless(site) {
        out.push(STATELESS);
    }
    if site.options.mcp.protocol != Protocol::Stateless {
        out.extend(session_versions(site));
    }
    out
}

enum Stop {
    Fail(Fail),
    Scope(&'static str),
}

fn call(
    site: &Site,
    body: &Value,
    method: &str,
    stateless: bool,
    caller: Option<&Bearer>,
) -> Result<Value, Stop> {
    let params = body.get("params").cloned().unwrap_or(Value::Null);
    let info = json!({"name": "mcp-login-sandbox", "title": "MCP Login's sandbox", "version": env!("CARGO_PKG_VERSION")});
    let mut result = match method {
        "initialize" if !stateless => {
            let asked = params.get("protocolVersion").and_then(Value::as_str).unwrap_or_default();
            let spoken = session_versions(site);
            let version = spoken.iter().find(|v| **v == asked).unwrap_or(&spoken[0]);
            json!({
                "protocolVersion": version,
                "capabilities": {"tools": {"listChanged": false}},
                "serverInfo": info,
                "instructions": "A sandbox: call echo, add or whoami.",
            })
        }
        "server/discover" if stateless => json!({
            "supportedVersions": versions(site),
            "capabilities": {"tools": {}},
            "instructions": "A sandbox: call echo, add or whoami.",
        }),
        "ping" if !stateless => json!({}),
        "tools/list" => json!({"tools": TOOLS.map(Tool::listed)}),
        "tools/call" => {
            let name = params.get("name").and_then(Value::as_str).unwrap_or_default();
            let tool = Tool::find(name).ok_or_else(|| {
                Stop::Fail(Fail::new(200, INVALID_PARAMS, format!("there is no tool {name:?}")))
            })?;
            if let Some(caller) = caller
                && !caller.scope.iter().any(|s| s == tool.scope)
                && !matches!(site.options.guise, Guise::Entra | Guise::Cognito)
            {
                return Err(Stop::Scope(tool.scope));
            }
            tool.call(params.get("arguments").unwrap_or(&Value::Null), caller)
        }
        _ => {
            // 2026-07-28 asks for 404 so that gateways need not read the body.
            let status = if stateless { 404 } else { 200 };
            return Err(Stop::Fail(Fail::new(
                status,
                METHOD_NOT_FOUND,
                format!("there is no method {method:?}"),
            )));
        }
    };
    if stateless {
        result["resultType"] = "complete".into();
        if method == "tools/list" || method == "server/discover" {
            // The list is the same for everybody, but what is answered here depends on a token.
            result["ttlMs"] = 0.into();
            result["cacheScope"] = "private".into();
        }
        result["_meta"] = json!({"io.modelcontextprotocol/serverInfo": info});
    }
    Ok(result)
}
