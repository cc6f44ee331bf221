//! How much a link may hold.

use std::sync::Arc;

use tokio::sync::Semaphore;

/// Permits of [`Limits::total`] are of this many bytes: small enough to count well, large enough that small messages, which
/// need none, stay the rule.
pub const PERMIT: usize = 64 * 1024;

/// Bounds of one link, and the budget that all links share.
#[derive(Clone, Debug)]
pub struct Limits {
    /// The largest message, in bytes, in both directions.
    pub message: usize,
    /// The most bytes of an answer that are gathered before it is passed on piece by piece.
    pub gathered: usize,
    /// Requests that may be at the server at a time; more wait.
    pub in_flight: usize,
    /// Requests that may wait; more are answered with an error.
    pub waiting: usize,
    /// Units of [`PERMIT`] bytes for large messages of all links together. Share one among them.
    pub total: Arc<Semaphore>,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            // What clients send: a picture or a document in Base64. Larger things belong behind a resource's URI.
            message: 64 * 1024 * 1024,
            // Nearly every answer fits; twenty links with it full are 20 MiB.
            gathered: 1024 * 1024,
            // More than any client was seen to have under way, and below the streams that an HTTP/2 server grants (100).
            in_flight: 64,
            waiting: 256,
            // 128 MiB: two messages of the largest size.
            total: Arc::new(Semaphore::new(128 * 1024 * 1024 / PERMIT)),
        }
    }
}

/// A share of [`Limits::total`], given back when it is dropped.
pub(crate) type Permit = tokio::sync::OwnedSemaphorePermit;

impl Limits {
    /// A share for so many bytes more, if there is one.
    pub(crate) fn share(&self, bytes: usize) -> Option<Permit> {
        let units = u32::try_from(bytes.div_ceil(PERMIT)).ok()?;
        self.total.clone().try_acquire_many_owned(units).ok()
    }
}
