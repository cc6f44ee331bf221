//! A client that follows nothing and forgives nothing.

use mcp_login_sandbox::{Options, Running, start};
use serde_json::{Value, json};
use std::time::Duration;

pub const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
pub const CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";
pub const SCHEME: &str = "io.github.mcp-login:/oauth/callback";
/// Long enough for a busy machine, and no test waits for it to pass.
const DEADLINE: Duration = Duration::from_secs(30);

#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub headers: reqwest::header::HeaderMap,
    pub body: Vec<u8>,
}

impl Answer {
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body)
            .unwrap_or_else(|e| panic!("{e}: {}", String::from_utf8_lossy(&self.body)))
    }
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }
    pub fn header(&self, name: &str) -> String {
        self.headers.get(name).and_then(|v| v.to_str().ok()).unwrap_or_default().to_owned()
    }
    /// A parameter of the redirect.
    pub fn callback(&self, name: &str) -> Option<String> {
        let location = self.header("location");
        let (_, query) = location.split_once('?')?;
        url::form_urlencoded::parse(query.as_bytes()).find(|(k, _)| k == name).map(|(_, v)| v.into_owned())
    }
}

pub struct Talk {
    pub running: Running,
    pub http: reqwest::Client,
    pub origin: String,
}

/// A sandbox with these arguments.
pub async fn sandbox(args: &[&str]) -> Talk {
    use clap::Parser as _;
    let mut all = vec!["mcp-login-sandbox"];
    all.extend(args);
    let running = start(Options::parse_from(all)).await.unwrap();
    let http = reqwest::Client::builder()
        .redirect(reqwest::redirect::Policy::none())
        .no_proxy()
        .timeout(DEADLINE)
        .build()
        .unwrap();
    let origin = format!("http://{}", running.address());
    Talk { running, http, origin }
}

/// One that says yes by itself.
pub async fn auto(args: &[&str]) -> Talk {
    let mut all = vec!["--approve", "auto"];
    all.extend(args);
    sandbox(&all).await
}

impl Talk {
    pub fn at(&self, path: &str) -> String {
        if path.starts_with("http") { path.to_owned() } else { format!("{}{path}", self.origin) }
    }

    pub async fn send(&self, request: reqwest::RequestBuilder) -> Result<Answer, reqwest::Error> {
        let answer = request.send().await?;
        let (status, headers) = (answer.status().as_u16(), answer.headers().clone());
        Ok(Answer { status, headers, body: answer.bytes().await?.to_vec() })
    }

    pub async fn get(&self, path: &str) -> Answer {
        self.send(self.http.get(self.at(path))).await.unwrap()
    }

    pub async fn post_json(&self, path: &str, body: &Value) -> Answer {
        let request =
            self.http.post(self.at(path)).header("content-type", "application/json").body(body.to_string());
        self.send(request).await.unwrap()
    }

    pub fn form(&self, path: &str, params: &[(&str, &str)]) -> reqwest::RequestBuilder {
        let body = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(params).finish();
        self.http.post(self.at(path)).header("content-type", "application/x-www-form-urlencoded").body(body)
    }

    pub async fn post_form(&self, path: &str, params: &[(&str, &str)]) -> Answer {
        self.send(self.form(path, params)).await.unwrap()
    }

    pub async fn faults(&self, faults: Value) {
        let answer = self.post_json("/sandbox/faults", &faults).await;
        assert_eq!(answer.status, 200, "{}", answer.text());
    }

    pub async fn try_register(&self, redirects: &[&str]) -> Answer {
        let body = json!({
            "client_name": "a test",
            "redirect_uris": redirects,
            "application_type": "native",
            "token_endpoint_auth_method": "none",
            "grant_types": ["authorization_code", "refresh_token"],
        });
        self.post_json("/register", &body).await
    }

    pub async fn register(&self) -> String {
        let answer = self.try_register(&[SCHEME]).await;
        assert_eq!(answer.status, 201, "{}", answer.text());
        answer.json()["client_id"].as_str().unwrap().to_owned()
    }

    pub fn authorize_url(&self, client: &str, redirect: &str, more: &[(&str, &str)]) -> String {
        let mcp = self.running.mcp();
        let mut params = vec![
            ("response_type", "code"),
            ("client_id", client),
            ("redirect_uri", redirect),
            ("code_challenge", CHALLENGE),
            ("code_challenge_method", "S256"),
            ("state", "state-1"),
            ("resource", &mcp),
        ];
        params.retain(|(k, _)| more.iter().all(|(m, _)| m != k));
        params.extend(more.iter().filter(|(_, v)| !v.is_empty()));
        let query = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(params).finish();
        self.at(&format!("/authorize?{query}"))
    }

    pub async fn authorize(&self, client: &str, more: &[(&str, &str)]) -> Answer {
        self.get(&self.authorize_url(client, SCHEME, more)).await
    }

    pub async fn code(&self, client: &str, more: &[(&str, &str)]) -> String {
        let answer = self.authorize(client, more).await;
        answer.callback("code").unwrap_or_else(|| panic!("{} {}", answer.header("location"), answer.text()))
    }

    pub async fn exchange(&self, client: &str, code: &str) -> Answer {
        let params = [
            ("grant_type", "authorization_code"),
            ("code", code),
            ("client_id", client),
            ("code_verifier", VERIFIER),
            ("redirect_uri", SCHEME),
        ];
        self.post_form("/token", &params).await
    }

    /// Signs in; client and tokens.
    pub async fn sign_in(&self, more: &[(&str, &str)]) -> (String, Value) {
        let client = self.register().await;
        let code = self.code(&client, more).await;
        let answer = self.exchange(&client, &code).await;
        assert_eq!(answer.status, 200, "{}", answer.text());
        (client, answer.json())
    }

    pub fn refresh_request(&self, client: &str, token: &Value) -> reqwest::RequestBuilder {
        let token = token.as_str().unwrap();
        self.form(
            "/token",
            &[("grant_type", "refresh_token"), ("refresh_token", token), ("client_id", client)],
        )
    }

    pub async fn refresh(&self, client: &str, token: &Value) -> Answer {
        self.send(self.refresh_request(client, token)).await.unwrap()
    }

    pub async fn rpc_with(&self, token: Option<&str>, body: &Value, headers: &[(&str, &str)]) -> Answer {
        let mut request = self
            .http
            .post(self.at("/mcp"))
            .header("content-type", "application/json")
            .header("accept", "application/json, text/event-stream");
        if let Some(token) = token {
            request = request.bearer_auth(token);
        }
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        self.send(request.body(body.to_string())).await.unwrap()
    }

    /// `initialize` with a token: the shortest proof that it is good.
    pub async fn initialize(&self, token: &Value) -> Answer {
        let body = json!({"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": {"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": {"name": "t", "version": "0"}}});
        self.rpc_with(token.as_str(), &body, &[]).await
    }

    pub async fn log(&self, query: &str) -> Vec<Value> {
        self.get(&format!("/sandbox/log?{query}")).await.json()["entries"].as_array().unwrap().clone()
    }
}
