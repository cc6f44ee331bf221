//! What a start makes of a sign-in that was cut off, from what it left on disk and in the vault.

use mcp_login_vault::{ExposeSecret as _, Items as _};

use super::*;
use crate::accounts::Mark;
use crate::fetch::Want;
use crate::testing::House;

async fn woken(house: House) -> House {
    let house = house.restart().await;
    house.core.0.wake_up().await;
    house
}

/// The entry as it was before its tokens came.
async fn begun(house: &House) -> AccountId {
    let id = house.sign_in("work", Some(3_600)).await;
    let cell = house.core.0.cell(&id).unwrap();
    let unsettle = |account: &mut Account, _: &[Account]| {
        account.storing = Storing::Begun;
        Ok(())
    };
    house.core.0.edit(&cell, unsettle).await.unwrap();
    id
}

#[tokio::test(start_paused = true)]
async fn a_sign_in_that_was_cut_off_counts_when_its_tokens_are_there() {
    let house = House::new().await;
    let id = begun(&house).await;
    let house = woken(house).await;
    assert_eq!(house.core.account(&id).unwrap().account.storing, Storing::Settled);
    let fetched = house.core.fetch(&id, Want::default()).await.unwrap();
    assert_eq!(fetched.access.expose_secret(), "access-1");
}

#[tokio::test(start_paused = true)]
async fn and_never_was_when_they_are_not() {
    let mut house = House::new().await;
    let id = begun(&house).await;
    // The head is what makes tokens count; a crash before it leaves parts.
    house.items.delete(&format!("tokens/{id}")).unwrap();
    house.items.put(&format!("tokens/{id}#sets"), br#"{"sets":{"1":2}}"#).unwrap();
    house.items.put(&format!("tokens/{id}#1.0"), b"a part of a token").unwrap();
    let mut house = woken(house).await;
    assert!(house.core.accounts().is_empty());
    for part in ["", "#sets", "#1.0"] {
        assert!(house.items.get(&format!("tokens/{id}{part}")).unwrap().is_none(), "{part} stays for ever");
    }
}

/// An account that needs a person, and the entry as the person's new sign-in will make it.
async fn coming(house: &House) -> (AccountId, Arc<TokenSet>) {
    let id = house.sign_in("work", Some(3_600)).await;
    let cell = house.core.0.cell(&id).unwrap();
    let next = house.new_sign_in(None, cell.snapshot().account.registration.clone(), Some(60));
    let tokens = Arc::new(next.token_set());
    let change = |account: &mut Account, _: &[Account]| {
        let next = next.renew(account, vec!["more".to_owned()], 7);
        account.coming = Some(Box::new(Coming { generation: 2, account: next }));
        account.mark = Some(Mark { code: "invalid_grant".to_owned(), generation: 1, at: 0 });
        Ok(())
    };
    house.core.0.edit(&cell, change).await.unwrap();
    (id, tokens)
}

#[tokio::test(start_paused = true)]
async fn a_renewal_that_was_cut_off_counts_when_its_tokens_are_there() {
    let house = House::new().await;
    let (id, tokens) = coming(&house).await;
    house.core.0.keep.put(&id, 2, &tokens).await.unwrap();
    let house = woken(house).await;
    let snapshot = house.core.account(&id).unwrap();
    assert_eq!((snapshot.generation, &snapshot.account.coming), (2, &None));
    assert_eq!(
        (snapshot.account.scope.as_slice(), snapshot.account.signed_in_at),
        (&["more".to_owned()][..], 7)
    );
    assert!(matches!(snapshot.standing, Standing::Good), "{:?}", snapshot.standing);
}

#[tokio::test(start_paused = true)]
async fn and_takes_nothing_away_when_they_are_not() {
    let house = House::new().await;
    let (id, _) = coming(&house).await;
    let house = woken(house).await;
    let snapshot = house.core.account(&id).unwrap();
    assert_eq!((snapshot.generation, &snapshot.account.coming), (1, &None));
    assert!(snapshot.account.scope.iter().all(|scope| scope != "more"));
    // What was true before is true again.
    assert!(matches!(snapshot.standing, Standing::NeedsSignIn(_)), "{:?}", snapshot.standing);
}
