//! Rotation, reuse, grace, replay, introspection, revocation.

use crate::client::{SCHEME, auto};
use serde_json::json;

#[tokio::test]
async fn a_refresh_token_that_comes_back_ends_the_family() {
    let t = auto(&[]).await;
    let (client, first) = t.sign_in(&[]).await;
    let second = t.refresh(&client, &first["refresh_token"]).await.json();
    assert_eq!(t.refresh(&client, &first["refresh_token"]).await.json()["error"], "invalid_grant");
    assert_eq!(t.refresh(&client, &second["refresh_token"]).await.json()["error"], "invalid_grant");
    assert_eq!(t.initialize(&second["access_token"]).await.status, 401);
    assert_eq!(t.get("/sandbox/tokens").await.json()["grants"]["revoked"], 1);
}

#[tokio::test]
async fn within_the_grace_the_same_tokens_come_again() {
    let t = auto(&["--grace", "10"]).await;
    let (client, first) = t.sign_in(&[]).await;
    let second = t.refresh(&client, &first["refresh_token"]).await.json();
    let again = t.refresh(&client, &first["refresh_token"]).await.json();
    assert_eq!(second["access_token"], again["access_token"]);
    assert_eq!(second["refresh_token"], again["refresh_token"]);
    t.post_json("/sandbox/clock", &json!({"offset": 11})).await;
    assert_eq!(t.refresh(&client, &first["refresh_token"]).await.json()["error"], "invalid_grant");
    assert_eq!(t.refresh(&client, &second["refresh_token"]).await.json()["error"], "invalid_grant");
}

#[tokio::test]
async fn a_code_that_comes_back_takes_what_it_gave() {
    let t = auto(&[]).await;
    let client = t.register().await;
    let code = t.code(&client, &[]).await;
    let tokens = t.exchange(&client, &code).await.json();
    assert_eq!(t.initialize(&tokens["access_token"]).await.status, 200);
    assert_eq!(t.exchange(&client, &code).await.json()["error"], "invalid_grant");
    assert_eq!(t.initialize(&tokens["access_token"]).await.status, 401);
    assert_eq!(t.refresh(&client, &tokens["refresh_token"]).await.json()["error"], "invalid_grant");
}

#[tokio::test]
async fn lifetimes_end_by_the_clock_and_by_command() {
    let t = auto(&["--access-ttl", "30", "--refresh-ttl", "100"]).await;
    let (client, tokens) = t.sign_in(&[]).await;
    assert_eq!(tokens["expires_in"], 30);
    t.post_json("/sandbox/clock", &json!({"offset": 31})).await;
    assert_eq!(t.initialize(&tokens["access_token"]).await.status, 401);
    let next = t.refresh(&client, &tokens["refresh_token"]).await.json();
    assert_eq!(t.initialize(&next["access_token"]).await.status, 200);
    assert_eq!(t.post_json("/sandbox/expire", &json!({"what": "access"})).await.json()["access"], 1);
    assert_eq!(t.initialize(&next["access_token"]).await.status, 401);
    t.post_json("/sandbox/expire", &json!({"what": "refresh"})).await;
    assert_eq!(t.refresh(&client, &next["refresh_token"]).await.json()["error"], "invalid_grant");
    let code = t.code(&client, &[]).await;
    t.post_json("/sandbox/clock", &json!({"offset": 200})).await;
    assert_eq!(t.exchange(&client, &code).await.json()["error"], "invalid_grant");
}

#[tokio::test]
async fn narrower_scope_and_other_resources() {
    let t = auto(&[]).await;
    let (client, tokens) = t.sign_in(&[("scope", "mcp:read mcp:write")]).await;
    let refresh = |scope: &str, resource: &str| {
        let token = tokens["refresh_token"].as_str().unwrap().to_owned();
        let form = [
            ("grant_type", "refresh_token"),
            ("refresh_token", &token),
            ("client_id", &client),
            ("scope", scope),
            ("resource", resource),
        ];
        t.form("/token", &form)
    };
    let answer = t.send(refresh("mcp:admin", "")).await.unwrap();
    assert_eq!(answer.json()["error"], "invalid_scope");
    let answer = t.send(refresh("", "https://other.example/")).await.unwrap();
    assert_eq!(answer.json()["error"], "invalid_target");
    let answer = t.send(refresh("mcp:read", &t.running.mcp())).await.unwrap();
    assert_eq!(answer.json()["scope"], "mcp:read");
}

