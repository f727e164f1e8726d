//! What a backend brings to the suite: a platform, addresses, and the means to do to it what a loop cannot do to itself.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::atomic::{AtomicU32, Ordering};

use ptk_core::{Cx, Duration, Error, EventSource, Platform};

use crate::stage::{Loop, Stage};

/// A behaviour that a backend cannot offer.
#[derive(Clone, Copy, Debug)]
pub struct Exception {
    /// The number of the behaviour.
    pub number: u32,
    /// Why the backend cannot offer it.
    pub reason: &'static str,
}

/// A network that carries broadcasts and multicast, as this machine is attached to it.
#[derive(Clone, Copy, Debug)]
pub struct Network {
    /// This machine's IPv4 address there.
    pub v4: Ipv4Addr,
    /// This machine's IPv6 address there.
    pub v6: Ipv6Addr,
    /// The IPv4 address that everybody there hears.
    pub broadcast: Ipv4Addr,
    /// The number of this machine's interface.
    pub index: u32,
}

/// A backend under test.
///
/// One value is one world: the suite makes one for each behaviour.
pub trait Backend: Sized {
    /// The platform under test.
    type Platform: Platform + 'static;

    /// How failures name the backend.
    const NAME: &'static str;

    /// What the backend cannot offer. Each is tried all the same, and an exception that is not needed fails.
    const EXCEPTIONS: &'static [Exception];

    /// Whether an IPv6 socket that joined a group on one interface hears it on that one only. If not, it also hears it on
    /// those on which other sockets have joined.
    const SEPARATES_IPV6_NETWORKS: bool = true;

    /// A new world.
    fn new() -> Self;

    /// The platform of this world, not opened. Asked for once.
    fn platform(&mut self) -> Self::Platform;

    /// An open loop on which no more than `sockets` sockets can be open at once, because the system has no descriptors
    /// for more.
    fn open_scarce<const SOCKETS: usize>(&mut self, sockets: usize) -> Box<Loop<Self, SOCKETS>>;

    /// Runs `elsewhere` as another thread or an interrupt would, while `here` has the loop. `elsewhere` must not wait
    /// for the loop: a backend without threads runs it first.
    fn alongside<const SOCKETS: usize>(
        stage: &mut Stage<Self, SOCKETS>,
        elsewhere: impl FnOnce(&dyn Raise) + Send,
        here: impl FnOnce(&mut Stage<Self, SOCKETS>),
    );

    /// Lets time pass inside a handler or a task, as if it computed that long.
    fn stall(cx: &mut Cx<'_, Self::Platform>, time: Duration);

    /// An IPv4 loopback address that no other world of this process uses, with port 0.
    fn v4(&self) -> SocketAddr {
        static WORLDS: AtomicU32 = AtomicU32::new(0);
        let [high, low] = (WORLDS.fetch_add(1, Ordering::Relaxed) as u16).to_be_bytes();
        // Other processes that run the suite at this time are likely to be elsewhere.
        let process = std::process::id() as u8 | 1;
        SocketAddr::new(IpAddr::V4(Ipv4Addr::new(127, process, high, low.saturating_add(1))), 0)
    }

    /// The IPv6 loopback address, with port 0.
    fn v6(&self) -> SocketAddr {
        SocketAddr::new(IpAddr::V6(Ipv6Addr::LOCALHOST), 0)
    }

    /// Runs the body of the test that is called `test` where descriptors, limits and signals are nobody else's.
    fn isolated(test: &str, body: impl FnOnce()) {
        let _ = test;
        body();
    }

    /// Runs the body of the test that is called `test` where there are networks that carry broadcasts and multicast.
    fn networked(test: &str, body: impl FnOnce(&[Network])) {
        let _ = (test, body);
        unsupported("networks")
    }

    /// Connects to `address` from outside of the loop and sends without a pause until the connection fails. `false` if
    /// there is no outside.
    fn flood(address: SocketAddr) -> bool {
        let _ = address;
        false
    }

    /// Connects to `address` from outside of the loop, to send urgent data. The platform is for backends without an
    /// outside.
    fn urgent_peer(platform: &mut Self::Platform, address: SocketAddr) -> Box<dyn UrgentPeer<Self::Platform>> {
        let _ = platform;
        unsupported(&format!("urgent data to {address}"))
    }

    /// Interrupts the loop's waits again and again while `body` runs; how often it did.
    fn storm<const SOCKETS: usize>(
        stage: &mut Stage<Self, SOCKETS>,
        body: impl FnOnce(&mut Stage<Self, SOCKETS>),
    ) -> usize {
        let _ = (stage, body);
        unsupported("signals")
    }

    /// How many signals told this process of a broken pipe since this was first asked.
    fn broken_pipes() -> usize {
        0
    }
}

/// Raises events from where a loop is not.
pub trait Raise: Sync {
    /// Raises `source`.
    ///
    /// # Errors
    ///
    /// As [`EventPortView::raise`](ptk_core::EventPortView::raise).
    fn raise(&self, source: EventSource, value: u32) -> Result<(), Error>;
}

/// The other end of a connection, outside of the loop.
pub trait UrgentPeer<P> {
    /// Sends ordinary data.
    fn send(&mut self, platform: &mut P, data: &[u8]);
    /// Sends one byte of urgent data.
    fn send_urgent(&mut self, platform: &mut P, byte: u8);
}

/// Ends a behaviour that the backend lacks the means for. Expected of those in [`Backend::EXCEPTIONS`] only.
///
/// # Panics
///
/// Always.
pub fn unsupported(what: &str) -> ! {
    panic!("this backend has no {what}: an exception should say so")
}
