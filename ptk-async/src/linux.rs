//! Sleeping on a loop's descriptor in a foreign executor on Linux.

use core::fmt;

use ptk_core::{Error, Instant};
use ptk_linux::Linux;

use crate::drive::{Sleeper, yield_now};

/// Sleeps until the descriptor of a loop is readable. `readable` waits for that with the executor's own means; there is
/// no timer besides, because the descriptor becomes readable at the deadline too.
///
/// `readable` is called anew for each sleep, and may be ready early. Executors whose readiness is an edge that they
/// remember (tokio) have to make sure that they forget it only when the descriptor is not readable; see the example
/// `tokio`. With async-io it is `async || watched.readable().await.map_err(|_| Error::Network)`.
///
/// The compiler cannot tell that what a closure's future holds is `Send`: for a [`drive`](crate::drive) that is to move
/// between threads, implement [`Sleeper`] for a type of your own.
pub struct LinuxSleeper<F>(F);

impl<F: AsyncFnMut() -> Result<(), Error>> LinuxSleeper<F> {
    /// Sleeps with `readable`, which watches (a copy of) [`Linux::as_fd`].
    pub const fn new(readable: F) -> Self {
        LinuxSleeper(readable)
    }
}

impl<F: AsyncFnMut() -> Result<(), Error>> Sleeper<Linux<'_>> for LinuxSleeper<F> {
    async fn sleep(&mut self, platform: &mut Linux<'_>, deadline: Option<Instant>) -> Result<(), Error> {
        if platform.prepare_to_sleep(deadline)? {
            return (self.0)().await;
        }
        yield_now().await;
        Ok(())
    }
}

impl<F> fmt::Debug for LinuxSleeper<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LinuxSleeper").finish_non_exhaustive()
    }
}
