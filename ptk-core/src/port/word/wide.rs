//! A source in one 64-bit atomic.

use core::sync::atomic::{AtomicU64, Ordering};

use super::{Atomic, State};
use crate::error::Error;

pub struct Wide(AtomicU64);

const fn pack(state: State) -> u64 {
    (state.generation as u64) << 48 | (state.count as u64) << 32 | state.value as u64
}

const fn unpack(bits: u64) -> State {
    State { generation: (bits >> 48) as u16, count: (bits >> 32) as u16, value: bits as u32 }
}

impl Atomic for Wide {
    const NEW: Self = Wide(AtomicU64::new(0));

    #[inline]
    fn load(&self) -> State {
        unpack(self.0.load(Ordering::SeqCst))
    }

    #[inline]
    fn store(&self, state: State) {
        self.0.store(pack(state), Ordering::Release);
    }

    fn update(&self, change: impl Fn(State) -> Result<State, Error>) -> Result<(), Error> {
        let mut bits = self.0.load(Ordering::Relaxed);
        loop {
            let next = pack(change(unpack(bits))?);
            // Also a release: what the raiser wrote before is visible to who takes the event.
            match self.0.compare_exchange_weak(bits, next, Ordering::SeqCst, Ordering::Relaxed) {
                Ok(_) => return Ok(()),
                Err(now) => bits = now,
            }
        }
    }

    fn take(&self) -> State {
        let generation = 0xffff << 48;
        unpack(self.0.fetch_and(generation, Ordering::SeqCst))
    }
}
