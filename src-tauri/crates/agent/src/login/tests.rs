//! Sign-ins against an issuer on a script.

use super::*;
use crate::clock::Clock as _;
use crate::testing::{Carried, House, Step as Answer};
use base64::Engine as _;
use mcp_login_ipc::identity;
use mcp_login_oauth::callback::LIFE_SECONDS;
use mcp_login_oauth::http::{HttpFailure, Purpose};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

const ISSUER: &str = "http://127.0.0.1:9";
const ELSEWHERE: &str = "http://127.0.0.1:7";
const SERVER: &str = "http://127.0.0.1:9/mcp";

struct Stage {
    house: House,
    sign_ins: SignIns,
    audit: Audit,
}

fn metadata(issuer: &str) -> Answer {
    let document = serde_json::json!({
        "issuer": issuer,
        "authorization_endpoint": format!("{issuer}/authorize"),
        "token_endpoint": format!("{issuer}/token"),
        "registration_endpoint": format!("{issuer}/register"),
        "revocation_endpoint": format!("{issuer}/revoke"),
        "response_types_supported": ["code"],
        "code_challenge_methods_supported": ["S256"],
        "token_endpoint_auth_methods_supported": ["none"],
        "authorization_response_iss_parameter_supported": true,
    });
    Answer::Answer(200, document.to_string())
}

impl Stage {
    async fn new(opener: Opener) -> Self {
        Self::managed(opener, Managed::default()).await
    }

    async fn managed(opener: Opener, managed: Managed) -> Self {
        let house = House::new().await;
        let audit = Audit::open(house.dir.path()).unwrap();
        let parts = Parts {
            core: house.core.clone(),
            http: Wire::new(Carried(house.script.clone())),
            settings: Arc::new(Settings::new(
                house.dir.path().join("config"),
                Source::Said(Box::new(managed)),
                Config::default(),
            )),
            clock: house.clock.clone(),
            opener: Arc::new(move || opener.clone()),
            audit: audit.clone(),
        };
        Self { sign_ins: SignIns::new(parts), house, audit }
    }

    /// The server names this issuer at the next discovery.
    fn names(&self, issuer: &str) {
        let script = &self.house.script;
        script.then(Purpose::Challenge, Answer::Answer(401, String::new()));
        let resource = serde_json::json!({
            "resource": SERVER, "authorization_servers": [issuer], "scopes_supported": ["read"],
        });
        script.then(Purpose::Metadata, Answer::Answer(200, resource.to_string()));
        script.then(Purpose::Metadata, metadata(issuer));
    }

    fn registers(&self, id: &str) {
        let answer = serde_json::json!({ "client_id": id, "token_endpoint_auth_method": "none" });
        self.house.script.then(Purpose::Registration, Answer::Answer(201, answer.to_string()));
    }

    fn start(&self, start: Start) -> (SignInId, watch::Receiver<Step>) {
        self.sign_ins.start(start).unwrap()
    }

    async fn signed_in(&self) -> AccountId {
        self.names(ISSUER);
        self.registers("c1");
        let (_, mut steps) = self.start(new());
        let browser = browser(&mut steps).await;
        self.sign_ins.callback(&right(&browser, ISSUER), Door::Api, None).await;
        match end(&mut steps).await {
            Step::Done(done) => done.account.clone(),
            other => panic!("{other:?}"),
        }
    }

    fn asked(&self, purpose: Purpose) -> usize {
        self.house.script.count(purpose)
    }
}

fn new() -> Start {
    Start {
        target: Target::New { server: ServerUrl::parse(SERVER).unwrap(), name: None },
        redirect: RedirectWish::Only(RedirectKind::Scheme),
        issuer: None,
        scopes: None,
        prompt: None,
        login_hint: None,
        on_issuer_change: OnIssuerChange::Show,
        on_other_person: OnOtherPerson::Refuse,
        client: None,
        initial_access_token: None,
    }
}

async fn until(steps: &mut watch::Receiver<Step>, wanted: impl Fn(&Step) -> bool) -> Step {
    let found = tokio::time::timeout(
        Duration::from_secs(3_600),
        steps.wait_for(|step| wanted(step) || step.is_final()),
    );
    found.await.unwrap().unwrap().clone()
}

