//! What is printed, as files: `snapshots/*.txt`. With UPDATE=1 they are written anew; look at the difference.
#![allow(clippy::unwrap_used)]

use jiff::tz::TimeZone;
use mcp_login_cli::failure::Failure;
use mcp_login_cli::out::Out;
use mcp_login_cli::{accounts, receipt, records};
use mcp_login_ipc::api::{
    Account, AccountState, Approval, ApprovalSource, Approvals, AuditAction, AuditEntry, AuditOutcome,
    Caller, CallerProcess, Credential, IssuerChange, Outcome, PendingApproval, Proof, Receipt, ReceiptLine,
    RedirectKind, RegistrationKind, RegistrationView, Revocation, Role, Strength, Subject, SubjectKind,
    Until, Verdict, Verification,
};
use mcp_login_ipc::{Code, Fault};
use std::path::Path;

/// 2026-11-21, noon UTC.
const NOW: u64 = 1_795_219_200 + 12 * 3600;

fn holds(name: &str, now: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/snapshots").join(format!("{name}.txt"));
    let now = format!("{now}\n");
    if std::env::var_os("UPDATE").is_some() {
        std::fs::write(&path, &now).unwrap();
    }
    let kept = std::fs::read_to_string(&path).unwrap_or_default().replace("\r\n", "\n");
    assert!(kept == now, "{name} is now:\n{now}\nand was:\n{kept}\n(UPDATE=1 takes it over)");
}

fn fits(text: &str, columns: usize) {
    for line in text.lines() {
        assert!(mcp_login_cli::text::width(line) <= columns, "wider than {columns}: {line}");
    }
}

fn account(name: &str, state: AccountState) -> Account {
    Account {
        id: "0193".into(),
        name: name.into(),
        server: "https://mcp.example.com/mcp".into(),
        resource: "https://mcp.example.com/mcp".into(),
        issuer: "https://accounts.example.com".into(),
        label: Some("alice@example.com".into()),
        scope: vec!["mcp:read".into(), "mcp:write".into()],
        asked_scope: vec!["mcp:read".into(), "mcp:write".into()],
        state,
        code: None,
        generation: 7,
        expires_at: Some(NOW + 3600),
        next_rotation_at: Some(NOW + 3300),
        last_rotation_at: Some(NOW - 300),
        signed_in_at: NOW - 86_400,
        ends_at: None,
        ends_by: None,
        registration: RegistrationView { kind: RegistrationKind::Dynamic, client_id: "c1".into() },
        redirect_kind: RedirectKind::Loopback,
        revocation: Revocation::Offered,
        issuer_change: None,
    }
}

fn many() -> Vec<Account> {
    let mut moved = account("moved", AccountState::IssuerChanged);
    moved.issuer_change = Some(IssuerChange {
        old: "https://accounts.example.com".into(),
        new: "https://login.bank.com.evil.example/t".into(),
    });
    let mut odd = account("odd", AccountState::NeedsSignIn);
    odd.label = Some("Bob\u{202e}gnp.exe\u{1b}[2J".into());
    odd.server = "https://a-very-long-name-of-a-server.with.many.labels.example.org/and/a/path/mcp".into();
    let mut endless = account("endless", AccountState::Ready);
    (endless.expires_at, endless.next_rotation_at, endless.label) = (None, None, None);
    vec![
        account("work", AccountState::Ready),
        account("personal", AccountState::Offline),
        moved,
        odd,
        endless,
    ]
}

#[test]
fn lists() {
    for columns in [Some(60), Some(80), Some(120), None] {
        let text = accounts::list(&Out::plain(columns), &many(), NOW);
        if let Some(columns) = columns {
            fits(&text, columns.max(67));
        }
        assert!(!text.contains('\u{1b}') && !text.contains('\u{202e}'), "{text:?}");
        holds(&format!("list-{}", columns.map_or_else(|| "file".into(), |c| c.to_string())), &text);
    }
    holds("list-empty", &accounts::list(&Out::plain(Some(80)), &[], NOW));
}

#[test]
fn one_account() {
    let out = Out::plain(Some(80));
    for (n, a) in many().iter().enumerate() {
        let verification = (n == 0).then(|| Verification {
            introspection: Verdict::Active,
            server: Verdict::Unreachable,
            fault: Some(
                Fault::new(Code::Offline).detail("host", "mcp.example.com").detail("reason", "no route"),
            ),
            at: NOW,
        });
        let text = accounts::full(&out, a, verification.as_ref(), NOW, &TimeZone::UTC);
        holds(&format!("status-{}", a.name), &text);
    }
    let mut less = account("less", AccountState::Ready);
    less.scope = vec!["mcp:read".into()];
    less.revocation = Revocation::NotOffered;
    holds("status-less", &accounts::full(&out, &less, None, NOW, &TimeZone::UTC));
}

fn line(what: Credential, outcome: Outcome) -> ReceiptLine {
    ReceiptLine { what, outcome, proof: None, at: None, valid_until: None, code: None }
}

