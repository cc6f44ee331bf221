//! What was learnt about a server, for all its clients.

/// Facts about one server. They are hints: each can turn out wrong, and is then learnt anew.
#[derive(Debug, Default)]
pub struct Learnt {}

impl Learnt {
    /// Nothing is known yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }
}
