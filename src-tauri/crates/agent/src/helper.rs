//! Tokens for header helpers.
//!
//! Problem: an MCP client runs `mcp-login headers` for a connection, and again when the server refused what it got, and does
//! not say which. To renew each time would spend a refresh a window; never to renew would hand out a refused token for ever.
//! Invariant: a token that nobody can have used yet goes out at once; one that may have been handed out before is first tried
//! at the server, and renewed only when the server says 401. What a server that does not answer costs has an end.

use crate::clock::Moment;
use crate::core::Core;
use crate::failure::Failure;
use crate::fetch::{Fetched, Want};
use crate::id::AccountId;
use mcp_login_ipc::api::Verdict;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::time::timeout;

/// What such a token has left at least: the client keeps it for the whole connection, and one that expires while the client
/// still starts fails without a second try (Claude Code does not ask again at a 401 to its first request).
pub const MARGIN: Duration = Duration::from_secs(120);
/// How long the server may take to look at a token: clients give their helper 10 s in all.
const TRY: Duration = Duration::from_secs(4);
/// A token that the server accepted a moment ago is not tried again: an editor that starts runs a helper a window.
const JUST_NOW: Duration = Duration::from_secs(2);

/// What is known of the token that was handed out last, for each account.
#[derive(Debug, Default)]
pub struct Helpers(Mutex<BTreeMap<AccountId, Arc<tokio::sync::Mutex<Last>>>>);

#[derive(Debug, Default)]
struct Last {
    generation: u64,
    accepted: Option<Moment>,
}

impl Helpers {
    /// A token that the server does not refuse, as far as that can be known. What an agent before us got may be in anybody's
    /// hands.
    ///
    /// # Errors
    /// As [`Core::fetch`].
    pub async fn fetch(&self, core: &Core, id: &AccountId, want: Want) -> Result<Fetched, Failure> {
        let want = Want { min_ttl: Some(want.min_ttl.unwrap_or_default().max(MARGIN)), ..want };
        let fetched = core.fetch(id, want).await?;
        let last =
            self.0.lock().unwrap_or_else(PoisonError::into_inner).entry(id.clone()).or_default().clone();
        // Taken in turn: the second of two who ask at once profits from the first one's try.
        let mut last = last.lock().await;
        let fetched =
            if fetched.generation < last.generation { core.fetch(id, want).await? } else { fetched };
        let now = core.now();
        let accepted =
            last.generation == fetched.generation && last.accepted.is_some_and(|at| now.since(at) < JUST_NOW);
        let fresh = last.generation < fetched.generation && core.obtained_here(id);
        if accepted || fresh {
            last.generation = fetched.generation;
            return Ok(fetched);
        }
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
                last.accepted = Some(core.now());
                fetched
            }
            // No verdict on the token: it goes out as it is.
            Verdict::Unreachable | Verdict::NotOffered => fetched,
        };
        last.generation = fetched.generation;
        Ok(fetched)
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
        assert_eq!(ask().await.unwrap().generation, 1, "accepted a moment ago");
        assert_eq!(counts(&house), (0, 1));
        house.clock.suspend(JUST_NOW);
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
