//! The two people who live in the sandbox.

/// A person.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum User {
    Alice,
    Bob,
}

impl User {
    pub(crate) const ALL: [Self; 2] = [Self::Alice, Self::Bob];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Alice => "alice",
            Self::Bob => "bob",
        }
    }

    pub(crate) fn subject(self) -> &'static str {
        match self {
            Self::Alice => "user-alice",
            Self::Bob => "user-bob",
        }
    }

    pub(crate) fn email(self) -> &'static str {
        match self {
            Self::Alice => "alice@sandbox.example",
            Self::Bob => "bob@sandbox.example",
        }
    }

    pub(crate) fn full_name(self) -> &'static str {
        match self {
            Self::Alice => "Alice Example",
            Self::Bob => "Bob Example",
        }
    }

    /// By name, subject or mail address: what a `login_hint` may hold.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let text = text.to_ascii_lowercase();
        Self::ALL.into_iter().find(|u| [u.name(), u.subject(), u.email()].contains(&text.as_str()))
    }

    /// By the name that grants keep.
    pub(crate) fn named(name: &str) -> Self {
        Self::parse(name).unwrap_or(Self::Alice)
    }
}
