//! `approvals`: which programs may use which accounts.

use crate::args::{ApprovalAction, Approvals, Period};
use crate::failure::Failure;
use crate::link::{Link, Start};
use crate::out::Out;
use crate::text::visible;
use crate::{records, when};
use mcp_login_ipc::api::{ApprovalDeny, ApprovalGrant, ApprovalRemove, Empty, Until};
use mcp_login_ipc::method::call;
use mcp_login_ipc::{Code, Fault};
use serde_json::json;

pub(super) fn run(out: &Out, approvals: &Approvals) -> Result<(), Failure> {
    let mut link = Link::open(Start::IfNeeded)?;
    match approvals.action.as_ref().unwrap_or(&ApprovalAction::List) {
        ApprovalAction::List => {
            let list = link.call(&call::ApprovalList(Empty {}))?;
            if out.json() {
                out.value(&json!(list));
            } else {
                out.line(&records::approvals(out, &list, when::now()));
            }
        }
        ApprovalAction::Allow { pending, program, account, scopes, period } => {
            let account = match (account, pending) {
                (Some(account), _) => account.clone(),
                (None, Some(id)) => asked_for(&mut link, id)?,
                // the reader of the arguments lets neither through
                (None, None) => return Err(Failure::usage("No account is named.", "Add --account NAME.")),
            };
            let done = link.call(&call::ApprovalGrant(ApprovalGrant {
                pending: pending.clone(),
                program: program.clone(),
                account,
                scopes: (!scopes.is_empty()).then(|| split(scopes)),
                until: until(*period),
            }))?;
            if out.json() {
                out.value(&json!(done));
            } else {
                let a = &done.approval;
                out.done(&format!(
                    "{} may use {} ({})",
                    records::subject(&a.subject),
                    visible(&a.account),
                    records::until(a.until)
                ));
            }
        }
        ApprovalAction::Deny { pending } => {
            link.call(&call::ApprovalDeny(ApprovalDeny { pending: pending.clone() }))?;
            said(out, "Denied");
        }
        ApprovalAction::Remove { id } => {
            link.call(&call::ApprovalRemove(ApprovalRemove { id: id.clone() }))?;
            said(out, "Taken back; it counts from now on");
        }
    }
    Ok(())
}

fn said(out: &Out, text: &str) {
    if out.json() {
        out.value(&json!({}));
    } else {
        out.done(text);
    }
}

/// The account that a waiting request is about.
fn asked_for(link: &mut Link, id: &str) -> Result<String, Failure> {
    let list = link.call(&call::ApprovalList(Empty {}))?;
    list.pending
        .into_iter()
        .find(|p| p.id == id)
        .map(|p| p.account)
        .ok_or_else(|| Fault::new(Code::NoSuchApproval).into())
}

/// Several in one argument, or one in each, or both.
pub(super) fn split(scopes: &[String]) -> Vec<String> {
    let mut all: Vec<String> = Vec::new();
    for scope in scopes.iter().flat_map(|s| s.split_whitespace()) {
        if !all.iter().any(|s| s == scope) {
            all.push(scope.to_owned());
        }
    }
    all
}

fn until(period: Period) -> Until {
    match period {
        Period::Once => Until::Once,
        Period::Process => Until::Process,
        Period::TwelveHours => Until::TwelveHours,
        Period::Always => Until::Always,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scopes_in_one_argument_or_several() {
        assert_eq!(split(&["a b".into(), "b".into(), " c ".into()]), ["a", "b", "c"]);
    }
}
