//! Each fault does what its row says. The last test holds this file against the table.

use crate::client::{SCHEME, Talk, auto, sandbox};
use mcp_login_sandbox::TABLE;
use serde_json::{Value, json};

const META: &str = "/.well-known/oauth-authorization-server";
const PRM: &str = "/.well-known/oauth-protected-resource/mcp";

async fn with(fault: &str) -> Talk {
    auto(&["--fault", fault]).await
}

async fn meta(fault: &str) -> Value {
    with(fault).await.get(META).await.json()
}

async fn prm(fault: &str) -> Value {
    with(fault).await.get(PRM).await.json()
}

#[tokio::test]
async fn slow_waits_and_is_counted() {
    let t = with("slow=jwks:300,times=1").await;
    let before = std::time::Instant::now();
    t.get("/jwks").await;
    assert!(before.elapsed().as_millis() >= 300);
    assert_eq!(t.get("/sandbox/faults").await.json()["on"][0]["taken"], 1);
}

#[tokio::test]
async fn hang_never_answers_but_is_in_the_log() {
    let t = with("hang=jwks").await;
    let waiting = t.http.get(t.at("/jwks")).send();
    tokio::select! {
        answer = waiting => panic!("{answer:?}"),
        seen = t.get("/sandbox/log?endpoint=jwks&ended=true&wait=20000") => {
            assert_eq!(seen.json()["entries"][0]["status"], "hung");
        }
    }
}

#[tokio::test]
async fn dropped_and_lost_answers_break_the_connection() {
    let t = with("drop=jwks,times=1").await;
    assert!(t.send(t.http.get(t.at("/jwks"))).await.is_err());
    assert_eq!(t.get("/jwks").await.status, 200);
    let (client, tokens) = t.sign_in(&[]).await;
    t.faults(json!({"lost-answer": "refresh,times=1"})).await;
    assert!(t.send(t.refresh_request(&client, &tokens["refresh_token"])).await.is_err());
    // The rotation has happened.
    assert_eq!(t.get("/sandbox/tokens").await.json()["refresh"]["used"], 1);
    assert_eq!(t.refresh(&client, &tokens["refresh_token"]).await.json()["error"], "invalid_grant");
}

#[tokio::test]
async fn statuses_and_bodies() {
    let t = sandbox(&[]).await;
    t.faults(json!({"status": "jwks:502"})).await;
    assert_eq!(t.get("/jwks").await.status, 502);
    t.faults(json!({"status": null, "too-many": "jwks:7"})).await;
    let answer = t.get("/jwks").await;
    assert_eq!((answer.status, answer.header("retry-after").as_str()), (429, "7"));
    t.faults(json!({"too-many": null, "html": "jwks"})).await;
    assert!(
        t.get("/jwks").await.text().contains("<html")
            || t.get("/jwks").await.text().contains("<!doctype html>")
    );
    t.faults(json!({"html": null, "giant": "jwks:3"})).await;
    assert!(t.get("/jwks").await.body.len() >= 3 * 1024 * 1024);
    t.faults(json!({"giant": null, "deep-json": "jwks:5000"})).await;
    assert_eq!(t.get("/jwks").await.text(), "[".repeat(5000));
    t.faults(json!({"deep-json": null, "drip": "jwks:1"})).await;
    let mut answer = t.http.get(t.at("/jwks")).send().await.unwrap();
    for _ in 0..3 {
        assert!(!answer.chunk().await.unwrap().unwrap().is_empty());
    }
    t.faults(json!({"drip": null, "wrong-type": "jwks"})).await;
    assert_eq!(t.get("/jwks").await.header("content-type"), "text/plain");
    t.faults(json!({"wrong-type": null, "truncated": "jwks"})).await;
    assert!(t.send(t.http.get(t.at("/jwks"))).await.is_err());
    t.faults(json!({"truncated": null, "empty-400": "jwks"})).await;
    let answer = t.get("/jwks").await;
    assert_eq!((answer.status, answer.body.len()), (400, 0));
    t.faults(json!({"empty-400": null, "error-200": "jwks:slow_down"})).await;
    let answer = t.get("/jwks").await;
    assert_eq!((answer.status, answer.json()["error"].as_str()), (200, Some("slow_down")));
}

