//! Issuer and resource as two servers; https.

use crate::client::{SCHEME, Talk, auto, sandbox};
use serde_json::json;

async fn tokens_for(issuer: &Talk, resource: &str) -> (String, serde_json::Value) {
    issuer.sign_in(&[("resource", resource)]).await
}

async fn refused(resource: &Talk) -> serde_json::Value {
    resource.log("endpoint=mcp").await.last().unwrap()["refused"].clone()
}

#[tokio::test]
async fn introspection_tells_active_expiry_and_audience_apart() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("client");
    std::fs::write(&file, "rs:secret").unwrap();
    let file = file.to_str().unwrap();
    let issuer = auto(&["--mode", "issuer", "--introspection-client-file", file]).await;
    assert_eq!(issuer.get("/mcp").await.status, 404);
    let args = ["--mode", "resource", "--issuer", &issuer.origin, "--introspection-client-file", file];
    let resource = sandbox(&args).await;
    assert_eq!(resource.get("/token").await.status, 404);
    let prm = resource.get("/.well-known/oauth-protected-resource/mcp").await.json();
    assert_eq!(prm["authorization_servers"], json!([issuer.origin]));
    let (client, tokens) = tokens_for(&issuer, &resource.running.mcp()).await;
    assert_eq!(resource.initialize(&tokens["access_token"]).await.status, 200);
    let (_, others) = tokens_for(&issuer, "https://other.example/mcp").await;
    assert_eq!(resource.initialize(&others["access_token"]).await.status, 401);
    assert_eq!(refused(&resource).await, "audience");
    // The resource's clock is ahead of the issuer's, which still says active.
    resource.post_json("/sandbox/clock", &json!({"offset": 1000})).await;
    assert_eq!(resource.initialize(&tokens["access_token"]).await.status, 401);
    assert_eq!(refused(&resource).await, "expired");
    resource.post_json("/sandbox/clock", &json!({"offset": 0})).await;
    let token = tokens["access_token"].as_str().unwrap();
    issuer.post_form("/revoke", &[("token", token), ("client_id", &client)]).await;
    assert_eq!(resource.initialize(&tokens["access_token"]).await.status, 401);
    assert_eq!(refused(&resource).await, "inactive");
    issuer.faults(json!({"status": "introspection:500"})).await;
    assert_eq!(resource.initialize(&tokens["access_token"]).await.status, 503);
}

#[tokio::test]
async fn an_introspection_can_be_remembered() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("client");
    std::fs::write(&file, "rs:secret").unwrap();
    let file = file.to_str().unwrap();
    let issuer = auto(&["--mode", "issuer", "--introspection-client-file", file]).await;
    let args = [
        "--mode",
        "resource",
        "--issuer",
        &issuer.origin,
        "--introspection-client-file",
        file,
        "--introspection-cache",
        "60",
    ];
    let resource = sandbox(&args).await;
    let (_, tokens) = tokens_for(&issuer, &resource.running.mcp()).await;
    for _ in 0..3 {
        assert_eq!(resource.initialize(&tokens["access_token"]).await.status, 200);
    }
    assert_eq!(issuer.log("endpoint=introspection").await.len(), 1);
}

#[tokio::test]
async fn jwts_are_checked_by_the_issuers_keys() {
    let issuer = auto(&["--mode", "issuer", "--token", "jwt", "--issuer-path", "/t"]).await;
    let name = format!("{}/t", issuer.origin);
    let resource = sandbox(&["--mode", "resource", "--issuer", &name]).await;
    let stranger = auto(&["--token", "jwt"]).await;
    let client = json!({"client_id": "c", "redirect_uris": [SCHEME]});
    issuer.post_json("/sandbox/clients", &client).await;
    let url = issuer
        .authorize_url("c", SCHEME, &[("resource", &resource.running.mcp())])
        .replace("/authorize?", "/t/authorize?");
    let code = issuer.get(&url).await.callback("code").unwrap();
    let form = [
        ("grant_type", "authorization_code"),
        ("code", code.as_str()),
        ("client_id", "c"),
        ("code_verifier", crate::client::VERIFIER),
    ];
    let tokens = issuer.post_form("/t/token", &form).await.json();
    assert_eq!(resource.initialize(&tokens["access_token"]).await.status, 200);
    let (_, foreign) = stranger.sign_in(&[]).await;
    assert_eq!(resource.initialize(&foreign["access_token"]).await.status, 401);
    assert_eq!(refused(&resource).await, "unknown");
    assert_eq!(resource.initialize(&json!("opaque")).await.status, 401);
}

#[tokio::test]
async fn an_issuer_that_lies_about_its_name_is_not_used() {
    use clap::Parser as _;
    let issuer = auto(&["--mode", "issuer", "--fault", "wrong-issuer"]).await;
    let args = ["x", "--mode", "resource", "--issuer", &issuer.origin];
    let error = mcp_login_sandbox::start(mcp_login_sandbox::Options::parse_from(args)).await.unwrap_err();
    assert!(error.to_string().contains("attacker.example"), "{error}");
}

#[tokio::test]
async fn it_speaks_https() {
    use clap::Parser as _;
    let dir = tempfile::tempdir().unwrap();
    let made = rcgen::generate_simple_self_signed(["sandbox.test".to_owned()]).unwrap();
    let (cert, key) = (dir.path().join("cert.pem"), dir.path().join("key.pem"));
    std::fs::write(&cert, made.cert.pem()).unwrap();
    std::fs::write(&key, made.signing_key.serialize_pem()).unwrap();
    let args = [
        "x",
        "--tls-cert",
        cert.to_str().unwrap(),
        "--tls-key",
        key.to_str().unwrap(),
        "--origin",
        "https://sandbox.test:4443",
    ];
    let running = mcp_login_sandbox::start(mcp_login_sandbox::Options::parse_from(args)).await.unwrap();
    assert_eq!(running.issuer(), "https://sandbox.test:4443");
    let ca = reqwest::Certificate::from_pem(made.cert.pem().as_bytes()).unwrap();
    let http = reqwest::Client::builder()
        .tls_certs_only([ca])
        .resolve("sandbox.test", running.address())
        .no_proxy()
        .build()
        .unwrap();
    // The port of `resolve` wins only when the address names none.
    let url = format!("https://sandbox.test:{}/health", running.address().port());
    let answer = http.get(url).send().await.unwrap();
    assert_eq!(answer.status().as_u16(), 200);
    assert!(answer.text().await.unwrap().contains("https://sandbox.test:4443/mcp"));
}
