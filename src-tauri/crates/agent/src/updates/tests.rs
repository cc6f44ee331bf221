use super::*;
use crate::config::ApprovalsChoice;
use crate::consent::{BesideAgent, Consent};
use crate::events::{self, Audience};
use crate::managed::{Managed, Mistake, Switch};
use crate::session::Session;
use crate::testing::{House, Step};
use mcp_login_ipc::api::{Event, Notification};
use mcp_login_oauth::http::{HttpFailure, NotSent, Purpose, Unknown};
use tokio::sync::mpsc;

const NEWER: &str = "/mcp-login/mcp-login/releases/tag/v999.1.0";

fn moved(to: &str) -> Step {
    Step::Moved(302, to.to_owned())
}

/// What stands behind the methods: another agent each time, over the same files.
fn doors(house: &House, managed: Managed) -> Arc<Doors> {
    let consent = Consent::new(BesideAgent::new(house.dir.path()), Session::default());
    house.managed_doors(ApprovalsChoice::Window, consent, managed)
}

fn set(house: &House, settings: &str) {
    let dir = house.dir.path().join("config");
    std::fs::create_dir_all(&dir).unwrap();
    std::fs::write(dir.join("config.toml"), settings).unwrap();
}

fn off() -> Managed {
    Managed { updates: Switch::Off, ..Managed::default() }
}

/// A subscriber; what it was told of newer versions until now.
struct Ear(mpsc::Receiver<Box<Notification>>);

impl Ear {
    fn of(doors: &Arc<Doors>) -> Self {
        let (notes, heard) = mpsc::channel(16);
        tokio::spawn(events::forward(doors.clone(), notes, Audience::Everybody));
        Self(heard)
    }

    /// Waits long enough, on the tests' clock, for everything that is on its way.
    async fn heard(&mut self) -> Vec<String> {
        let mut found = Vec::new();
        while let Ok(Some(note)) = tokio::time::timeout(Duration::from_secs(1), self.0.recv()).await {
            if let Notification::Event(Event::UpdateFound { update }) = *note {
                found.push(update.newest);
            }
        }
        found
    }
}

#[tokio::test(start_paused = true)]
async fn asked_once_it_is_known_over_restarts() {
    let house = House::new().await;
    let one = doors(&house, Managed::default());
    assert_eq!(one.last_update(), None);
    house.script.then(Purpose::Release, moved(NEWER));
    let update = one.update_check().await.unwrap();
    let now = crate::clock::Clock::now(&*house.clock).unix();
    assert_eq!(
        update,
        api::Update {
            current: identity::SOFTWARE_VERSION.to_owned(),
            newest: "999.1.0".to_owned(),
            newer: true,
            page: format!("https://github.com{NEWER}"),
            looked_at: now,
        }
    );
    assert_eq!(doors(&house, Managed::default()).last_update(), Some(update.clone()));
    // What went wrong later takes nothing away.
    house.script.then(Purpose::Release, Step::Answer(200, "<html>v1000.0.0</html>".to_owned()));
    let fault = one.update_check().await.unwrap_err();
    assert_eq!(fault.data.code, "newest_unknown");
    assert!(fault.data.next.contains("https://github.com/mcp-login/mcp-login/releases/latest"), "{fault:?}");
    assert!(!format!("{fault:?}").contains("1000"), "{fault:?}");
    assert_eq!(one.last_update(), Some(update));
    // An older one is an answer too.
    house.script.then(Purpose::Release, moved("/x/releases/tag/v0.0.1"));
    assert!(!one.update_check().await.unwrap().newer);
}

#[tokio::test(start_paused = true)]
async fn many_who_ask_at_once_send_one_request() {
    let house = House::new().await;
    let doors = doors(&house, Managed::default());
    house.script.always(Purpose::Release, moved(NEWER));
    house.script.then(Purpose::Release, Step::Hang(Duration::from_secs(5)));
    let asking: Vec<_> = (0..20)
        .map(|_| {
            let doors = doors.clone();
            tokio::spawn(async move { doors.update_check().await })
        })
        .collect();
    for asked in asking {
        assert!(asked.await.unwrap().unwrap().newer);
    }
    assert_eq!(house.script.count(Purpose::Release), 1);
    doors.update_check().await.unwrap();
    assert_eq!(house.script.count(Purpose::Release), 2, "who asks later asks anew");
}

#[tokio::test(start_paused = true)]
async fn each_version_is_told_once() {
    let house = House::new().await;
    house.script.then(Purpose::Release, moved(NEWER));
    let one = doors(&house, Managed::default());
    // Found while nobody listened: whoever comes hears of it.
    one.update_check().await.unwrap();
    let (mut first, mut second) = (Ear::of(&one), Ear::of(&one));
    assert_eq!((first.heard().await.len(), second.heard().await.len()), (1, 1));
    house.script.then(Purpose::Release, moved(NEWER));
    one.update_check().await.unwrap();
    assert_eq!(first.heard().await.len(), 0, "found again");
    assert_eq!(Ear::of(&one).heard().await.len(), 0, "told already");
    let two = doors(&house, Managed::default());
    let mut third = Ear::of(&two);
    assert_eq!(third.heard().await.len(), 0, "told by another agent");
    for (link, told) in [("v0.0.1", 0), ("v999.2.0", 1), ("v1000.0.0-rc.1", 0)] {
        house.script.then(Purpose::Release, moved(&format!("/releases/tag/{link}")));
        two.update_check().await.unwrap();
        assert_eq!(third.heard().await.len(), told, "{link}");
    }
}

