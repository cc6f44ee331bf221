//! Tokens for header helpers.
//!
//! Problem: an MCP client runs `mcp-login headers` for a connection, and again when the server refused what it got, and does
//! not say which. To renew each time would spend a refresh a window; never to renew would hand out a refused token for ever.
//! Invariant: a token that nobody can have used yet goes out at once; one that may have been handed out before is first tried
//! at the server, and renewed only when the server says 401. What a server that does not answer costs has an end.

use crate::core::Core;
use crate::failure::Failure;
use crate::fetch::{Fetched, Want};
use crate::id::AccountId;
use mcp_login_ipc::api::Verdict;
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::time::timeout;

/// What such a token has left at least: the client keeps it for the whole connection, and one that expires while the client
/// still starts fails without a second try (Claude Code does not ask again at a 401 to its first request).
pub const MARGIN: Duration = Duration::from_secs(120);
/// How long the server may take to look at a token: clients give their helper 10 s in all.
const TRY: Duration = Duration::from_secs(4);

/// What is known of the token that was handed out last, for each account.
#[derive(Debug, Default)]
pub struct Helpers {
    last: Mutex<BTreeMap<AccountId, Arc<tokio::sync::Mutex<Last>>>>,
    /// Counts questions and tries in the order in which they began.
    turns: AtomicU64,
}

#[derive(Debug, Default)]
struct Last {
    generation: u64,
    /// The turn of the try that ended without a refusal.
    accepted: Option<u64>,
}

impl Helpers {
    /// A token that the server does not refuse, as far as that can be known. What an agent before us got may be in anybody's
    /// hands.
    ///
    /// # Errors
    /// As [`Core::fetch`].
    pub async fn fetch(&self, core: &Core, id: &AccountId, want: Want) -> Result<Fetched, Failure> {
        let asked = self.turn();
        let want = Want { min_ttl: Some(want.min_ttl.unwrap_or_default().max(MARGIN)), ..want };
        let fetched = core.fetch(id, want).await?;
        let last =
            self.last.lock().unwrap_or_else(PoisonError::into_inner).entry(id.clone()).or_default().clone();
        // Taken in turn: an editor that starts runs a helper a window, and all that asked before a try began share it. Not
        // those that came later: what they got may have been refused since.
        let mut last = last.lock().await;
        let fetched =
            if fetched.generation < last.generation { core.fetch(id, want).await? } else { fetched };
        let accepted =
            last.generation == fetched.generation && last.accepted.is_some_and(|turn| turn > asked);
        let fresh = last.generation < fetched.generation && core.obtained_here(id);
        if accepted || fresh {
            last.generation = fetched.generation;
            return Ok(fetched);
        }
        let turn = self.turn();
        let verdict = timeout(TRY, core.try_token(&fetched)).await.unwrap_or(Verdict::Unreachable);
        tracing::debug!(account = %id, ?verdict, "tried a token before handing it out again");
        let fetched = match verdict {
            Verdict::Inactive => {
                let newer = Want { newer_than: Some(fetched.generation), ..want };
                let newer = core.fetch(id, newer).await?;
                last.accepted = None;
                newer
            }
            Verdict::Active | Verdict::Refused => {
                last.accepted = Some(turn);
                fetched
            }
            // No verdict on the token: it goes out as it is.
            Verdict::Unreachable | Verdict::NotOffered => fetched,
        };
        last.generation = fetched.generation;
        Ok(fetched)
    }

    fn turn(&self) -> u64 {
        self.turns.fetch_add(1, Ordering::Relaxed)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::testing::{House, Step};
    use mcp_login_oauth::http::Purpose;

    const ANY: Want = Want { newer_than: None, min_ttl: None };

    fn answer(status: u16) -> Step {
        Step::Answer(status, "{}".to_owned())
    }

    /// Requests to the issuer, and tries at the server.
    fn counts(house: &House) -> (usize, usize) {
        (house.script.count(Purpose::Token), house.script.count(Purpose::Challenge))
    }

    #[tokio::test(start_paused = true)]
    async fn first_at_once_then_tried_then_renewed_when_it_is_refused() {
        let house = House::new().await;
        let id = house.sign_in("work", Some(3_600)).await;
        let helpers = Helpers::default();
        let ask = || helpers.fetch(&house.core, &id, ANY);
        assert_eq!(ask().await.unwrap().generation, 1);
        assert_eq!(counts(&house), (0, 0), "nobody can have used it");
        house.script.then(Purpose::Challenge, answer(200));
        assert_eq!(ask().await.unwrap().generation, 1);
        assert_eq!(counts(&house), (0, 1));
        house.script.then(Purpose::Challenge, answer(401));
        assert_eq!(ask().await.unwrap().generation, 2);
        assert_eq!(counts(&house), (1, 2));
        // A server in trouble says nothing about the token.
        house.script.then(Purpose::Challenge, answer(503));
        assert_eq!(ask().await.unwrap().generation, 2);
        house.script.then(Purpose::Challenge, Step::Hang(TRY * 2));
        assert_eq!(ask().await.unwrap().generation, 2, "nor does one that does not answer");
        assert_eq!(counts(&house), (1, 4));
    }

    /// Whoever asks after a try has begun may come because of a refusal that the try did not see.
    #[tokio::test(start_paused = true)]
    async fn those_that_ask_at_once_share_a_try() {
        let house = House::new().await;
        let id = house.sign_in("work", Some(3_600)).await;
        let helpers = Arc::new(Helpers::default());
        helpers.fetch(&house.core, &id, ANY).await.unwrap();
        for _ in 0..2 {
            house.script.then(Purpose::Challenge, answer(200));
        }
        let mut at_once = tokio::task::JoinSet::new();
        for _ in 0..20 {
            let (helpers, core, id) = (helpers.clone(), house.core.clone(), id.clone());
            at_once.spawn(async move { helpers.fetch(&core, &id, ANY).await.unwrap().generation });
        }
        assert_eq!(at_once.join_all().await, [1; 20]);
        assert!(counts(&house).1 <= 2, "{:?}", counts(&house));
        let tried = counts(&house).1;
        house.script.then(Purpose::Challenge, answer(401));
        assert_eq!(helpers.fetch(&house.core, &id, ANY).await.unwrap().generation, 2, "refused right after");
        assert_eq!(counts(&house), (1, tried + 1));
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_handed_out_has_a_margin() {
        for (left, generation) in [(MARGIN.as_secs() + 1, 1), (MARGIN.as_secs() - 1, 2)] {
            let house = House::new().await;
            let id = house.sign_in("work", Some(3_600)).await;
            house.clock.suspend(Duration::from_secs(3_600 - left));
            assert_eq!(
                house.core.fetch(&id, ANY).await.unwrap().generation,
                1,
                "enough for whoever asks at once"
            );
            let fetched = Helpers::default().fetch(&house.core, &id, ANY).await.unwrap();
            assert_eq!(fetched.generation, generation, "{left} s left");
        }
    }
}
