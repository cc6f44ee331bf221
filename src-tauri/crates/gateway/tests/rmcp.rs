//! The official Rust SDK on both sides: each of its lifecycles as client, each as server, with our link between them.
#![allow(missing_docs, clippy::unwrap_used)]

mod common;

use std::borrow::Cow;
use std::sync::{Arc, Mutex};

use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use common::{Tokens, link, upstream};
use http::{HeaderMap, StatusCode};
use rmcp::model::{
    CallToolRequestParams, CallToolResponse, CallToolResult, ClientCapabilities, ClientConfig, ContentBlock,
    ElicitRequestParams, ElicitResult, ErrorData, Implementation, InputRequiredResult, ListToolsResult,
    PaginatedRequestParams, ProtocolVersion, ServerCapabilities, ServerConfig,
};
use rmcp::service::{RequestContext, RoleClient, RoleServer};
use rmcp::transport::streamable_http_server::session::local::LocalSessionManager;
use rmcp::transport::streamable_http_server::{StreamableHttpServerConfig, StreamableHttpService};
use rmcp::{ClientHandler, ClientLifecycleMode, ClientServiceExt as _, ServerHandler};
use serde_json::{Value, json};

/// Which revisions the server speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Speaks {
    Sessions,
    Stateless,
    Both,
}

#[derive(Clone)]
struct Server(Speaks);

fn read<T: serde::de::DeserializeOwned>(value: Value) -> T {
    serde_json::from_value(value).unwrap()
}

fn form() -> Value {
    json!({"mode": "form", "message": "who?", "requestedSchema": {"type": "object", "properties": {"name": {"type": "string"}}}})
}

impl ServerHandler for Server {
    fn get_info(&self) -> ServerConfig {
        ServerConfig::new(ServerCapabilities::builder().enable_tools().build())
            .with_server_info(Implementation::new("behind", "1"))
            .with_instructions("be kind")
    }

    fn supported_protocol_versions(&self) -> Cow<'static, [ProtocolVersion]> {
        Cow::Borrowed(match self.0 {
            Speaks::Sessions => &[ProtocolVersion::V_2025_06_18, ProtocolVersion::V_2025_11_25],
            Speaks::Stateless => &[ProtocolVersion::V_2026_07_28],
            Speaks::Both => &[ProtocolVersion::V_2025_11_25, ProtocolVersion::V_2026_07_28],
        })
    }

    async fn list_tools(
        &self,
        _: Option<PaginatedRequestParams>,
        _: RequestContext<RoleServer>,
    ) -> Result<ListToolsResult, ErrorData> {
        Ok(read(json!({"tools": [
            {"name": "echo", "inputSchema": {"type": "object", "properties": {"text": {"type": "string", "x-mcp-header": "Text"}}}},
            {"name": "ask", "inputSchema": {"type": "object"}},
        ]})))
    }

    async fn call_tool(
        &self,
        request: CallToolRequestParams,
        context: RequestContext<RoleServer>,
    ) -> Result<CallToolResponse, ErrorData> {
        let done = |text: &str| Ok(CallToolResult::success(vec![ContentBlock::text(text)]).into());
        if request.name == "echo" {
            let text = request.arguments.unwrap_or_default()["text"].as_str().unwrap_or_default().to_owned();
            return done(&text);
        }
        if request.input_responses.is_none()
            && context
                .peer
                .peer_info()
                .is_some_and(|info| info.protocol_version < ProtocolVersion::V_2026_07_28)
        {
            let asked: ElicitRequestParams = read(form());
            let answer = context.peer.create_elicitation(asked).await;
            let answer = answer.map_err(|error| ErrorData::internal_error(error.to_string(), None))?;
            return done(answer.content.unwrap_or_default()["name"].as_str().unwrap_or("nobody"));
        }
        match request.input_responses {
            None => {
                let wanted: InputRequiredResult = read(json!({
                    "resultType": "input_required",
                    "inputRequests": {"who": {"method": "elicitation/create", "params": form()}},
                    "requestState": "b.l/o+b\n",
                }));
                Ok(wanted.into())
            }
            Some(responses) => {
                assert_eq!(request.request_state.as_deref(), Some("b.l/o+b\n"));
                done(responses["who"]["content"]["name"].as_str().unwrap_or("nobody"))
            }
        }
    }
}

#[derive(Clone, Default)]
struct Client;

impl ClientHandler for Client {
    fn get_info(&self) -> ClientConfig {
        let mut config = ClientConfig::default();
        config.capabilities = ClientCapabilities::builder().enable_elicitation().build();
        config
    }

    async fn create_elicitation(
        &self,
        _: ElicitRequestParams,
        _: RequestContext<RoleClient>,
    ) -> Result<ElicitResult, ErrorData> {
        Ok(read(json!({"action": "accept", "content": {"name": "ada"}})))
    }
}

#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<(HeaderMap, StatusCode)>>>);

