//! The MCP server's tools: two that compute, one that tells who is calling, and one for each scope.

use crate::guard::Bearer;
use serde_json::{Value, json};

/// A tool, and the scope that it needs beyond a token.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Tool {
    pub(crate) name: &'static str,
    title: &'static str,
    description: &'static str,
    pub(crate) scope: &'static str,
    /// Usable without a token when `--protect tools`.
    pub(crate) open: bool,
}

/// All tools.
pub(crate) const TOOLS: [Tool; 6] = [
    Tool { name: "echo", title: "Echo", description: "Says the text again.", scope: "mcp:read", open: true },
    Tool { name: "add", title: "Add", description: "Adds two numbers.", scope: "mcp:read", open: true },
    Tool {
        name: "whoami",
        title: "Who am I",
        description: "Tells whose token is used, and with which scopes.",
        scope: "mcp:read",
        open: false,
    },
    Tool {
        name: "read_notes",
        title: "Read notes",
        description: "Needs the scope mcp:read.",
        scope: "mcp:read",
        open: false,
    },
    Tool {
        name: "write_note",
        title: "Write a note",
        description: "Needs the scope mcp:write.",
        scope: "mcp:write",
        open: false,
    },
    Tool {
        name: "administer",
        title: "Administer",
        description: "Needs the scope mcp:admin.",
        scope: "mcp:admin",
        open: false,
    },
];

impl Tool {
    pub(crate) fn find(name: &str) -> Option<Self> {
        TOOLS.into_iter().find(|t| t.name == name)
    }

    fn schema(self) -> Value {
        match self.name {
            "echo" | "write_note" => json!({
                "type": "object",
                "properties": {"text": {"type": "string", "description": "any text"}},
                "required": ["text"],
            }),
            "add" => json!({
                "type": "object",
                "properties": {"a": {"type": "number"}, "b": {"type": "number"}},
                "required": ["a", "b"],
            }),
            _ => json!({"type": "object", "properties": {}, "additionalProperties": false}),
        }
    }

    /// The tool as `tools/list` shows it.
    pub(crate) fn listed(self) -> Value {
        json!({
            "name": self.name,
            "title": self.title,
            "description": self.description,
            "inputSchema": self.schema(),
            "annotations": {"readOnlyHint": self.scope == "mcp:read"},
        })
    }

    /// The result of a call; a wrong argument is a result too (MCP: tool errors are for the model to read).
    pub(crate) fn call(self, arguments: &Value, caller: Option<&Bearer>) -> Value {
        match self.run(arguments, caller) {
            Ok(text) => json!({"content": [{"type": "text", "text": text}], "isError": false}),
            Err(why) => json!({"content": [{"type": "text", "text": why}], "isError": true}),
        }
    }

    fn run(self, arguments: &Value, caller: Option<&Bearer>) -> Result<String, String> {
        let text = || arguments.get("text").and_then(Value::as_str).ok_or("text is missing, or no text");
        match self.name {
            "echo" => Ok(text()?.to_owned()),
            "add" => {
                let number = |n: &str| arguments.get(n).and_then(Value::as_f64).ok_or(format!("{n} is no number"));
                Ok((number("a")? + number("b")?).to_string())
            }
            "whoami" => Ok(caller.map_or_else(
                || json!({"subject": null}).to_string(),
                |c| {
                    json!({"subject": c.subject, "email": c.email, "client": c.client, "scope": c.scope.join(" ")})
                        .to_string()
                },
            )),
            "read_notes" => Ok("one note: the sandbox works".to_owned()),
            "write_note" => Ok(format!("noted: {}", text()?)),
            _ => Ok("nothing to administer, but you may".to_owned()),
        }
    }
}