#[tokio::test]
async fn a_confidential_client_proves_itself_and_may_introspect() {
    let t = auto(&["--client-secret-ttl", "60"]).await;
    let body = json!({"redirect_uris": [SCHEME], "token_endpoint_auth_method": "client_secret_basic"});
    let registered = t.post_json("/register", &body).await.json();
    let id = registered["client_id"].as_str().unwrap();
    let secret = registered["client_secret"].as_str().unwrap();
    assert!(registered["client_secret_expires_at"].as_u64().unwrap() > 0);
    let code = t.code(id, &[]).await;
    let form = [
        ("grant_type", "authorization_code"),
        ("code", code.as_str()),
        ("code_verifier", crate::client::VERIFIER),
    ];
    let wrong = t.send(t.form("/token", &form).basic_auth(id, Some("no"))).await.unwrap();
    assert_eq!((wrong.status, wrong.json()["error"].as_str()), (401, Some("invalid_client")));
    assert!(wrong.header("www-authenticate").starts_with("Basic"));
    let tokens = t.send(t.form("/token", &form).basic_auth(id, Some(secret))).await.unwrap().json();
    let token = tokens["access_token"].as_str().unwrap();
    let look = |token: &str| t.form("/introspect", &[("token", token)]);
    let facts = t.send(look(token).basic_auth(id, Some(secret))).await.unwrap().json();
    assert_eq!((&facts["active"], facts["aud"].as_str()), (&json!(true), Some(t.running.mcp().as_str())));
    assert_eq!(facts["sub"], "user-alice");
    let answer = t.send(look(token)).await.unwrap();
    assert_eq!(answer.status, 401);
    // Another client's token says nothing.
    let (public, others) = t.sign_in(&[]).await;
    let theirs = others["access_token"].as_str().unwrap();
    let facts = t.send(look(theirs).basic_auth(id, Some(secret))).await.unwrap().json();
    assert_eq!(facts, json!({"active": false}));
    let answer = t.post_form("/introspect", &[("token", theirs), ("client_id", &public)]).await;
    assert_eq!(answer.status, 401);
    // The secret expires.
    t.post_json("/sandbox/clock", &json!({"offset": 61})).await;
    let answer = t.send(t.form("/token", &form).basic_auth(id, Some(secret))).await.unwrap();
    assert_eq!(answer.json()["error"], "invalid_client");
}

#[tokio::test]
async fn revocation_is_for_ones_own_tokens_and_quiet_about_strangers() {
    let t = auto(&[]).await;
    let (client, tokens) = t.sign_in(&[]).await;
    let (other, _) = t.sign_in(&[]).await;
    let token = tokens["access_token"].as_str().unwrap();
    let answer = t.post_form("/revoke", &[("token", token), ("client_id", &other)]).await;
    assert_eq!(answer.status, 400);
    let answer = t.post_form("/revoke", &[("token", "unknown"), ("client_id", &client)]).await;
    assert_eq!(answer.status, 200);
    let answer = t.post_form("/revoke", &[("token", token), ("client_id", &client)]).await;
    assert_eq!(answer.status, 200);
    assert_eq!(t.initialize(&tokens["access_token"]).await.status, 401);
    // An access token takes nothing else with it.
    assert_eq!(t.refresh(&client, &tokens["refresh_token"]).await.status, 200);
}

#[tokio::test]
async fn tokens_can_be_long_and_jwts() {
    let t = auto(&["--token", "jwt", "--token-bytes", "4096"]).await;
    let (_, tokens) = t.sign_in(&[]).await;
    let token = tokens["access_token"].as_str().unwrap();
    assert!(token.len() >= 4096 && token.split('.').count() == 3);
    assert_eq!(t.initialize(&tokens["access_token"]).await.status, 200);
}
