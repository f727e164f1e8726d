//! Sleeping, and limits of time.

use core::future::poll_fn;
use core::pin::pin;
use core::task::Poll;

use ptk_core::__rt::{self as rt, Context as _, Control};
use ptk_core::{Duration, Error, Instant, Platform};

use crate::bridge::Bridge;

impl<P: Platform> Bridge<P> {
    /// The time now.
    ///
    /// # Errors
    ///
    /// As [`with`](Self::with).
    pub fn now(&self) -> Result<Instant, Error> {
        self.with(|cx| cx.now())
    }

    /// Ready when `duration` has passed since it was first polled. Never early; zero means in the next turn. A task can
    /// sleep any number of times at once: its loop keeps the earliest of the deadlines, and no wait node is taken.
    ///
    /// # Errors
    ///
    /// As [`wait`](Self::wait), and none besides.
    pub fn sleep(&self, duration: Duration) -> impl Future<Output = Result<(), Error>> {
        let mut armed = None;
        self.wait(move |cx| {
            // What was armed just now is due in the next turn at the earliest, which is what `fresh` says.
            let outer = cx.control();
            cx.set_control(Control { fresh: armed.is_none(), ..outer });
            let deadline = *armed.get_or_insert_with(|| cx.arm(duration));
            let expired = rt::Context::expired(cx, deadline);
            cx.set_control(outer);
            if expired { Poll::Ready(Ok(())) } else { Poll::Pending }
        })
    }

    /// Ready once the clock has reached `deadline`.
    ///
    /// # Errors
    ///
    /// As [`sleep`](Self::sleep).
    pub fn sleep_until(&self, deadline: Instant) -> impl Future<Output = Result<(), Error>> {
        self.wait(move |cx| cx.sleep_until(deadline).map(Ok))
    }

    /// Ready with what `future` gives, if it does so before `duration` has passed. Otherwise the future is dropped, which
    /// gives up what it was doing.
    ///
    /// # Errors
    ///
    /// [`Error::TimedOut`]; as [`wait`](Self::wait).
    pub async fn timeout<F: Future>(&self, duration: Duration, future: F) -> Result<F::Output, Error> {
        let mut future = pin!(future);
        let mut sleep = pin!(self.sleep(duration));
        poll_fn(|context| {
            if let Poll::Ready(output) = future.as_mut().poll(context) {
                return Poll::Ready(Ok(output));
            }
            sleep.as_mut().poll(context).map(|slept| slept.and(Err(Error::TimedOut)))
        })
        .await
    }
}
