//! All `unsafe` of this crate: the pointer to what is lent for one poll, wakers, and the pins of an array's elements.
//!
//! # What is lent
//!
//! A future cannot be handed a `&mut Cx`, because its `poll` has no argument for one. So the task puts a pointer to it
//! into a cell ([`Loan`]) for the time of the poll, and the operations in the future take it out. It is sound because
//!
//! - the pointers are in their cells only while [`Loan::lend`] runs, which borrows what they point to, and a guard takes
//!   them out again, also when the poll panics;
//! - whoever uses the frame takes its pointer out of its cell, so that nobody else finds it meanwhile; what stays within
//!   reach then is shared, and changes in cells alone;
//! - who uses it gets a reference whose lifetimes are any ([`Loan::with`] and [`Loan::lent`] ask for closures that are
//!   generic over them), so that neither it nor anything inside it can be kept;
//! - the cells are neither `Send` nor `Sync`: no other thread can see them, and no future that refers to them can leave.

use core::cell::Cell;
use core::marker::PhantomData;
use core::pin::Pin;
use core::ptr::{self, NonNull};
use core::sync::atomic::{AtomicBool, Ordering};
use core::task::{RawWaker, RawWakerVTable, Waker};

use ptk_core::Platform;

use crate::frame::Frame;
use crate::resume::Resume;
use crate::task_waker::TaskWaker;

/// Holds a [`Frame`] while it is lent.
pub(crate) struct Loan<P: Platform> {
    /// The innermost one; its lifetime has no name here.
    lent: Cell<Option<NonNull<Lent<'static>>>>,
    /// Invariant, as the frame is.
    platform: PhantomData<Cell<P>>,
}

/// What is lent for one poll.
struct Lent<'l> {
    /// Points to a `Frame<'_, '_, P>`, whose lifetimes have no name here; `None` while it is in use.
    frame: Cell<Option<NonNull<()>>>,
    resume: &'l Resume,
}

/// Puts back what was in the cell before.
struct Restore<'r, T> {
    cell: &'r Cell<Option<NonNull<T>>>,
    before: Option<NonNull<T>>,
}

impl<T> Drop for Restore<'_, T> {
    fn drop(&mut self) {
        self.cell.set(self.before);
    }
}

impl<P: Platform> Loan<P> {
    pub(crate) const fn new() -> Self {
        Loan { lent: Cell::new(None), platform: PhantomData }
    }

    /// Lends `frame` while `poll` runs.
    pub(crate) fn lend<R>(&self, frame: &mut Frame<'_, '_, P>, poll: impl FnOnce() -> R) -> R {
        let resume = frame.resume;
        let lent = Lent { frame: Cell::new(Some(NonNull::from(frame).cast())), resume };
        let _restore = Restore { cell: &self.lent, before: self.lent.replace(Some(NonNull::from(&lent).cast())) };
        poll()
    }

    /// Uses the frame that is lent now; `None` if there is none, or it is in use.
    pub(crate) fn with<R>(&self, operation: impl FnOnce(&mut Frame<'_, '_, P>) -> R) -> Option<R> {
        self.lent(|lent| {
            let pointer = lent.frame.take()?;
            let _restore = Restore { cell: &lent.frame, before: Some(pointer) };
            // SAFETY: `lend` put the pointer there and has not returned, so what it points to is alive and borrowed
            // mutably by `lend` alone, which does not touch it. It was taken out of the cell, so that there is no second
            // reference until `_restore` puts it back, which is behind the end of this one. It was made of a `Frame` of
            // this very `P`, in which the loan is invariant; the lifetimes are those of the caller's closure, which holds
            // for any.
            let frame = unsafe { pointer.cast::<Frame<'_, '_, P>>().as_mut() };
            Some(operation(frame))
        })?
    }

    /// Looks at the resume for which a frame is lent, in use or not; `None` if none is lent.
    pub(crate) fn resume<R>(&self, look: impl FnOnce(&Resume) -> R) -> Option<R> {
        self.lent(|lent| look(lent.resume))
    }

