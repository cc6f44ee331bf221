//! What was found, part by part, as the report will say it.
//!
//! Invariant: the same finding is told once a part; a part that was not tried says so unless something was found there.

use mcp_login_ipc::api::{ExaminedPart, Finding, Part, PartVerdict, Weight};
use mcp_login_ipc::finding::Found;
use std::collections::BTreeMap;

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Notebook {
    pages: BTreeMap<Part, Page>,
}

#[derive(Debug, Default)]
struct Page {
    tried: Tried,
    seen: BTreeMap<String, String>,
    findings: Vec<Finding>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Tried {
    #[default]
    No,
    Yes,
}

impl Notebook {
    /// The part was tried.
    pub(super) fn tried(&mut self, part: Part) {
        self.pages.entry(part).or_default().tried = Tried::Yes;
    }

    /// Something good to know; no secret.
    pub(super) fn saw(&mut self, part: Part, what: &str, text: impl Into<String>) {
        self.pages.entry(part).or_default().seen.insert(what.to_owned(), text.into());
    }

    /// Something that is not as it should be.
    pub(super) fn found(&mut self, part: Part, found: Found) {
        let finding = found.finding();
        let page = self.pages.entry(part).or_default();
        if !page.findings.contains(&finding) {
            page.findings.push(finding);
        }
    }

    /// Whether something was found that makes this part fail.
    pub(super) fn failed(&self, part: Part) -> bool {
        self.pages.get(&part).is_some_and(|page| page.findings.iter().any(|f| f.weight == Weight::Failed))
    }

    /// All parts, in order.
    pub(super) fn parts(mut self) -> Vec<ExaminedPart> {
        Part::ALL
            .iter()
            .map(|part| {
                let mut page = self.pages.remove(part).unwrap_or_default();
                page.findings.sort_by_key(|finding| std::cmp::Reverse(finding.weight));
                let verdict = match page.findings.first().map(|finding| finding.weight) {
                    Some(Weight::Failed) => PartVerdict::Failed,
                    Some(Weight::Warning) => PartVerdict::Warning,
                    _ if page.tried == Tried::Yes => PartVerdict::Ok,
                    _ => PartVerdict::NotRun,
                };
                ExaminedPart {
                    part: *part,
                    verdict,
                    clause: part.clause().to_owned(),
                    seen: page.seen,
                    findings: page.findings,
                }
            })
            .collect()
    }
}
