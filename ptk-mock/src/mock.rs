//! The platform: a clock, a kernel and a port, put together.

use std::net::{IpAddr, SocketAddr};

use ptk_core::{
    Close, Datagram, Duration, Error, EventPort, EventPortView, Half, Handle, Instant, NameService, Options, Platform,
    Received, Rest, Sink, SocketOption, Until,
};

use crate::clock::Clock;
use crate::kernel::Kernel;
use crate::names::Names;
use crate::random::Random;
use crate::socket::{Name, Socket};

/// How many sockets one `wait` reports at most.
const BATCH: usize = 64;

/// How many event sources the port has.
const EVENTS: usize = 64;

/// A simulated platform. See the [crate's text](crate).
#[derive(Clone, Hash, Debug)]
pub struct Mock {
    is_open: bool,
    clock: Clock,
    kernel: Kernel,
    port: EventPort<EVENTS>,
    /// What [`Platform::entropy`] gives.
    entropy: Random,
    names: Names,
}

impl Mock {
    /// A world at the origin of its time, with nothing open, as many descriptors as memory allows, and the seed 0.
    #[must_use]
    pub const fn new() -> Mock {
        Mock::make(0, usize::MAX)
    }

    /// As [`new`](Self::new), with another seed: that of the bytes that [`entropy`](Platform::entropy) gives, and of
    /// the UDP ports that the kernel chooses. Neither changes the other. The generator is SplitMix64.
    #[must_use]
    pub const fn with_seed(seed: u64) -> Mock {
        Mock::make(seed, usize::MAX)
    }

    /// As [`new`](Self::new), with at most `limit` sockets open at once. Connections in a backlog do not count, nor do
    /// those that were closed and still send.
    #[must_use]
    pub const fn with_descriptor_limit(limit: usize) -> Mock {
        Mock::make(0, limit)
    }

    const fn make(seed: u64, descriptor_limit: usize) -> Mock {
        let entropy = Random::new(seed);
        Mock {
            is_open: false,
            clock: Clock::new(),
            kernel: Kernel::new(descriptor_limit, entropy.fork(1)),
            port: EventPort::new(),
            entropy,
            names: Names::new(),
        }
    }

    /// Replaces what the simulated system knows about name servers: what [`name_service`](Platform::name_service)
    /// tells, in this order. At first it knows nothing.
    pub fn set_name_service(&mut self, entries: &[NameService<'_>]) {
        self.names.set_service(entries);
    }

    /// Gives the host `name` one more address in the simulated hosts file, which
    /// [`host_addresses`](Platform::host_addresses) reads. A final dot of the name does not count, nor does upper or
    /// lower case.
    pub fn add_host(&mut self, name: &str, address: IpAddr) {
        self.names.add_host(name, address);
    }

    /// Lets time pass while the loop does not run, as if a call took that long. The kernel goes on meanwhile.
    pub fn advance(&mut self, duration: Duration) {
        self.pass_to(self.clock.now() + duration);
    }

    /// How many sockets are open now.
    pub const fn open_sockets(&self) -> usize {
        self.kernel.descriptors()
    }

    /// Moves the clock, and has the kernel do what falls due on the way, each at its time.
    fn pass_to(&mut self, target: Instant) {
        while let Some(due) = self.kernel.next_due().filter(|due| *due <= target) {
            self.clock.pass_to(due);
            self.kernel.act(self.clock.now());
        }
        self.clock.pass_to(target);
    }

    /// Reports what happened since the last time, without waiting; whether that was anything.
    fn report<S: Sink>(&mut self, sink: &mut S) -> bool {
        let port: &EventPortView = &self.port;
        let raised = port.wake_up();
        if raised {
            sink.raised();
        }
        let mut count = 0;
        while count < BATCH
            && let Some((token, readiness)) = self.kernel.next_event()
        {
            sink.socket(token, readiness);
            count += 1;
        }
        raised || count > 0
    }

    fn check_open(&self) -> Result<(), Error> {
        if self.is_open { Ok(()) } else { Err(Error::NotOpen) }
    }
}

impl Default for Mock {
    fn default() -> Mock {
        Mock::new()
    }
}

impl Platform for Mock {
    type Socket = Socket;

    const CLOSED: Socket = Socket(Name::Closed);

    fn open(&mut self) -> Result<(), Error> {
        if self.is_open {
            return Err(Error::Busy);
        }
        self.is_open = true;
        Ok(())
    }

    #[inline]
    fn now(&mut self) -> Instant {
        self.clock.now()
    }

    /// When a connect that found a full backlog is repeated, or given up.
    fn next_deadline(&mut self) -> Option<Instant> {
        self.kernel.next_due()
    }