#[tokio::test]
async fn redirects_lead_to_the_trap_which_sees_credentials() {
    let t = with("redirect=token").await;
    let answer = t.post_form("/token", &[("grant_type", "refresh_token"), ("refresh_token", "canary")]).await;
    assert_eq!(answer.status, 307);
    let place = answer.header("location");
    assert!(place.starts_with("http://localhost:"), "{place}");
    // A client that follows would be seen.
    t.send(t.http.get(t.at(&place.replace("localhost", "127.0.0.1"))).bearer_auth("canary")).await.unwrap();
    let trapped = t.log("endpoint=trap").await;
    assert!(trapped[0]["headers"]["authorization"].as_str().unwrap().starts_with("Bearer #"));
    t.faults(json!({"redirect": null, "endless-redirect": "jwks"})).await;
    let first = t.get("/jwks").await.header("location");
    let second = t.get(&first).await.header("location");
    assert!(first.ends_with("/jwks?n=1") && second.ends_with("/jwks?n=2"));
}

#[tokio::test]
async fn refusals() {
    let t = with("refuse=refresh:invalid_grant").await;
    let (client, tokens) = t.sign_in(&[]).await;
    assert_eq!(t.refresh(&client, &tokens["refresh_token"]).await.json()["error"], "invalid_grant");
    t.faults(json!({"refuse": "authorize:temporarily_unavailable"})).await;
    // Nothing was changed by the refusal.
    assert_eq!(t.refresh(&client, &tokens["refresh_token"]).await.status, 200);
    let answer = t.authorize(&client, &[]).await;
    assert_eq!(answer.callback("error").as_deref(), Some("temporarily_unavailable"));
    t.faults(json!({"hostile-text": true})).await;
    assert!(t.authorize(&client, &[]).await.callback("error_description").unwrap().contains("<script>"));
    let answer = t.refresh(&client, &json!("no")).await.json();
    assert!(answer["error_uri"].as_str().unwrap().starts_with("javascript:"));
}

#[tokio::test]
async fn metadata() {
    assert_eq!(meta("wrong-issuer").await["issuer"], "https://attacker.example");
    assert!(meta("trailing-slash=metadata").await["issuer"].as_str().unwrap().ends_with('/'));
    assert!(prm("trailing-slash").await["authorization_servers"][0].as_str().unwrap().ends_with('/'));
    assert!(meta("no-s256").await.get("code_challenge_methods_supported").is_none());
    assert_eq!(meta("no-s256=plain").await["code_challenge_methods_supported"], json!(["plain"]));
    assert!(meta("no-iss=both").await.get("authorization_response_iss_parameter_supported").is_none());
    assert!(meta("no-registration").await.get("registration_endpoint").is_none());
    assert!(meta("no-revocation").await.get("revocation_endpoint").is_none());
    assert!(meta("no-introspection").await.get("introspection_endpoint").is_none());
    assert!(meta("no-cimd").await.get("client_id_metadata_document_supported").is_none());
    assert_eq!(
        meta("auth-methods").await["token_endpoint_auth_methods_supported"],
        json!(["client_secret_post"])
    );
    assert_eq!(
        meta("authorization-endpoint=file:///etc/passwd").await["authorization_endpoint"],
        "file:///etc/passwd"
    );
    assert_eq!(meta("private-address").await["token_endpoint"], "http://169.254.169.254/token");
    assert!(meta("metadata-field").await.get("token_endpoint").is_none());
    assert_eq!(meta("metadata-field=x=[1]").await["x"], json!([1]));
    for (fault, oauth, oidc) in [("all", 404, 404), ("oauth", 404, 200), ("oidc", 200, 404)] {
        let t = with(&format!("metadata-missing={fault}")).await;
        assert_eq!(t.get(META).await.status, oauth);
        assert_eq!(t.get("/.well-known/openid-configuration").await.status, oidc);
    }
}

