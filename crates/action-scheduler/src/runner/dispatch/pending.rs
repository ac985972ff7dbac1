//! What a loop waits for that need not be there.

use std::future::Future;
use std::pin::Pin;
use std::time::Instant;

/// An answer of the store that is on its way, or none.
pub(super) struct Pending<T>(Option<Pin<Box<dyn Future<Output = T> + Send>>>);

impl<T> Pending<T> {
    /// Nothing is on its way.
    pub(super) fn none() -> Self {
        Self(None)
    }

    /// Waits for this from now on.
    pub(super) fn begin(&mut self, future: impl Future<Output = T> + Send + 'static) {
        self.0 = Some(Box::pin(future));
    }

    pub(super) fn is_none(&self) -> bool {
        self.0.is_none()
    }

    /// Completes with what is on its way; never, while nothing is.
    pub(super) async fn completion(&mut self) -> T {
        match &mut self.0 {
            Some(future) => {
                let output = future.await;
                self.0 = None;
                output
            }
            None => std::future::pending().await,
        }
    }
}

/// Completes at that time; never, without one.
pub(super) async fn sleep_until(at: Option<Instant>) {
    match at {
        Some(at) => tokio::time::sleep_until(at.into()).await,
        None => std::future::pending().await,
    }
}
