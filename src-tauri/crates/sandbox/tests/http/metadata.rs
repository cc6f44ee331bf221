//! Where the documents lie, and the guises.

use crate::client::{CHALLENGE, SCHEME, VERIFIER, auto, sandbox};
use serde_json::json;

#[tokio::test]
async fn the_documents_lie_where_the_rfcs_say() {
    let t = sandbox(&["--issuer-path", "/tenant"]).await;
    let issuer = format!("{}/tenant", t.origin);
    for path in [
        "/.well-known/oauth-authorization-server/tenant",
        "/.well-known/openid-configuration/tenant",
        "/tenant/.well-known/openid-configuration",
    ] {
        assert_eq!(t.get(path).await.json()["issuer"], issuer, "{path}");
    }
    assert_eq!(t.get("/.well-known/oauth-authorization-server").await.status, 404);
    let path = t.get("/.well-known/oauth-protected-resource/mcp").await.json();
    assert_eq!(
        (&path["resource"], &path["authorization_servers"]),
        (&json!(t.running.mcp()), &json!([issuer]))
    );
    let root = t.get("/.well-known/oauth-protected-resource").await.json();
    assert_eq!(root["resource"], t.origin);
    assert_eq!(t.get("/health").await.json()["status"], "ok");
    assert_eq!(t.get("/nothing").await.status, 404);
}

#[tokio::test]
async fn the_providers_guises_keep_their_shape() {
    for (guise, path) in [
        ("entra", "/12345678-1234-1234-1234-123456789012/v2.0/.well-known/openid-configuration"),
        ("cognito", "/us-east-1_FDyGrrjP6/.well-known/openid-configuration"),
    ] {
        let t = auto(&["--guise", guise]).await;
        let doc = t.get(path).await.json();
        assert_eq!(doc["issuer"], t.running.issuer());
        assert!(doc.get("code_challenge_methods_supported").is_none());
        assert!(doc.get("registration_endpoint").is_none());
        assert!(doc["token_endpoint"].as_str().unwrap().starts_with(&t.origin), "{doc}");
        let client = json!({"client_id": "c", "redirect_uris": ["http://localhost/callback", SCHEME]});
        t.post_json("/sandbox/clients", &client).await;
        let at = |params: &str| {
            format!(
                "{}?response_type=code&client_id=c&code_challenge={CHALLENGE}&code_challenge_method=S256&state=s&scope=openid{params}",
                doc["authorization_endpoint"].as_str().unwrap()
            )
        };
        let answer = t.get(&at("&redirect_uri=http://localhost:81/callback")).await;
        // Entra leaves the port of localhost free, Cognito compares texts.
        assert_eq!(answer.status, if guise == "entra" { 302 } else { 400 }, "{guise}");
        let answer = t.get(&at(&format!("&redirect_uri={SCHEME}"))).await;
        assert_eq!(answer.callback("iss"), None);
        let code = answer.callback("code").unwrap();
        let token_endpoint = doc["token_endpoint"].as_str().unwrap();
        let form = [
            ("grant_type", "authorization_code"),
            ("code", &code),
            ("client_id", "c"),
            ("code_verifier", VERIFIER),
        ];
        let tokens = t.post_form(token_endpoint, &form).await.json();
        assert_eq!(tokens["access_token"].as_str().unwrap().split('.').count(), 3);
        assert_eq!(t.initialize(&tokens["access_token"]).await.status, 200);
        let answer = t.get(&at(&format!("&redirect_uri={SCHEME}&resource={}", t.running.mcp()))).await;
        let description = answer.callback("error_description").unwrap_or_default();
        assert_eq!(description.contains("AADSTS9010010"), guise == "entra", "{description}");
    }
}

#[tokio::test]
async fn older_revisions_have_less() {
    let t = auto(&["--guise", "legacy-2025-03-26"]).await;
    assert_eq!(t.get("/.well-known/oauth-protected-resource/mcp").await.status, 404);
    assert_eq!(t.get("/.well-known/openid-configuration").await.status, 404);
    let doc = t.get("/.well-known/oauth-authorization-server").await.json();
    assert!(doc.get("authorization_response_iss_parameter_supported").is_none());
    assert_eq!(
        t.initialize(&json!("x")).await.header("www-authenticate"),
        "Bearer error=\"invalid_token\", error_description=\"the token is none of ours\""
    );
    let (_, tokens) = t.sign_in(&[]).await;
    let answer = t.initialize(&tokens["access_token"]).await;
    assert_eq!(answer.json()["result"]["protocolVersion"], "2025-03-26");

    let t = auto(&["--guise", "legacy-2025-03-26-endpoints"]).await;
    assert_eq!(t.get("/.well-known/oauth-authorization-server").await.status, 404);
    let (_, tokens) = t.sign_in(&[]).await;
    assert_eq!(t.initialize(&tokens["access_token"]).await.status, 200);

    let t = sandbox(&["--guise", "legacy-2025-06-18"]).await;
    assert_eq!(t.get("/.well-known/oauth-protected-resource/mcp").await.status, 200);
    assert_eq!(t.get("/.well-known/openid-configuration").await.status, 404);
}

#[tokio::test]
async fn browsers_may_read_what_they_need_and_no_more() {
    let t = auto(&[]).await;
    let asked = |method: &str, path: &str, origin: &str| {
        let method = reqwest::Method::from_bytes(method.as_bytes()).unwrap();
        t.http.request(method, t.at(path)).header("origin", origin)
    };
    let allow = "access-control-allow-origin";
    let page = "http://localhost:6274";
    for path in ["/token", "/register", "/.well-known/oauth-authorization-server"] {
        let answer = t.send(asked("OPTIONS", path, page)).await.unwrap();
        assert_eq!((answer.status, answer.header(allow).as_str()), (204, "*"), "{path}");
        assert!(answer.header("access-control-allow-headers").contains("Authorization"));
    }
    let answer = t.send(asked("POST", "/mcp", page)).await.unwrap();
    assert_eq!((answer.status, answer.header(allow).as_str()), (401, page));
    assert!(answer.header("access-control-expose-headers").contains("WWW-Authenticate"));
    let answer = t.send(asked("POST", "/mcp", "https://attacker.example")).await.unwrap();
    assert_eq!((answer.status, answer.header(allow).as_str()), (403, ""));
    let answer = t.send(asked("GET", "/sandbox/log", page)).await.unwrap();
    assert_eq!(answer.header(allow), "");
    let request = asked("POST", "/sandbox/faults", "https://attacker.example");
    let answer = t.send(request.header("content-type", "application/json").body("{}")).await.unwrap();
    assert_eq!(answer.status, 403);
    let answer = t.send(t.http.get(t.at("/health")).header("host", "attacker.example")).await.unwrap();
    assert_eq!(answer.status, 421);
}

#[tokio::test]
async fn there_can_be_a_limit() {
    let t = sandbox(&["--rate", "2"]).await;
    let mut seen = Vec::new();
    for _ in 0..40 {
        seen.push(t.get("/jwks").await.status);
    }
    assert!(seen.contains(&429) && seen.contains(&200), "{seen:?}");
    assert_eq!(t.get("/health").await.status, 200);
}
