//! A source in two 32-bit atomics, for processors that swap no more at once.

use core::sync::atomic::{AtomicU32, Ordering};

use super::{Atomic, State};
use crate::error::Error;

#[allow(unreachable_pub, reason = "not in use where the processor swaps 64 bits at once")]
pub struct Split {
    head: AtomicU32,
    value: AtomicU32,
}

const fn pack(state: State) -> u32 {
    (state.generation as u32) << 16 | state.count as u32
}

const fn unpack(head: u32, value: u32) -> State {
    State { generation: (head >> 16) as u16, count: head as u16, value }
}

impl Atomic for Split {
    const NEW: Self = Split { head: AtomicU32::new(0), value: AtomicU32::new(0) };

    #[inline]
    fn load(&self) -> State {
        let head = self.head.load(Ordering::SeqCst);
        unpack(head, self.value.load(Ordering::Relaxed))
    }

    #[inline]
    fn store(&self, state: State) {
        self.value.store(state.value, Ordering::Relaxed);
        self.head.store(pack(state), Ordering::Release);
    }

    fn update(&self, change: impl Fn(State) -> Result<State, Error>) -> Result<(), Error> {
        let mut head = self.head.load(Ordering::Relaxed);
        loop {
            let next = change(unpack(head, 0))?;
            self.value.store(next.value, Ordering::Relaxed);
            // Also a release: what the raiser wrote before is visible to who takes the event.
            match self.head.compare_exchange_weak(head, pack(next), Ordering::SeqCst, Ordering::Relaxed) {
                Ok(_) => return Ok(()),
                Err(now) => head = now,
            }
        }
    }

    fn take(&self) -> State {
        let generation = 0xffff << 16;
        let head = self.head.fetch_and(generation, Ordering::SeqCst);
        unpack(head, self.value.load(Ordering::Relaxed))
    }
}
