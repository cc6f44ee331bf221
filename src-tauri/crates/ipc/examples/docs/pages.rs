//! The pages and examples, from the schema and the table of codes.

use std::fmt::Write as _;

use mcp_login_ipc::api::{Part, Weight};
use mcp_login_ipc::codes::{Code, Exit};
use mcp_login_ipc::finding::Find;
use mcp_login_ipc::{envelope, identity};
use serde_json::Value;

#[path = "declarations.rs"]
mod declarations;

/// Which command writes them again.
pub(crate) const RENEW: &str = "cargo run -p mcp-login-ipc --example docs";

/// Path from the top of the repository, and content.
pub(crate) fn all(schema: &Value) -> Vec<(&'static str, String)> {
    let mut text = serde_json::to_string_pretty(schema).expect("a schema");
    text.push('\n');
    vec![
        ("src-tauri/crates/ipc/schema/local-api.json", text),
        ("docs/local-api.md", local_api(schema)),
        ("docs/errors.md", errors()),
        ("docs/for-servers.md", for_servers(include_str!("for-servers.md.in"))),
        ("docs/examples/local_api.py", fill(include_str!("local_api.py.in"), schema, python)),
        ("docs/examples/local-api.ts", fill(include_str!("local-api.ts.in"), schema, typescript)),
        ("ui/js/api.d.ts", declarations::declarations(schema)),
    ]
}

/// A line `@types A B` becomes these types, and those that they are made of.
fn fill(template: &str, schema: &Value, one: fn(&str, &Value) -> String) -> String {
    let mut filled = String::new();
    for line in template.lines() {
        if let Some((_, names)) = line.split_once("@types ") {
            let mut wanted = Vec::new();
            for name in names.split(' ') {
                gather(name, schema, &mut wanted);
            }
            for name in wanted {
                filled.push_str(&one(&name, &schema["components"]["schemas"][&name]));
            }
        } else {
            let line = line
                .replace("@protocol", &identity::PROTOCOL.to_string())
                .replace("@renew", RENEW)
                .replace("@directory", "mcp-login");
            filled.push_str(line.trim_end());
            filled.push('\n');
        }
    }
    filled
}

/// A type after those that it is made of.
fn gather(name: &str, schema: &Value, into: &mut Vec<String>) {
    if into.iter().any(|known| known == name) {
        return;
    }
    let target = &schema["components"]["schemas"][name];
    assert!(target.is_object(), "{name} is not in the schema");
    for property in target["properties"].as_object().into_iter().flat_map(|map| map.values()) {
        for reference in [&property["$ref"], &property["items"]["$ref"]] {
            if let Some(name) = reference.as_str().and_then(|reference| reference.rsplit('/').next()) {
                gather(name, schema, into);
            }
        }
    }
    into.push(name.to_owned());
}

fn words(schema: &Value) -> Option<Vec<&str>> {
    (schema["type"] == "string").then(|| {
        schema["oneOf"].as_array().into_iter().flatten().filter_map(|word| word["const"].as_str()).collect()
    })
}

fn required(schema: &Value, name: &str) -> bool {
    schema["required"].as_array().is_some_and(|list| list.iter().any(|entry| entry == name))
}

fn python(name: &str, schema: &Value) -> String {
    if let Some(words) = words(schema) {
        return format!("{name} = Literal[{}]\n\n\n", quoted(&words).join(", "));
    }
    let kind = |property: &Value| -> String {
        fn of(property: &Value) -> String {
            if let Some(reference) = property["$ref"].as_str() {
                return reference.rsplit('/').next().unwrap_or_default().to_owned();
            }
            match property["type"].as_str() {
                Some("string") => "str".into(),
                Some("integer") => "int".into(),
                Some("boolean") => "bool".into(),
                Some("array") => format!("list[{}]", of(&property["items"])),
                _ => "dict[str, Any]".into(),
            }
        }
        of(property)
    };
    let mut text = format!("class {name}(TypedDict):\n    \"\"\"{}\"\"\"\n\n", description(schema));
    for (field, property) in schema["properties"].as_object().into_iter().flatten() {
        let kind =
            if required(schema, field) { kind(property) } else { format!("NotRequired[{}]", kind(property)) };
        let _ = writeln!(text, "    {field}: {kind}");
    }
    text.push_str("\n\n");
    text
}