async fn browser(steps: &mut watch::Receiver<Step>) -> Arc<BrowserStep> {
    match until(steps, |step| matches!(step, Step::Browser(_))).await {
        Step::Browser(browser) => browser,
        other => panic!("{other:?}"),
    }
}

async fn end(steps: &mut watch::Receiver<Step>) -> Step {
    until(steps, Step::is_final).await
}

fn code_of(step: &Step) -> String {
    match step {
        Step::Failed(error) => error.fault().data.code,
        other => panic!("{other:?}"),
    }
}

fn state(browser: &BrowserStep) -> String {
    let url = url::Url::parse(&browser.authorization_url).unwrap();
    url.query_pairs().find(|(name, _)| name == "state").unwrap().1.into_owned()
}

fn right(browser: &BrowserStep, issuer: &str) -> String {
    let iss: String = url::form_urlencoded::byte_serialize(issuer.as_bytes()).collect();
    format!("{}?code=good&state={}&iss={iss}", browser.redirect_uri, state(browser))
}

#[tokio::test]
async fn no_callback_but_the_right_one_does_anything_and_that_one_works_once() {
    let stage = Stage::new(Opener::None).await;
    stage.names(ISSUER);
    stage.registers("c1");
    let (id, mut steps) = stage.start(new());
    let browser = browser(&mut steps).await;
    let (base, state) = (&browser.redirect_uri, state(&browser));
    let hostile = [
        format!("{base}?code=x&state=wrong&iss={ISSUER}"),
        format!("{base}?error=access_denied&state=wrong&iss={ISSUER}"),
        format!("{base}?error=access_denied"),
        format!("{base}?code=x"),
        format!("{base}?code=x&state={state}&state={state}&iss={ISSUER}"),
        format!("{base}?code=x&code=y&state={state}&iss={ISSUER}"),
        format!("{base}?code=x&state={state}&iss={ISSUER}&iss={ISSUER}"),
        format!("{base}?code=x&state={}", &state[1..]),
        format!("{base}?code=x&state={}", state.to_lowercase()),
        "<script>alert(1)</script>".to_owned(),
        "javascript:alert(1)".to_owned(),
        String::new(),
        format!("{base}?code={}&state=wrong", "x".repeat(1 << 20)),
    ];
    for address in &hostile {
        let delivered = stage.sign_ins.callback(address, Door::Api, None).await;
        assert_eq!(delivered.landing(), Landing::Unmatched, "{address:.120}");
        assert!(matches!(&*steps.borrow(), Step::Browser(_)), "{address:.120}");
    }
    let other = SignInId::new("another");
    let right = right(&browser, ISSUER);
    assert_eq!(stage.sign_ins.callback(&right, Door::Api, Some(&other)).await.landing(), Landing::Unmatched);
    assert_eq!(stage.asked(Purpose::Token), 0, "no code may go out");

    let delivered = stage.sign_ins.callback(&right, Door::Api, Some(&id)).await;
    assert_eq!(delivered.landing(), Landing::Done);
    assert!(matches!(end(&mut steps).await, Step::Done(_)));
    for _ in 0..3 {
        assert_eq!(stage.sign_ins.callback(&right, Door::Api, None).await.landing(), Landing::Used);
    }
    assert_eq!(stage.asked(Purpose::Token), 1);
    let entries = stage.audit.read(crate::audit::Range::Newest, 100).await.unwrap();
    let stray = entries.iter().filter(|e| e.action == AuditAction::StrayCallback).count();
    assert_eq!(stray, hostile.len() + 4);
    let text = serde_json::to_string(&entries).unwrap();
    assert!(!text.contains("good") && !text.contains(&state) && !text.contains("script"), "{text}");
}