#[tokio::test]
async fn protected_resource_metadata_and_challenge() {
    assert_eq!(prm("prm-issuer").await["authorization_servers"], json!(["https://attacker.example"]));
    assert_eq!(prm("prm-resource").await["resource"], "https://other.example/mcp");
    assert!(prm("prm-no-scopes").await.get("scopes_supported").is_none());
    for (fault, path, root) in [("all", 404, 404), ("path", 404, 200), ("root", 200, 404)] {
        let t = with(&format!("prm-missing={fault}")).await;
        assert_eq!(t.get(PRM).await.status, path);
        assert_eq!(t.get("/.well-known/oauth-protected-resource").await.status, root);
    }
    let t = sandbox(&[]).await;
    let mut challenges = Vec::new();
    for fault in ["no-challenge", "no-challenge-metadata", "no-challenge-scope", "challenge-metadata"] {
        t.faults(json!({fault: "times=1"})).await;
        challenges.push(t.rpc_with(None, &json!({}), &[]).await.header("www-authenticate"));
    }
    assert_eq!(challenges[0], "");
    assert_eq!(challenges[1], "Bearer scope=\"mcp:read\"");
    assert!(challenges[2].contains("resource_metadata") && !challenges[2].contains("scope="));
    assert!(challenges[3].contains("resource_metadata=\"http://169.254.169.254/prm\""));
}

#[tokio::test]
async fn registration() {
    let four = "http://127.0.0.1/callback";
    let local = "http://localhost/callback";
    for (fault, redirects, status) in [
        ("scheme-refused", vec![SCHEME], 400),
        ("scheme-refused", vec![four], 201),
        ("loopback-refused", vec![four], 400),
        ("loopback-refused", vec![local], 400),
        ("loopback-refused", vec![SCHEME], 201),
        ("literal-loopback-refused", vec![four], 400),
        ("literal-loopback-refused", vec![local], 201),
        ("mixed-refused", vec![four, SCHEME], 400),
        ("mixed-refused", vec![four], 201),
        ("scheme-refused=authorize", vec![SCHEME], 201),
    ] {
        let t = with(fault).await;
        let answer = t.try_register(&redirects).await;
        assert_eq!(answer.status, status, "{fault} {redirects:?}");
        if status == 400 {
            assert_eq!(answer.json()["error"], "invalid_redirect_uri");
        }
    }
    let t = with("scheme-refused=authorize").await;
    let client = t.register().await;
    assert_eq!(t.authorize(&client, &[]).await.status, 400);

    let t = with("strict-port").await;
    let client =
        t.try_register(&["http://127.0.0.1:1/c"]).await.json()["client_id"].as_str().unwrap().to_owned();
    assert_eq!(t.get(&t.authorize_url(&client, "http://127.0.0.1:2/c", &[])).await.status, 400);

    let made = with("forced-secret").await.try_register(&[SCHEME]).await.json();
    assert_eq!(made["token_endpoint_auth_method"], "client_secret_basic");
    assert!(made["client_secret"].is_string());
    assert_eq!(with("null-secret").await.try_register(&[SCHEME]).await.json()["client_secret"], Value::Null);
    assert_eq!(with("null-secret=empty").await.try_register(&[SCHEME]).await.json()["client_secret"], "");
    let made = with("edited-registration").await.try_register(&[SCHEME]).await.json();
    assert_eq!(made["redirect_uris"], json!(["https://other.example/callback"]));
    let made = with("auth-methods").await.try_register(&[SCHEME]).await.json();
    assert_eq!(made["token_endpoint_auth_method"], "client_secret_post");
    assert_eq!(with("no-registration").await.try_register(&[SCHEME]).await.status, 404);
}

