//! A queue after a time without a network: who waits for whom.

use mcp_login_oauth::http::{HttpFailure, NotSent, Purpose};
use tokio::sync::watch;

use super::*;
use crate::testing::{House, Step};

const OFFLINE: Step = Step::Fail(HttpFailure::NotSent(NotSent::Connect));

/// Longer than every patience here.
const FOR_EVER: Step = Step::Hang(Duration::from_secs(10_000_000));

/// Accounts at these issuers, signed out while there was no network; then the next start, with one.
async fn signed_out_offline(issuers: &[String]) -> (House, watch::Sender<bool>) {
    let house = House::new().await;
    house.script.always(Purpose::Revocation, OFFLINE);
    for (number, issuer) in issuers.iter().enumerate() {
        let id = house.sign_in_at(issuer, &format!("account-{number}")).await;
        house.core.sign_out(&id).await.unwrap();
    }
    assert_eq!(house.core.queued(), issuers.len());
    let house = house.restart().await;
    house.script.log.lock().unwrap().clear();
    house.script.always(Purpose::Revocation, Step::Answer(200, String::new()));
    house.script.always(Purpose::Token, Step::Answer(400, r#"{"error":"invalid_grant"}"#.to_owned()));
    house.script.always(Purpose::Challenge, Step::Answer(401, String::new()));
    let (stop, _) = watch::channel(false);
    (house, stop)
}

fn run(house: &House, stop: &watch::Sender<bool>) {
    let (core, stopped) = (house.core.clone(), stop.subscribe());
    tokio::spawn(async move { core.run(stopped).await });
}

fn issuers(count: usize) -> Vec<String> {
    (0..count).map(|number| format!("https://as-{number}.example")).collect()
}

#[tokio::test(start_paused = true)]
async fn an_issuer_that_hangs_holds_up_nobody_elses_entries() {
    let (house, stop) = signed_out_offline(&issuers(3)).await;
    house.script.then(Purpose::Revocation, FOR_EVER);
    run(&house, &stop);
    tokio::time::sleep(Duration::from_secs(60)).await;
    assert_eq!(house.core.queued(), 1, "only the one that hangs is left");
}

#[tokio::test(start_paused = true)]
async fn one_issuer_is_asked_one_thing_at_a_time() {
    let same = vec!["https://as.example".to_owned(); 3];
    let (house, stop) = signed_out_offline(&same).await;
    house.script.always(Purpose::Revocation, FOR_EVER);
    run(&house, &stop);
    tokio::time::sleep(Duration::from_secs(600)).await;
    assert_eq!(house.script.count(Purpose::Revocation), 1);
    assert_eq!(house.core.queued(), 3);
}

#[tokio::test(start_paused = true)]
async fn a_long_queue_is_no_burst() {
    let (house, stop) = signed_out_offline(&issuers(7)).await;
    for _ in 0..4 {
        house.script.then(Purpose::Revocation, Step::Hang(Duration::from_secs(100)));
    }
    run(&house, &stop);
    tokio::time::sleep(Duration::from_secs(90)).await;
    assert_eq!(house.script.count(Purpose::Revocation), AT_ONCE);
    assert_eq!(house.core.queued(), 7);
    tokio::time::sleep(Duration::from_secs(20)).await;
    assert_eq!(house.core.queued(), 0, "those that waited come next");
}