#[tokio::test]
async fn an_answer_of_another_issuer_is_refused_and_the_right_one_still_taken() {
    let stage = Stage::new(Opener::None).await;
    stage.names(ISSUER);
    stage.registers("c1");
    let (id, mut steps) = stage.start(new());
    let browser = browser(&mut steps).await;
    let elsewhere = browser.redirect_uri.replace("/callback", "/elsewhere");
    for (base, parameters, code) in [
        (&browser.redirect_uri, format!("code=x&iss={ELSEWHERE}"), "callback_issuer"),
        (&browser.redirect_uri, format!("code=x&iss={ISSUER}/"), "callback_issuer"),
        (&browser.redirect_uri, "code=x".to_owned(), "callback_issuer"),
        (
            &browser.redirect_uri,
            format!("error=access_denied&error_description=evil&iss={ELSEWHERE}"),
            "callback_issuer",
        ),
        (&elsewhere, format!("code=x&iss={ISSUER}"), "callback_malformed"),
    ] {
        let address = format!("{base}?{parameters}&state={}", state(&browser));
        let delivered = stage.sign_ins.callback(&address, Door::Api, None).await;
        assert_eq!(delivered.landing(), Landing::Unmatched, "{parameters}");
        // Who waits hears why, and nothing of what an unknown issuer said.
        let Step::Browser(told) = &*steps.borrow() else { panic!("{parameters}: it waits no longer") };
        assert_eq!(told.refused.as_ref().unwrap().data.code, code, "{parameters}");
        assert!(!format!("{told:?}").contains("evil"));
        assert_eq!(told.authorization_url, browser.authorization_url);
        assert_eq!(
            stage.audit.read(crate::audit::Range::Newest, 1).await.unwrap()[0].code.as_deref(),
            Some(code),
            "{parameters}"
        );
    }
    assert_eq!(stage.asked(Purpose::Token), 0);
    let delivered = stage.sign_ins.callback(&right(&browser, ISSUER), Door::Pasted, Some(&id)).await;
    assert_eq!(delivered.landing(), Landing::Done);
    assert!(matches!(end(&mut steps).await, Step::Done(_)));
}

#[tokio::test]
async fn a_refusal_on_the_page_is_told_and_a_cancelled_or_late_one_is_over() {
    let stage = Stage::new(Opener::None).await;
    stage.names(ISSUER);
    stage.registers("c1");
    let (_, mut steps) = stage.start(new());
    let first = browser(&mut steps).await;
    let address = format!("{}?error=access_denied&state={}&iss={ISSUER}", first.redirect_uri, state(&first));
    stage.sign_ins.callback(&address, Door::Api, None).await;
    assert_eq!(code_of(&end(&mut steps).await), "access_denied");

    stage.names(ISSUER); // the registration is used again
    let (id, mut steps) = stage.start(new());
    let second = browser(&mut steps).await;
    stage.sign_ins.cancel(&id).await.unwrap();
    assert_eq!(code_of(&end(&mut steps).await), "sign_in_cancelled");
    let late = stage.sign_ins.callback(&right(&second, ISSUER), Door::Api, None).await;
    assert_eq!(late.landing(), Landing::Used);
    assert!(stage.sign_ins.cancel(&id).await.is_err());
    assert_eq!((stage.asked(Purpose::Registration), stage.asked(Purpose::Token)), (1, 0));
}

#[tokio::test]
async fn ten_minutes_and_no_more() {
    let stage = Stage::new(Opener::None).await;
    stage.names(ISSUER);
    stage.registers("c1");
    let (_, mut steps) = stage.start(new());
    let browser = browser(&mut steps).await;
    // Time jumps only here: while it stood still from the start, waiting for the vault's thread would make it jump too.
    tokio::time::pause();
    tokio::time::advance(Duration::from_secs(LIFE_SECONDS - 1)).await;
    assert!(!steps.borrow().is_final(), "it lives for ten minutes");
    tokio::time::advance(Duration::from_secs(2)).await;
    tokio::time::resume();
    assert_eq!(code_of(&end(&mut steps).await), "sign_in_expired");
    let late = stage.sign_ins.callback(&right(&browser, ISSUER), Door::Api, None).await;
    assert_eq!(late.landing(), Landing::Used);
    assert_eq!(stage.asked(Purpose::Token), 0);
}