fn typescript(name: &str, schema: &Value) -> String {
    if let Some(words) = words(schema) {
        return format!("/** {} */\ntype {name} = {};\n\n", description(schema), quoted(&words).join(" | "));
    }
    fn of(property: &Value) -> String {
        if let Some(reference) = property["$ref"].as_str() {
            return reference.rsplit('/').next().unwrap_or_default().to_owned();
        }
        match property["type"].as_str() {
            Some("string") => "string".into(),
            Some("integer") => "number".into(),
            Some("boolean") => "boolean".into(),
            Some("array") => format!("{}[]", of(&property["items"])),
            _ if property["additionalProperties"]["type"] == "integer" => "Record<string, number>".into(),
            _ if property["additionalProperties"]["type"] == "string" => "Record<string, string>".into(),
            _ => "Record<string, unknown>".into(),
        }
    }
    let mut text = format!("/** {} */\ninterface {name} {{\n", description(schema));
    for (field, property) in schema["properties"].as_object().into_iter().flatten() {
        let mark = if required(schema, field) { "" } else { "?" };
        let _ = writeln!(text, "  {field}{mark}: {};", of(property));
    }
    text.push_str("}\n\n");
    text
}

fn quoted(words: &[&str]) -> Vec<String> {
    words.iter().map(|word| format!("\"{word}\"")).collect()
}

fn description(schema: &Value) -> &str {
    schema["description"].as_str().unwrap_or_default()
}

fn link(schema: &Value) -> String {
    if let Some(reference) = schema["$ref"].as_str() {
        let name = reference.rsplit('/').next().unwrap_or_default();
        return format!("[{name}](#{})", name.to_ascii_lowercase());
    }
    if let Some(constant) = schema["const"].as_str() {
        return format!("`\"{constant}\"`");
    }
    match schema["type"].as_str() {
        Some("array") => format!("array of {}", link(&schema["items"])),
        Some("string") if schema["x-secret"] == true => "string, secret".into(),
        Some(kind) => kind.into(),
        None => "any".into(),
    }
}

fn table(text: &mut String, schema: &Value) {
    let properties = schema["properties"].as_object().into_iter().flatten();
    let flat = schema["allOf"].as_array().into_iter().flatten();
    let mut empty = true;
    for (field, property) in properties {
        if empty {
            text.push_str("| field | type | | |\n|---|---|---|---|\n");
            empty = false;
        }
        let need = if required(schema, field) { "" } else { "optional" };
        let _ =
            writeln!(text, "| `{field}` | {} | {need} | {} |", link(property), cell(description(property)));
    }
    if empty {
        text.push_str("No fields.\n");
    }
    for inner in flat {
        let _ = writeln!(text, "\nAnd the fields of {}.", link(inner));
    }
    text.push('\n');
}

fn cell(text: &str) -> String {
    text.replace('|', "\\|")
}

