//! When a sign-in itself will probably end, and a person has to sign in again.
//!
//! Problem: tokens are renewed for days, and then one morning the issuer says no; no standard announces it. Invariant: three
//! sources, the surest first: the end that the issuer gives with the tokens, unless it moves on with each renewal; how long
//! former sign-ins of this account lasted; what is usual at the provider. It is a hint: nothing is decided by it, and it is
//! given once.

use std::sync::Arc;
use std::time::Duration;

use mcp_login_ipc::api::EndsBy;
use serde::{Deserialize, Serialize};

use crate::clock::Moment;
use crate::core::{Event, Inner};
use crate::state::{Cell, Standing};

/// Seconds. A person who hears of it the day before can do it at a time of their own choice.
const WORKING_DAY: u64 = 24 * 60 * 60;
/// The hint comes in the last so manieth part of a sign-in at the earliest: one that lasts eight hours is not about to end
/// from its first minute.
const LAST_PART: u64 = 4;
/// Former lengths that are kept.
const MAX_FORMER: usize = 5;
/// Seconds. What ended sooner was ended by somebody, and says nothing of the issuer's rules.
const SHORTEST: u64 = 10 * 60;
/// Seconds between two announcements before which nothing can be said about whether the end moves on.
const TELLING: u64 = 60;

/// What is known of a sign-in's end.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ending {
    /// By the issuer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub announced: Option<Announced>,
    /// Seconds that a sign-in usually lasts at this provider.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub usual: Option<u64>,
    /// Seconds that former sign-ins of this account lasted until the issuer ended them, the oldest first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub former: Vec<u64>,
    /// The end that a person was told of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub told: Option<u64>,
}

/// The end of the refresh token, as the issuer gives it with the tokens (`refresh_expires_in`). Unix seconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Announced {
    /// Given once; whether it moves on with a renewal is not known yet.
    First {
        /// The end.
        at: u64,
        /// When it was given.
        said: u64,
    },
    /// It stayed through a renewal.
    Fixed {
        /// The end.
        at: u64,
    },
    /// It moves on with each renewal: as long as we renew, it never comes.
    Sliding,
}

impl Ending {
    /// Nothing is known.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// A new sign-in, after those of `former`.
    #[must_use]
    pub fn of_new(announced: Option<u64>, usual: Option<u64>, former: &[u64], now: u64) -> Self {
        let announced = announced.map(|at| Announced::First { at, said: now });
        Self { announced, usual, former: former.to_vec(), told: None }
    }

    /// A renewal brought this end. As a rule nothing changes, and nothing has to be written.
    pub fn renewed(&mut self, end: Option<u64>, now: u64) {
        let Some(end) = end else { return };
        self.announced = Some(match self.announced {
            None => Announced::First { at: end, said: now },
            Some(first @ Announced::First { said, .. }) if now < said + TELLING => first,
            // Half of the time that passed: clocks and answers are late by seconds.
            Some(Announced::First { at, said }) if end > at + (now - said) / 2 => Announced::Sliding,
            Some(Announced::Fixed { at }) if end > at + TELLING => Announced::Sliding,
            Some(Announced::First { at, .. } | Announced::Fixed { at }) => Announced::Fixed { at },
            Some(Announced::Sliding) => Announced::Sliding,
        });
    }

    /// The issuer ended a sign-in.
    pub fn ended(&mut self, signed_in_at: u64, now: u64) {
        let lasted = now.saturating_sub(signed_in_at);
        if lasted < SHORTEST {
            return;
        }
        if self.former.len() >= MAX_FORMER {
            self.former.remove(0);
        }
        self.former.push(lasted);
    }

    /// When it ends, and how that is known. What has passed was a wrong guess.
    #[must_use]
    pub fn end(&self, signed_in_at: u64, now: u64) -> Option<(u64, EndsBy)> {
        let announced = match self.announced {
            Some(Announced::First { at, .. } | Announced::Fixed { at }) => Some((at, EndsBy::Announced)),
            Some(Announced::Sliding) | None => None,
        };
        let history = || Some((signed_in_at + self.usual_here()?, EndsBy::History));
        let profile = || Some((signed_in_at + self.usual?, EndsBy::Profile));
        announced.or_else(history).or_else(profile).filter(|(at, _)| *at > now)
    }

