//! What a sign-out really achieved, line by line. The words are the local API's; here is what each may be said of.
//! `confirmed` is said only after the server has refused the old token or introspection called it inactive.

pub use mcp_login_ipc::api::{Credential, Outcome, Proof, Receipt, ReceiptLine};

/// A line without proof.
pub(crate) fn line(what: Credential, outcome: Outcome) -> ReceiptLine {
    ReceiptLine { what, outcome, proof: None, at: None, valid_until: None, code: None }
}

/// We have seen it.
pub(crate) fn confirmed(what: Credential, proof: Proof, at: u64) -> ReceiptLine {
    ReceiptLine { proof: Some(proof), at: Some(at), ..line(what, Outcome::Confirmed) }
}

/// The issuer said so, and nothing better is to be had.
pub(crate) fn accepted(what: Credential, at: u64, valid_until: Option<u64>) -> ReceiptLine {
    let proof = Some(Proof::RevocationAnswered);
    ReceiptLine { proof, at: Some(at), valid_until, ..line(what, Outcome::Accepted) }
}

/// To be tried again.
pub(crate) fn queued(what: Credential, code: &str, valid_until: Option<u64>) -> ReceiptLine {
    ReceiptLine { code: Some(code.to_owned()), valid_until, ..line(what, Outcome::Queued) }
}

/// Refused for good.
pub(crate) fn failed(what: Credential, code: &str, valid_until: Option<u64>) -> ReceiptLine {
    ReceiptLine { code: Some(code.to_owned()), valid_until, ..line(what, Outcome::Failed) }
}
