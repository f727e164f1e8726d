//! A count of permits.

use core::task::Poll;

use super::waiters::Id;
use crate::cx::Cx;
use crate::error::Error;
use crate::inspect::Shared;
use crate::mutant::Mutant;
use crate::platform::Platform;

/// A number of permits, which tasks take and give back. Eight bytes.
///
/// A permit has no owner: any code can give one back, and a task that ends keeps what it took. Where one task at a time
/// may go on, and its end is to let the next one on, take a [`Mutex`](super::Mutex).
///
/// ```
/// # use ptk_core::prelude::*;
/// # use ptk_core::sync::Semaphore;
/// # #[derive(Clone, Hash, Debug)]
/// # struct Upload { pt: Pt }
/// # impl<P: Platform> Protothread<P, Semaphore> for Upload {
/// #     type Output = Result<(), Error>;
/// #     #[protothread]
/// #     fn run(&mut self, cx: &mut Cx<'_, P>, slots: &mut Semaphore) -> Result<(), Error> {
/// wait!(slots.acquire(cx))?;
/// // .. one of a few at a time ..
/// slots.release(cx);
/// #         Ok(())
/// #     }
/// # }
/// # let _ = Semaphore::new(3);
/// ```
#[derive(Clone, Hash, Debug)]
pub struct Semaphore {
    permits: u32,
    id: Id,
}

impl Semaphore {
    /// A semaphore with so many permits.
    pub const fn new(permits: u32) -> Self {
        Semaphore { permits, id: Id::NONE }
    }

    /// How many permits are there, those included that tasks were woken for.
    pub const fn available(&self) -> u32 {
        self.permits
    }

    /// Takes a permit.
    ///
    /// # Errors
    ///
    /// [`Error::TooManyWaits`] if it would have to wait, and the task has no wait node left.
    pub fn acquire<P: Platform>(&mut self, cx: &mut Cx<'_, P>) -> Poll<Result<(), Error>> {
        let taken = cx.take(&mut self.id, Shared::Permit, self.permits as usize);
        if taken == Poll::Ready(Ok(())) {
            self.taken(cx);
        }
        taken
    }

    /// Takes a permit without waiting.
    ///
    /// # Errors
    ///
    /// [`Error::WouldBlock`] if there is none, or others wait for it.
    pub fn try_acquire<P: Platform>(&mut self, cx: &mut Cx<'_, P>) -> Result<(), Error> {
        cx.try_take(self.id, Shared::Permit, self.permits as usize)?;
        self.taken(cx);
        Ok(())
    }

    fn taken<P: Platform>(&mut self, cx: &mut Cx<'_, P>) {
        self.permits -= 1;
        cx.offer(self.id, Shared::Permit, self.permits as usize);
    }

    /// Gives a permit back, or adds one: there is no upper limit but 2^32 - 1, which adding leaves as it is.
    pub fn release<P: Platform>(&mut self, cx: &mut Cx<'_, P>) {
        self.permits = self.permits.saturating_add(1);
        if !Mutant::PermitGivenSilently.is_on() {
            cx.offer(self.id, Shared::Permit, self.permits as usize);
        }
    }
}
