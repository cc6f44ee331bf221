//! The HTTP door: a server on this machine, for MCP clients that speak HTTP only.
//!
//! Problem: everything that runs here, every page in the person's browser included, can reach a port on loopback. Invariant: a
//! request is looked at in this order, and nothing of it is passed on before all of it holds: it names this very port as its
//! host (no name that was made to point here), it comes from no web page (any `Origin` is refused), it shows a key that is for
//! this account (and is no token), and it is one that MCP makes. No answer carries a CORS header. What is passed on streams.

mod body;
mod guard;
mod pass;

use std::sync::Arc;
use std::time::Duration;

use futures_core::future::BoxFuture;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite};

use crate::upstream::Upstream;

/// A client on this machine that has connected says what it wants within this time.
const HEAD: Duration = Duration::from_secs(15);
/// Bytes of a request's head: a key, a session's id and the mirrored parameters of a tool fit.
const MOST_HEAD: usize = 64 * 1024;
/// Header fields.
const MOST_FIELDS: usize = 64;

/// Who has which key.
pub trait Doorkeeper: Send + Sync + 'static {
    /// The server of the account that the path names, when this key is one for it. The time it takes says nothing about keys.
    fn admit<'a>(&'a self, account: &'a str, key: &'a str) -> BoxFuture<'a, Option<Arc<Upstream>>>;
}

/// Where a connection came in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Entry {
    /// `127.0.0.1`, at this port.
    Loopback(u16),
    /// A Unix socket or a named pipe that only the person's own programs reach. There is no name to be faked.
    Private,
}

/// Serves one connection until it ends.
///
/// # Errors
/// What went wrong at the client's side; nobody needs to know.
pub async fn serve<S>(stream: S, entry: Entry, keeper: Arc<dyn Doorkeeper>) -> Result<(), hyper::Error>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let service = service_fn(move |request| {
        let keeper = keeper.clone();
        async move { Ok::<_, std::convert::Infallible>(pass::answer(request, entry, &*keeper).await) }
    });
    http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD)
        .max_buf_size(MOST_HEAD)
        .max_headers(MOST_FIELDS)
        .serve_connection(TokioIo::new(stream), service)
        .await
}
