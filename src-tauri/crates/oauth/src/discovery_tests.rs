//! Cases of the MCP conformance suite (`auth/metadata-*`, `auth/resource-mismatch`, `auth/2025-03-26-*`) and ours.
#![allow(clippy::unwrap_used)]

use std::collections::HashMap;

use serde_json::{Value, json};

use super::*;
use crate::http::{NotSent, Reach, Unknown};
use crate::testing::{Answer, Scripted, Seen, answer, answer_with, run};

const SERVER: &str = "https://mcp.example/mcp";

/// Addresses and what they answer; everything else is 404. The server itself answers 401.
struct World {
    server: String,
    pages: HashMap<String, (u16, String)>,
    knock: (u16, Option<String>),
    challenge: Option<Challenge>,
    prefer: Option<Issuer>,
    pins: Pins,
    reach: Option<ReachRule>,
}

fn world() -> World {
    World {
        server: SERVER.to_owned(),
        pages: HashMap::new(),
        knock: (401, None),
        challenge: None,
        prefer: None,
        pins: Pins::default(),
        reach: None,
    }
}

fn resource(resource: &str, servers: &[&str]) -> Value {
    json!({"resource": resource, "authorization_servers": servers})
}

fn issuer(issuer: &str) -> Value {
    json!({"issuer": issuer, "authorization_endpoint": "https://as.example/authorize", "token_endpoint": "https://as.example/token",
        "code_challenge_methods_supported": ["S256"]})
}

impl World {
    fn page(mut self, url: &str, body: Value) -> Self {
        self.pages.insert(url.to_owned(), (200, body.to_string()));
        self
    }

    fn raw(mut self, url: &str, status: u16, body: &str) -> Self {
        self.pages.insert(url.to_owned(), (status, body.to_owned()));
        self
    }

    fn knock(mut self, status: u16, header: Option<&str>) -> Self {
        self.knock = (status, header.map(str::to_owned));
        self
    }

    fn answer(&self, seen: &Seen) -> Answer {
        if seen.purpose == Purpose::Challenge {
            return match &self.knock.1 {
                Some(header) => answer_with(self.knock.0, &[("www-authenticate", header)], ""),
                None => answer(self.knock.0, "{}"),
            };
        }
        match self.pages.get(&seen.url) {
            Some((status, body)) => answer(*status, body),
            None => answer(404, "not found"),
        }
    }

    fn discover_with(
        &self,
        reply: impl Fn(&Seen) -> Answer + Send + Sync,
    ) -> (Result<Discovered, Box<DiscoveryFailure>>, Vec<Seen>) {
        let server = ServerUrl::parse(&self.server).unwrap();
        let (profiles, reach) =
            (Profiles::builtin(), self.reach.clone().unwrap_or_else(|| ReachRule::new(&server)));
        let question = Question {
            server: &server,
            challenge: self.challenge.as_ref(),
            prefer: self.prefer.as_ref(),
            pins: &self.pins,
            profiles: &profiles,
            reach: &reach,
        };
        let http = Scripted::new(reply);
        let result = run(discover(&http, &question));
        (result, http.seen())
    }

    fn discover(&self) -> (Result<Discovered, Error>, Vec<String>) {
        let (result, seen) = self.discover_with(|seen| self.answer(seen));
        (result.map_err(|f| f.error), seen.iter().map(Seen::line).collect())
    }
}

const PATH: &str = "https://mcp.example/.well-known/oauth-protected-resource/mcp";
const ROOT: &str = "https://mcp.example/.well-known/oauth-protected-resource";
const AS: &str = "https://as.example/.well-known/oauth-authorization-server";

fn gets(urls: &[&str]) -> Vec<String> {
    std::iter::once(format!("POST {SERVER}")).chain(urls.iter().map(|u| format!("GET {u}"))).collect()
}

#[test]
fn metadata_default_asks_for_nothing_more() {
    let world = world()
        .knock(401, Some(&format!("Bearer resource_metadata=\"{PATH}\", scope=\"a\"")))
        .page(PATH, resource(SERVER, &["https://as.example"]))
        .page(ROOT, resource("https://trap.example", &["https://trap.example"]))
        .page(AS, issuer("https://as.example"));
    let (found, lines) = world.discover();
    let found = found.unwrap();
    assert_eq!(lines, gets(&[PATH, AS]));
    assert_eq!(
        (found.source, found.resource.as_str(), found.metadata.issuer.as_str()),
        (Source::ResourceMetadata, SERVER, "https://as.example")
    );
    assert_eq!(found.resource_parameter, Some(found.resource));
    assert_eq!(found.challenge.unwrap().scope.unwrap().to_string(), "a");
    let steps: Vec<StepOutcome> = found.trace.into_iter().map(|s| s.outcome).collect();
    assert_eq!(
        steps,
        [StepOutcome::Challenged { status: 401, pointer: true }, StepOutcome::Used, StepOutcome::Used]
    );
}