#[test]
fn receipts() {
    let confirmed =
        |what, proof| ReceiptLine { proof: Some(proof), at: Some(NOW), ..line(what, Outcome::Confirmed) };
    let receipt = |lines| Receipt {
        account: "work".into(),
        server: "https://mcp.example.com/mcp".into(),
        issuer: "https://accounts.example.com".into(),
        signed_out_at: NOW,
        lines,
    };
    let out = Out::plain(Some(80));
    let good = receipt(vec![
        confirmed(Credential::RefreshToken, Proof::ServerRefused),
        confirmed(Credential::AccessToken, Proof::IntrospectionInactive),
        confirmed(Credential::Registration, Proof::Deleted),
        confirmed(Credential::KeychainItem, Proof::Deleted),
        line(Credential::Approvals, Outcome::None),
    ]);
    holds("receipt-confirmed", &receipt::render(&out, &good, NOW, &TimeZone::UTC));
    let until = |l: ReceiptLine| ReceiptLine { valid_until: Some(NOW + 2460), ..l };
    let poor = receipt(vec![
        ReceiptLine {
            code: Some("offline".into()),
            ..until(line(Credential::RefreshToken, Outcome::Queued))
        },
        until(line(Credential::AccessToken, Outcome::NotOffered)),
        ReceiptLine { code: Some("server_error".into()), ..line(Credential::Registration, Outcome::Failed) },
        confirmed(Credential::KeychainItem, Proof::Deleted),
        confirmed(Credential::Approvals, Proof::Deleted),
    ]);
    let text = receipt::render(&out, &poor, NOW, &TimeZone::UTC);
    fits(&text, 80);
    holds("receipt-poor", &text);
}

/// No outcome may be told as more than it is: only `confirmed` says that a token is dead.
#[test]
fn only_confirmed_sounds_like_an_end() {
    let out = Out::plain(None);
    for what in [Credential::RefreshToken, Credential::AccessToken] {
        for outcome in [Outcome::Accepted, Outcome::Queued, Outcome::NotOffered, Outcome::Failed] {
            for valid_until in [None, Some(NOW + 60)] {
                let receipt = Receipt {
                    account: "w".into(),
                    server: "https://a.example".into(),
                    issuer: "https://a.example".into(),
                    signed_out_at: NOW,
                    lines: vec![ReceiptLine { valid_until, ..line(what, outcome) }],
                };
                let text = receipt::render(&out, &receipt, NOW, &TimeZone::UTC);
                assert!(!text.contains('✓') && !text.contains("revoked;"), "{outcome:?}: {text}");
                assert!(valid_until.is_none() || text.contains("until"), "{outcome:?}: {text}");
            }
        }
    }
}

fn caller() -> Caller {
    let process = |pid, name: &str, role| CallerProcess {
        pid,
        program: Some(format!("/usr/bin/{name}")),
        name: name.into(),
        role: Some(role),
        signer: None,
    };
    Caller {
        subject: Some(subject()),
        chain: vec![
            process(3, "mcp-login", Role::Ours),
            process(2, "zsh", Role::Shell),
            process(1, "Terminal", Role::Program),
        ],
        strength: Strength::Pinned,
    }
}

fn subject() -> Subject {
    Subject {
        program: "/usr/bin/Terminal".into(),
        name: "Terminal".into(),
        kind: SubjectKind::Program,
        script: None,
        signer: None,
    }
}

#[test]
fn the_record() {
    let out = Out::plain(Some(80));
    let entry = AuditEntry {
        seq: 1,
        at: NOW - 60,
        action: AuditAction::Token,
        outcome: AuditOutcome::Ok,
        account: Some("work".into()),
        server: Some("https://mcp.example.com/mcp".into()),
        generation: Some(7),
        caller: Some(caller()),
        code: None,
        note: None,
    };
    let refused = AuditEntry {
        seq: 2,
        outcome: AuditOutcome::Denied,
        generation: None,
        code: Some("not_approved".into()),
        note: Some("a\u{1b}[31mb".into()),
        at: NOW - 90_000,
        ..entry.clone()
    };
    let text: Vec<String> =
        [refused, entry].iter().map(|e| records::entry(&out, e, NOW, &TimeZone::UTC)).collect();
    holds("log", &text.join("\n"));
}

#[test]
fn the_approvals() {
    let standing = Approval {
        id: "a1".into(),
        subject: subject(),
        account: "work".into(),
        scopes: None,
        until: Until::TwelveHours,
        source: ApprovalSource::Person,
        granted_at: NOW - 3600,
        expires_at: Some(NOW + 39_600),
        last_used_at: Some(NOW - 30),
    };
    let policy = Approval {
        id: "p1".into(),
        source: ApprovalSource::Policy,
        until: Until::Always,
        expires_at: None,
        last_used_at: None,
        scopes: Some(vec!["mcp:read".into()]),
        ..standing.clone()
    };
    let pending = PendingApproval {
        id: "q1".into(),
        subject: subject(),
        caller: caller(),
        account: "work".into(),
        server: "https://mcp.example.com/mcp".into(),
        issuer: "https://accounts.example.com".into(),
        label: None,
        scopes: vec!["mcp:read".into()],
        asked_at: NOW,
        expires_at: NOW + 60,
        before: Vec::new(),
        changed: None,
    };
    let list = Approvals { standing: vec![standing, policy], pending: vec![pending] };
    let text = records::approvals(&Out::plain(Some(80)), &list, NOW);
    fits(&text, 80);
    holds("approvals", &text);
    holds("approvals-none", &records::approvals(&Out::plain(Some(80)), &Approvals::default(), NOW));
}

#[test]
fn a_failure() {
    let fault = Fault::new(Code::RegistrationRefused)
        .detail("issuer", "https://accounts.example.com")
        .detail("reason", "invalid_client_metadata");
    let failure = Failure::from(fault.detail("error_uri", "https://accounts.example.com/errors/7"));
    let text = failure.for_people(&Out::plain(Some(80)));
    fits(&text, 80);
    holds("failure", &text);
    holds("failure-json", &failure.for_programs().to_string());
}
