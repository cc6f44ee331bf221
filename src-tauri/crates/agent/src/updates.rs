//! Whether there is a newer version: asked and shown. Nothing is ever downloaded or installed.
//!
//! Problem: a look tells whoever answers that somebody runs this program here. Invariant: only a person's wish, or the
//! setting `updates.look = "daily"`, sends a request, and none goes out against the policy; one address is asked, and no
//! redirect followed; that it was asked is on disk before it is asked, so that no restart asks again.

mod book;
mod release;

use crate::config::{Config, Look};
use crate::disk;
use crate::ledger::Ledger;
use crate::login::LoginError;
use crate::methods::Doors;
use crate::serve;
use book::{Contents, Known};
use mcp_login_ipc::{Fault, api, identity};
use mcp_login_oauth::http::Http as _;
use release::{Place, Unsaid, is_newer};
use semver::Version;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tokio::sync::{Mutex, broadcast};

/// Between two looks by itself.
const DAY: Duration = Duration::from_secs(86_400);
/// The longest sleep of the daily task, and its rest after a request that did not go out: timers stand still while the
/// machine sleeps, and a laptop's day is made of short times awake.
const HOUR: Duration = Duration::from_secs(3_600);
/// Versions found that a subscriber has not read yet; there is one in weeks.
const FOUND: usize = 4;

type Answer = Result<api::Update, Fault>;

/// What is known, and who hears of it.
pub struct Updates {
    book: Ledger<Contents>,
    /// The last answer; held while it is asked, so that many who want to know send one request.
    turn: Mutex<Option<Answer>>,
    /// Goes up with each answer.
    round: AtomicU64,
    found: broadcast::Sender<Arc<api::Update>>,
}

impl Updates {
    /// Reads what was known. Asks nobody.
    ///
    /// # Errors
    /// A file of a newer version, or one that cannot be read.
    pub fn load(data_dir: &Path) -> Result<Self, disk::Error> {
        Ok(Self {
            book: book::open(data_dir)?,
            turn: Mutex::default(),
            round: AtomicU64::new(0),
            found: broadcast::Sender::new(FOUND),
        })
    }

    /// Hears of each new version once.
    pub(crate) fn subscribe(&self) -> broadcast::Receiver<Arc<api::Update>> {
        self.found.subscribe()
    }

    /// How long until a day is over since it was asked last. A time that has not come yet was written under a wrong clock.
    fn rest(&self, now: u64) -> Duration {
        let asked_at = self.book.read(|book| book.asked_at).filter(|asked_at| *asked_at <= now);
        asked_at.map_or(Duration::ZERO, |asked_at| DAY.saturating_sub(Duration::from_secs(now - asked_at)))
    }
}

impl Doors {
    /// `update.check`.
    pub(crate) async fn update_check(&self) -> Answer {
        let config = self.sign_ins.parts().settings.read();
        config.managed.allows_updates().map_err(|forbidden| LoginError::from(forbidden).fault())?;
        let before = self.updates.round.load(Ordering::Relaxed);
        let mut last = self.updates.turn.lock().await;
        if self.updates.round.load(Ordering::Relaxed) != before
            && let Some(answer) = &*last
        {
            // Somebody else was asking, and has the answer.
            return answer.clone();
        }
        let place = Place::of(config.updates.from.as_ref());
        self.take_turn(&place, &mut last).await.map_err(|why| why.fault(&place))
    }

    /// What is known; nothing where the policy wants nobody to look.
    pub(crate) fn last_update(&self) -> Option<api::Update> {
        self.sign_ins.parts().settings.last().managed.allows_updates().ok()?;
        self.updates.book.read(|book| book.known.clone()).and_then(show)
    }

    /// Tells subscribers of a version that is newer than this one: once, and not before somebody listens.
    pub(crate) async fn tell_update(&self) {
        let Updates { book, found, .. } = &self.updates;
        let Some(update) = self.last_update().filter(|update| update.newer) else { return };
        let is_told = |now: &Contents| now.told.as_ref() == Some(&update.newest);
        if found.receiver_count() == 0 || book.read(is_told) {
            return;
        }
        let mut is_first = false;
        let told = book.edit(|now| {
            is_first = !is_told(now);
            now.told = Some(update.newest.clone());
        });
        match told.await {
            Ok(()) if is_first => drop(found.send(Arc::new(update))),
            Ok(()) => {}
            Err(failure) => tracing::warn!(%failure, "a newer version is not announced"),
        }
    }

    /// Asks, and leaves the answer to those who wait.
    async fn take_turn(&self, place: &Place, last: &mut Option<Answer>) -> Result<api::Update, Unsaid> {
        let answer = self.ask_newest(place).await;
        *last = Some(answer.clone().map_err(|why| why.fault(place)));
        self.updates.round.fetch_add(1, Ordering::Relaxed);
        answer
    }

    async fn ask_newest(&self, place: &Place) -> Result<api::Update, Unsaid> {
        let now = self.now().unix();
        self.updates.book.edit(|book| book.asked_at = Some(now)).await?;
        let answer = self.sign_ins.parts().http.send(place.request()?).await?;
        let release = place.read(&answer)?;
        let known =
            Known { version: release.version.to_string(), page: release.page.to_string(), looked_at: now };
        self.updates.book.edit(|book| book.known = Some(known.clone())).await?;
        self.tell_update().await;
        show(known).ok_or(Unsaid::NoVersion)
    }

    /// A look that nobody waits for.
    async fn look_unasked(&self, config: &Config) -> Result<(), Unsaid> {
        let mut last = self.updates.turn.lock().await;
        let looked = self.take_turn(&Place::of(config.updates.from.as_ref()), &mut last).await;
        match &looked {
            Ok(update) => {
                tracing::info!(newest = %update.newest, newer = update.newer, "looked for a newer version")
            }
            Err(why) => tracing::info!(%why, "nobody could say which version is the newest"),
        }
        looked.map(drop)
    }
}

/// For the API: against the version that runs now, which may be another one than when it was asked.
fn show(known: Known) -> Option<api::Update> {
    let Known { version, page, looked_at } = known;
    let current = identity::SOFTWARE_VERSION;
    // What cannot be read was written into our file by somebody else.
    let newer = is_newer(&Version::parse(&version).ok()?, &Version::parse(current).ok()?);
    Some(api::Update { current: current.to_owned(), newest: version, newer, page, looked_at })
}

/// Begins to look once a day, if the settings want it so. If not, nothing ever wakes up.
pub(crate) fn begin(doors: &Arc<Doors>) {
    if doors.sign_ins.parts().settings.last().updates.look == Look::Daily {
        tokio::spawn(daily(doors.clone()));
    }
}

/// Looks once a day, until the agent ends or the settings want it no more.
async fn daily(doors: Arc<Doors>) {
    let mut stop = doors.stopping();
    // The last request did not go out, so nobody was asked: it need not wait for a day.
    let mut unsent = false;
    loop {
        let mut rest = doors.updates.rest(doors.now().unix());
        if rest.is_zero() || unsent {
            let config = doors.sign_ins.parts().settings.read();
            if config.updates.look == Look::ByHand {
                return;
            }
            if config.managed.allows_updates().is_ok() {
                unsent = doors.look_unasked(&config).await.is_err_and(|why| why.is_unsent());
            }
            rest = HOUR;
        }
        tokio::select! {
            () = tokio::time::sleep(rest.min(HOUR)) => {}
            () = serve::stopped(&mut stop) => return,
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests;
