//! Waking a task from anywhere: what its wakers refer to.

use core::sync::atomic::{AtomicBool, AtomicU32, Ordering};

use ptk_core::{Error, EventSource, Handle, Kind, TypedHandle};

/// What the wakers of one [`AsyncTask`](crate::AsyncTask) refer to: a `static`, because they may outlive everything else.
/// Twelve bytes, or sixteen on a 64-bit machine.
///
/// A wake raises an event source of the loop's port, which resumes the task. It is legal wherever raising is: on Linux in
/// any thread and signal handler. Of many wakes between two resumes only the first raises.
///
/// ```
/// use ptk_async::TaskWaker;
/// use ptk_linux::Port;
///
/// static PORT: Port<4> = Port::new();
/// static WAKER: TaskWaker = TaskWaker::new(|source, value| PORT.raise(source, value));
/// ```
#[derive(Debug)]
pub struct TaskWaker {
    raise: fn(EventSource, u32) -> Result<(), Error>,
    /// The source of the task that is bound, as [`pack`] makes it; 0 for nobody's.
    source: AtomicU32,
    /// Woken since the last resume.
    woken: AtomicBool,
    /// Somebody has, or had, a waker that outlives a poll.
    cloned: AtomicBool,
}

impl TaskWaker {
    /// A waker that raises with `raise`, of which `PORT.raise(source, value)` is the model. `raise` must be legal wherever
    /// the wakers are to be used; what it returns is not looked at, because a waker has nobody to tell.
    pub const fn new(raise: fn(EventSource, u32) -> Result<(), Error>) -> Self {
        TaskWaker { raise, source: AtomicU32::new(0), woken: AtomicBool::new(false), cloned: AtomicBool::new(false) }
    }

    /// Whom wakes resume from now on.
    pub(crate) fn bind(&self, source: EventSource) -> Result<(), Error> {
        let packed = pack(source).ok_or(Error::InvalidArgument)?;
        let bound = self.source.compare_exchange(0, packed, Ordering::AcqRel, Ordering::Relaxed);
        bound.map_or(Err(Error::Busy), |_| Ok(()))
    }

    /// Ends what [`bind`](Self::bind) began.
    pub(crate) fn unbind(&self, source: EventSource) {
        let Some(packed) = pack(source) else { return };
        let _ = self.source.compare_exchange(packed, 0, Ordering::AcqRel, Ordering::Relaxed);
    }

    /// Whether it was woken since the last call.
    ///
    /// What the waker's owner wrote before the wake is visible afterwards; and a wake that comes after this call finds
    /// the source that was bound before it.
    pub(crate) fn take_wake(&self) -> bool {
        self.woken.swap(false, Ordering::AcqRel)
    }

    /// Whether it was woken since [`take_wake`](Self::take_wake).
    pub(crate) fn is_woken(&self) -> bool {
        self.woken.load(Ordering::Acquire)
    }

    pub(crate) fn note_clone(&self) {
        self.cloned.store(true, Ordering::Release);
    }

    /// Whether somebody may wake the task after its poll.
    pub(crate) fn was_cloned(&self) -> bool {
        self.cloned.load(Ordering::Acquire)
    }

    pub(crate) fn wake(&self) {
        if self.woken.swap(true, Ordering::AcqRel) {
            return;
        }
        if let Some(source) = unpack(self.source.load(Ordering::Acquire)) {
            // An error means that the task has ended, or that the event is pending all the same.
            let _ = (self.raise)(source, 0);
        }
    }
}

/// Everything in a source's handle that differs between sources, if its index has no more than eight bits:
/// `loop 8, index 8, generation 16`. Atomics of 64 bits are rare on small machines.
fn pack(source: EventSource) -> Option<u32> {
    let handle = source.handle()?;
    let index = u8::try_from(handle.index()).ok()?;
    let generation = u16::try_from(handle.generation()).ok()?;
    Some(u32::from(handle.loop_id()) << 24 | u32::from(index) << 16 | u32::from(generation))
}

fn unpack(packed: u32) -> Option<EventSource> {
    if packed == 0 {
        return None;
    }
    let [loop_id, index, generation @ ..] = packed.to_be_bytes();
    let raw = (Kind::EventSource as u64) << 60
        | u64::from(loop_id) << 52
        | u64::from(index) << 32
        | u64::from(u16::from_be_bytes(generation));
    Handle::from_raw(raw).and_then(EventSource::from_handle)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn source(loop_id: u64, index: u64, generation: u64) -> EventSource {
        let raw = (Kind::EventSource as u64) << 60 | loop_id << 52 | index << 32 | generation;
        Handle::from_raw(raw).and_then(EventSource::from_handle).unwrap()
    }

    #[test]
    fn a_source_survives_packing_or_is_refused() {
        for (loop_id, index, generation) in [(0, 0, 1), (255, 255, 0xffff), (1, 2, 3)] {
            let source = source(loop_id, index, generation);
            assert_eq!(pack(source).and_then(unpack), Some(source));
        }
        assert_eq!((pack(source(0, 256, 1)), pack(source(0, 0, 0x1_0000))), (None, None));
        assert_eq!((pack(EventSource::NONE), unpack(0)), (None, None));
    }

    #[test]
    fn a_waker_serves_one_task_at_a_time() {
        let waker = TaskWaker::new(|_, _| Ok(()));
        assert_eq!(waker.bind(source(0, 1, 1)), Ok(()));
        assert_eq!(waker.bind(source(0, 2, 1)), Err(Error::Busy));
        waker.unbind(source(0, 2, 1));
        assert_eq!(waker.bind(source(0, 2, 1)), Err(Error::Busy), "somebody else's end is none");
        waker.unbind(source(0, 1, 1));
        assert_eq!(waker.bind(source(0, 2, 1)), Ok(()));
    }
}
