//! Registering, reading, deleting.

use crate::client::{SCHEME, auto, sandbox};
use serde_json::json;

#[tokio::test]
async fn bad_registrations_are_refused_with_the_right_word() {
    let t = sandbox(&[]).await;
    for (body, error) in [
        (json!({}), "invalid_redirect_uri"),
        (json!({"redirect_uris": ["javascript:alert(1)"]}), "invalid_redirect_uri"),
        (json!({"redirect_uris": ["http://a.example/"]}), "invalid_redirect_uri"),
        (json!({"redirect_uris": [SCHEME], "application_type": "web"}), "invalid_redirect_uri"),
        (json!({"redirect_uris": [SCHEME], "application_type": "tablet"}), "invalid_client_metadata"),
        (json!({"redirect_uris": [SCHEME], "grant_types": ["implicit"]}), "invalid_client_metadata"),
        (
            json!({"redirect_uris": [SCHEME], "token_endpoint_auth_method": "magic"}),
            "invalid_client_metadata",
        ),
        (json!([]), "invalid_client_metadata"),
    ] {
        let answer = t.post_json("/register", &body).await;
        assert_eq!((answer.status, answer.json()["error"].as_str()), (400, Some(error)), "{body}");
    }
}

#[tokio::test]
async fn a_registration_is_read_and_deleted_with_its_token() {
    let t = auto(&[]).await;
    let made = t.try_register(&[SCHEME]).await.json();
    let place = made["registration_client_uri"].as_str().unwrap();
    let token = made["registration_access_token"].as_str().unwrap();
    assert_eq!(t.get(place).await.status, 401);
    let read = t.send(t.http.get(place).bearer_auth(token)).await.unwrap().json();
    assert_eq!(read["redirect_uris"], json!([SCHEME]));
    let id = made["client_id"].as_str().unwrap().to_owned();
    let code = t.code(&id, &[]).await;
    let tokens = t.exchange(&id, &code).await.json();
    assert_eq!(t.send(t.http.delete(place).bearer_auth(token)).await.unwrap().status, 204);
    assert_eq!(t.send(t.http.get(place).bearer_auth(token)).await.unwrap().status, 401);
    assert_eq!(t.initialize(&tokens["access_token"]).await.status, 401);
    assert_eq!(t.refresh(&id, &tokens["refresh_token"]).await.json()["error"], "invalid_client");
}

#[tokio::test]
async fn an_initial_access_token_can_be_asked_for() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("token");
    std::fs::write(&file, "let-me-in\n").unwrap();
    let t = sandbox(&["--initial-access-token-file", file.to_str().unwrap()]).await;
    assert_eq!(t.try_register(&[SCHEME]).await.status, 401);
    let body = json!({"redirect_uris": [SCHEME]}).to_string();
    let request =
        t.http.post(t.at("/register")).header("content-type", "application/json").bearer_auth("let-me-in");
    assert_eq!(t.send(request.body(body)).await.unwrap().status, 201);
}

#[tokio::test]
async fn clients_can_be_configured() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("clients.json");
    let list = json!([{"client_id": "known", "client_secret": "s", "redirect_uris": [SCHEME], "token_endpoint_auth_method": "client_secret_post"}]);
    std::fs::write(&file, list.to_string()).unwrap();
    let t = auto(&["--clients", file.to_str().unwrap()]).await;
    let code = t.code("known", &[]).await;
    let form = [
        ("grant_type", "authorization_code"),
        ("code", code.as_str()),
        ("code_verifier", crate::client::VERIFIER),
        ("client_id", "known"),
        ("client_secret", "s"),
    ];
    assert_eq!(t.post_form("/token", &form).await.status, 200);
    let more =
        t.post_json("/sandbox/clients", &json!({"redirect_uris": [SCHEME], "client_id": "later"})).await;
    assert_eq!(more.status, 201);
    let code = t.code("later", &[]).await;
    assert_eq!(t.exchange("later", &code).await.status, 200);
}
