//! What every look at a server begins with: the settings as they are now, and where its documents may point.
//!
//! Problem: a document may name any address. Invariant: what it names may lie in a private range only where the server that
//! the person typed lies in one, or where the settings name the host.

use super::Settings;
use crate::accounts::Network;
use crate::address::is_public;
use crate::config::{Config, ServerSettings};
use mcp_login_oauth::ServerUrl;
use mcp_login_oauth::http::{Reach, ReachRule};
use std::sync::Arc;
use std::time::Duration;

/// The name of the server is looked up to see whether it lies in a private range; discovery asks again anyway.
const LOOKUP_TIME: Duration = Duration::from_secs(5);

/// See the module.
pub(crate) struct Ground {
    /// The settings.
    pub(crate) config: Arc<Config>,
    /// What is pinned for this server.
    pub(crate) set: ServerSettings,
    /// Where the server lies.
    pub(crate) network: Network,
    /// Where requests may go.
    pub(crate) reach: ReachRule,
}

impl Ground {
    /// Looks the server's name up.
    pub(crate) async fn of(settings: &Settings, server: &ServerUrl) -> Self {
        let config = settings.read();
        let set = config.server(server).cloned().unwrap_or_default();
        let network = network_of(server).await;
        let reach = network.rule(server, &config.allow_private_hosts);
        Self { config, set, network, reach }
    }
}

/// Where the server that the person typed lies: what its documents name may lie there too (an office's server and issuer,
/// a server on this machine), and nowhere else.
async fn network_of(server: &ServerUrl) -> Network {
    // A literal address or a loopback name says so itself.
    if ReachRule::new(server).for_str("https://public.example/") == Reach::Private {
        return Network::Private;
    }
    let host = server.host().trim_matches(['[', ']']);
    let port = server.url().port_or_known_default().unwrap_or(443);
    match tokio::time::timeout(LOOKUP_TIME, tokio::net::lookup_host((host, port))).await {
        // One public address among them: then it is a public server, whatever else its owner wrote there.
        Ok(Ok(mut found)) => match found.next() {
            Some(first) if !is_public(first.ip()) && found.all(|other| !is_public(other.ip())) => {
                Network::Private
            }
            _ => Network::Public,
        },
        // Nothing is known of it (a proxy may resolve it): the narrow rule.
        Ok(Err(_)) | Err(_) => Network::Public,
    }
}