#[test]
fn metadata_var1_path_form_and_openid() {
    let openid = "https://as.example/.well-known/openid-configuration";
    let world = world()
        .page(PATH, resource(SERVER, &["https://as.example"]))
        .page(openid, issuer("https://as.example"));
    let (found, lines) = world.discover();
    assert!(found.is_ok());
    assert_eq!(lines, gets(&[PATH, AS, openid]));
}

#[test]
fn metadata_var2_root_and_path_inserted() {
    let inserted = "https://as.example/.well-known/oauth-authorization-server/tenant1";
    let world = world()
        .page(ROOT, resource("https://mcp.example", &["https://as.example/tenant1"]))
        .page(inserted, issuer("https://as.example/tenant1"));
    let (found, lines) = world.discover();
    assert_eq!(
        found.unwrap().resource_parameter.unwrap().as_str(),
        "https://mcp.example",
        "byte for byte: no slash"
    );
    assert_eq!(lines, gets(&[PATH, ROOT, inserted]));
}

#[test]
fn metadata_var3_custom_place_and_path_appended() {
    let custom = "https://mcp.example/custom/prm.json";
    let appended = "https://as.example/tenant1/.well-known/openid-configuration";
    let world = world()
        .knock(401, Some(&format!("Bearer resource_metadata=\"{custom}\"")))
        .page(custom, resource(SERVER, &["https://as.example/tenant1"]))
        .page(AS, issuer("https://as.example"))
        .page(appended, issuer("https://as.example/tenant1"));
    let (found, lines) = world.discover();
    assert!(found.is_ok());
    assert_eq!(
        lines,
        gets(&[
            custom,
            "https://as.example/.well-known/oauth-authorization-server/tenant1",
            "https://as.example/.well-known/openid-configuration/tenant1",
            appended,
        ]),
        "never at the root"
    );
}

#[test]
fn a_dead_pointer_falls_back_to_the_well_known_places() {
    let dead = "https://mcp.example/gone";
    let world = world()
        .knock(401, Some(&format!("Bearer resource_metadata=\"{dead}\"")))
        .raw(PATH, 200, "<!doctype html>")
        .page(ROOT, resource("https://mcp.example/", &["https://as.example"]))
        .page(AS, issuer("https://as.example"));
    let (found, lines) = world.discover();
    assert_eq!(found.unwrap().resource.as_str(), "https://mcp.example/");
    assert_eq!(lines, gets(&[dead, PATH, ROOT, AS]));
}

#[test]
fn resource_mismatch_ends_it() {
    let world = world()
        .page(PATH, resource("https://evil.example/mcp", &["https://as.example"]))
        .page(ROOT, resource(SERVER, &["https://as.example"]))
        .page(AS, issuer("https://as.example"));
    let (found, lines) = world.discover();
    assert!(matches!(found, Err(Error::ResourceMismatch { .. })));
    assert_eq!(lines, gets(&[PATH]), "nobody else is asked");
}

#[test]
fn pointers_that_are_no_https_address_end_it() {
    for bad in
        ["file:///etc/passwd", "http://169.254.169.254/latest", "/relative", "https://u:p@mcp.example/x"]
    {
        let (found, lines) =
            world().knock(401, Some(&format!("Bearer resource_metadata=\"{bad}\""))).discover();
        assert_eq!(found.unwrap_err(), Error::EndpointRefused { endpoint: EndpointName::Metadata }, "{bad}");
        assert_eq!(lines, gets(&[]));
    }
    let (found, _) = world().page(PATH, resource(SERVER, &["http://as.example"])).discover();
    assert_eq!(found.unwrap_err(), Error::EndpointRefused { endpoint: EndpointName::Issuer });
}