#[tokio::test]
async fn a_refused_redirect_leads_to_the_next_which_is_remembered() {
    let stage = Stage::new(Opener::Ours("/opt/app".into())).await;
    let refused = Answer::Answer(400, r#"{"error":"invalid_redirect_uri"}"#.to_owned());
    stage.names(ISSUER);
    stage.house.script.then(Purpose::Registration, refused);
    stage.registers("c2");
    let auto = || Start { redirect: RedirectWish::Auto, ..new() };
    let (_, mut steps) = stage.start(auto());
    let first = browser(&mut steps).await;
    assert_eq!(first.redirect_kind, RedirectKind::Loopback);
    let bodies = stage.house.script.bodies(Purpose::Registration);
    assert!(bodies[0].contains(&identity::redirect_uri()) && !bodies[0].contains("127.0.0.1"));
    assert!(bodies[1].contains(&first.redirect_uri) && !bodies[1].contains(identity::SCHEME), "never mixed");

    let address = url::Url::parse(&right(&first, ISSUER)).unwrap();
    let authority = format!("127.0.0.1:{}", address.port().unwrap());
    let mut tcp = tokio::net::TcpStream::connect(&authority).await.unwrap();
    let target = format!("{}?{}", address.path(), address.query().unwrap());
    tcp.write_all(format!("GET {target} HTTP/1.1\r\nHost: {authority}\r\n\r\n").as_bytes()).await.unwrap();
    let mut page = String::new();
    tcp.read_to_string(&mut page).await.unwrap();
    assert!(page.contains("You are signed in"), "{page}");
    assert!(matches!(end(&mut steps).await, Step::Done(_)));

    let accepted = stage.house.core.registrations().accepted(ISSUER).unwrap();
    assert_eq!((accepted.redirect, accepted.port), (RedirectKind::Loopback, address.port()));
    stage.names(ISSUER);
    let (id, mut steps) = stage.start(auto());
    let second = browser(&mut steps).await;
    assert_eq!(second.redirect_uri, first.redirect_uri, "the same port, the same registration");
    assert_eq!(stage.asked(Purpose::Registration), 2);

    // The other way on the person's word: registers for it, and the old state is of no use.
    stage.registers("c3");
    stage.sign_ins.redirect(&id, RedirectKind::Scheme).await.unwrap();
    let wanted = |step: &Step| matches!(step, Step::Browser(b) if b.redirect_kind == RedirectKind::Scheme);
    let Step::Browser(third) = until(&mut steps, wanted).await else { panic!() };
    assert_eq!(
        stage.sign_ins.callback(&right(&second, ISSUER), Door::Api, None).await.landing(),
        Landing::Used
    );
    assert_eq!(
        stage.sign_ins.callback(&right(&third, ISSUER), Door::Api, None).await.landing(),
        Landing::Done
    );
}

#[tokio::test]
async fn an_issuer_that_refuses_the_scheme_at_its_page_is_asked_once() {
    let auto = || Start { redirect: RedirectWish::Auto, ..new() };
    let ours = || Opener::Ours(std::path::PathBuf::from("/usr/bin/mcp-login-desktop"));
    let page = |status| Answer::Answer(status, "<p>no</p>".to_owned());

    // Refused: the next way, without a question, and remembered.
    let stage = Stage::new(ours()).await;
    stage.names(ISSUER);
    stage.registers("c1");
    stage.registers("c2");
    stage.house.script.then(Purpose::Authorization, page(400));
    let (_, mut steps) = stage.start(auto());
    let first = browser(&mut steps).await;
    assert_eq!(first.redirect_kind, RedirectKind::Loopback);
    assert_eq!((stage.asked(Purpose::Authorization), stage.asked(Purpose::Registration)), (1, 2));
    stage.sign_ins.callback(&right(&first, ISSUER), Door::Api, None).await;
    assert!(matches!(end(&mut steps).await, Step::Done(_)));
    stage.names(ISSUER);
    stage.registers("c3"); // the former listener still has the port
    let (_, mut steps) = stage.start(auto());
    assert_eq!(browser(&mut steps).await.redirect_kind, RedirectKind::Loopback);
    assert_eq!(stage.asked(Purpose::Authorization), 1, "a known issuer is asked again");

    // Whatever else it says is no refusal, and who chose the scheme gets it unasked.
    for (answer, redirect, asked) in [
        (page(200), RedirectWish::Auto, 1),
        (page(403), RedirectWish::Auto, 1),
        (page(500), RedirectWish::Auto, 1),
        (Answer::Fail(HttpFailure::TooLarge { limit: 1 }), RedirectWish::Auto, 1),
        (page(400), RedirectWish::Only(RedirectKind::Scheme), 0),
    ] {
        let stage = Stage::new(ours()).await;
        stage.names(ISSUER);
        stage.registers("c1");
        stage.house.script.then(Purpose::Authorization, answer.clone());
        let (_, mut steps) = stage.start(Start { redirect, ..new() });
        let opened = browser(&mut steps).await;
        assert_eq!(opened.redirect_kind, RedirectKind::Scheme, "{answer:?}");
        assert_eq!(stage.asked(Purpose::Authorization), asked, "{answer:?}");
        // An issuer that has worked by the scheme is not asked again either.
        stage.sign_ins.callback(&right(&opened, ISSUER), Door::Api, None).await;
        assert!(matches!(end(&mut steps).await, Step::Done(_)));
        stage.names(ISSUER);
        let (_, mut steps) = stage.start(Start { redirect, ..new() });
        browser(&mut steps).await;
        assert_eq!(stage.asked(Purpose::Authorization), asked, "{answer:?}");
    }
}

#[tokio::test]
async fn another_issuer_gets_nothing_until_the_person_agrees() {
    let stage = Stage::new(Opener::None).await;
    let account = stage.signed_in().await;
    let sent = |purpose| stage.asked(purpose);
    let before = [sent(Purpose::Registration), sent(Purpose::Token), sent(Purpose::Revocation)];
    stage.names(ELSEWHERE);
    let again = || Start { target: Target::Again(account.clone()), ..new() };
    let (_, mut steps) = stage.start(again());
    let last = end(&mut steps).await;
    assert_eq!(code_of(&last), "issuer_changed");
    let after = [sent(Purpose::Registration), sent(Purpose::Token), sent(Purpose::Revocation)];
    assert_eq!(before, after, "nothing stored goes anywhere");
    let shown = stage.house.core.view(&account).unwrap().issuer_change.unwrap();
    assert_eq!((shown.old.as_str(), shown.new.as_str()), (ISSUER, ELSEWHERE));

    stage.names(ELSEWHERE);
    stage.registers("c2");
    let (_, mut steps) = stage.start(Start { on_issuer_change: OnIssuerChange::Accept, ..again() });
    let browser = browser(&mut steps).await;
    assert!(browser.authorization_url.starts_with(&format!("{ELSEWHERE}/authorize?")));
    stage.sign_ins.callback(&right(&browser, ELSEWHERE), Door::Api, None).await;
    let Step::Done(done) = end(&mut steps).await else { panic!() };
    assert_eq!(done.account, account);
    assert_eq!(done.former.as_ref().unwrap().issuer, ISSUER, "with a receipt of the old one");
    assert!(stage.asked(Purpose::Revocation) > 0);
    assert!(stage.house.core.view(&account).unwrap().issuer_change.is_none());
}

#[tokio::test]
async fn somebody_else_replaces_nobody_unasked() {
    let stage = Stage::new(Opener::None).await;
    let person = |who: &str, issued_for: &str| {
        let part = |value: serde_json::Value| {
            base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(value.to_string())
        };
        let now = stage.house.clock.now().unix();
        let claims =
            serde_json::json!({"iss": ISSUER, "aud": issued_for, "sub": who, "iat": now, "exp": now + 600});
        let token = format!("{}.{}.c2ln", part(serde_json::json!({"alg": "RS256"})), part(claims));
        let answer = serde_json::json!({
            "access_token": format!("access-{who}"), "refresh_token": format!("refresh-{who}"),
            "token_type": "Bearer", "expires_in": 3600, "id_token": token,
        });
        stage.house.script.then(Purpose::Token, Answer::Answer(200, answer.to_string()));
    };
    person("alice", "c1");
    let account = stage.signed_in().await;
    for on_other_person in [OnOtherPerson::Refuse, OnOtherPerson::Replace] {
        stage.names(ISSUER);
        person("bob", "c1");
        let start = Start { target: Target::Again(account.clone()), on_other_person, ..new() };
        let (_, mut steps) = stage.start(start);
        let browser = browser(&mut steps).await;
        stage.sign_ins.callback(&right(&browser, ISSUER), Door::Api, None).await;
        let last = end(&mut steps).await;
        let label = stage.house.core.view(&account).unwrap().label;
        match on_other_person {
            OnOtherPerson::Refuse => {
                assert_eq!(code_of(&last), "another_person");
                assert_eq!(label.as_deref(), Some("alice"));
                let given_back = stage.house.script.bodies(Purpose::Revocation).concat();
                assert!(given_back.contains("refresh-bob") && given_back.contains("access-bob"));
            }
            OnOtherPerson::Replace => {
                let Step::Done(done) = last else { panic!() };
                assert!(matches!(done.identity, Identity::Another { .. }));
                assert_eq!(label.as_deref(), Some("bob"));
            }
        }
    }
}

/// Tokens that cannot be kept are not left lying about at the issuer.
#[tokio::test(start_paused = true)]
async fn what_the_keychain_does_not_take_is_given_back() {
    let stage = Stage::new(Opener::None).await;
    stage.names(ISSUER);
    stage.registers("c1");
    let (_, mut steps) = stage.start(new());
    let browser = browser(&mut steps).await;
    stage.house.items.broken.store(true, std::sync::atomic::Ordering::SeqCst);
    stage.sign_ins.callback(&right(&browser, ISSUER), Door::Api, None).await;
    let ended = end(&mut steps).await;
    assert_eq!(code_of(&ended), "keychain_failed");
    let given_back = stage.house.script.bodies(Purpose::Revocation);
    let gave = |number: usize, token: &str| given_back.get(number).is_some_and(|body| body.contains(token));
    assert!(gave(0, "token=refresh-2") && gave(1, "token=access-2"), "{given_back:?}");
    assert!(stage.house.core.accounts().is_empty());
}

#[tokio::test]
async fn their_number_is_bounded() {
    let stage = Stage::new(Opener::None).await;
    stage.house.script.always(Purpose::Challenge, Answer::Hang(Duration::from_secs(600)));
    let begun: Vec<_> = (0..MAX_WAITING).map(|_| stage.start(new())).collect();
    assert!(matches!(stage.sign_ins.start(new()), Err(LoginError::TooMany)));
    let (id, _) = &begun[0];
    tokio::task::yield_now().await;
    stage.sign_ins.cancel(id).await.unwrap();
    let mut steps = stage.sign_ins.watch(id).unwrap();
    assert_eq!(code_of(&end(&mut steps).await), "sign_in_cancelled");
    tokio::task::yield_now().await;
    stage.start(new());
}

/// The computer's policy: nothing is asked of a server that is not allowed, nothing is registered at an issuer that is not,
/// and the way back is the one that is required.
#[tokio::test(start_paused = true)]
async fn what_the_computer_does_not_allow() {
    let elsewhere = vec![ServerUrl::parse("https://mcp.corp.example").unwrap()];
    let stage =
        Stage::managed(Opener::None, Managed { servers: Some(elsewhere), ..Managed::default() }).await;
    let (_, mut steps) = stage.start(new());
    let Step::Failed(error) = end(&mut steps).await else { panic!() };
    assert_eq!(error.fault().data.code, Code::NotAllowedHere.as_str());
    assert_eq!(stage.asked(Purpose::Challenge), 0);

    let issuers = Some(vec![Issuer::new(ELSEWHERE)]);
    let stage = Stage::managed(Opener::None, Managed { issuers, ..Managed::default() }).await;
    stage.names(ISSUER);
    let (_, mut steps) = stage.start(new());
    let Step::Failed(error) = end(&mut steps).await else { panic!() };
    assert_eq!(error.fault().data.code, Code::NotAllowedHere.as_str());
    assert_eq!(stage.asked(Purpose::Registration), 0);

    let redirect = Some(crate::config::RedirectChoice::Localhost);
    let stage = Stage::managed(Opener::None, Managed { redirect, ..Managed::default() }).await;
    stage.names(ISSUER);
    stage.registers("c1");
    let (_, mut steps) = stage.start(new());
    assert_eq!(browser(&mut steps).await.redirect_kind, RedirectKind::Localhost);
}
