//! npm `oidc-provider`: a certified authorization server that nobody here wrote, so that the sandbox cannot share our
//! mistakes with us. What it is set up to do is in `tests/oidc-provider/server.mjs`.

use std::process::Command;

use serde::Deserialize;
use serde_json::{Value, json};

use crate::child::Running;
use crate::npm;
use crate::programs::workspace;

/// A running server.
#[derive(Debug)]
pub struct OidcProvider {
    _running: Running,
    issuer: String,
    http: reqwest::blocking::Client,
}

/// Something that happened there, e.g. `grant.success` or `refresh_token.consumed`.
#[derive(Debug, Clone, Deserialize)]
pub struct Event {
    /// The server's own name for it.
    pub event: String,
    /// The grant of a token request.
    pub grant_type: Option<String>,
    /// The client.
    pub client_id: Option<String>,
    /// RFC 8707.
    pub resource: Option<Value>,
    /// The error code.
    pub error: Option<String>,
}

impl OidcProvider {
    /// Starts it; access tokens live five minutes and are JWTs.
    pub fn start() -> OidcProvider {
        Self::start_with(&json!({}))
    }

    /// The same with `{"accessTtl": 30, "format": "opaque", "cert": FILE, "key": FILE, "email": TEXT}`.
    pub fn start_with(options: &Value) -> OidcProvider {
        let place = npm::install("oidc-provider");
        npm::copy(&workspace().join("tests/oidc-provider"), &place, "server.mjs");
        let mut command = Command::new("node");
        command.current_dir(place).arg("server.mjs").arg(options.to_string());
        let running = Running::start("oidc-provider", &mut command);
        let ready = running.line_with(|line| serde_json::from_str::<Value>(line).ok());
        let issuer = ready["issuer"].as_str().expect("it names its issuer").to_owned();
        let http = crate::http_client(|client| client.tls_danger_accept_invalid_certs(true));
        OidcProvider { _running: running, issuer, http }
    }

    /// The issuer.
    pub fn issuer(&self) -> &str {
        &self.issuer
    }

    /// What happened, oldest first.
    pub fn log(&self) -> Vec<Event> {
        let answer = self.http.get(format!("{}/test/log", self.issuer)).send().expect("the issuer answers");
        answer.json().expect("its log")
    }

    /// How often something happened.
    pub fn count(&self, event: &str) -> usize {
        self.log().iter().filter(|entry| entry.event == event).count()
    }
}
