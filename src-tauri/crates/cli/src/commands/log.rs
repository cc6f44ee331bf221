//! `log`: who got what, and when.

use crate::args::Log;
use crate::failure::Failure;
use crate::link::{Link, Start};
use crate::out::Out;
use crate::{records, when};
use jiff::tz::TimeZone;
use mcp_login_ipc::api::{AuditEntry, AuditRead, Notification};
use mcp_login_ipc::method::call;
use serde_json::json;

pub(super) fn run(out: &Out, log: &Log) -> Result<(), Failure> {
    let mut link = Link::open(Start::IfNeeded)?;
    let zone = TimeZone::system();
    let show = |entry: &AuditEntry| {
        if out.json() {
            out.value(&json!(entry));
        } else {
            out.line(&records::entry(out, entry, when::now(), &zone));
        }
    };
    let page = link.call(&call::AuditRead(AuditRead {
        after: None,
        before: None,
        limit: Some(log.lines),
        follow: log.follow,
    }))?;
    page.entries.iter().for_each(show);
    if page.entries.is_empty() && !log.follow && !out.json() {
        out.line("Nothing has happened yet.");
    }
    if log.follow {
        loop {
            if let Notification::AuditEntry(entry) = link.told()? {
                show(&entry);
            }
        }
    }
    Ok(())
}