#[test]
fn metadata_issuer_mismatch_ends_it() {
    for (asked, said) in [
        ("https://as.example", "https://evil.example"),
        ("https://as.example", "https://AS.example"),
        ("https://as.example", "https://as.example:443"),
        ("https://as.example", "https://as.example//"),
        ("https://as.example/t", "https://as.example/t/"),
        ("https://as.example/t/", "https://as.example/t"),
    ] {
        let place = server_metadata_probes(&Issuer::new(asked)).unwrap().remove(0).url;
        let (found, lines) =
            world().page(PATH, resource(SERVER, &[asked])).page(&place, issuer(said)).discover();
        assert!(matches!(found, Err(Error::IssuerMismatch { .. })), "{asked} {said}: {found:?}");
        assert_eq!(lines, gets(&[PATH, &place]));
    }
}

#[test]
fn exception_one_trailing_slash_of_an_empty_path() {
    for (asked, said) in
        [("https://as.example", "https://as.example/"), ("https://as.example/", "https://as.example")]
    {
        let (found, _) = world().page(PATH, resource(SERVER, &[asked])).page(AS, issuer(said)).discover();
        assert_eq!(found.unwrap().metadata.issuer.as_str(), said, "the metadata's string counts");
    }
}

#[test]
fn exception_two_a_copy_on_the_mcp_host_points() {
    let copy = "https://mcp.example/.well-known/oauth-authorization-server";
    // named by PRM, and by the origin fallback
    for servers in [vec!["https://mcp.example"], vec![]] {
        let base = || world().page(PATH, resource(SERVER, &servers)).page(copy, issuer("https://as.example"));
        let (found, lines) = base().page(AS, issuer("https://as.example")).discover();
        assert_eq!(found.unwrap().metadata.issuer.as_str(), "https://as.example");
        assert_eq!(lines, gets(&[PATH, copy, AS]));
        let (found, _) = base().page(AS, issuer("https://other.example")).discover();
        assert!(matches!(found, Err(Error::IssuerMismatch { .. })), "its own document must match, {found:?}");
        let (found, _) = base().discover();
        assert!(matches!(found, Err(Error::NoMetadata { .. })), "the copy alone does not count, {found:?}");
    }
    // a copy elsewhere is no pointer
    let (found, _) = world()
        .page(PATH, resource(SERVER, &["https://as.example"]))
        .page(AS, issuer("https://mcp.example"))
        .discover();
    assert!(matches!(found, Err(Error::IssuerMismatch { .. })));
    // pointing twice ends it
    let back = "https://mcp.example/.well-known/oauth-authorization-server/x";
    let (found, _) = world()
        .page(PATH, resource(SERVER, &["https://mcp.example"]))
        .page(copy, issuer("https://mcp.example/x"))
        .page(back, issuer("https://mcp.example"))
        .discover();
    assert!(matches!(found, Err(Error::IssuerMismatch { .. })), "{found:?}");
}

#[test]
fn backcompat_2025_03_26() {
    let origin = "https://mcp.example/.well-known/oauth-authorization-server";
    let (found, lines) = world().page(origin, issuer("https://mcp.example")).discover();
    assert_eq!(found.unwrap().source, Source::ServerOrigin);
    assert_eq!(lines, gets(&[PATH, ROOT, origin]));

    let (found, _) = world().discover();
    let found = found.unwrap();
    assert_eq!(found.source, Source::DefaultEndpoints);
    let metadata = &found.metadata;
    assert_eq!(
        (
            metadata.authorization_endpoint.as_str(),
            metadata.token_endpoint.as_str(),
            metadata.registration_endpoint.as_ref().unwrap().as_str()
        ),
        ("https://mcp.example/authorize", "https://mcp.example/token", "https://mcp.example/register")
    );
    assert_eq!((metadata.issuer.as_str(), metadata.pkce), ("https://mcp.example", PkceSupport::NoMetadata));
    assert_eq!(found.resource_parameter.unwrap().as_str(), SERVER);
}

#[test]
fn an_open_door_is_not_no_sign_in() {
    let world_ = world()
        .knock(200, None)
        .page(PATH, resource(SERVER, &["https://as.example"]))
        .page(AS, issuer("https://as.example"));
    assert!(world_.discover().0.is_ok());
    assert_eq!(
        world().knock(200, None).discover().0.unwrap_err(),
        Error::NoSignInOffered { server: SERVER.to_owned() }
    );
    assert_eq!(
        world().knock(404, None).discover().0.unwrap_err(),
        Error::NoAuthorizationServer { server: SERVER.to_owned() }
    );
}

