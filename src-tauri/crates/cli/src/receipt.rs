//! The receipt of a sign-out: what really happened, each line with its proof and time. What is queued, not
//! offered or failed is said as plainly as what worked; `confirmed` is the agent's word for "the server has
//! refused the old one", and only then do we say that it is dead.

use crate::domain;
use crate::out::{Ink, Out};
use crate::text;
use crate::when;
use jiff::tz::TimeZone;
use mcp_login_ipc::api::{Credential, Outcome, Proof, Receipt, ReceiptLine};

/// The receipt as text, without a last line end.
#[must_use]
pub fn render(out: &Out, receipt: &Receipt, now: u64, zone: &TimeZone) -> String {
    let mut text = format!(
        "{} {}  {}\n",
        out.paint(Ink::Strong, "Signed out:"),
        text::visible(&receipt.account),
        out.paint(
            Ink::Faint,
            &format!("{}, {}", domain::host(&receipt.server), when::clock(receipt.signed_out_at, now, zone))
        )
    );
    let width = receipt.lines.iter().map(|l| text::width(what(l.what))).max().unwrap_or(0);
    for line in &receipt.lines {
        let (ink, mark) = mark(line.outcome);
        let name = what(line.what);
        let pad = " ".repeat(width - text::width(name));
        let room = out.measure().saturating_sub(width + 6).max(24);
        for (n, part) in text::wrap(&said(line, now, zone), room).iter().enumerate() {
            if n == 0 {
                text.push_str(&format!("  {} {name}{pad}  {part}\n", out.paint(ink, mark)));
            } else {
                text.push_str(&format!("    {}  {part}\n", " ".repeat(width)));
            }
        }
    }
    text.pop();
    text
}

fn mark(outcome: Outcome) -> (Ink, &'static str) {
    match outcome {
        Outcome::Confirmed => (Ink::Good, "✓"),
        Outcome::Accepted => (Ink::Good, "·"),
        Outcome::Queued => (Ink::Attention, "…"),
        Outcome::NotOffered => (Ink::Attention, "!"),
        Outcome::Failed => (Ink::Bad, "✗"),
        Outcome::None => (Ink::Faint, "–"),
    }
}

fn what(what: Credential) -> &'static str {
    match what {
        Credential::RefreshToken => "Refresh token",
        Credential::AccessToken => "Access token",
        Credential::Registration => "Registration",
        Credential::KeychainItem => "Copy kept here",
        Credential::Approvals => "Approvals",
    }
}

/// One line's sentence.
fn said(line: &ReceiptLine, now: u64, zone: &TimeZone) -> String {
    let at = line.at.map(|at| format!(" ({})", when::clock(at, now, zone))).unwrap_or_default();
    let until = line.valid_until.map(|until| format!(" until {}", when::clock(until, now, zone)));
    let token = matches!(line.what, Credential::RefreshToken | Credential::AccessToken);
    match (line.outcome, line.what) {
        (Outcome::Confirmed, _) if token => {
            let proof = match line.proof {
                Some(Proof::IntrospectionInactive) => "revoked; the issuer says it is no longer active",
                Some(Proof::ServerRefused) => "revoked; the server was asked with it and refused it",
                _ => "revoked, and confirmed",
            };
            format!("{proof}{at}")
        }
        (Outcome::Confirmed, Credential::Registration) => format!("deleted at the issuer{at}"),
        (Outcome::Confirmed, Credential::Approvals) => format!("taken back{at}"),
        (Outcome::Confirmed, _) => format!("deleted{at}"),
        (Outcome::Accepted, _) if token => match until {
            Some(until) => format!(
                "the issuer accepted the revocation{at}, which is not proved; it may still work{until}"
            ),
            None => format!("the issuer accepted the revocation{at}; that it is dead has not been proved"),
        },
        (Outcome::Accepted, _) => format!("the issuer accepted it{at}"),
        (Outcome::Queued, _) if token => match until {
            Some(until) => format!(
                "not revoked yet: the issuer cannot be reached. It is tried again until it works; the token works{until}"
            ),
            None => {
                "not revoked yet: the issuer cannot be reached. It is tried again until it works".to_owned()
            }
        },
        (Outcome::Queued, _) => "waits until everything that needs it is done".to_owned(),
        (Outcome::NotOffered, _) if token => match until {
            Some(until) => format!("this issuer offers no revocation: a copy of it would work{until}"),
            None => "this issuer offers no revocation; when it ends is not known".to_owned(),
        },
        (Outcome::NotOffered, _) => "this issuer offers no deletion".to_owned(),
        (Outcome::Failed, _) => {
            let code = line.code.as_ref().map(|c| format!(" [{}]", text::visible(c))).unwrap_or_default();
            match until {
                Some(until) => format!("failed{code}; it works{until}"),
                None => format!("failed{code}"),
            }
        }
        (Outcome::None, Credential::Registration) => {
            "kept: another account uses it, or it was made beforehand".to_owned()
        }
        (Outcome::None, _) => "there was none".to_owned(),
    }
}
