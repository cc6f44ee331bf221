use super::asking::MAX_SHOWN;
use super::state::MAX_PENDING;
use super::*;
use crate::testing;
use mcp_login_ipc::api::{Caller, SubjectKind, Until};

struct House {
    dir: tempfile::TempDir,
    approvals: Approvals,
    account: Account,
}

fn house() -> House {
    let dir = tempfile::tempdir().unwrap();
    let approvals = Approvals::open(&dir.path().join("data"), &dir.path().join("config")).unwrap();
    House { approvals, account: testing::account("work"), dir }
}

fn at(seconds: u64) -> Moment {
    let boot = Duration::from_secs(seconds);
    Moment { boot, wall: Duration::from_secs(1_800_000_000) + boot }
}

impl House {
    fn program(&self, name: &str) -> PathBuf {
        let path = self.dir.path().join(name);
        if !path.exists() {
            std::fs::write(&path, name).unwrap();
        }
        std::fs::canonicalize(path).unwrap()
    }

    fn subject(&self, name: &str, pid: u32) -> Subject {
        let program = self.program(name);
        let file = FileIdentity::of(&program);
        let program = program.to_str().unwrap().to_owned();
        let face = api::Subject {
            program,
            name: name.into(),
            kind: SubjectKind::Program,
            script: None,
            signer: None,
        };
        // Tests may run as root, whose files are vouched for.
        let file = file.map(|f| FileIdentity { owner: Owner::Person, ..f });
        Subject { face, process: (pid, 1), file, signature: None }
    }

    fn ask(&self, name: &str, now: Moment) -> Found {
        decide(&self.approvals, &self.subject(name, 7), &self.account, now)
    }

    fn asked(&self, name: &str, now: Moment) -> Asking {
        match self.ask(name, now) {
            Found::Asking(asking) => asking,
            Found::Decided(decision) => panic!("decided already: {decision:?}"),
        }
    }

    async fn grant(&self, name: &str, until: Until) -> Approval {
        let pending = self.asked(name, at(0)).pending;
        self.answer(pending, until, at(0)).await
    }

    async fn answer(&self, pending: u64, until: Until, now: Moment) -> Approval {
        let grant = Grant { whom: Whom::Pending(pending), account: None, scopes: None, until };
        self.approvals.grant(grant, now).await.unwrap()
    }

    fn wait(&self, pending: u64) -> Waiter {
        self.approvals.wait(pending, Arc::new(|| true)).unwrap()
    }

    fn reopen(&self) -> Approvals {
        Approvals::open(&self.dir.path().join("data"), &self.dir.path().join("config")).unwrap()
    }
}

/// What a request meets.
#[derive(Debug, PartialEq)]
enum Found {
    Decided(Decision),
    Asking(Asking),
}

fn decide(approvals: &Approvals, subject: &Subject, account: &Account, now: Moment) -> Found {
    match approvals.decided(subject, account, now) {
        Some(decision) => Found::Decided(decision),
        None => Found::Asking(approvals.ask(subject, &caller(), account, now)),
    }
}

fn caller() -> Caller {
    Caller { subject: None, chain: Vec::new(), strength: api::Strength::Pinned }
}

fn allowed(found: &Found) -> bool {
    matches!(found, Found::Decided(Decision::Allowed(_)))
}

#[tokio::test]
async fn default_is_no_and_fifty_askings_are_one_question() {
    let house = house();
    assert_eq!(house.asked("a", at(0)).asked, Asked::First);
    for _ in 0..49 {
        assert_eq!(house.asked("a", at(1)).asked, Asked::Again);
    }
    let pending = house.approvals.pending();
    assert_eq!((pending.len(), pending[0].times), (1, 50));
    for n in 0..200 {
        house.ask(&format!("p{n}"), at(2));
    }
    assert_eq!(house.approvals.pending().len(), MAX_PENDING);
}

#[tokio::test]
async fn until() {
    let house = house();
    house.grant("once", Until::Once).await;
    assert!(allowed(&house.ask("once", at(1))) && !allowed(&house.ask("once", at(1))));
    house.grant("always", Until::Always).await;
    assert!(allowed(&house.ask("always", at(1_000_000))));
    house.grant("hours", Until::TwelveHours).await;
    assert!(allowed(&house.ask("hours", at(43_199))) && !allowed(&house.ask("hours", at(43_200))));
    // the wall clock set back a day
    let set_back = Moment { wall: Duration::from_secs(1_800_000_000 - 86_400), ..at(50_000) };
    assert!(!allowed(&house.ask("hours", set_back)));
    house.grant("process", Until::Process).await;
    assert!(allowed(&house.ask("process", at(1))));
    let other = house.subject("process", 8);
    assert!(!allowed(&decide(&house.approvals, &other, &house.account, at(1))));
    house.grant("never", Until::Never).await;
    assert!(matches!(house.ask("never", at(1)), Found::Decided(Decision::Never { .. })));
}

