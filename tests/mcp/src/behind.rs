//! An rmcp client whose server is `mcp-login proxy`: what it does in the suite's scenarios.
#![allow(deprecated)] // sampling: the suite looks at it in the revisions that have it

use std::process::Command;
use std::sync::Arc;

use rmcp::model::{
    CallToolRequestParams, ClientConfig, CreateMessageRequestParams, CreateMessageResult,
    ElicitRequestParams, ElicitResult, ElicitationAction, ElicitationCapability, FormElicitationCapability,
    GetPromptRequestParams, ProtocolVersion, ReadResourceRequestParams, Role, RootsCapabilities,
    SamplingCapability, SamplingMessage, SamplingMessageContentBlock, Tool,
};
use rmcp::service::{RequestContext, RunningService};
use rmcp::transport::streamable_http_client::StreamableHttpClientTransportConfig;
use rmcp::transport::{StreamableHttpClientTransport, TokioChildProcess};
use rmcp::{ClientHandler, ClientLifecycleMode, ClientServiceExt as _, ErrorData, RoleClient};
use serde_json::{Map, Value, json};

use crate::Era;
use crate::scenario::ToolCall;

/// What went wrong, as rmcp says it.
pub type Wrong = Box<dyn std::error::Error + Send + Sync>;

/// A person's client: fills in forms with their defaults.
#[derive(Debug, Clone, Default)]
pub struct Filler;

impl ClientHandler for Filler {
    fn get_info(&self) -> ClientConfig {
        let mut info = ClientConfig::default();
        info.capabilities.elicitation = Some(
            ElicitationCapability::new()
                .with_form(FormElicitationCapability::new().with_schema_validation(true)),
        );
        info.capabilities.roots = Some(RootsCapabilities::default());
        info.capabilities.sampling = Some(SamplingCapability::default());
        info
    }

    async fn create_message(
        &self,
        _params: CreateMessageRequestParams,
        _context: RequestContext<RoleClient>,
    ) -> Result<CreateMessageResult, ErrorData> {
        let said = SamplingMessage::new(Role::Assistant, SamplingMessageContentBlock::text("said"));
        Ok(CreateMessageResult::new(said, "none".to_owned()))
    }

    async fn create_elicitation(
        &self,
        request: ElicitRequestParams,
        _context: RequestContext<RoleClient>,
    ) -> Result<ElicitResult, ErrorData> {
        let form = serde_json::to_value(&request).unwrap_or_default();
        let fields = form["requestedSchema"]["properties"].as_object().cloned().unwrap_or_default();
        let filled: Map<String, Value> =
            fields.iter().map(|(name, schema)| (name.clone(), a_value_for(schema))).collect();
        Ok(ElicitResult::new(ElicitationAction::Accept).with_content(Value::Object(filled)))
    }
}

/// The default that a schema names, or a value of its type.
fn a_value_for(schema: &Value) -> Value {
    if let Some(default) = schema.get("default") {
        return default.clone();
    }
    match schema["type"].as_str() {
        Some("boolean") => json!(true),
        Some("integer" | "number") => json!(1),
        Some("array") => json!([]),
        Some("object") => json!({}),
        _ => schema["enum"][0].as_str().map_or_else(|| json!("test"), |first| json!(first)),
    }
}

/// A client that has said hello through a program on its standard input and output.
pub struct Behind {
    client: RunningService<RoleClient, Filler>,
}

impl Behind {
    /// Starts the program and says hello in the era.
    ///
    /// # Errors
    /// What rmcp says.
    pub async fn start(command: Command, era: Era) -> Result<Behind, Wrong> {
        let mut command = tokio::process::Command::from(command);
        command.kill_on_drop(true);
        let transport = TokioChildProcess::new(command)?;
        Ok(Behind { client: Filler.serve_with_lifecycle(transport, lifecycle(era)).await? })
    }

    /// The same client with nothing between it and the server, and a token in its hand.
    ///
    /// # Errors
    /// What rmcp says.
    pub async fn direct(url: &str, token: &str, era: Era) -> Result<Behind, Wrong> {
        let config = StreamableHttpClientTransportConfig::with_uri(url).auth_header(token);
        let transport = StreamableHttpClientTransport::from_config(config);
        Ok(Behind { client: Filler.serve_with_lifecycle(transport, lifecycle(era)).await? })
    }

    /// The server's tools.
    ///
    /// # Errors
    /// What rmcp says.
    pub async fn tools(&self) -> Result<Vec<Tool>, Wrong> {
        Ok(self.client.list_tools(None).await?.tools)
    }

    /// Calls a tool with arguments that fit its schema, or with these.
    ///
    /// # Errors
    /// What rmcp says.
    pub async fn call(&self, name: &str, arguments: Option<Map<String, Value>>) -> Result<Value, Wrong> {
        let mut params = CallToolRequestParams::new(name.to_owned());
        if let Some(arguments) = arguments {
            params = params.with_arguments(arguments);
        }
        Ok(serde_json::to_value(self.client.call_tool(params).await?)?)
    }

    /// Lists the tools and calls each, or those that the scenario wants called.
    ///
    /// # Errors
    /// What rmcp says.
    pub async fn call_all(&self, wanted: &[ToolCall]) -> Result<(), Wrong> {
        let tools = self.tools().await?;
        if wanted.is_empty() {
            for tool in tools {
                self.call(&tool.name, Some(arguments_for(&tool))).await?;
            }
        }
        for call in wanted {
            self.call(&call.name, Some(call.arguments.clone().unwrap_or_default())).await?;
        }
        Ok(())
    }

    /// Reads the first resource and gets the first prompt, where there are some.
    ///
    /// # Errors
    /// What rmcp says.
    pub async fn read_all(&self) -> Result<(), Wrong> {
        for resource in self.client.list_resources(None).await?.resources.into_iter().take(1) {
            self.client.read_resource(ReadResourceRequestParams::new(resource.uri.clone())).await?;
        }
        for prompt in self.client.list_prompts(None).await?.prompts.into_iter().take(1) {
            self.client.get_prompt(GetPromptRequestParams::new(prompt.name.clone())).await?;
        }
        Ok(())
    }

    /// Says goodbye, and lets the program end by itself.
    ///
    /// # Errors
    /// When it does not.
    pub async fn leave(self) -> Result<(), Wrong> {
        self.client.cancel().await?;
        Ok(())
    }
}

fn lifecycle(era: Era) -> ClientLifecycleMode {
    match era {
        Era::Sessions => ClientLifecycleMode::Initialize,
        Era::Stateless => {
            ClientLifecycleMode::Discover { preferred_versions: vec![ProtocolVersion::V_2026_07_28] }
        }
    }
}

impl std::fmt::Debug for Behind {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Behind").finish_non_exhaustive()
    }
}

fn arguments_for(tool: &Tool) -> Map<String, Value> {
    let schema = Value::Object(Arc::unwrap_or_clone(tool.input_schema.clone()));
    let required = schema["required"].as_array().cloned().unwrap_or_default();
    let names = required.iter().filter_map(Value::as_str);
    names.map(|name| (name.to_owned(), a_value_for(&schema["properties"][name]))).collect()
}
