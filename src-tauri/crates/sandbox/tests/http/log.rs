//! What a test can read, and what it must not.

use crate::client::{SCHEME, VERIFIER, auto};
use mcp_login_sandbox::short_hash;
use serde_json::json;

#[tokio::test]
async fn no_secret_is_in_the_log_and_the_same_secret_has_the_same_name() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("log");
    let t = auto(&["--log", file.to_str().unwrap()]).await;
    let body = json!({"redirect_uris": [SCHEME], "token_endpoint_auth_method": "client_secret_basic"});
    let made = t.post_json("/register", &body).await.json();
    let (client, tokens) =
        t.sign_in(&[("scope", "openid"), ("nonce", "canary-nonce"), ("state", "canary-state")]).await;
    t.initialize(&tokens["access_token"]).await;
    let next = t.refresh(&client, &tokens["refresh_token"]).await.json();
    let refresh = next["refresh_token"].as_str().unwrap();
    t.post_form("/revoke", &[("token", refresh), ("client_id", &client)]).await;
    t.get("/mcp?access_token=canary-query").await;
    let wrong = t.form("/token", &[("grant_type", "refresh_token"), ("refresh_token", "canary-form")]);
    t.send(wrong.basic_auth("id", Some("canary-secret"))).await.unwrap();

    let log = t.get("/sandbox/log?endpoint=all").await.text();
    let lines = std::fs::read_to_string(&file).unwrap();
    for text in [&log, &lines] {
        for secret in [
            "canary",
            VERIFIER,
            made["client_secret"].as_str().unwrap(),
            made["registration_access_token"].as_str().unwrap(),
            tokens["access_token"].as_str().unwrap(),
            tokens["id_token"].as_str().unwrap(),
            next["access_token"].as_str().unwrap(),
            refresh,
        ] {
            assert!(!text.contains(secret), "{secret} is in the log");
        }
    }
    let refreshes = t.log("endpoint=refresh").await;
    let old = short_hash(tokens["refresh_token"].as_str().unwrap());
    assert_eq!(refreshes[0]["params"]["refresh_token"], old);
    assert_eq!(refreshes[0]["issued"]["refresh_token"], short_hash(refresh));
    assert_eq!(t.log("endpoint=code").await[0]["issued"]["refresh_token"], old);
    assert_eq!(t.log("endpoint=token").await.len(), 3);
    let bearer = format!("Bearer {}", short_hash(tokens["access_token"].as_str().unwrap()));
    assert_eq!(t.log("endpoint=mcp").await[0]["headers"]["authorization"], bearer);
    assert_eq!(t.log("endpoint=mcp").await[0]["rpc"]["method"], "initialize");
    assert_eq!(lines.lines().count(), t.log("").await.len());
}

#[tokio::test]
async fn a_test_can_wait_for_an_entry() {
    let t = auto(&[]).await;
    let before = t.get("/sandbox/log").await.json()["next"].as_u64().unwrap();
    let waiting = t.get("/sandbox/log?endpoint=jwks&ended=true&wait=20000");
    let (seen, _) = tokio::join!(waiting, t.get("/jwks"));
    let entry = &seen.json()["entries"][0];
    assert_eq!((&entry["status"], &entry["path"]), (&json!(200), &json!("/jwks")));
    assert!(entry["n"].as_u64().unwrap() > before);
    assert_eq!(t.send(t.http.delete(t.at("/sandbox/log"))).await.unwrap().status, 204);
    assert!(t.log("").await.is_empty());
}