    fn lent<R>(&self, look: impl FnOnce(&Lent<'_>) -> R) -> Option<R> {
        let pointer = self.lent.get()?;
        // SAFETY: `lend` put the pointer there and has not returned, so what it points to is alive, and nobody has a
        // mutable reference to it. The lifetime is that of the caller's closure, which holds for any.
        let lent = unsafe { pointer.as_ref() };
        Some(look(lent))
    }
}

/// The waker of a task that can be woken from anywhere.
pub(crate) fn waker(task: &'static TaskWaker) -> Waker {
    // A `static`, because wakers of one task are to know each other by its address.
    static VTABLE: RawWakerVTable = RawWakerVTable::new(
        |data| {
            task_of(data).note_clone();
            RawWaker::new(data, &VTABLE)
        },
        |data| task_of(data).wake(),
        |data| task_of(data).wake(),
        |_| {},
    );

    fn task_of(data: *const ()) -> &'static TaskWaker {
        // SAFETY: this table is in wakers made below alone, and in their clones, whose data is a `&'static TaskWaker`.
        unsafe { &*data.cast::<TaskWaker>() }
    }

    // SAFETY: the data is a shared reference that lives for ever, so every function of the table may be called at any
    // time, in any thread (`TaskWaker` is `Sync`, all its state is atomic), and there is nothing to release.
    unsafe { Waker::from_raw(RawWaker::new(ptr::from_ref(task).cast(), &VTABLE)) }
}

/// What happened to the waker of a task that can be woken only while it is polled.
#[derive(Debug, Default)]
pub(crate) struct PollWakes {
    pub(crate) woken: AtomicBool,
    pub(crate) cloned: AtomicBool,
}

/// Lends a waker that notes in `wakes` what happens to it. Its clones may be kept, and do nothing.
pub(crate) fn with_poll_waker<R>(wakes: &PollWakes, poll: impl FnOnce(&Waker) -> R) -> R {
    static VTABLE: RawWakerVTable = RawWakerVTable::new(
        |data| {
            wakes_of(data).cloned.store(true, Ordering::Relaxed);
            RawWaker::new(ptr::null(), &INERT)
        },
        |data| wakes_of(data).woken.store(true, Ordering::Relaxed),
        |data| wakes_of(data).woken.store(true, Ordering::Relaxed),
        |_| {},
    );
    static INERT: RawWakerVTable = RawWakerVTable::new(|data| RawWaker::new(data, &INERT), |_| {}, |_| {}, |_| {});

    fn wakes_of<'a>(data: *const ()) -> &'a PollWakes {
        // SAFETY: this table is in the one waker made below alone, because a clone gets another. That waker is borrowed
        // from `with_poll_waker`, which has not returned and borrows the data.
        unsafe { &*data.cast::<PollWakes>() }
    }

    // SAFETY: the data lives longer than the waker, which does not leave this function but by reference, and its fields
    // are atomic, so that the reference may be used in other threads. Clones have no data at all.
    let waker = unsafe { Waker::from_raw(RawWaker::new(ptr::from_ref(wakes).cast(), &VTABLE)) };
    poll(&waker)
}

/// The pins of all elements of a pinned array: for a task set with an array of futures.
///
/// ```
/// use core::pin::pin;
///
/// async fn count(n: u32) -> u32 {
///     n + 1
/// }
///
/// let futures = pin!([count(1), count(2), count(3)]);
/// let [first, second, third] = ptk_async::each_pin_mut(futures);
/// # let _ = (first, second, third);
/// ```
pub fn each_pin_mut<T, const N: usize>(array: Pin<&mut [T; N]>) -> [Pin<&mut T>; N] {
    // SAFETY: nothing is moved out of the reference.
    let array = unsafe { array.get_unchecked_mut() };
    // SAFETY: the array is pinned until it is dropped, in place; so its elements are, since an array has no code of its
    // own that could move them, and it is `Unpin` only if they are.
    array.each_mut().map(|element| unsafe { Pin::new_unchecked(element) })
}