    /// Costs no time: if there is nothing to report, the clock jumps to the deadline, or to what the kernel does by
    /// itself before.
    ///
    /// # Errors
    ///
    /// [`Error::Deadlock`] if nothing could ever happen. A deadline at [`Instant::MAX`] is none.
    fn wait<S: Sink>(&mut self, until: Until, sink: &mut S) -> Result<(), Error> {
        self.check_open()?;
        let deadline = match until {
            Until::Now => {
                self.report(sink);
                return Ok(());
            }
            Until::Deadline(deadline) if deadline < Instant::MAX => Some(deadline),
            Until::Deadline(_) | Until::Event => None,
        };
        loop {
            let has_news = self.report(sink);
            if deadline.is_some_and(|deadline| deadline <= self.clock.now()) {
                sink.alarm();
                return Ok(());
            }
            if has_news {
                return Ok(());
            }
            let due = [deadline, self.kernel.next_due()].into_iter().flatten().min();
            self.pass_to(due.ok_or(Error::Deadlock)?);
        }
    }

    fn port(&self) -> Option<&EventPortView> {
        Some(&self.port)
    }

    fn open_stream(&mut self, peer: SocketAddr, options: &Options, token: Handle) -> Result<Socket, Error> {
        self.check_open()?;
        self.kernel.connect(peer, options, token, self.clock.now())
    }

    fn finish_connect(&mut self, socket: &mut Socket) -> Result<(), Error> {
        self.kernel.finish_connect(self.kernel.stream_id(socket)?)
    }

    fn open_listener(&mut self, address: SocketAddr, options: &Options, token: Handle) -> Result<Socket, Error> {
        self.check_open()?;
        self.kernel.listen(address, options, token)
    }

    fn accept(&mut self, listener: &mut Socket, options: &Options, token: Handle) -> Result<Socket, Error> {
        self.kernel.accept(self.kernel.listener_id(listener)?, options, token)
    }

    fn receive(&mut self, socket: &mut Socket, buffer: &mut [u8]) -> Result<Received, Error> {
        self.kernel.receive(self.kernel.stream_id(socket)?, buffer)
    }

    fn send(&mut self, socket: &mut Socket, data: &[u8]) -> Result<usize, Error> {
        self.kernel.send(self.kernel.stream_id(socket)?, data)
    }

    fn peek(&mut self, socket: &mut Socket, buffer: &mut [u8]) -> Result<usize, Error> {
        self.kernel.peek(self.kernel.stream_id(socket)?, buffer)
    }

    fn open_datagram(&mut self, address: SocketAddr, options: &Options, token: Handle) -> Result<Socket, Error> {
        self.check_open()?;
        self.kernel.open_datagram(address, options, token)
    }

    fn connect_datagram(&mut self, socket: &mut Socket, peer: Option<SocketAddr>) -> Result<(), Error> {
        self.kernel.connect_datagram(self.kernel.endpoint_id(socket)?, peer)
    }

    fn receive_from(&mut self, socket: &mut Socket, buffer: &mut [u8]) -> Result<(Datagram, Rest), Error> {
        self.kernel.receive_from(self.kernel.endpoint_id(socket)?, buffer)
    }

    fn send_to(&mut self, socket: &mut Socket, data: &[u8], peer: Option<SocketAddr>) -> Result<(), Error> {
        self.kernel.send_to(self.kernel.endpoint_id(socket)?, data, peer)
    }

    fn entropy(&mut self, out: &mut [u8]) -> Result<(), Error> {
        self.entropy.fill(out);
        Ok(())
    }

    fn name_service(&mut self, tell: &mut dyn FnMut(NameService<'_>)) {
        self.names.tell_service(tell);
    }

    fn host_addresses(&mut self, name: &str, tell: &mut dyn FnMut(IpAddr)) {
        self.names.tell_addresses(name, tell);
    }

    fn shutdown(&mut self, socket: &mut Socket, half: Half) -> Result<(), Error> {
        self.kernel.shutdown(self.kernel.stream_id(socket)?, half)
    }

    fn close(&mut self, socket: Socket, how: Close) {
        self.kernel.close(&socket, how);
    }

    fn set_option(&mut self, socket: &mut Socket, option: SocketOption) -> Result<(), Error> {
        self.kernel.set_option(socket, option)
    }

    fn local_address(&mut self, socket: &Socket) -> Result<SocketAddr, Error> {
        self.kernel.local_address(socket)
    }

    fn peer_address(&mut self, socket: &Socket) -> Result<SocketAddr, Error> {
        self.kernel.peer_address(socket)
    }

    /// A simulated failure has no number.
    fn last_os_error(&self) -> Option<i32> {
        None
    }
}
