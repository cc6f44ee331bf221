//! Time stands still here and moves when nothing else does; the issuer answers by script.

use std::sync::atomic::Ordering;
use std::time::Duration;

use mcp_login_oauth::http::{HttpFailure, NotSent, Purpose, Unknown};
use secrecy::ExposeSecret as _;
use tokio::sync::watch;

use super::*;
use crate::fetch::Want;
use crate::state::Journal;
use crate::testing::{House, Step};

const LOST: Step = Step::Fail(HttpFailure::Unknown(Unknown::Closed));
const OFFLINE: Step = Step::Fail(HttpFailure::NotSent(NotSent::Connect));

fn s(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

fn invalid_grant() -> Step {
    Step::Answer(400, r#"{"error":"invalid_grant"}"#.to_owned())
}

fn tokens(house: &House) -> usize {
    house.script.count(Purpose::Token)
}

const PLAIN: Want = Want { newer_than: None, min_ttl: None };

fn refused(generation: u64) -> Want {
    Want { newer_than: Some(generation), min_ttl: None }
}

#[tokio::test(start_paused = true)]
async fn a_fresh_token_costs_no_request() {
    let house = House::new().await;
    let id = house.sign_in("work", Some(3_600)).await;
    let fetched = house.core.fetch(&id, PLAIN).await.unwrap();
    assert_eq!((fetched.access.expose_secret(), fetched.generation), ("access-1", 1));
    assert_eq!(tokens(&house), 0);
}

#[tokio::test(start_paused = true)]
async fn a_thousand_callers_at_expiry_make_one_request() {
    let house = House::new().await;
    let id = house.sign_in("work", Some(3_600)).await;
    house.clock.suspend(s(3_601));
    house.script.then(Purpose::Token, Step::Hang(s(1)));
    let mut callers = tokio::task::JoinSet::new();
    for _ in 0..1_000 {
        let (core, id) = (house.core.clone(), id.clone());
        callers.spawn(async move { core.fetch(&id, PLAIN).await.unwrap() });
    }
    while let Some(fetched) = callers.join_next().await {
        let fetched = fetched.unwrap();
        assert_eq!((fetched.access.expose_secret(), fetched.generation), ("access-2", 2));
    }
    assert_eq!(tokens(&house), 1);
}

#[tokio::test(start_paused = true)]
async fn a_thousand_callers_of_an_issuer_that_is_down_make_one_request() {
    let house = House::new().await;
    let id = house.sign_in("work", Some(3_600)).await;
    house.clock.suspend(s(3_601));
    house.script.always(Purpose::Token, OFFLINE);
    let mut callers = tokio::task::JoinSet::new();
    for _ in 0..1_000 {
        let (core, id) = (house.core.clone(), id.clone());
        callers.spawn(async move { core.fetch(&id, PLAIN).await });
    }
    while let Some(fetched) = callers.join_next().await {
        assert!(matches!(fetched.unwrap(), Err(Failure::NotSent(_))));
    }
    assert_eq!(tokens(&house), 1);
}

#[tokio::test(start_paused = true)]
async fn a_caller_who_goes_away_loses_nothing() {
    let house = House::new().await;
    let id = house.sign_in("work", Some(3_600)).await;
    house.clock.suspend(s(3_601));
    house.script.then(Purpose::Token, Step::Hang(s(5)));
    let caller = tokio::time::timeout(s(1), house.core.fetch(&id, PLAIN));
    assert!(caller.await.is_err(), "the caller gave up while the issuer was thinking");
    house.core.settle().await;
    let house = house.restart().await;
    let fetched = house.core.fetch(&id, PLAIN).await.unwrap();
    assert_eq!((fetched.access.expose_secret(), fetched.generation), ("access-2", 2), "stored all the same");
    assert_eq!(tokens(&house), 1);
}

#[tokio::test(start_paused = true)]
async fn no_answer_is_repeated_at_once_then_after_two_and_eight_seconds() {
    let house = House::new().await;
    let id = house.sign_in("work", Some(3_600)).await;
    house.script.always(Purpose::Token, LOST);
    assert!(matches!(house.core.refresh(&id).await, Err(Failure::NoAnswer(_))));
    let at: Vec<_> = house.script.times(Purpose::Token).iter().map(Duration::as_secs).collect();
    assert_eq!(at, [0, 0, 2, 10]);
    let bodies = house.script.bodies(Purpose::Token);
    assert!(bodies.iter().all(|body| body.contains("refresh_token=refresh-1")), "always the same token");
    let snapshot = house.core.account(&id).unwrap();
    assert_eq!(snapshot.journal, Journal::Unknown);
    assert!(house.core.fetch(&id, PLAIN).await.is_ok(), "the old token is still good");
}

#[tokio::test(start_paused = true)]
async fn a_lost_answer_is_made_good_by_the_repeat() {
    let house = House::new().await;
    let id = house.sign_in("work", Some(3_600)).await;
    house.script.then(Purpose::Token, LOST);
    let snapshot = house.core.refresh(&id).await.unwrap();
    assert_eq!((snapshot.generation, tokens(&house)), (2, 2));
    assert_eq!(snapshot.journal, Journal::Clean);
}

#[tokio::test(start_paused = true)]
async fn after_a_crash_the_journal_is_taken_up_at_once() {
    let house = House::new().await;
    let id = house.sign_in("work", Some(3_600)).await;
    house.script.always(Purpose::Token, LOST);
    assert!(house.core.refresh(&id).await.is_err());
    let before = tokens(&house);
    let house = house.restart().await;
    house.script.always(Purpose::Token, Step::Answer(200, granted(7)));
    let (_stop, stopped) = watch::channel(false);
    let core = house.core.clone();
    let mut events = core.subscribe();
    tokio::spawn(async move { core.run(stopped).await });
    while house.core.account(&id).unwrap().generation != 2 {
        events.recv().await.unwrap();
    }
    assert_eq!(tokens(&house), before + 1, "nobody asked; the journal did");
    assert_eq!(house.core.fetch(&id, PLAIN).await.unwrap().access.expose_secret(), "access-7");
}

fn granted(number: u32) -> String {
    format!(
        r#"{{"access_token":"access-{number}","refresh_token":"refresh-{number}","token_type":"Bearer","expires_in":3600}}"#
    )
}

#[tokio::test(start_paused = true)]
async fn a_definite_refusal_needs_a_sign_in_and_deletes_nothing() {
    let house = House::new().await;
    let id = house.sign_in("work", Some(3_600)).await;
    house.script.always(Purpose::Token, invalid_grant());
    assert!(matches!(house.core.refresh(&id).await, Err(Failure::NeedsSignIn(Reason::InvalidGrant))));
    assert_eq!(house.core.fetch(&id, PLAIN).await.unwrap().generation, 1, "what is valid may be used up");
    assert!(matches!(house.core.fetch(&id, refused(1)).await, Err(Failure::NeedsSignIn(_))));
    let house = house.restart().await;
    house.clock.suspend(s(3_601));
    assert!(matches!(house.core.fetch(&id, PLAIN).await, Err(Failure::NeedsSignIn(Reason::InvalidGrant))));
    assert_eq!(tokens(&house), 1, "the mark outlives a restart");
    // A person insists, and the issuer has changed its mind: the token is still there.
    house.script.always(Purpose::Token, Step::Answer(200, granted(2)));
    assert_eq!(house.core.refresh(&id).await.unwrap().generation, 2);
    let house = house.restart().await;
    assert_eq!(house.core.fetch(&id, PLAIN).await.unwrap().generation, 2);
}

#[tokio::test(start_paused = true)]
async fn a_forgotten_client_is_not_used_again() {
    let house = House::new().await;
    let id = house.sign_in("work", Some(3_600)).await;
    house.script.always(Purpose::Token, Step::Answer(401, r#"{"error":"invalid_client"}"#.to_owned()));
    assert!(matches!(house.core.refresh(&id).await, Err(Failure::NeedsSignIn(Reason::InvalidClient))));
    let redirect = crate::accounts::RedirectKind::Loopback;
    assert_eq!(house.core.registrations().find(crate::testing::ISSUER, redirect), None);
}

#[tokio::test(start_paused = true)]
async fn not_sent_backs_off_and_leaves_the_token_unspent() {
    let house = House::new().await;
    let id = house.sign_in("work", Some(3_600)).await;
    house.script.always(Purpose::Token, OFFLINE);
    assert!(matches!(house.core.refresh(&id).await, Err(Failure::NotSent(_))));
    assert_eq!(tokens(&house), 1, "no blind repeats");
    assert_eq!(house.core.account(&id).unwrap().journal, Journal::Clean);
    assert_eq!(house.core.fetch(&id, PLAIN).await.unwrap().generation, 1);
}

#[tokio::test(start_paused = true)]
async fn retry_after_is_honoured_by_everybody_who_is_no_clock() {
    let house = House::new().await;
    let id = house.sign_in("work", Some(3_600)).await;
    house.clock.suspend(s(3_601));
    house.script.then(Purpose::Token, Step::Later(429, 120));
    for _ in 0..5 {
        let failure = house.core.fetch(&id, PLAIN).await.unwrap_err();
        assert!(matches!(failure, Failure::Later { status: 429, .. }));
        assert!(house.core.refresh(&id).await.is_err());
        tokio::time::sleep(s(20)).await;
    }
    assert_eq!(tokens(&house), 1);
    tokio::time::sleep(s(21)).await;
    assert_eq!(house.core.fetch(&id, PLAIN).await.unwrap().generation, 2);
}

#[tokio::test(start_paused = true)]
async fn odd_answers_mark_after_the_third_in_ten_minutes() {
    let house = House::new().await;
    let id = house.sign_in("work", Some(3_600)).await;
    house.script.always(Purpose::Token, Step::Answer(400, String::new()));
    for _ in 0..2 {
        assert!(matches!(house.core.refresh(&id).await, Err(Failure::Odd(_))));
        tokio::time::sleep(s(400)).await;
    }
    assert!(
        matches!(house.core.refresh(&id).await, Err(Failure::Odd(_))),
        "the first has passed out of the window"
    );
    tokio::time::sleep(s(10)).await;
    assert!(matches!(house.core.refresh(&id).await, Err(Failure::NeedsSignIn(Reason::OddAnswers))));
    assert_eq!(house.core.fetch(&id, PLAIN).await.unwrap().generation, 1);
}

#[tokio::test(start_paused = true)]
async fn what_cannot_be_stored_is_not_shown_and_stored_later() {
    let house = House::new().await;
    let id = house.sign_in("work", Some(3_600)).await;
    let (stop, stopped) = watch::channel(false);
    let core = house.core.clone();
    let running = tokio::spawn(async move { core.run(stopped).await });
    // The vault breaks while the issuer answers: after the intent, before the commit.
    house.script.then(Purpose::Token, Step::Hang(s(5)));
    let (core, asked) = (house.core.clone(), id.clone());
    let refresh = tokio::spawn(async move { core.refresh(&asked).await });
    while tokens(&house) == 0 {
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    house.items.broken.store(true, Ordering::SeqCst);
    assert!(matches!(refresh.await.unwrap(), Err(Failure::Unsaved(_))));
    assert_eq!(house.core.fetch(&id, PLAIN).await.unwrap().access.expose_secret(), "access-1");
    assert!(
        matches!(house.core.fetch(&id, refused(1)).await, Err(Failure::Unsaved(_))),
        "nothing exposed before"
    );
    tokio::time::sleep(s(300)).await;
    assert_eq!(house.core.account(&id).unwrap().generation, 1);
    let mut events = house.core.subscribe();
    house.items.broken.store(false, Ordering::SeqCst);
    while house.core.account(&id).unwrap().generation != 2 {
        events.recv().await.unwrap();
    }
    assert_eq!(house.core.fetch(&id, PLAIN).await.unwrap().access.expose_secret(), "access-2");
    assert_eq!(tokens(&house), 1, "the issuer was asked once");
    stop.send(true).unwrap();
    running.await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_vault_that_cannot_be_written_spends_nothing() {
    let house = House::new().await;
    let id = house.sign_in("work", Some(3_600)).await;
    house.items.broken.store(true, Ordering::SeqCst);
    assert!(matches!(house.core.refresh(&id).await, Err(Failure::Vault(_))));
    assert_eq!(tokens(&house), 0);
}

#[tokio::test(start_paused = true)]
async fn a_server_that_refuses_two_fresh_tokens_is_left_alone() {
    let house = House::new().await;
    let id = house.sign_in("work", Some(3_600)).await;
    tokio::time::sleep(s(1_000)).await;
    assert_eq!(house.core.fetch(&id, refused(1)).await.unwrap().generation, 2);
    for _ in 0..20 {
        assert_eq!(house.core.fetch(&id, refused(1)).await.unwrap().generation, 2, "once a generation");
    }
    assert_eq!(house.core.fetch(&id, refused(2)).await.unwrap().generation, 3);
    for _ in 0..20 {
        assert!(matches!(house.core.fetch(&id, refused(3)).await, Err(Failure::ServerRefuses)));
        assert!(matches!(house.core.fetch(&id, PLAIN).await, Err(Failure::ServerRefuses)));
    }
    assert_eq!(tokens(&house), 2);
    assert_eq!(house.core.refresh(&id).await.unwrap().generation, 4, "a person's word clears it");
    assert_eq!(house.core.fetch(&id, PLAIN).await.unwrap().generation, 4);
}

/// Nobody said how long the tokens live, and they live for a minute.
#[tokio::test(start_paused = true)]
async fn a_short_life_that_nobody_announced_is_no_refusal() {
    let house = House::new().await;
    *house.script.lifetime.lock().unwrap() = None;
    let id = house.sign_in("work", None).await;
    for generation in 1..10 {
        tokio::time::sleep(s(60)).await;
        let fetched = house.core.fetch(&id, refused(generation)).await.unwrap();
        assert_eq!(fetched.generation, generation + 1);
    }
}

#[tokio::test(start_paused = true)]
async fn a_silent_server_that_refuses_everything_is_left_alone_too() {
    let house = House::new().await;
    *house.script.lifetime.lock().unwrap() = None;
    let id = house.sign_in("work", None).await;
    let mut seen = 1;
    for _ in 0..1_000 {
        match house.core.fetch(&id, refused(seen)).await {
            Ok(fetched) => seen = fetched.generation,
            Err(failure) => assert!(matches!(failure, Failure::ServerRefuses), "{failure}"),
        }
    }
    assert_eq!(tokens(&house), 1);
}

#[tokio::test(start_paused = true)]
async fn retry_after_nothing_makes_no_loop() {
    let house = House::new().await;
    let id = house.sign_in("work", Some(3_600)).await;
    for _ in 0..10_000 {
        house.script.then(Purpose::Token, Step::Later(503, 0));
    }
    let (_stop, stopped) = watch::channel(false);
    let core = house.core.clone();
    tokio::spawn(async move { core.run(stopped).await });
    house.clock.suspend(s(3_601));
    tokio::time::sleep(s(3_600)).await;
    let asked = tokens(&house);
    assert!((12..=40).contains(&asked), "{asked} requests in an hour");
    // A person, and a program in need, may shorten our own wait.
    assert!(matches!(house.core.refresh(&id).await, Err(Failure::Later { status: 503, .. })));
    assert_eq!(tokens(&house), asked + 1);
}

#[tokio::test(start_paused = true)]
async fn a_hung_issuer_does_not_hold_up_what_is_valid() {
    let house = House::new().await;
    let id = house.sign_in("work", Some(3_600)).await;
    house.clock.suspend(s(3_595)); // below the floor, still valid
    house.script.always(Purpose::Token, Step::Hang(s(10_000_000)));
    let begun = tokio::time::Instant::now();
    assert_eq!(house.core.fetch(&id, PLAIN).await.unwrap().generation, 1);
    assert!(begun.elapsed() <= s(3), "handed out after {:?}", begun.elapsed());
}

#[tokio::test(start_paused = true)]
async fn the_schedule_rotates_before_the_end_and_after_suspend() {
    let house = House::new().await;
    let id = house.sign_in("work", Some(3_600)).await;
    let (_stop, stopped) = watch::channel(false);
    let core = house.core.clone();
    tokio::spawn(async move { core.run(stopped).await });
    tokio::time::sleep(s(3_000)).await;
    assert_eq!(tokens(&house), 0);
    tokio::time::sleep(s(400)).await;
    assert_eq!((tokens(&house), house.core.account(&id).unwrap().generation), (1, 2));
    house.clock.suspend(s(86_400));
    tokio::time::sleep(s(45)).await;
    assert_eq!(
        (tokens(&house), house.core.account(&id).unwrap().generation),
        (2, 3),
        "one tick after waking up"
    );
    house.clock.set_wall(-7_200);
    tokio::time::sleep(s(45)).await;
    assert_eq!(tokens(&house), 3, "the wall clock was set back: due");
    tokio::time::sleep(s(600)).await;
    assert_eq!(tokens(&house), 3, "and once is enough");
    house.clock.set_wall(7_200);
    tokio::time::sleep(s(45)).await;
    assert_eq!(tokens(&house), 4, "set forward past the end: due");
}

#[tokio::test(start_paused = true)]
async fn short_tokens_make_no_loop() {
    for lifetime in [Some(0), Some(1), Some(2), Some(30), None] {
        let house = House::new().await;
        *house.script.lifetime.lock().unwrap() = lifetime;
        let id = house.sign_in("work", lifetime).await;
        let (_stop, stopped) = watch::channel(false);
        let core = house.core.clone();
        tokio::spawn(async move { core.run(stopped).await });
        tokio::time::sleep(s(600)).await;
        assert_eq!(tokens(&house), 0, "nobody asks, nobody rotates ({lifetime:?})");
        for _ in 0..100 {
            house.core.fetch(&id, PLAIN).await.unwrap();
        }
        assert!(tokens(&house) <= 1, "a hundred calls in a row ({lifetime:?}): {}", tokens(&house));
    }
}

#[tokio::test(start_paused = true)]
async fn an_issuer_that_is_down_is_asked_less_and_less() {
    let house = House::new().await;
    let id = house.sign_in("work", Some(3_600)).await;
    house.script.always(Purpose::Token, OFFLINE);
    let (_stop, stopped) = watch::channel(false);
    let core = house.core.clone();
    tokio::spawn(async move { core.run(stopped).await });
    house.clock.suspend(s(3_601));
    tokio::time::sleep(s(3_600)).await;
    let asked = tokens(&house);
    assert!((12..=40).contains(&asked), "{asked} requests in an hour");
    house.script.always(Purpose::Token, Step::Answer(200, granted(5)));
    tokio::time::sleep(LEAST_WAIT).await; // the last attempt may have been a moment ago
    assert_eq!(
        house.core.fetch(&id, PLAIN).await.unwrap().generation,
        2,
        "a caller does not wait for the back-off"
    );
}

#[tokio::test(start_paused = true)]
async fn a_late_writer_cannot_clobber_a_new_sign_in() {
    let house = House::new().await;
    let id = house.sign_in("work", Some(3_600)).await;
    house.script.then(Purpose::Token, Step::Hang(s(20)));
    let (core, asked) = (house.core.clone(), id.clone());
    let refresh = tokio::spawn(async move { core.refresh(&asked).await });
    tokio::time::sleep(s(1)).await;
    let mut again = house.new_sign_in(None, house.registration().await, Some(3_600));
    again.account = Some(id.clone());
    let adopted = house.core.adopt(again).await.unwrap();
    refresh.await.unwrap().unwrap();
    assert_eq!(adopted.generation, 3, "the sign-in had the turn after the refresh");
    let house = house.restart().await;
    let fetched = house.core.fetch(&id, PLAIN).await.unwrap();
    assert_eq!((fetched.generation, fetched.access.expose_secret()), (3, "access-1"));
}

#[tokio::test(start_paused = true)]
async fn the_other_account_answers_while_one_issuer_hangs() {
    let house = House::new().await;
    let one = house.sign_in("one", Some(3_600)).await;
    let two = house.sign_in("two", Some(3_600)).await;
    house.script.then(Purpose::Token, Step::Hang(s(1_000)));
    let core = house.core.clone();
    let hung = tokio::spawn(async move { core.refresh(&one).await });
    tokio::time::sleep(s(1)).await;
    assert_eq!(house.core.refresh(&two).await.unwrap().generation, 2);
    assert!(!hung.is_finished());
}

#[tokio::test(start_paused = true)]
async fn a_refresh_that_keeps_its_refresh_token_keeps_it() {
    let house = House::new().await;
    let id = house.sign_in("work", Some(3_600)).await;
    let silent = r#"{"access_token":"access-2","token_type":"Bearer","expires_in":3600}"#;
    house.script.then(Purpose::Token, Step::Answer(200, silent.to_owned()));
    house.core.refresh(&id).await.unwrap();
    house.core.refresh(&id).await.unwrap();
    let bodies = house.script.bodies(Purpose::Token);
    assert!(bodies[1].contains("refresh_token=refresh-1"), "{}", bodies[1]);
    assert!(bodies[1].contains("resource=https%3A%2F%2Fmcp.example%2Fmcp"));
}

#[tokio::test(start_paused = true)]
async fn two_people_who_wish_at_once_wish_once() {
    let house = House::new().await;
    let id = house.sign_in("work", Some(3_600)).await;
    house.script.then(Purpose::Token, Step::Hang(s(5)));
    house.script.always(Purpose::Token, OFFLINE);
    let (one, two) = tokio::join!(house.core.refresh(&id), house.core.refresh(&id));
    assert!(one.is_err() && two.is_err());
    assert_eq!(tokens(&house), 1, "the answer that both waited for is both's");
}