#[tokio::test]
async fn forgotten_clients() {
    let t = auto(&[]).await;
    let (client, tokens) = t.sign_in(&[]).await;
    t.faults(json!({"clients-forgotten": true})).await;
    let answer = t.refresh(&client, &tokens["refresh_token"]).await;
    assert_eq!((answer.status, answer.json()["error"].as_str()), (401, Some("invalid_client")));
    assert_eq!(t.authorize(&client, &[]).await.status, 400);
    assert_eq!(t.try_register(&[SCHEME]).await.status, 201);
}

#[tokio::test]
async fn the_authorization_response() {
    let t = auto(&[]).await;
    let client = t.register().await;
    let mut seen = Vec::new();
    for fault in ["wrong-iss", "no-iss", "trailing-slash", "wrong-state", "no-state"] {
        let value = if fault == "trailing-slash" { "iss,times=1" } else { "times=1" };
        t.faults(json!({fault: value})).await;
        let answer = t.authorize(&client, &[]).await;
        assert!(answer.callback("code").is_some());
        seen.push((answer.callback("iss"), answer.callback("state")));
        t.faults(json!({fault: null})).await;
    }
    let issuer = t.running.issuer();
    let state = Some("state-1".to_owned());
    assert_eq!(seen[0], (Some("https://attacker.example".into()), state.clone()));
    assert_eq!(seen[1], (None, state.clone()));
    assert_eq!(seen[2], (Some(format!("{issuer}/")), state));
    assert_eq!(seen[3], (Some(issuer.clone()), Some("forged".into())));
    assert_eq!(seen[4], (Some(issuer), None));
    // What lies elsewhere is not counted here: the metadata is read in between.
    t.faults(json!({"trailing-slash": "iss,times=1"})).await;
    assert_eq!(t.get(META).await.json()["issuer"], t.running.issuer());
    assert!(t.authorize(&client, &[]).await.callback("iss").unwrap().ends_with('/'));
    t.faults(json!({"doubled-parameters": true})).await;
    let location = t.authorize(&client, &[]).await.header("location");
    assert_eq!((location.matches("code=").count(), location.matches("state=").count()), (2, 2));
}

#[tokio::test]
async fn token_answers() {
    let t = auto(&[]).await;
    let client = t.register().await;
    let mut seen = serde_json::Map::new();
    for fault in ["no-expires-in", "expires-in", "token-type", "no-scope", "narrow-scope", "no-refresh-token"]
    {
        let value = if fault == "no-refresh-token" { json!("code") } else { json!(true) };
        t.faults(json!({fault: value})).await;
        let code = t.code(&client, &[("scope", "mcp:read mcp:write")]).await;
        seen.insert(fault.to_owned(), t.exchange(&client, &code).await.json());
        t.faults(json!({fault: null})).await;
    }
    assert!(seen["no-expires-in"].get("expires_in").is_none());
    assert_eq!(seen["expires-in"]["expires_in"], "3600");
    assert_eq!(seen["token-type"]["token_type"], "mac");
    assert!(seen["no-scope"].get("scope").is_none());
    assert_eq!(seen["narrow-scope"]["scope"], "mcp:read");
    assert!(seen["no-refresh-token"].get("refresh_token").is_none());
    // At the refresh the old token stays good.
    let (client, tokens) = t.sign_in(&[]).await;
    t.faults(json!({"no-refresh-token": true})).await;
    for _ in 0..2 {
        let next = t.refresh(&client, &tokens["refresh_token"]).await;
        assert_eq!(next.status, 200);
        assert!(next.json().get("refresh_token").is_none());
    }
}

