//! The points at which the crash tests may end the agent, in the order in which a transaction passes them. Compiled to
//! nothing without the feature `fault-points`; see the vault's module of the same name for how one is chosen.

/// Those of this crate; the vault has its own.
pub const POINTS: &[&str] = &[
    "signin.entry",
    "signin.stored",
    "signin.settled",
    "refresh.begin",
    "refresh.begun",
    "refresh.sent",
    "refresh.commit",
    "refresh.committed",
    "signout.leaving",
    "signout.queued",
    "signout.refresh-revoked",
    "signout.access-revoked",
    "signout.revoked",
    "signout.deleted",
    "signout.registration",
];

#[cfg(test)]
mod tests {
    /// A point that no code passes would make a crash test wait for ever.
    #[test]
    fn every_point_is_passed_somewhere() {
        let sources = [
            include_str!("adopt.rs"),
            include_str!("refresh.rs"),
            include_str!("signout.rs"),
            include_str!("revocation.rs"),
            include_str!("deletion.rs"),
            include_str!("queue.rs"),
        ]
        .concat();
        for point in super::POINTS {
            assert!(sources.contains(&format!("fault::point(\"{point}\")")), "{point}");
        }
        // Two ways may pass the same point: a new account, and one that is signed in again.
        for passed in sources.split("fault::point(\"").skip(1) {
            let name = passed.split('"').next().unwrap_or_default();
            assert!(super::POINTS.contains(&name), "{name} is not listed");
        }
    }
}