    /// Two in a row of about the same length are a rule; one may have been an administrator.
    fn usual_here(&self) -> Option<u64> {
        let [.., one, two] = self.former.as_slice() else { return None };
        let (less, more) = (*one.min(two), *one.max(two));
        (more - less <= more / 10).then_some(less)
    }

    /// The end that is near enough to be told of, if it was not. `renewal`: when the tokens are renewed next; an end that may
    /// move on then is none yet.
    fn to_tell(&self, signed_in_at: u64, now: u64, renewal: Option<u64>) -> Option<u64> {
        let (at, _) = self.end(signed_in_at, now)?;
        let may_move =
            matches!(self.announced, Some(Announced::First { .. })) && renewal.is_some_and(|next| next < at);
        let ahead = WORKING_DAY.min(at.saturating_sub(signed_in_at) / LAST_PART);
        let told = self.told.is_some_and(|told| at.abs_diff(told) < TELLING);
        (!may_move && !told && at <= now + ahead).then_some(at)
    }
}

impl Inner {
    /// Tells once that a sign-in is about to end.
    pub(crate) fn look_for_end(self: &Arc<Self>, cell: &Arc<Cell>, now: Moment) {
        let snapshot = cell.snapshot();
        if !matches!(snapshot.standing, Standing::Good) || snapshot.account.ending.is_empty() {
            return;
        }
        let renewal = cell.due(now).map(|wait| now.unix() + wait.as_secs());
        let account = &snapshot.account;
        let Some(end) = account.ending.to_tell(account.signed_in_at, now.unix(), renewal) else { return };
        let (core, cell) = (self.clone(), cell.clone());
        drop(self.own(async move {
            let mut first = false;
            let noted = core
                .edit(&cell, |account, _| {
                    first = account.ending.told != Some(end);
                    account.ending.told = Some(end);
                    Ok(())
                })
                .await;
            // What could not be noted is told again after a restart, and not every half minute.
            if first && noted.is_ok() {
                core.tell(Event::Ends(cell.id.clone()));
            }
        }));
    }
}