/// `auth/scope-step-up`: anybody may `initialize`, and what is asked for first stands in the challenge of an operation.
#[test]
fn a_server_that_guards_only_what_it_does() {
    let base = world()
        .page(PATH, json!({"resource": SERVER, "authorization_servers": ["https://as.example"], "scopes_supported": ["profile"]}))
        .page(AS, issuer("https://as.example"));
    let session = r#"{"jsonrpc":"2.0","id":0,"result":{"protocolVersion":"2025-11-25"}}"#;
    let unknown = r#"{"jsonrpc":"2.0","id":0,"error":{"code":-32601,"message":"Method not found"}}"#;
    for (status, first) in [(200, session), (404, unknown), (400, unknown)] {
        let (found, seen) =
            base.discover_with(|seen| match (seen.purpose, seen.body.contains("tools/list")) {
                (Purpose::Challenge, false) => answer(status, first),
                (Purpose::Challenge, true) => {
                    answer_with(401, &[("www-authenticate", "Bearer scope=\"basic\"")], "")
                }
                _ => base.answer(seen),
            });
        let challenge = found.unwrap().challenge.expect("the second request's");
        assert_eq!(challenge.scope.unwrap().to_string(), "basic");
        assert_eq!(seen.iter().filter(|seen| seen.purpose == Purpose::Challenge).count(), 2);
    }
    // It is asked once more, and what it then says of a bad day changes nothing.
    for second in [200, 400, 404, 429, 500] {
        let (found, _) = base.discover_with(|seen| match (seen.purpose, seen.body.contains("tools/list")) {
            (Purpose::Challenge, false) => answer(200, session),
            (Purpose::Challenge, true) => answer(second, "{}"),
            _ => base.answer(seen),
        });
        assert!(found.unwrap().challenge.is_none(), "{second}");
    }
}

#[test]
fn not_now_is_no_reason_for_a_fallback() {
    let later = |host: &str, status| Error::Later {
        purpose: Purpose::Metadata,
        host: host.to_owned(),
        status,
        retry_after: None,
    };
    assert_eq!(world().raw(PATH, 503, "").discover().0.unwrap_err(), later("mcp.example", 503));
    let (found, _) =
        world().page(PATH, resource(SERVER, &["https://as.example"])).raw(AS, 429, "").discover();
    assert_eq!(found.unwrap_err(), later("as.example", 429));
    let (found, _) = world()
        .raw(PATH, 500, "")
        .page(ROOT, resource("https://mcp.example", &["https://as.example"]))
        .page(AS, issuer("https://as.example"))
        .discover();
    assert!(found.is_ok(), "a broken path form does not hide a root document");
}

#[test]
fn pkce_must_be_announced_or_vouched_for() {
    let silent = |name: &str| {
        let mut document = issuer(name);
        document.as_object_mut().unwrap().remove("code_challenge_methods_supported");
        document
    };
    let at = |name: &str, document: Value| {
        let place = server_metadata_probes(&Issuer::new(name)).unwrap().pop().unwrap().url;
        world().page(PATH, resource(SERVER, &[name])).page(&place, document)
    };
    let name = "https://as.example";
    assert!(matches!(at(name, silent(name)).discover().0, Err(Error::PkceNotAnnounced { .. })));
    let mut pinned = at(name, silent(name));
    pinned.pins.pkce_s256 = true;
    assert_eq!(pinned.discover().0.unwrap().metadata.pkce, PkceSupport::Vouched);

    let cognito = "https://cognito-idp.eu-central-1.amazonaws.com/eu-central-1_AbC";
    let found = at(cognito, silent(cognito)).discover().0.unwrap();
    assert_eq!((found.metadata.pkce, found.resource_parameter.is_some()), (PkceSupport::Vouched, true));
    let entra = "https://login.microsoftonline.com/72f988bf-86f1-41af-91ab-2d7cd011db47/v2.0";
    let found = at(entra, silent(entra)).discover().0.unwrap();
    assert_eq!((found.metadata.pkce, found.resource_parameter), (PkceSupport::Vouched, None));
    assert_eq!(found.profile.unwrap().name, "microsoft-entra");

    let mut plain = issuer(entra);
    plain["code_challenge_methods_supported"] = json!(["plain"]);
    assert!(
        matches!(at(entra, plain).discover().0, Err(Error::PkceNotAnnounced { .. })),
        "a profile does not speak against metadata"
    );
}

