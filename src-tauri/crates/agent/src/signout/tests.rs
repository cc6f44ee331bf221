//! What is said of a sign-out, against what the issuer and the server did.

use std::sync::atomic::Ordering;
use std::time::Duration;

use mcp_login_oauth::http::{HttpFailure, NotSent, Purpose};
use mcp_login_vault::Key;
use tokio::sync::watch;

use super::*;
use crate::fetch::Want;
use crate::testing::{House, Step};

const OFFLINE: Step = Step::Fail(HttpFailure::NotSent(NotSent::Connect));

fn answer(status: u16, body: &str) -> Step {
    Step::Answer(status, body.to_owned())
}

/// The issuer revokes: refreshing with the old token is refused, the server refuses the old access token.
fn revokes(house: &House) {
    house.script.always(Purpose::Token, answer(400, r#"{"error":"invalid_grant"}"#));
    house.script.always(Purpose::Challenge, answer(401, ""));
}

fn outcomes(receipt: &Receipt) -> Vec<(Credential, Outcome, Option<Proof>)> {
    receipt.lines.iter().map(|line| (line.what, line.outcome, line.proof)).collect()
}

async fn sign_out(house: &House) -> Receipt {
    let id = house.sign_in("work", Some(3_600)).await;
    house.core.sign_out(&id).await.unwrap()
}

#[tokio::test(start_paused = true)]
async fn confirmed_only_after_the_server_refused() {
    let house = House::new().await;
    revokes(&house);
    let receipt = sign_out(&house).await;
    assert_eq!(
        outcomes(&receipt),
        [
            (Credential::RefreshToken, Outcome::Confirmed, Some(Proof::ServerRefused)),
            (Credential::AccessToken, Outcome::Confirmed, Some(Proof::ServerRefused)),
            (Credential::Registration, Outcome::NotOffered, None),
            (Credential::KeychainItem, Outcome::Confirmed, Some(Proof::Deleted)),
        ]
    );
    let revoked = house.script.bodies(Purpose::Revocation);
    assert!(revoked[0].contains("token=refresh-1") && revoked[1].contains("token=access-1"), "in this order");
    assert_eq!(house.core.queued(), 0);
    assert!(house.core.accounts().is_empty());
    assert!(house.restart().await.core.accounts().is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_token_that_still_works_is_not_called_dead() {
    let house = House::new().await;
    house.script.always(Purpose::Token, answer(503, ""));
    house.script.always(Purpose::Challenge, answer(200, "{}"));
    let receipt = sign_out(&house).await;
    assert_eq!(receipt.lines[0].outcome, Outcome::Accepted);
    assert_eq!(receipt.lines[1].outcome, Outcome::Accepted);
    assert!(receipt.lines[1].valid_until.is_some(), "until when the access token works is said");
}

#[tokio::test(start_paused = true)]
async fn a_revocation_that_does_nothing_is_said_so() {
    let house = House::new().await;
    house.script.always(Purpose::Challenge, answer(200, "{}"));
    let receipt = sign_out(&house).await; // the token endpoint goes on granting
    assert_eq!(receipt.lines[0].outcome, Outcome::Failed);
    assert_eq!(receipt.lines[0].code.as_deref(), Some("revocation_failed"));
    let revoked = house.script.bodies(Purpose::Revocation);
    assert!(revoked.iter().any(|body| body.contains("token=refresh-2")), "what came is given back");
}

#[tokio::test(start_paused = true)]
async fn offline_is_queued_and_confirmed_after_a_restart() {
    let house = House::new().await;
    house.script.always(Purpose::Revocation, OFFLINE);
    house.script.always(Purpose::Challenge, OFFLINE);
    let receipt = sign_out(&house).await;
    assert_eq!(receipt.lines[0].outcome, Outcome::Queued);
    assert_eq!(receipt.lines[1].outcome, Outcome::Queued);
    assert_eq!((house.core.queued(), house.core.accounts().len()), (1, 0));

    let house = house.restart().await;
    assert_eq!(house.core.queued(), 1);
    let mut events = house.core.subscribe();
    let (_stop, stopped) = watch::channel(false);
    let core = house.core.clone();
    tokio::spawn(async move { core.run(stopped).await });
    tokio::time::sleep(Duration::from_secs(7_200)).await;
    assert_eq!(house.core.queued(), 1, "still offline");
    house.script.always(Purpose::Revocation, answer(200, ""));
    revokes(&house);
    let receipt = loop {
        if let Event::Revoked(receipt) = events.recv().await.unwrap() {
            break receipt;
        }
    };
    assert_eq!(receipt.lines[0].outcome, Outcome::Confirmed);
    assert_eq!(receipt.lines[1].outcome, Outcome::Confirmed);
    assert_eq!(house.core.queued(), 0);
}

#[tokio::test(start_paused = true)]
async fn the_queue_gives_up_after_thirty_days() {
    let house = House::new().await;
    house.script.always(Purpose::Revocation, OFFLINE);
    sign_out(&house).await;
    house.clock.suspend(Duration::from_secs(31 * 86_400));
    let mut events = house.core.subscribe();
    let (_stop, stopped) = watch::channel(false);
    let core = house.core.clone();
    tokio::spawn(async move { core.run(stopped).await });
    let receipt = loop {
        if let Event::Revoked(receipt) = events.recv().await.unwrap() {
            break receipt;
        }
    };
    assert_eq!(receipt.lines[0].outcome, Outcome::Failed);
    assert_eq!(house.core.queued(), 0);
}

#[tokio::test(start_paused = true)]
async fn nothing_is_handed_out_from_the_first_moment() {
    let house = House::new().await;
    let id = house.sign_in("work", Some(3_600)).await;
    house.script.always(Purpose::Revocation, Step::Hang(Duration::from_secs(10_000)));
    let (core, asked) = (house.core.clone(), id.clone());
    let leaving = tokio::spawn(async move { core.sign_out(&asked).await });
    tokio::time::sleep(Duration::from_millis(1)).await;
    assert!(matches!(house.core.fetch(&id, Want::default()).await, Err(Failure::Leaving)));
    assert!(matches!(house.core.refresh(&id).await, Err(Failure::Leaving)));
    let receipt = leaving.await.unwrap().unwrap();
    assert_eq!(
        receipt.lines[0].outcome,
        Outcome::Queued,
        "a hung issuer does not hold up the person for long"
    );
}

#[tokio::test(start_paused = true)]
async fn a_sign_out_during_a_refresh_revokes_the_newest_token() {
    let house = House::new().await;
    let id = house.sign_in("work", Some(3_600)).await;
    house.script.then(Purpose::Token, Step::Hang(Duration::from_secs(3)));
    let granted = r#"{"access_token":"access-9","refresh_token":"refresh-9","token_type":"Bearer"}"#;
    house.script.then(Purpose::Token, answer(200, granted));
    revokes(&house);
    let (core, asked) = (house.core.clone(), id.clone());
    let refresh = tokio::spawn(async move { core.refresh(&asked).await });
    tokio::time::sleep(Duration::from_secs(1)).await;
    let receipt = house.core.sign_out(&id).await.unwrap();
    assert!(matches!(refresh.await.unwrap(), Err(Failure::Leaving)), "nobody gets what came");
    assert!(house.script.bodies(Purpose::Revocation)[0].contains("token=refresh-9"));
    assert_eq!(receipt.lines[0].outcome, Outcome::Confirmed);
}

#[tokio::test(start_paused = true)]
async fn a_vault_that_is_out_of_order_leaves_it_leaving_and_the_next_start_goes_on() {
    let house = House::new().await;
    let id = house.sign_in("work", Some(3_600)).await;
    house.items.broken.store(true, Ordering::SeqCst);
    assert!(matches!(house.core.sign_out(&id).await, Err(Failure::Vault(_))));
    assert!(matches!(house.core.fetch(&id, Want::default()).await, Err(Failure::Leaving)));
    house.items.broken.store(false, Ordering::SeqCst);
    revokes(&house);
    let house = house.restart().await;
    assert!(matches!(house.core.fetch(&id, Want::default()).await, Err(Failure::Leaving)));
    let mut events = house.core.subscribe();
    let (_stop, stopped) = watch::channel(false);
    let core = house.core.clone();
    tokio::spawn(async move { core.run(stopped).await });
    while !house.core.accounts().is_empty() {
        events.recv().await.unwrap();
    }
    assert!(house.core.vault().load(&Key::Tokens(id)).await.unwrap().is_none());
}

#[tokio::test(start_paused = true)]
async fn another_issuer_gets_nothing_of_the_former_and_the_former_gets_its_own_back() {
    let house = House::new().await;
    revokes(&house);
    let id = house.sign_in("work", Some(3_600)).await;
    let registration = house.registration().await;
    let mut moved = house.new_sign_in(None, registration, Some(3_600));
    moved.account = Some(id.clone());
    moved.metadata = crate::testing::metadata("https://new.example");
    let adopted = house.core.adopt(moved).await.unwrap();
    let former = adopted.former.unwrap();
    assert_eq!(former.issuer, crate::testing::ISSUER);
    assert_eq!(former.lines[0].outcome, Outcome::Confirmed);
    assert_eq!(house.core.fetch(&id, Want::default()).await.unwrap().generation, 2);
    assert_eq!(house.core.account(&id).unwrap().account.issuer(), "https://new.example");
}

/// The new sign-in is there; that the former one's revocation could not even be queued is a line of the receipt.
#[tokio::test(start_paused = true)]
async fn a_sign_in_elsewhere_counts_also_when_nothing_can_be_queued() {
    let house = House::new().await;
    let id = house.sign_in("work", Some(3_600)).await;
    let mut moved = house.new_sign_in(None, house.registration().await, Some(3_600));
    moved.account = Some(id.clone());
    moved.metadata = crate::testing::metadata("https://new.example");
    // In the way of the queue's file.
    std::fs::create_dir_all(house.dir.path().join("data/revocations.json/in-the-way")).unwrap();
    let former = house.core.adopt(moved).await.unwrap().former.unwrap();
    assert_eq!(former.lines[0].outcome, Outcome::Failed);
    assert!(former.lines[1].valid_until.is_some(), "until when the former token works is said");
    assert_eq!(house.core.fetch(&id, Want::default()).await.unwrap().generation, 2);
    assert_eq!(house.core.account(&id).unwrap().account.issuer(), "https://new.example");
}

/// RFC 7009 §2.2.1: an issuer that has trouble may say when to come back.
#[tokio::test(start_paused = true)]
async fn the_queue_comes_back_when_the_issuer_said() {
    let house = House::new().await;
    house.script.always(Purpose::Revocation, Step::Later(503, 600));
    sign_out(&house).await;
    let (_stop, stopped) = watch::channel(false);
    let core = house.core.clone();
    tokio::spawn(async move { core.run(stopped).await });
    tokio::time::sleep(Duration::from_secs(3_601)).await;
    let times = house.script.times(Purpose::Revocation);
    let gaps = times.windows(2).map(|pair| pair[1] - pair[0]).filter(|gap| *gap > Duration::from_secs(5));
    assert!(gaps.clone().count() >= 4, "not tried again: {times:?}");
    assert!(gaps.min() >= Some(Duration::from_secs(600)), "{times:?}");
}

/// The issuer's word on a token, first and then always.
fn introspection(house: &House, first: &[bool], then: bool) {
    let says = |active: bool| answer(200, &format!(r#"{{"active":{active}}}"#));
    for active in first {
        house.script.then(Purpose::Introspection, says(*active));
    }
    house.script.always(Purpose::Introspection, says(then));
}

/// An account at an issuer that offers introspection, and that cannot be asked whether the refresh token still works. Its
/// server still takes the access token.
async fn introspected(house: &House) -> AccountId {
    house.script.always(Purpose::Token, answer(503, ""));
    house.script.always(Purpose::Challenge, answer(200, "{}"));
    let mut sign_in = house.new_sign_in(Some("work"), house.registration().await, Some(3_600));
    let name = mcp_login_oauth::error::EndpointName::Introspection;
    let endpoint = mcp_login_oauth::endpoint::Endpoint::parse("https://as.example/introspect", name);
    sign_in.metadata.introspection_endpoint = Some(endpoint.unwrap());
    house.core.adopt(sign_in).await.unwrap().account
}

#[tokio::test(start_paused = true)]
async fn inactive_proves_nothing_of_a_token_that_the_issuer_never_knew() {
    let house = House::new().await;
    let id = introspected(&house).await;
    introspection(&house, &[], false);
    let receipt = house.core.sign_out(&id).await.unwrap();
    assert_eq!(receipt.lines[0].outcome, Outcome::Accepted);
    assert_eq!(receipt.lines[1].outcome, Outcome::Accepted);
    assert_eq!(house.script.count(Purpose::Introspection), 2, "once each: what proves nothing is not asked");
}

#[tokio::test(start_paused = true)]
async fn inactive_proves_the_end_of_a_token_that_was_active() {
    let house = House::new().await;
    let id = introspected(&house).await;
    introspection(&house, &[true, true], false);
    let receipt = house.core.sign_out(&id).await.unwrap();
    for line in &receipt.lines[..2] {
        assert_eq!((line.outcome, line.proof), (Outcome::Confirmed, Some(Proof::IntrospectionInactive)));
    }
    let order: Vec<_> = house.script.log.lock().unwrap().iter().map(|(word, ..)| *word).collect();
    let first = |purpose: Purpose| order.iter().position(|word| *word == purpose.word()).unwrap();
    assert!(first(Purpose::Introspection) < first(Purpose::Revocation), "asked too late: {order:?}");
}

#[tokio::test(start_paused = true)]
async fn an_issuer_slow_to_say_what_it_knows_does_not_hold_up_the_revocation() {
    let house = House::new().await;
    let id = introspected(&house).await;
    house.script.always(Purpose::Introspection, Step::Hang(Duration::from_secs(10_000_000)));
    let receipt = house.core.sign_out(&id).await.unwrap();
    assert_eq!(receipt.lines[0].outcome, Outcome::Accepted, "revoked all the same");
}

#[tokio::test(start_paused = true)]
async fn what_an_earlier_attempt_saw_proves_the_end_in_a_later_one() {
    let house = House::new().await;
    let id = introspected(&house).await;
    introspection(&house, &[true, true], false);
    house.script.always(Purpose::Revocation, OFFLINE);
    let receipt = house.core.sign_out(&id).await.unwrap();
    assert_eq!(receipt.lines[0].outcome, Outcome::Queued);

    // The issuer got it, and only its answer was lost: from now on it says "inactive".
    let house = house.restart().await;
    house.script.always(Purpose::Revocation, answer(200, ""));
    let mut events = house.core.subscribe();
    let (_stop, stopped) = watch::channel(false);
    let core = house.core.clone();
    tokio::spawn(async move { core.run(stopped).await });
    let receipt = loop {
        if let Event::Revoked(receipt) = events.recv().await.unwrap() {
            break receipt;
        }
    };
    for line in &receipt.lines[..2] {
        assert_eq!((line.outcome, line.proof), (Outcome::Confirmed, Some(Proof::IntrospectionInactive)));
    }
}