#[tokio::test(start_paused = true)]
async fn against_the_policy_nobody_looks() {
    let house = House::new().await;
    set(&house, "[updates]\nlook = \"daily\"\n");
    house.script.always(Purpose::Release, moved(NEWER));
    doors(&house, Managed::default()).update_check().await.unwrap();
    let mistake = Mistake { place: "/etc".into(), key: "updates".into(), what: "odd".into() };
    for managed in [off(), Managed { mistake: Some(Arc::new(mistake)), ..Managed::default() }] {
        let doors = doors(&house, managed);
        assert_eq!(doors.update_check().await.unwrap_err().data.code, "not_allowed_here");
        assert_eq!(doors.last_update(), None);
        assert_eq!(Ear::of(&doors).heard().await.len(), 0);
        tokio::spawn(daily(doors.clone()));
        tokio::time::sleep(DAY * 7).await;
        doors.stop.send_replace(true);
    }
    assert_eq!(house.script.count(Purpose::Release), 1);
}

#[tokio::test(start_paused = true)]
async fn by_hand_means_by_hand() {
    let house = House::new().await;
    let doors = doors(&house, Managed::default());
    let tasks = tokio::runtime::Handle::current().metrics().num_alive_tasks();
    begin(&doors);
    assert_eq!(tokio::runtime::Handle::current().metrics().num_alive_tasks(), tasks, "nothing waits");
    set(&house, "[updates]\nlook = \"daily\"\n");
    assert_eq!(doors.sign_ins.parts().settings.read().updates.look, Look::Daily);
    begin(&doors);
    assert_eq!(tokio::runtime::Handle::current().metrics().num_alive_tasks(), tasks + 1);
    house.script.always(Purpose::Release, moved(NEWER));
    tokio::time::sleep(DAY + HOUR).await;
    assert_eq!(house.script.count(Purpose::Release), 2);
    // It counts at once when a person wants it no more.
    set(&house, "[updates]\nlook = \"by_hand\"\n");
    tokio::time::sleep(DAY * 7).await;
    assert_eq!(house.script.count(Purpose::Release), 2);
    assert_eq!(tokio::runtime::Handle::current().metrics().num_alive_tasks(), tasks);
}

#[tokio::test(start_paused = true)]
async fn once_a_day_over_restarts_whatever_comes_of_it() {
    let house = House::new().await;
    set(&house, "[updates]\nlook = \"daily\"\n");
    let answers =
        [moved(NEWER), Step::Answer(500, String::new()), Step::Fail(HttpFailure::Unknown(Unknown::Closed))];
    for (day, answer) in answers.into_iter().enumerate() {
        house.script.always(Purpose::Release, answer);
        // Many agents in one day, each for two hours.
        for _ in 0..11 {
            let doors = doors(&house, Managed::default());
            tokio::spawn(daily(doors.clone()));
            tokio::time::sleep(HOUR * 2).await;
            doors.stop.send_replace(true);
        }
        tokio::time::sleep(HOUR * 2).await;
        assert_eq!(house.script.count(Purpose::Release), day + 1);
    }
    // A look by hand counts, and so does a night that the machine slept through.
    let doors = doors(&house, Managed::default());
    house.script.always(Purpose::Release, moved(NEWER));
    doors.update_check().await.unwrap();
    tokio::spawn(daily(doors.clone()));
    tokio::time::sleep(HOUR * 23).await;
    assert_eq!(house.script.count(Purpose::Release), 4);
    house.clock.suspend(HOUR);
    tokio::time::sleep(HOUR).await;
    assert_eq!(house.script.count(Purpose::Release), 5);
    // Written under a clock that was wrong: a person's next look would be years away.
    house.clock.set_wall(-400 * 86_400);
    tokio::time::sleep(HOUR).await;
    assert_eq!(house.script.count(Purpose::Release), 6);
    tokio::time::sleep(HOUR * 22).await;
    assert_eq!(house.script.count(Purpose::Release), 6);
}

#[tokio::test(start_paused = true)]
async fn what_did_not_go_out_is_tried_again_in_an_hour() {
    let house = House::new().await;
    set(&house, "[updates]\nlook = \"daily\"\n");
    house.script.then(Purpose::Release, Step::Fail(HttpFailure::NotSent(NotSent::Resolve)));
    house.script.then(Purpose::Release, Step::Fail(HttpFailure::NotSent(NotSent::Connect)));
    house.script.always(Purpose::Release, moved(NEWER));
    let doors = doors(&house, Managed::default());
    tokio::spawn(daily(doors.clone()));
    tokio::time::sleep(HOUR * 12).await;
    assert_eq!(house.script.times(Purpose::Release).len(), 3);
    assert!(doors.last_update().is_some());
}

#[tokio::test(start_paused = true)]
async fn what_cannot_be_written_down_is_not_asked() {
    let house = House::new().await;
    let doors = doors(&house, Managed::default());
    let place = house.dir.path().join("data");
    std::fs::remove_dir_all(&place).unwrap();
    std::fs::write(&place, "in the way").unwrap();
    assert_eq!(doors.update_check().await.unwrap_err().data.code, "file_unwritable");
    tokio::spawn(daily(doors.clone()));
    tokio::time::sleep(HOUR * 3).await;
    assert_eq!(house.script.count(Purpose::Release), 0);
}