#[tokio::test]
async fn another_file_scope_account_or_script_is_another_question() {
    let mut house = house();
    house.account.scope = vec!["read".into()];
    let pending = house.asked("app", at(0)).pending;
    let scopes = Some(vec!["read".to_owned()]);
    let grant = Grant { whom: Whom::Pending(pending), account: None, scopes, until: Until::Always };
    house.approvals.grant(grant, at(0)).await.unwrap();
    assert!(allowed(&house.ask("app", at(1))));
    let mut script = house.subject("app", 7);
    script.face.script = Some("/x.js".into());
    assert!(!allowed(&decide(&house.approvals, &script, &house.account, at(1))));
    let other = Account { id: AccountId::from_random([8; 10]), ..house.account.clone() };
    assert!(!allowed(&decide(&house.approvals, &house.subject("app", 7), &other, at(1))));
    house.account.scope.push("write".into());
    assert!(!allowed(&house.ask("app", at(1))), "the account can do more now");
    house.account.scope.pop();
    std::fs::write(house.program("app"), "another program").unwrap();
    assert!(!allowed(&house.ask("app", at(1))), "the file changed");
}

#[tokio::test]
async fn decisions_last_and_fall_with_their_account() {
    let house = house();
    house.grant("app", Until::Always).await;
    house.grant("fleeting", Until::Once).await;
    let again = house.reopen();
    assert_eq!(again.standing().len(), 1);
    assert!(allowed(&decide(&again, &house.subject("app", 9), &house.account, at(5))));
    assert_eq!(again.forget(&house.account.id).await.unwrap(), 1);
    assert!(house.reopen().standing().is_empty());
    assert!(matches!(again.remove(99).await, Err(ApprovalError::NotThere { .. })));
}

#[tokio::test]
async fn a_program_can_be_let_in_beforehand() {
    let house = house();
    let account = Some(Arc::new(house.account.clone()));
    let whom = Whom::Program(house.program("app"));
    let grant = Grant { whom, account, scopes: None, until: Until::Always };
    for (whom, until) in [
        (Whom::Program("app".into()), Until::Always),
        (Whom::Program("/not/there".into()), Until::Always),
        (grant.whom.clone(), Until::Process),
        (Whom::Pending(77), Until::Always),
    ] {
        assert!(house.approvals.grant(Grant { whom, until, ..grant.clone() }, at(0)).await.is_err());
    }
    house.approvals.grant(grant, at(0)).await.unwrap();
    let file = FileIdentity::of(&house.program("app"));
    let subject = Subject { file, ..house.subject("app", 7) };
    assert!(allowed(&decide(&house.approvals, &subject, &house.account, at(1))));
}

#[tokio::test]
async fn an_edited_policy_counts_without_a_restart_and_a_broken_one_allows_nothing() {
    let house = house();
    assert!(!allowed(&house.ask("app", at(0))));
    let config = house.dir.path().join("config");
    disk::private_dir(&config).unwrap();
    let rule =
        |accounts: &str| format!("[[allow]]\nprogram = {:?}\naccounts = {accounts}\n", house.program("app"));
    disk::replace(&config.join(crate::policy::FILE_NAME), rule("\"work\"").as_bytes()).unwrap();
    assert!(!allowed(&house.ask("app", at(1))), "not looked at again yet");
    assert_eq!(house.ask("app", at(3)), Found::Decided(Decision::Allowed(By::Policy)));
    disk::replace(&config.join(crate::policy::FILE_NAME), rule("7").as_bytes()).unwrap();
    let again = Approvals::open(&house.dir.path().join("data"), &config).unwrap();
    assert!(again.policy_fault().unwrap().to_string().contains(":3: `accounts`"));
    assert!(!allowed(&decide(&again, &house.subject("app", 7), &house.account, at(9))));
}