#[tokio::test]
async fn id_tokens() {
    use base64::Engine as _;
    let t = auto(&[]).await;
    let client = t.register().await;
    let mut claims = Vec::new();
    for part in ["nonce", "aud", "iss", "exp", "signature"] {
        t.faults(json!({"bad-id-token": part})).await;
        let code = t.code(&client, &[("scope", "openid"), ("nonce", "n-1")]).await;
        let token = t.exchange(&client, &code).await.json()["id_token"].as_str().unwrap().to_owned();
        let middle = token.split('.').nth(1).unwrap();
        let text = base64::engine::general_purpose::URL_SAFE_NO_PAD.decode(middle).unwrap();
        claims.push(serde_json::from_slice::<Value>(&text).unwrap());
    }
    assert_eq!(claims[0]["nonce"], "forged");
    assert_eq!(claims[1]["aud"], "another-client");
    assert_eq!(claims[2]["iss"], "https://attacker.example");
    assert!(claims[3]["exp"].as_u64() < claims[3]["iat"].as_u64());
    assert_eq!(
        (&claims[4]["nonce"], claims[4]["iss"].as_str()),
        (&json!("n-1"), Some(t.running.issuer().as_str()))
    );
}

#[tokio::test]
async fn revocation_that_lies() {
    let t = with("revocation-lies").await;
    let (client, tokens) = t.sign_in(&[]).await;
    let token = tokens["access_token"].as_str().unwrap();
    assert_eq!(t.post_form("/revoke", &[("token", token), ("client_id", &client)]).await.status, 200);
    assert_eq!(t.initialize(&tokens["access_token"]).await.status, 200);
    t.faults(json!({"revocation-lies": null, "no-revocation": true})).await;
    assert_eq!(t.post_form("/revoke", &[("token", token), ("client_id", &client)]).await.status, 404);
}

#[tokio::test]
async fn the_mcp_server() {
    let t = with("endless-401").await;
    let (_, tokens) = t.sign_in(&[]).await;
    for _ in 0..2 {
        assert_eq!(t.initialize(&tokens["access_token"]).await.status, 401);
    }
    t.faults(json!({"endless-401": null, "endless-403": "mcp:write"})).await;
    let answer = t.initialize(&tokens["access_token"]).await;
    assert_eq!(answer.status, 403);
    assert!(answer.header("www-authenticate").contains("scope=\"mcp:write\""), "{:?}", answer.headers);
    t.faults(json!({"endless-403": null})).await;
    let session = t.initialize(&tokens["access_token"]).await.header("mcp-session-id");
    t.faults(json!({"session-lost": "times=1"})).await;
    let ping = json!({"jsonrpc": "2.0", "id": 1, "method": "ping"});
    let headers = [("mcp-session-id", session.as_str())];
    let token = tokens["access_token"].as_str();
    assert_eq!(t.rpc_with(token, &ping, &headers).await.status, 404);
    assert_eq!(t.rpc_with(token, &ping, &headers).await.status, 200);
}

#[tokio::test]
async fn the_clock() {
    let t = with("clock=100000").await;
    assert_eq!(t.get("/sandbox/clock").await.json()["offset"], 100_000);
    t.faults(json!({"clock": -50})).await;
    assert_eq!(t.get("/sandbox/clock").await.json()["offset"], -50);
    t.faults(json!({"clock": null})).await;
    assert_eq!(t.get("/sandbox/clock").await.json()["offset"], 0);
}

#[tokio::test]
async fn mistakes_in_switches_change_nothing() {
    let t = with("hang=mcp").await;
    let answer = t.post_json("/sandbox/faults", &json!({"hang": null, "nonsense": true})).await;
    assert_eq!(answer.status, 400);
    assert!(answer.text().contains("nonsense"));
    assert_eq!(t.get("/sandbox/faults").await.json()["on"][0]["name"], "hang");
    assert_eq!(t.send(t.http.delete(t.at("/sandbox/faults"))).await.unwrap().json()["on"], json!([]));
}

/// A new row needs a test here: each name must be in this file.
#[test]
fn every_fault_is_tested() {
    let here = include_str!("faults.rs");
    for row in TABLE {
        assert!(here.contains(&format!("\"{}", row.name)), "{} has no test", row.name);
    }
}