fn local_api(schema: &Value) -> String {
    let mut text = format!(
        "<!-- Generated from the types in src-tauri/crates/ipc. Renew with: {RENEW} -->\n\n# The local API\n\n\
         Programs of the same user ask the agent over a socket. It speaks JSON-RPC 2.0 in UTF-8: one message a line, \
         ended by a line feed, at most {} bytes and {} brackets deep. Batches are not served. Several requests may be \
         sent before the first answer; answers carry the request's `id` and may come in another order. `id` is a string \
         of at most {} bytes or an integer. Parameters go by name, and unknown ones are refused; results may hold more \
         fields than this page knows. Times are seconds since 1970. The machine-readable form is \
         [local-api.json](../src-tauri/crates/ipc/schema/local-api.json).\n\n",
        envelope::MAX_LINE,
        envelope::MAX_DEPTH,
        envelope::MAX_ID
    );
    text.push_str(
        "Complete clients: [Python](examples/local_api.py), [TypeScript](examples/local-api.ts).\n\n\
         ## Where the agent listens\n\n\
         | system | address |\n|---|---|\n\
         | Linux | `/run/user/<uid>/mcp-login/agent.sock` when `/run/user/<uid>` is there, is yours and has mode 0700; \
         else `~/.local/share/mcp-login/run/agent.sock` |\n\
         | macOS | `~/Library/Application Support/mcp-login/run/agent.sock` |\n\
         | Windows | `\\\\.\\pipe\\mcp-login.<your SID>` |\n\n\
         `XDG_*` variables are not consulted: header helpers run without them. `MCP_LOGIN_HOME` moves everything: \
         `$MCP_LOGIN_HOME/run/agent.sock`. A debug build says `mcp-login-dev` for `mcp-login`.\n\n\
         Before you connect, check that the socket's directory is yours, is no symbolic link and has mode 0700; \
         after, that the other side's user is you (`SO_PEERCRED`, `getpeereid`). When nothing listens, \
         `mcp-login agent start` starts an agent.\n\n\
         ## Who may\n\n\
         The agent takes from the system who is calling, once, when the connection is accepted.\n\n\
         | class | what it needs |\n|---|---|\n\
         | look | nothing: it reads what is no secret |\n\
         | use | an approval of the calling program for the account |\n\
         | keep | nothing, but it is recorded |\n\
         | grant | the link of the consent window that the agent itself started; or our own command, when the settings say \
         `approvals = \"terminal\"` |\n\n\
         `token.get` of a program that nobody approved yet waits up to 90 s for a person's answer when the consent window can \
         be shown. When no display is known it is refused at once, and `detail.display` is `unknown`: our own command then \
         says where it runs (`session.announce`) and asks again.\n\n\
         ## Links\n\n\
         `gateway.open` makes a link of the connection: behind the line feed of its answer both sides speak MCP, one message \
         a line, as over MCP's stdio transport, and no method of this page any more. It has to be the only request under way, \
         on a connection without `events.subscribe`; before and after a refusal the connection is as ever. It needs no account \
         yet and no approval: both are looked for with each message, which waits up to 50 s for a person and is then answered \
         with an error, `error.data.code` from [errors.md](errors.md). When the agent goes away, open another link with \
         `resume`: the server is told of the client again, and its answer is kept back. A request that was under way may have \
         been carried out.\n\n\
         ## Errors\n\n\
         `error.code` is JSON-RPC's number; switch on `error.data.code`, a word of [errors.md](errors.md). \
         `error.message` is the fact and `error.data.next` the next step, both for people. A line that is no request is \
         answered, with `id` null if it had none that could be read, and the connection goes on.\n\n\
         ```json\n\
         {\"jsonrpc\":\"2.0\",\"id\":2,\"error\":{\"code\":-32000,\"message\":\"There is no account work.\",\
         \"data\":{\"code\":\"no_such_account\",\"next\":\"…\",\"retryable\":false,\"detail\":{\"account\":\"work\"}}}}\n\
         ```\n\n## Methods\n\n| method | class | |\n|---|---|---|\n",
    );
    let methods = schema["methods"].as_array().into_iter().flatten();
    for method in methods.clone() {
        let name = method["name"].as_str().unwrap_or_default();
        let _ = writeln!(
            text,
            "| [`{name}`](#{}) | {} | {} |",
            name.replace('.', ""),
            method["x-class"].as_str().unwrap_or_default(),
            cell(method["summary"].as_str().unwrap_or_default())
        );
    }
    text.push('\n');
    for method in methods {
        let _ = writeln!(
            text,
            "### {}\n\n{} Class: {}. Parameters: {}. Result: {}.\n",
            method["name"].as_str().unwrap_or_default(),
            method["summary"].as_str().unwrap_or_default(),
            method["x-class"].as_str().unwrap_or_default(),
            link(&method["params"]),
            link(&method["result"])
        );
    }
    text.push_str("## Notifications\n\n| method | parameters | |\n|---|---|---|\n");
    for note in schema["x-notifications"].as_array().into_iter().flatten() {
        let _ = writeln!(
            text,
            "| `{}` | {} | {} |",
            note["name"].as_str().unwrap_or_default(),
            link(&note["params"]),
            cell(note["summary"].as_str().unwrap_or_default())
        );
    }
    text.push_str("\n## Types\n\n");
    for (name, schema) in schema["components"]["schemas"].as_object().into_iter().flatten() {
        let _ = writeln!(text, "### {name}\n\n{}\n", description(schema));
        match (words(schema), schema["oneOf"].as_array()) {
            (Some(_), Some(words)) => {
                text.push_str("| word | |\n|---|---|\n");
                for word in words {
                    let _ = writeln!(
                        text,
                        "| `{}` | {} |",
                        word["const"].as_str().unwrap_or_default(),
                        cell(description(word))
                    );
                }
                text.push('\n');
            }
            (_, Some(shapes)) => {
                for shape in shapes {
                    let _ = writeln!(text, "{}\n", description(shape));
                    table(&mut text, shape);
                }
            }
            _ => table(&mut text, schema),
        }
    }
    text.truncate(text.trim_end().len());
    text.push('\n');
    text
}