#[tokio::test]
async fn one_answer_reaches_all_who_wait_and_once_the_first_who_is_still_there() {
    let house = house();
    let pending = house.asked("app", at(0)).pending;
    let mut waiters: Vec<Waiter> = (0..50).map(|_| house.wait(pending)).collect();
    house.answer(pending, Until::Always, at(1)).await;
    for waiter in &mut waiters {
        assert_eq!(waiter.fate().await, Fate::Allowed);
    }
    assert!(house.approvals.wait(pending, Arc::new(|| true)).is_none(), "the question is over");

    let pending = house.asked("once", at(0)).pending;
    let left = house.wait(pending);
    let dead = house.approvals.wait(pending, Arc::new(|| false)).unwrap();
    let mut first = house.wait(pending);
    let mut second = house.wait(pending);
    drop(left);
    house.answer(pending, Until::Once, at(1)).await;
    let Fate::Once(ticket) = first.fate().await else { panic!("no ticket") };
    assert!(first.is(ticket) && !second.is(ticket) && !dead.is(ticket));
    assert_eq!(second.fate().await, Fate::Once(ticket));
    assert!(!allowed(&house.ask("once", at(2))), "it was used up by the first");

    // Nobody waits: it is for the next who comes.
    let pending = house.asked("next", at(0)).pending;
    house.answer(pending, Until::Once, at(1)).await;
    assert!(allowed(&house.ask("next", at(2))) && !allowed(&house.ask("next", at(2))));
}

#[tokio::test]
async fn a_no_silence_and_a_lost_window_are_three_things() {
    let house = house();
    let pending = house.asked("no", at(0)).pending;
    let mut waiter = house.wait(pending);
    house.approvals.deny(pending, at(1)).unwrap();
    assert_eq!(waiter.fate().await, Fate::Denied);

    let pending = house.asked("silence", at(0)).pending;
    let mut waiter = house.wait(pending);
    house.approvals.show(pending, 120).unwrap();
    assert!(house.approvals.time_out(pending, 119, at(119)).is_none(), "shown anew since");
    assert!(house.approvals.time_out(pending, 120, at(120)).is_some());
    assert_eq!(waiter.fate().await, Fate::TimedOut);

    let pending = house.asked("lost", at(0)).pending;
    let mut waiter = house.wait(pending);
    house.approvals.show(pending, 120).unwrap();
    house.approvals.give_up();
    assert_eq!(waiter.fate().await, Fate::GivenUp);
    assert!(!house.approvals.shows());
    assert_eq!(house.approvals.pending().len(), 1, "it can be asked again");
    let mut waiter = house.wait(pending);
    house.answer(pending, Until::Always, at(9)).await;
    assert_eq!(waiter.fate().await, Fate::Allowed);

    let pending = house.asked("gone", at(0)).pending;
    let mut waiter = house.wait(pending);
    house.approvals.forget(&house.account.id).await.unwrap();
    assert_eq!(waiter.fate().await, Fate::GivenUp, "with its account");
}

#[tokio::test]
async fn what_was_answered_before_is_told_and_lasts() {
    let house = house();
    for (second, until) in [(1, Until::Once), (2, Until::Process), (3, Until::TwelveHours)] {
        let pending = house.approvals.ask(&house.subject("app", 7), &caller(), &house.account, at(second));
        house.answer(pending.pending, until, at(second)).await;
    }
    for second in 4..8 {
        let asking = house.approvals.ask(&house.subject("app", 7), &caller(), &house.account, at(second));
        house.approvals.deny(asking.pending, at(second)).unwrap();
    }
    house.grant("other", Until::Never).await;
    let again = house.reopen();
    drop(again.ask(&house.subject("app", 7), &caller(), &house.account, at(9)));
    let before = &again.pending()[0].before;
    use api::FormerAnswer::{Denied, TwelveHours};
    assert_eq!(
        before.iter().map(|b| b.until).collect::<Vec<_>>(),
        [Denied, Denied, Denied, Denied, TwelveHours]
    );
    assert_eq!(before[4].at, at(3).unix());
}

#[tokio::test]
async fn who_was_refused_three_times_is_not_asked_about_for_a_while() {
    let house = house();
    for second in 0..3 {
        let asking = house.asked("app", at(second));
        assert_eq!(asking.enough, None, "after {second}");
        house.approvals.deny(asking.pending, at(second)).unwrap();
    }
    assert_eq!(house.asked("app", at(4)).enough, Some(Fate::Denied));
    assert_eq!(house.asked("another", at(4)).enough, None);
    assert_eq!(house.asked("app", at(2 + 600)).enough, None, "the while is over");
    let pending = house.asked("app", at(5)).pending;
    house.answer(pending, Until::Once, at(6)).await;
    assert!(allowed(&house.ask("app", at(6))));
    assert_eq!(house.asked("app", at(7)).enough, None, "a yes ends it");
}

