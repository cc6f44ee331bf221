//! A person signs in.

use crate::client::{CHALLENGE, SCHEME, VERIFIER, auto, sandbox};
use serde_json::json;

#[tokio::test]
async fn sign_in_call_a_tool_refresh_and_sign_out() {
    let t = auto(&[]).await;
    let (client, tokens) = t.sign_in(&[("scope", "mcp:read openid"), ("nonce", "n-1")]).await;
    assert_eq!(tokens["token_type"], "Bearer");
    assert_eq!(tokens["scope"], "mcp:read openid");
    assert!(tokens["id_token"].is_string());
    assert_eq!(t.initialize(&tokens["access_token"]).await.status, 200);
    let next = t.refresh(&client, &tokens["refresh_token"]).await.json();
    assert_ne!(next["refresh_token"], tokens["refresh_token"]);
    assert_eq!(t.initialize(&next["access_token"]).await.status, 200);
    let refresh = next["refresh_token"].as_str().unwrap();
    let answer = t.post_form("/revoke", &[("token", refresh), ("client_id", &client)]).await;
    assert_eq!(answer.status, 200);
    assert_eq!(t.initialize(&next["access_token"]).await.status, 401);
    assert_eq!(t.refresh(&client, &next["refresh_token"]).await.json()["error"], "invalid_grant");
}

fn hidden(page: &str) -> String {
    let start = page.find("name=\"request\" value=\"").unwrap() + 22;
    page[start..].split('"').next().unwrap().to_owned()
}

#[tokio::test]
async fn the_page_lets_the_person_choose_and_cancel() {
    let t = sandbox(&[]).await;
    let client = t.register().await;
    let page = t.authorize(&client, &[]).await;
    assert_eq!(page.status, 200);
    let policy = page.header("content-security-policy");
    assert!(policy.contains("default-src 'none'") && policy.contains("frame-ancestors 'none'"), "{policy}");
    assert!(policy.contains("form-action 'self' io.github.mcp-login:;"), "{policy}");
    for id in ["id=\"allow\"", "id=\"cancel\"", "id=\"alice\"", "id=\"bob\""] {
        assert!(page.text().contains(id), "{id}");
    }
    let request = hidden(&page.text());
    let yes = [("request", request.as_str()), ("decision", "allow"), ("user", "bob")];
    let answer = t.post_form("/consent", &yes).await;
    assert_eq!(answer.callback("state").unwrap(), "state-1");
    assert_eq!(answer.callback("iss").unwrap(), t.running.issuer());
    assert!(answer.header("location").starts_with(SCHEME));
    let cookie = answer.header("set-cookie");
    let tokens = t.exchange(&client, &answer.callback("code").unwrap()).await.json();
    assert_eq!(t.initialize(&tokens["access_token"]).await.status, 200);
    // The same page a second time: it was used.
    assert_eq!(t.post_form("/consent", &yes).await.status, 400);

    // Bob is remembered, unless the client asks for the choice.
    let asked = |url: String| t.http.get(url).header("cookie", cookie.split(';').next().unwrap());
    let page = t.send(asked(t.authorize_url(&client, SCHEME, &[]))).await.unwrap().text();
    assert!(page.contains("Bob Example</strong>") && !page.contains("id=\"alice\""));
    let url = t.authorize_url(&client, SCHEME, &[("prompt", "select_account")]);
    assert!(t.send(asked(url)).await.unwrap().text().contains("id=\"alice\""));
    let url = t.authorize_url(&client, SCHEME, &[("login_hint", "alice@sandbox.example")]);
    let page = t.send(asked(url)).await.unwrap().text();
    assert!(page.contains("value=\"alice\" checked"));

    let answer = t.post_form("/consent", &[("request", &hidden(&page)), ("decision", "cancel")]).await;
    assert_eq!(answer.callback("error").unwrap(), "access_denied");
    assert_eq!(answer.callback("iss").unwrap(), t.running.issuer());
}

#[tokio::test]
async fn markup_in_a_name_stays_text() {
    let t = sandbox(&[]).await;
    let body = json!({"client_name": "<script>alert(1)</script>", "redirect_uris": [SCHEME], "token_endpoint_auth_method": "none"});
    let client = t.post_json("/register", &body).await.json()["client_id"].as_str().unwrap().to_owned();
    let page = t.authorize(&client, &[]).await.text();
    assert!(!page.contains("<script") && page.contains("&lt;script&gt;"));
    let page = t.authorize("<script>", &[]).await;
    assert_eq!(page.status, 400);
    assert!(!page.text().contains("<script"));
}

