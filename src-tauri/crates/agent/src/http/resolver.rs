//! Names to addresses, checked.
//!
//! Problem: a name that a document chose may resolve to the machine itself or to the network behind it, and to something else
//! each time it is asked. Invariant: what is checked is what is connected to.

use crate::address;
use mcp_login_oauth::http::Reach;
use std::error::Error as StdError;
use std::net::SocketAddr;

/// The system's resolver with the address rule behind it: what it lets through is what is connected to.
pub(super) struct Resolver {
    pub(super) reach: Reach,
}

/// The name has no address. A type of its own, found in the client's error.
#[derive(Debug, thiserror::Error)]
#[error("the name did not resolve")]
pub(super) struct NoAddress;

impl Resolver {
    pub(super) fn filter(
        reach: Reach,
        found: Vec<SocketAddr>,
    ) -> Result<Vec<SocketAddr>, Box<dyn StdError + Send + Sync>> {
        let kept = match reach {
            Reach::Public => address::public_only(found.into_iter())?,
            Reach::Private => found,
        };
        if kept.is_empty() { Err(Box::new(NoAddress)) } else { Ok(kept) }
    }
}

impl reqwest::dns::Resolve for Resolver {
    fn resolve(&self, name: reqwest::dns::Name) -> reqwest::dns::Resolving {
        let reach = self.reach;
        Box::pin(async move {
            let found = tokio::net::lookup_host((name.as_str(), 0)).await.map_err(|_| NoAddress)?;
            let kept = Self::filter(reach, found.collect())?;
            Ok(Box::new(kept.into_iter()) as reqwest::dns::Addrs)
        })
    }
}