fn errors() -> String {
    let mut text = format!(
        "<!-- Generated from the table in src-tauri/crates/ipc/src/codes. Renew with: {RENEW} -->\n\n# Errors\n\n\
         Every error has a stable code, a fact, and a next step. Programs switch on the code; the sentences may get \
         better. Codes are never renamed. *Later* says that the same request may work later with nothing changed.\n\n\
         What a server says in `error_description` and `error_uri` is shown as text, never as a link.\n\n\
         ## Exit statuses of `mcp-login`\n\n| status | meaning |\n|---|---|\n"
    );
    for exit in Exit::ALL {
        let _ = writeln!(text, "| {} | {} |", exit.status(), exit.meaning());
    }
    let ours = |code: &&Code| code.row().origins.contains(&mcp_login_ipc::codes::Origin::Ours);
    text.push_str("\n## Codes of MCP Login\n\n| code | fact | cause | next step | exit | later |\n|---|---|---|---|---|---|\n");
    for code in Code::ALL.iter().filter(ours) {
        let row = code.row();
        let _ = writeln!(
            text,
            "| `{}` | {} | {} | {} | {} | {} |",
            row.code,
            angle(row.fact),
            angle(row.cause),
            angle(row.next),
            row.exit.status(),
            if row.retryable { "yes" } else { "" }
        );
    }
    text.push_str(
        "\n## Codes of the standards\n\nWhat an authorization server or an MCP server answers.\n\n\
         | code | defined by | fact | cause | next step | exit | later |\n|---|---|---|---|---|---|---|\n",
    );
    for code in Code::ALL.iter().filter(|code| !ours(code)) {
        let row = code.row();
        let origins: Vec<&str> = row.origins.iter().map(|origin| origin.as_str()).collect();
        let _ = writeln!(
            text,
            "| `{}` | {} | {} | {} | {} | {} | {} |",
            row.code,
            origins.join(", "),
            angle(row.fact),
            angle(row.cause),
            angle(row.next),
            row.exit.status(),
            if row.retryable { "yes" } else { "" }
        );
    }
    text
}

/// A line `@findings PART` becomes the table of what can be found there.
fn for_servers(template: &str) -> String {
    let mut text = String::new();
    for line in template.lines() {
        let Some(named) = line.strip_prefix("@findings ") else {
            text.push_str(&line.replace("@renew", RENEW));
            text.push('\n');
            continue;
        };
        let part = Part::ALL.iter().copied().find(|part| serde_json::json!(part) == named);
        assert!(part.is_some() || named == "any", "no part {named}");
        text.push_str("| finding | | offends against | what is so | what to do |\n|---|---|---|---|---|\n");
        for row in Find::ALL.iter().map(|find| find.row()).filter(|row| row.part == part) {
            let weight = match row.weight {
                Weight::Note => "*note*",
                Weight::Warning => "**warning**",
                Weight::Failed => "**failed**",
            };
            let clause = if row.clause.is_empty() { "the request's clause" } else { row.clause };
            let _ = writeln!(
                text,
                "| `{}` | {weight} | {clause} | {} | {} |",
                row.code,
                angle(row.fact),
                angle(row.next)
            );
        }
    }
    text
}

/// Placeholders as `<word>`, outside code spans escaped for Markdown.
fn angle(sentence: &str) -> String {
    let mut text = String::new();
    let mut code = false;
    for letter in sentence.chars() {
        match letter {
            '`' => {
                code = !code;
                text.push('`');
            }
            '{' => text.push_str(if code { "<" } else { "*" }),
            '}' => text.push_str(if code { ">" } else { "*" }),
            '|' => text.push_str("\\|"),
            other => text.push(other),
        }
    }
    text
}
