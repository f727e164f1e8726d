//! A platform that loses datagrams: what a protocol does about that can be watched where the network loses none.

use core::net::SocketAddr;

use ptk_core::middleware::Middleware;
use ptk_core::{Error, Platform};

/// Loses and doubles some of the datagrams that are sent. All else is as on the platform inside.
#[derive(Clone, Hash, Debug)]
pub struct Lossy<P> {
    inner: P,
    /// Of a million datagrams, how many are lost.
    loss: u32,
    /// Of a million that are not lost, how many are sent twice.
    duplicates: u32,
    random: u64,
    lost: u32,
}

impl<P> Lossy<P> {
    /// A platform that loses nothing, yet.
    pub const fn new(inner: P) -> Self {
        Lossy { inner, loss: 0, duplicates: 0, random: 0, lost: 0 }
    }

    /// Of a million datagrams, loses so many and sends so many twice. Which ones follows from `seed`.
    pub const fn set(&mut self, loss: u32, duplicates: u32, seed: u64) {
        (self.loss, self.duplicates, self.random) = (loss, duplicates, seed);
    }

    /// How many datagrams it has lost.
    pub const fn lost(&self) -> u32 {
        self.lost
    }

    /// The platform inside.
    pub const fn platform_mut(&mut self) -> &mut P {
        &mut self.inner
    }

    /// Whether that happens which happens so many times in a million.
    fn happens(&mut self, ppm: u32) -> bool {
        // SplitMix64 (Steele, Lea, Flood 2014).
        self.random = self.random.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mixed = (self.random ^ self.random >> 30).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94D0_49BB_1331_11EB);
        (mixed ^ mixed >> 31) % 1_000_000 < u64::from(ppm)
    }
}

impl<P: Platform> Middleware for Lossy<P> {
    type Inner = P;

    fn inner(&self) -> &P {
        &self.inner
    }

    fn inner_mut(&mut self) -> &mut P {
        &mut self.inner
    }

    fn send_to(&mut self, socket: &mut P::Socket, data: &[u8], peer: Option<SocketAddr>) -> Result<(), Error> {
        if self.happens(self.loss) {
            self.lost += 1;
            return Ok(());
        }
        if self.happens(self.duplicates) {
            self.inner.send_to(socket, data, peer)?;
        }
        self.inner.send_to(socket, data, peer)
    }
}