/// Documents for all tenants of Entra name a template. Nothing else does, and nobody else may.
#[test]
fn a_template_where_it_is_known() {
    let template = "https://login.microsoftonline.com/{tenantid}/v2.0";
    let found = |asked: &str, says: &str| {
        let mut document = issuer(says);
        document.as_object_mut().unwrap().remove("code_challenge_methods_supported");
        for endpoint in ["authorization_endpoint", "token_endpoint"] {
            document[endpoint] = json!("https://login.microsoftonline.com/common/oauth2/v2.0/x");
        }
        let place = server_metadata_probes(&Issuer::new(asked)).unwrap().pop().unwrap().url;
        world().page(PATH, resource(SERVER, &[asked])).page(&place, document).discover().0
    };
    for asked in ["common", "organizations"] {
        let asked = format!("https://login.microsoftonline.com/{asked}/v2.0");
        let found = found(&asked, template).unwrap();
        assert_eq!(found.metadata.issuer.as_str(), asked, "what was asked for stays the issuer");
        assert_eq!(found.profile.unwrap().name, "microsoft-entra");
    }
    for (asked, says) in [
        ("https://login.microsoftonline.com/72f988bf-86f1-41af-91ab-2d7cd011db47/v2.0", template),
        ("https://login.microsoftonline.us/common/v2.0", template),
        ("https://as.example/common/v2.0", template),
        (
            "https://login.microsoftonline.com/common/v2.0",
            "https://login.microsoftonline.com/72f988bf-86f1-41af-91ab-2d7cd011db47/v2.0",
        ),
        ("https://login.microsoftonline.com/common/v2.0", "https://login.microsoftonline.com/{tenant}/v2.0"),
        ("https://login.microsoftonline.com/common/v2.0", "https://as.example/{tenantid}/v2.0"),
    ] {
        let refused = found(asked, says).map(|found| found.metadata.issuer);
        assert!(matches!(refused, Err(Error::IssuerMismatch { .. })), "{asked} said {says}: {refused:?}");
    }
}

#[test]
fn pins_win() {
    let endpoint = |url: &str| Endpoint::check(url);
    // issuer only: its document is looked up, the server's lie is overruled
    let mut pinned = world()
        .page(PATH, resource("https://evil.example", &["https://evil.example"]))
        .page(AS, issuer("https://as.example"));
    pinned.pins.issuer = Some(Issuer::new("https://as.example"));
    pinned.pins.resource = Some(PinnedResource::Value(ResourceUri::new("api://x")));
    pinned.pins.revocation_endpoint = endpoint("https://as.example/pinned");
    let found = pinned.discover().0.unwrap();
    assert_eq!((found.source, found.metadata.issuer.as_str()), (Source::Pinned, "https://as.example"));
    assert_eq!(found.resource_parameter.unwrap().as_str(), "api://x");
    assert_eq!(found.metadata.revocation_endpoint.unwrap().as_str(), "https://as.example/pinned");
    // endpoints: nobody is asked for metadata
    let mut pinned = world();
    pinned.pins.authorization_endpoint = endpoint("https://as.example/a");
    pinned.pins.token_endpoint = endpoint("https://as.example/t");
    pinned.pins.resource = Some(PinnedResource::Omit);
    let (found, lines) = pinned.discover();
    let found = found.unwrap();
    assert_eq!(
        (found.metadata.token_endpoint.as_str(), found.resource_parameter),
        ("https://as.example/t", None)
    );
    assert_eq!(found.metadata.issuer.as_str(), "https://mcp.example");
    assert_eq!(lines, gets(&[PATH, ROOT]));
    // whoever pinned the endpoints is not stopped by a document about something else
    let mut overruled = pinned;
    overruled.pages.insert(
        PATH.to_owned(),
        (200, resource("https://evil.example", &["https://evil.example"]).to_string()),
    );
    let mut pinned = overruled;
    assert_eq!(pinned.discover().0.unwrap().metadata.issuer.as_str(), "https://mcp.example");
    // half a pin
    pinned.pins.token_endpoint = None;
    let (found, lines) = pinned.discover();
    assert_eq!((found.unwrap_err().kind(), lines.len()), (ErrorKind::Settings, 0));
}

