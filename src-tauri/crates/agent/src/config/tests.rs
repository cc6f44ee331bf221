use super::*;
use mcp_login_oauth::client_auth::AuthMethod;
use mcp_login_oauth::pins::PinnedResource;
use mcp_login_oauth::values::Issuer;

fn parse(text: &str) -> Result<Config, Mistake> {
    Config::parse(Path::new("config.toml"), text)
}

#[test]
fn everything_at_once() {
    let config = parse(
        r#"
        vault = "memory"
        approvals = "terminal"
        redirect = "loopback"
        log = "debug"
        [network]
        allow_private_hosts = ["MCP.intern.example", "10.0.0.7"]
        [client_metadata]
        loopback = "https://example.com/client/loopback.json"
        [clients."https://login.example/t/"]
        client_id = "abc"
        redirect_uri = "http://localhost:33418/callback"
        auth_method = "client_secret_post"
        [servers."https://MCP.example/mcp"]
        issuer = "https://login.example/t/"
        resource = false
        pkce_s256 = true
        scopes = ["read", "write"]
        [updates]
        look = "daily"
        from = "https://forge.intern.example/mcp-login/releases/latest"
        [[profile]]
        name = "ours"
        title = "Our own"
        issuers = ["https://login.example/*"]
        "#,
    )
    .unwrap();
    assert_eq!(config.vault, VaultChoice::Memory);
    assert_eq!(config.approvals, ApprovalsChoice::Terminal);
    assert_eq!(config.redirect, RedirectChoice::Loopback);
    assert_eq!(config.allow_private_hosts, ["mcp.intern.example", "10.0.0.7"]);
    assert_eq!(config.client("https://login.example/t/").unwrap().method, Some(AuthMethod::Post));
    assert!(config.client("https://login.example/t").is_none(), "issuers are compared byte for byte");
    let server = config.server(&ServerUrl::parse("https://mcp.example/mcp").unwrap()).unwrap();
    assert_eq!(server.pins.issuer.as_ref().unwrap().as_str(), "https://login.example/t/");
    assert_eq!(server.pins.resource, Some(PinnedResource::Omit));
    assert_eq!(config.updates.look, Look::Daily);
    let from = config.updates.from.as_ref().unwrap().as_str();
    assert_eq!(from, "https://forge.intern.example/mcp-login/releases/latest");
    assert_eq!(parse("").unwrap().updates, UpdateSettings::default(), "by itself nobody looks");
    assert_eq!(UpdateSettings::default().look, Look::ByHand);
    assert!(config.profiles.find(&Issuer::new("https://login.example/x")).is_some());
}

#[test]
fn mistakes_name_line_key_and_what_is_expected() {
    for (text, line, key, part) in [
        ("vault = \"keychan\"", 1, "vault", "\"keychain\" or \"memory\""),
        ("[updates]\nlook = \"weekly\"", 2, "updates.look", "\"by_hand\" or \"daily\""),
        ("[updates]\nfrom = \"http://forge.example/latest\"", 2, "updates.from", "not an https address"),
        ("[updates]\ninstall = true", 2, "updates.install", "no such setting"),
        ("\nvalt = \"memory\"", 2, "valt", "did you mean \"vault\""),
        ("\n\n[network]\nallow_private_host = []", 4, "network.allow_private_host", "allow_private_hosts"),
        (
            "[network]\nallow_private_hosts = [\"https://x\"]",
            2,
            "network.allow_private_hosts",
            "leave out scheme",
        ),
        ("xyzzy = 1", 1, "xyzzy", "known here: vault"),
        ("vault = ", 1, "file", ""),
        (
            "[clients.\"https://a.example\"]\nclient_secret = \"x\"",
            2,
            "clients.\"https://a.example\".client_secret",
            "--client-secret-stdin",
        ),
        ("[clients.\"https://a.example\"]\n", 1, "clients.\"https://a.example\"", "client_id is missing"),
        ("[clients.\"http://a.example\"]\nclient_id = \"x\"", 1, "clients.\"http://a.example\"", "https"),
        (
            "[servers.\"https://a.example\"]\ntoken_endpoint = \"https://a.example/t\"",
            1,
            "servers.\"https://a.example\"",
            "together",
        ),
        (
            "[servers.\"https://a.example\"]\nissuer = 7",
            2,
            "servers.\"https://a.example\".issuer",
            "https address",
        ),
        ("[client_metadata]\nscheme = \"https://a.example/\"", 2, "client_metadata.scheme", "with a path"),
        ("[[profile]]\nname = \"x\"\ntitle = \"x\"\nissuers = [\"https://*\"]", 1, "profile", "too wide"),
    ] {
        let mistake = parse(text).unwrap_err();
        assert_eq!((mistake.line, mistake.key.as_str()), (line, key), "{text}: {mistake}");
        assert!(mistake.to_string().contains(part), "{mistake}");
        assert!(mistake.to_string().starts_with("config.toml:"), "{mistake}");
    }
}

#[test]
fn no_file_means_the_defaults() {
    let dir = tempfile::tempdir().unwrap();
    assert_eq!(Config::load(dir.path()).unwrap().vault, VaultChoice::Keychain);
    std::fs::write(dir.path().join(FILE_NAME), "vault = \"memory\"").unwrap();
    assert_eq!(Config::load(dir.path()).unwrap().vault, VaultChoice::Memory);
    std::fs::write(dir.path().join(FILE_NAME), [0xff, 0xfe]).unwrap();
    assert_eq!(Config::load(dir.path()).unwrap_err().line, 0);
}