#[tokio::test]
async fn what_is_wrong_goes_to_the_client_or_to_the_person() {
    let t = auto(&[]).await;
    let client = t.register().await;
    for (name, value, error) in [
        ("response_type", "token", "unsupported_response_type"),
        ("code_challenge", "", "invalid_request"),
        ("code_challenge_method", "plain", "invalid_request"),
        ("resource", "https://other.example/mcp", "invalid_target"),
        ("scope", "nonsense", "invalid_scope"),
    ] {
        let answer = t.authorize(&client, &[(name, value)]).await;
        assert_eq!(answer.callback("error").as_deref(), Some(error), "{name}");
        assert_eq!(answer.callback("state").as_deref(), Some("state-1"));
        assert!(answer.callback("iss").is_some());
    }
    for more in [("client_id", "nobody"), ("redirect_uri", "https://attacker.example/")] {
        let answer = t.authorize(&client, &[more]).await;
        assert_eq!((answer.status, answer.header("location").as_str()), (400, ""));
    }
    let doubled = format!("{}&state=2", t.authorize_url(&client, SCHEME, &[]));
    assert_eq!(t.get(&doubled).await.status, 400);
}

#[tokio::test]
async fn the_verifier_the_client_and_the_redirect_must_fit() {
    let t = auto(&[]).await;
    let client = t.register().await;
    let other = t.register().await;
    let code = t.code(&client, &[]).await;
    let with = |name: &str, value: &str| {
        let mut all = vec![
            ("grant_type".to_owned(), "authorization_code".to_owned()),
            ("code".into(), code.clone()),
            ("client_id".into(), client.clone()),
            ("code_verifier".into(), VERIFIER.into()),
            ("redirect_uri".into(), SCHEME.into()),
        ];
        for (k, v) in &mut all {
            if k == name {
                *v = value.to_owned();
            }
        }
        all
    };
    for (name, value) in [
        ("code_verifier", CHALLENGE),
        ("client_id", &other),
        ("redirect_uri", "https://other.example/"),
        ("code", "sbx-code-no"),
    ] {
        let params = with(name, value);
        let params: Vec<(&str, &str)> = params.iter().map(|(k, v)| (k.as_str(), v.as_str())).collect();
        assert_eq!(t.post_form("/token", &params).await.json()["error"], "invalid_grant", "{name}");
    }
    assert_eq!(t.exchange(&client, &code).await.status, 200);
}

#[tokio::test]
async fn loopback_redirects_may_change_the_port() {
    let t = auto(&[]).await;
    let answer = t.try_register(&["http://127.0.0.1:1111/callback", "http://[::1]/callback"]).await;
    let client = answer.json()["client_id"].as_str().unwrap().to_owned();
    for redirect in ["http://127.0.0.1:2222/callback", "http://[::1]:3/callback"] {
        let answer = t.get(&t.authorize_url(&client, redirect, &[])).await;
        assert!(answer.header("location").starts_with(redirect));
    }
    let answer = t.get(&t.authorize_url(&client, "http://127.0.0.1:2222/other", &[])).await;
    assert_eq!(answer.status, 400);
}

#[tokio::test]
async fn a_metadata_document_is_a_client() {
    let t = auto(&[]).await;
    // A second sandbox would do as a web server, but a listener of three lines shows what is fetched.
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let id = format!("http://{}/client.json", listener.local_addr().unwrap());
    let doc = json!({"client_id": id, "client_name": "doc", "redirect_uris": [SCHEME]}).to_string();
    let server = tokio::spawn(async move {
        use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut buffer = [0; 4096];
        let n = stream.read(&mut buffer).await.unwrap();
        let head =
            format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{doc}", doc.len());
        stream.write_all(head.as_bytes()).await.unwrap();
        String::from_utf8_lossy(&buffer[..n]).into_owned()
    });
    let code = t.code(&id, &[]).await;
    assert!(server.await.unwrap().starts_with("GET /client.json "));
    assert_eq!(t.exchange(&id, &code).await.status, 200);
    // Nobody listens there any more.
    let answer = t.authorize("http://127.0.0.1:9/none.json", &[]).await;
    assert_eq!(answer.status, 400);
}
