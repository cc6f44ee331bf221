//! Transactions under way.
//!
//! Problem: whoever asked for a refresh may go away in the middle of it. Invariant: a transaction that began runs to its end,
//! and is counted until then, so that who ends the agent can wait for it.

use super::{Core, Inner};
use std::future::Future;
use std::sync::Arc;
use tokio::task::{JoinError, JoinHandle};

impl Core {
    /// Waits until no refresh, sign-in or sign-out is under way.
    pub async fn settle(&self) {
        let mut under_way = self.0.under_way.subscribe();
        let _ = under_way.wait_for(|count| *count == 0).await; // the sender lives as long as we do
    }
}

impl Inner {
    /// Runs a transaction in a task of its own, so that it outlives whoever asked for it.
    pub(crate) fn own<T: Send + 'static>(
        self: &Arc<Self>,
        work: impl Future<Output = T> + Send + 'static,
    ) -> Owned<T> {
        let counted = UnderWay::begin(self.clone());
        Owned(tokio::spawn(async move {
            let _counted = counted;
            work.await
        }))
    }
}

/// Counts a transaction while it runs.
struct UnderWay(Arc<Inner>);

impl UnderWay {
    fn begin(core: Arc<Inner>) -> Self {
        core.under_way.send_modify(|count| *count += 1);
        Self(core)
    }
}

impl Drop for UnderWay {
    fn drop(&mut self) {
        self.0.under_way.send_modify(|count| *count -= 1);
    }
}

/// The end of a transaction. Dropping it does not stop the transaction.
pub(crate) struct Owned<T>(JoinHandle<T>);

impl<T> Future for Owned<T> {
    type Output = Result<T, JoinError>;

    fn poll(
        mut self: std::pin::Pin<&mut Self>,
        cx: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Self::Output> {
        std::pin::Pin::new(&mut self.0).poll(cx)
    }
}