#[tokio::test]
async fn an_approval_falls_with_its_file_unless_the_same_signer_signed_the_next() {
    let house = house();
    let signed = |name: &str, by: &str| Subject { signature: Some(by.to_owned()), ..house.subject(name, 7) };
    for (name, by) in [("plain", None), ("signed", Some("team A"))] {
        let subject = Subject { signature: by.map(str::to_owned), ..house.subject(name, 7) };
        let asking = house.approvals.ask(&subject, &caller(), &house.account, at(0));
        house.answer(asking.pending, Until::Always, at(0)).await;
        std::fs::write(house.program(name), "the next version, longer").unwrap();
    }
    let Found::Asking(fell) = house.ask("plain", at(1)) else { panic!("it still holds") };
    assert!(fell.fell.is_some());
    assert_eq!(house.approvals.pending()[0].changed, Some(api::Changed::File));
    assert!(house.approvals.standing().iter().all(|a| a.subject.name != "plain"));

    // The quick look knows no signer; the second one does.
    assert_eq!(house.approvals.decided(&house.subject("signed", 7), &house.account, at(1)), None);
    let update = signed("signed", "team A");
    assert!(allowed(&decide(&house.approvals, &update, &house.account, at(1))));
    let quick = house.approvals.decided(&house.subject("signed", 7), &house.account, at(2));
    assert!(matches!(quick, Some(Decision::Allowed(_))), "noted with its new file");
    std::fs::write(house.program("signed"), "somebody else's").unwrap();
    let Found::Asking(fell) = decide(&house.approvals, &signed("signed", "team B"), &house.account, at(3))
    else {
        panic!("another signer's file is let in")
    };
    assert!(fell.fell.is_some());
}

#[tokio::test]
async fn a_person_is_shown_a_handful_and_what_is_shown_is_not_pushed_out() {
    let house = house();
    let first = house.asked("p0", at(0)).pending;
    for n in 0..MAX_SHOWN {
        let pending = house.asked(&format!("p{n}"), at(0)).pending;
        assert_eq!(house.approvals.show(pending, 120), Ok(Shown::Now));
    }
    assert_eq!(house.approvals.show(first, 120), Ok(Shown::Already));
    let more = house.asked("more", at(0)).pending;
    assert_eq!(house.approvals.show(more, 120), Err(Unshown::TooMany));
    assert_eq!(house.approvals.show(9999, 120), Err(Unshown::NotThere));
    for n in 0..200 {
        house.ask(&format!("q{n}"), at(1));
    }
    let shown = house.approvals.pending().iter().filter(|p| p.shown_until.is_some()).count();
    assert_eq!(shown, MAX_SHOWN);
}

#[tokio::test]
async fn what_has_ended_by_itself_goes_and_is_told() {
    let house = house();
    house.grant("hours", Until::TwelveHours).await;
    house.grant("process", Until::Process).await;
    house.grant("always", Until::Always).await;
    house.asked("unseen", at(0));
    let changes = house.approvals.changes();
    let before = changes.borrow().ended;
    // The processes of these subjects are none that run.
    house.approvals.sweep(at(1));
    assert_eq!(house.approvals.standing().len(), 2);
    house.approvals.sweep(at(QUESTION_SECONDS));
    assert_eq!((house.approvals.standing().len(), house.approvals.pending().len()), (1, 0));
    assert_eq!(changes.borrow().ended, before + 2);
    house.approvals.sweep(at(QUESTION_SECONDS));
    assert_eq!(changes.borrow().ended, before + 2, "nothing more");
}

#[tokio::test]
async fn a_never_can_be_asked_about_again() {
    let house = house();
    let never = house.grant("app", Until::Never).await;
    assert_eq!(house.approvals.ask_again(99, &caller(), at(1)), None);
    let pending = house.approvals.ask_again(never.id, &caller(), at(1)).unwrap();
    assert_eq!(house.approvals.ask_again(never.id, &caller(), at(1)), Some(pending), "one question");
    let question = house.approvals.pending().remove(0);
    assert_eq!(question.before[0].until, api::FormerAnswer::Never);
    let process = Grant { whom: Whom::Pending(pending), account: None, scopes: None, until: Until::Process };
    assert!(matches!(house.approvals.grant(process, at(2)).await, Err(ApprovalError::NotRunning)));
    assert!(
        matches!(house.ask("app", at(2)), Found::Decided(Decision::Never { .. })),
        "until it is answered"
    );
    house.answer(pending, Until::Always, at(3)).await;
    let subject = Subject { file: FileIdentity::of(&house.program("app")), ..house.subject("app", 7) };
    assert!(allowed(&decide(&house.approvals, &subject, &house.account, at(4))));
}