/// The end of a refresh token that lives for `left` from `asked_at` on.
#[must_use]
pub fn end_of(asked_at: Moment, left: Option<u64>) -> Option<u64> {
    left.map(|left| (asked_at.wall + Duration::from_secs(left)).as_secs())
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::testing::House;
    use mcp_login_oauth::http::Purpose;

    const HOUR: u64 = 3_600;

    #[test]
    fn an_end_that_moves_on_is_none() {
        let mut ending = Ending::of_new(Some(10 * HOUR), None, &[], 0);
        assert_eq!(ending.end(0, 1), Some((10 * HOUR, EndsBy::Announced)));
        assert_eq!(ending.to_tell(0, 9 * HOUR, Some(9 * HOUR + 1)), None, "not known to stay");
        assert_eq!(ending.to_tell(0, 9 * HOUR, None), Some(10 * HOUR), "nothing will move it");
        let mut early = ending.clone();
        early.renewed(Some(10 * HOUR + 30), 30);
        assert_eq!(early, ending, "too early to say");
        let mut sliding = ending.clone();
        sliding.renewed(Some(11 * HOUR), HOUR);
        assert_eq!((sliding.announced, sliding.end(0, HOUR)), (Some(Announced::Sliding), None));
        ending.renewed(Some(10 * HOUR - 2), HOUR);
        assert_eq!(ending.announced, Some(Announced::Fixed { at: 10 * HOUR }));
        let known = ending.clone();
        ending.renewed(Some(10 * HOUR + 3), 2 * HOUR);
        ending.renewed(None, 3 * HOUR);
        assert_eq!(ending, known, "nothing to write");
        assert_eq!(ending.to_tell(0, 7 * HOUR, Some(8 * HOUR)), None, "three quarters are not over");
        assert_eq!(ending.to_tell(0, 8 * HOUR, Some(9 * HOUR)), Some(10 * HOUR));
        ending.renewed(Some(20 * HOUR), 5 * HOUR);
        assert_eq!(ending.announced, Some(Announced::Sliding));
    }

    #[test]
    fn two_alike_are_a_rule_and_one_is_none() {
        let day = 24 * HOUR;
        let mut ending = Ending::of_new(None, Some(30 * day), &[], 0);
        assert_eq!(ending.end(5, 6), Some((5 + 30 * day, EndsBy::Profile)));
        ending.ended(0, 7 * day);
        assert_eq!(ending.end(0, 6).unwrap().1, EndsBy::Profile, "once may have been an administrator");
        ending.ended(0, SHORTEST - 1);
        assert_eq!(ending.former.len(), 1);
        ending.ended(0, 7 * day + HOUR);
        assert_eq!(ending.end(100, 101), Some((100 + 7 * day, EndsBy::History)));
        assert_eq!(ending.to_tell(100, 100 + 6 * day - 1, Some(0)), None);
        assert_eq!(ending.to_tell(100, 100 + 6 * day, Some(0)), Some(100 + 7 * day), "a working day ahead");
        assert_eq!(ending.end(100, 100 + 7 * day), None, "it passed: a wrong guess");
        for _ in 0..9 {
            ending.ended(0, 2 * day);
        }
        assert_eq!(ending.former.len(), MAX_FORMER);
    }

    /// Entries without it are read, and without anything known nothing is written.
    #[test]
    fn an_entry_of_before_is_read() {
        let account = crate::testing::account("work");
        let written = serde_json::to_value(&account).unwrap();
        assert!(written.get("ending").is_none(), "{written}");
        let read: crate::accounts::Account = serde_json::from_value(written).unwrap();
        assert_eq!(read, account);
    }

    #[tokio::test(start_paused = true)]
    async fn a_sign_in_that_lasts_a_day_is_told_of_once() {
        let house = House::new().await;
        let id = house.sign_in_that_ends("work", HOUR, 24 * HOUR).await;
        let mut events = house.core.subscribe();
        let (stop, stopped) = tokio::sync::watch::channel(false);
        let core = house.core.clone();
        let running = tokio::spawn(async move { core.run(stopped).await });
        let mut told = Vec::new();
        while told.len() < 2 && house.clock_hours() < 23 {
            if let Ok(Ok(Event::Ends(id))) =
                tokio::time::timeout(Duration::from_secs(600), events.recv()).await
            {
                told.push((id, house.clock_hours()));
            }
        }
        assert_eq!(told, [(id.clone(), 18)], "once, when three quarters are over");
        let shown = house.core.view(&id).unwrap();
        assert_eq!(shown.ends_by, Some(EndsBy::Announced));
        assert!(house.script.count(Purpose::Token) > 20, "it was renewed all the time");
        stop.send_replace(true);
        running.await.unwrap();
    }

    #[tokio::test]
    async fn sign_ins_that_the_issuer_ended_are_remembered() {
        let house = House::new().await;
        let refusal = crate::testing::Step::Answer(400, r#"{"error":"invalid_grant"}"#.to_owned());
        let id = house.sign_in("work", Some(HOUR)).await;
        for _ in 0..2 {
            house.clock.suspend(Duration::from_secs(7 * 24 * HOUR));
            house.script.then(Purpose::Token, refusal.clone());
            house.core.refresh(&id).await.unwrap_err();
            let registration = house.registration().await;
            let mut again = house.new_sign_in(None, registration, Some(HOUR));
            again.account = Some(id.clone());
            house.core.adopt(again).await.unwrap();
        }
        let shown = house.core.view(&id).unwrap();
        assert_eq!(shown.ends_by, Some(EndsBy::History));
        let lasts = shown.ends_at.unwrap() - shown.signed_in_at;
        assert!(lasts.abs_diff(7 * 24 * HOUR) < HOUR, "{lasts}");
    }
}