/// Only the second token is good.
async fn guard(State(log): State<Log>, request: Request, next: Next) -> Response {
    let headers = request.headers().clone();
    let good = headers.get("authorization").is_some_and(|value| value == "Bearer token-2");
    let answer = if good { next.run(request).await } else { StatusCode::UNAUTHORIZED.into_response() };
    log.0.lock().unwrap().push((headers, answer.status()));
    answer
}

async fn start(speaks: Speaks, sessions: bool) -> (String, Log) {
    let config = StreamableHttpServerConfig::default()
        .with_legacy_session_mode(sessions)
        .with_json_response(!sessions)
        .with_stateless_protocol_metadata_required(speaks == Speaks::Stateless);
    let service: StreamableHttpService<Server, LocalSessionManager> =
        StreamableHttpService::new(move || Ok(Server(speaks)), Default::default(), config);
    let log = Log::default();
    let router = axum::Router::new()
        .nest_service("/mcp", service)
        .layer(axum::middleware::from_fn_with_state(log.clone(), guard));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/mcp", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, router).await });
    (url, log)
}

async fn everything_works(speaks: Speaks, sessions: bool, mode: ClientLifecycleMode) -> Log {
    let what = format!("{speaks:?} {sessions} {mode:?}");
    let (url, log) = start(speaks, sessions).await;
    let (transport, link) = link(upstream(&url, Tokens::new("token")));
    let client = Client.serve_with_lifecycle(transport, mode).await;
    let client = client.unwrap_or_else(|error| panic!("{what}: {error}"));
    let tools = client.list_all_tools().await.unwrap_or_else(|error| panic!("{what}: {error}"));
    assert_eq!(tools.len(), 2, "{what}");
    let text = |result: CallToolResult| serde_json::to_value(result).unwrap()["content"][0]["text"].clone();
    let echo: CallToolRequestParams = read(json!({"name": "echo", "arguments": {"text": " grüße "}}));
    let result = client.call_tool(echo).await.unwrap_or_else(|error| panic!("{what}: {error}"));
    assert_eq!(text(result), " grüße ", "{what}");
    let ask: CallToolRequestParams = read(json!({"name": "ask"}));
    if sessions || speaks != Speaks::Sessions {
        let result = client.call_tool(ask).await.unwrap_or_else(|error| panic!("{what}: {error}"));
        assert_eq!(text(result), "ada", "{what}");
    }
    let missing: CallToolRequestParams =
        read(json!({"name": "echo", "arguments": {"text": "x".repeat(200_000)}}));
    assert_eq!(text(client.call_tool(missing).await.unwrap()).as_str().unwrap().len(), 200_000, "{what}");
    client.cancel().await.unwrap();
    link.await.unwrap();
    let seen = log.0.lock().unwrap().clone();
    let refused = seen.iter().filter(|(_, status)| *status == StatusCode::UNAUTHORIZED).count();
    assert_eq!(refused, 1, "{what}: the first token was tried once");
    log
}

fn discover() -> ClientLifecycleMode {
    ClientLifecycleMode::Discover { preferred_versions: vec![ProtocolVersion::V_2026_07_28] }
}

fn auto() -> ClientLifecycleMode {
    ClientLifecycleMode::Auto {
        preferred_versions: vec![ProtocolVersion::V_2026_07_28],
        legacy_version: None,
    }
}

#[tokio::test]
async fn sessions_to_sessions() {
    let log = everything_works(Speaks::Sessions, true, ClientLifecycleMode::Initialize).await;
    let seen = log.0.lock().unwrap();
    assert!(seen.iter().skip(2).all(|(headers, _)| headers.contains_key("mcp-session-id")));
}

#[tokio::test]
async fn sessions_to_a_server_that_keeps_none() {
    everything_works(Speaks::Sessions, false, ClientLifecycleMode::Initialize).await;
}

#[tokio::test]
async fn sessions_to_both() {
    everything_works(Speaks::Both, true, ClientLifecycleMode::Initialize).await;
}

#[tokio::test]
async fn stateless_to_stateless() {
    for mode in [discover(), auto()] {
        let log = everything_works(Speaks::Stateless, false, mode).await;
        let seen = log.0.lock().unwrap();
        assert!(seen.iter().any(|(headers, _)| {
            headers.get("mcp-param-text").is_some_and(|text| text == "=?base64?IGdyw7zDn2Ug?=")
        }));
        assert!(
            seen.iter()
                .all(|(headers, _)| headers.get("mcp-protocol-version").is_some_and(|v| v == "2026-07-28"))
        );
    }
}

#[tokio::test]
async fn stateless_to_both() {
    everything_works(Speaks::Both, true, discover()).await;
}

#[tokio::test]
async fn sessions_translated_for_a_stateless_server() {
    everything_works(Speaks::Stateless, false, ClientLifecycleMode::Initialize).await;
}

#[tokio::test]
async fn stateless_translated_for_a_server_with_sessions() {
    for mode in [discover(), auto()] {
        everything_works(Speaks::Sessions, true, mode).await;
    }
    everything_works(Speaks::Sessions, false, discover()).await;
}
