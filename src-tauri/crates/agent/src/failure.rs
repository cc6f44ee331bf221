//! Why the core did not do what it was asked.

/// Each maps to a stable code of the local API.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Failure {
    /// No account of this name, id or address.
    #[error("no such account")]
    NoSuchAccount,
}
