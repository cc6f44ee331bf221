//! The network as a value: whoever makes requests asks a [`Wire`], and a test hands in its own.

use super::Answer;
use mcp_login_oauth::http::{Http, Request};
use std::pin::Pin;
use std::sync::Arc;

/// [`Http`] behind a pointer, so that the core is one type, whoever carries its requests.
trait Carrier: Send + Sync {
    fn carry(&self, request: Request) -> Pin<Box<dyn Future<Output = Answer> + Send + '_>>;
}

impl<H: Http> Carrier for H {
    fn carry(&self, request: Request) -> Pin<Box<dyn Future<Output = Answer> + Send + '_>> {
        Box::pin(self.send(request))
    }
}

/// A shared HTTP client.
#[derive(Clone)]
pub struct Wire(Arc<dyn Carrier>);

impl Wire {
    /// Wraps any client.
    #[must_use]
    pub fn new(http: impl Http + 'static) -> Self {
        Self(Arc::new(http))
    }
}

impl Http for Wire {
    fn send(&self, request: Request) -> impl Future<Output = Answer> + Send {
        self.0.carry(request)
    }
}