#[test]
fn the_preferred_issuer_is_taken_if_it_is_listed() {
    let two = || {
        world()
            .page(PATH, resource(SERVER, &["https://one.example", "https://as.example"]))
            .page(AS, issuer("https://as.example"))
            .page("https://one.example/.well-known/oauth-authorization-server", issuer("https://one.example"))
    };
    let with = |prefer: &str| {
        let mut world = two();
        world.prefer = Some(Issuer::new(prefer));
        world.discover().0.unwrap().metadata.issuer
    };
    assert_eq!(with("https://as.example").as_str(), "https://as.example");
    assert_eq!(with("https://gone.example").as_str(), "https://one.example");
}

#[test]
fn a_challenge_at_hand_saves_the_knock() {
    let mut world =
        world().page(PATH, resource(SERVER, &["https://as.example"])).page(AS, issuer("https://as.example"));
    world.challenge = Some(Challenge::default());
    let (found, lines) = world.discover();
    assert!(found.is_ok());
    assert_eq!(lines, [format!("GET {PATH}"), format!("GET {AS}")]);
}

#[test]
fn reach_is_public_for_hosts_that_documents_name() {
    let world =
        world().page(PATH, resource(SERVER, &["https://as.example"])).page(AS, issuer("https://as.example"));
    let (_, seen) = world.discover_with(|seen| world.answer(seen));
    let reaches: Vec<Reach> = seen.iter().map(|s| s.reach).collect();
    assert_eq!(reaches, [Reach::Private, Reach::Private, Reach::Public], "the typed host may lie anywhere");
    let mut local = self::world();
    local.server = "http://127.0.0.1:4711/mcp".to_owned();
    local.pages.insert(
        "http://127.0.0.1:4711/.well-known/oauth-protected-resource/mcp".to_owned(),
        (200, resource("http://127.0.0.1:4711/mcp", &["http://127.0.0.1:4712"]).to_string()),
    );
    let (_, seen) = local.discover_with(|seen| local.answer(seen));
    assert!(seen.iter().any(|s| s.url.contains("4712")));
    assert!(seen.iter().all(|s| s.reach == Reach::Private));
}

#[test]
fn the_browser_is_not_sent_to_this_machine_by_a_public_server() {
    let mut document = issuer("https://as.example");
    document["authorization_endpoint"] = json!("http://127.0.0.1:8080/admin");
    let mut world = world().page(PATH, resource(SERVER, &["https://as.example"])).page(AS, document);
    let refused = Error::EndpointRefused { endpoint: EndpointName::Authorization };
    assert_eq!(world.discover().0.unwrap_err(), refused);
    let server = ServerUrl::parse(SERVER).unwrap();
    world.reach = Some(ReachRule::new(&server).with_host("127.0.0.1"));
    assert!(world.discover().0.is_ok(), "unless policy names the host");
}

#[test]
fn failures_end_it_with_the_trace() {
    let base = world().page(PATH, resource(SERVER, &["https://as.example"]));
    let (result, _) = base.discover_with(|seen| {
        if seen.url.starts_with("https://as.example") {
            Err(HttpFailure::AddressRefused)
        } else {
            base.answer(seen)
        }
    });
    let failure = result.unwrap_err();
    assert_eq!(failure.error.kind(), ErrorKind::AddressRefused);
    assert_eq!(failure.trace.last().unwrap().outcome, StepOutcome::Ended { why: "address_refused" });
    let (result, seen) = base.discover_with(|_| Err(HttpFailure::NotSent(NotSent::Resolve)));
    assert_eq!((result.unwrap_err().error.kind(), seen.len()), (ErrorKind::NotSent, 1));
    let (result, _) = base.discover_with(|_| Err(HttpFailure::TooLarge { limit: 1 }));
    assert_eq!(result.unwrap_err().error.kind(), ErrorKind::TooLarge);
    // a stream that never ends is no reason to give up
    let open = base.page(AS, issuer("https://as.example"));
    let (result, _) = open.discover_with(|seen| {
        if seen.purpose == Purpose::Challenge {
            Err(HttpFailure::Unknown(Unknown::Timeout))
        } else {
            open.answer(seen)
        }
    });
    assert!(result.is_ok());
}

#[test]
fn the_trace_shows_no_query() {
    let mut world = world();
    world.server = "https://mcp.example/mcp?key=canary".to_owned();
    let (result, _) = world.discover_with(|seen| world.answer(seen));
    let trace = serde_json::to_string(&result.unwrap().trace).unwrap();
    assert!(!trace.contains("canary") && trace.contains("RFC 9728"), "{trace}");
}
