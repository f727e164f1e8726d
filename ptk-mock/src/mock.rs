//! The platform: a clock, a kernel and a port, put together.

use std::hash::{Hash, Hasher};
use std::net::{IpAddr, SocketAddr};

use ptk_core::{
    Close, Datagram, Duration, Error, EventPort, EventPortView, Half, Handle, Instant, NameService, Options, Platform,
    Readiness, Received, Rest, Sink, SocketOption, Until,
};

use crate::chooser::{Chooser, Decider};
use crate::environment::Environment;
use crate::faults::Faults;
use crate::kernel::{Home, Kernel};
use crate::label::Label;
use crate::mutant::{self, Mutant};
use crate::names::Names;
use crate::node_id::NodeId;
use crate::random::Random;
use crate::socket::{Name, Socket};
use crate::tape::Tape;

/// How many sockets one `wait` reports at most.
const BATCH: usize = 64;

/// After how many steps a wait is interrupted at most, and how long one is.
const INTERRUPTIONS: u32 = 20;
const INTERRUPTION: Duration = Duration::from_micros(50);

/// How many event sources the port has.
const EVENTS: usize = 64;

/// A simulated platform: one host, alone with its loopback network or a node of a [`World`](crate::World). See the
/// [crate's text](crate).
#[derive(Clone, Debug)]
pub struct Mock {
    is_open: bool,
    /// Whether it is one of a world's, and can crash.
    is_node: bool,
    node: NodeId,
    /// What it shares with the other nodes of its world. `None` while the world has it, and before the first use.
    environment: Option<Box<Environment>>,
    kernel: Kernel,
    port: EventPort<EVENTS>,
    /// What [`Platform::entropy`] gives.
    entropy: Random,
    names: Names,
    /// A socket that was closed in this turn.
    closed: Option<Handle>,
    /// It crashed in the middle of a call, and how: see [`Label::Crash`].
    crash: u32,
}

impl Mock {
    /// A world at the origin of its time, with nothing open, as many descriptors as memory allows, and the seed 0.
    #[must_use]
    pub const fn new() -> Mock {
        Mock::make(0, usize::MAX, Home::ALONE, NodeId(0))
    }

    /// As [`new`](Self::new), with another seed: that of the bytes that [`entropy`](Platform::entropy) gives, and of
    /// the UDP ports that the kernel chooses. Neither changes the other. The generator is SplitMix64.
    #[must_use]
    pub const fn with_seed(seed: u64) -> Mock {
        Mock::make(seed, usize::MAX, Home::ALONE, NodeId(0))
    }

    /// As [`new`](Self::new), with at most `limit` sockets open at once. Connections in a backlog do not count, nor do
    /// those that were closed and still send.
    #[must_use]
    pub const fn with_descriptor_limit(limit: usize) -> Mock {
        Mock::make(0, limit, Home::ALONE, NodeId(0))
    }

    /// A host of a world. Its seed is the world's and its own.
    pub(crate) const fn node(node: NodeId, seed: u64, descriptor_limit: usize) -> Mock {
        Mock::make(seed, descriptor_limit, Home::of(node.0), node)
    }

    const fn make(seed: u64, descriptor_limit: usize, home: Home, node: NodeId) -> Mock {
        let entropy = Random::new(seed);
        Mock {
            is_open: false,
            is_node: home.is_of_a_network(),
            node,
            environment: None,
            kernel: Kernel::new(descriptor_limit, entropy.fork(1), home),
            port: EventPort::new(),
            entropy,
            names: Names::new(),
            closed: None,
            crash: 0,
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

    /// Has the calls from now on fail and falter with these rates, as `seed` decides: what a host alone can suffer.
    /// What the links of a world do to packets is not among it.
    pub fn set_faults(&mut self, seed: u64, faults: Faults) {
        self.environment().chooser = Chooser::new(Decider::Seeded(seed), faults.for_seed(seed), 1);
    }

    /// The answers so far that were not benign, since faults were [set](Self::set_faults): what went wrong.
    pub fn tape(&self) -> Tape {
        self.environment.as_ref().map(|environment| environment.chooser.tape()).unwrap_or_default()
    }

    /// Sends one byte of urgent data, as Linux does with `MSG_OOB`: what a peer may do that is no loop of this crate's.
    /// The receiver finds it out of line: a receive ends before it, and the next one goes on behind it.
    ///
    /// # Errors
    ///
    /// As [`send`](Platform::send); [`Error::NotSupported`] between hosts.
    pub fn send_urgent(&mut self, socket: &mut Socket, byte: u8) -> Result<(), Error> {
        self.begin();
        self.kernel.send_urgent(self.kernel.stream_id(socket)?, byte)
    }

    /// Lets time pass while the loop does not run, as if a call took that long. The kernel goes on meanwhile.
    pub fn advance(&mut self, duration: Duration) {
        let target = self.environment().now() + duration;
        self.pass_to(target);
    }

    /// How many sockets are open now.
    pub const fn open_sockets(&self) -> usize {
        self.kernel.descriptors()
    }

    /// Gives the host of another node its name.
    pub(crate) fn join_hosts(&mut self, name: &str, node: NodeId) {
        let home = Home::of(node.0);
        let addresses = [home.v4().map(IpAddr::V4), home.v6().map(IpAddr::V6)];
        addresses.into_iter().flatten().for_each(|ip| self.add_host(name, ip));
    }

    /// The kernel.
    pub(crate) const fn kernel(&mut self) -> &mut Kernel {
        &mut self.kernel
    }

    /// The kernel, to look at.
    pub(crate) const fn kernel_view(&self) -> &Kernel {
        &self.kernel
    }

    /// Has the use of what the nodes share until it is taken back.
    pub(crate) fn lend(&mut self, environment: Box<Environment>) {
        self.environment = Some(environment);
    }

    /// Gives back what was lent.
    pub(crate) fn take_back(&mut self) -> Option<Box<Environment>> {
        self.closed = None;
        self.environment.take()
    }

    /// Whether it has crashed in the middle of a call, and how: see [`Label::Crash`].
    pub(crate) const fn crash(&self) -> u32 {
        self.crash
    }

    #[inline]
    fn environment(&mut self) -> &mut Environment {
        self.environment.get_or_insert_with(Environment::own)
    }

    #[inline]
    fn choose(&mut self, label: Label, n: u32) -> u32 {
        match &mut self.environment {
            Some(environment) => environment.choose(label, self.node, n),
            None => 0,
        }
    }

    /// Moves the clock, and has the kernel do what falls due on the way, each at its time.
    fn pass_to(&mut self, target: Instant) {
        while let Some(due) = self.kernel.next_due().filter(|due| *due <= target) {
            self.environment().clock.pass_to(due);
            let now = self.environment().now();
            self.kernel.act(now);
        }
        self.environment().clock.pass_to(target);
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
            && let Some((token, readiness)) = self.next_event()
        {
            if count == 0 || !Mutant::SecondEventLost.is_on() {
                sink.socket(token, readiness);
            }
            count += 1;
        }
        self.report_for_nothing(sink);
        raised || count > 0
    }

    /// A wait is interrupted: nothing is reported but that it was long enough.
    fn interrupt<S: Sink>(&mut self, until: Until, steps: u32, sink: &mut S) -> Result<(), Error> {
        let now = self.environment().now();
        let end = match until {
            Until::Now => return Ok(()),
            Until::Deadline(deadline) => deadline,
            Until::Event => Instant::MAX,
        };
        let is_quiet = self.kernel.events() == 0;
        if is_quiet {
            self.pass_to(end.min(now + INTERRUPTION.saturating_mul(u64::from(steps))));
        }
        if end <= self.environment().now() {
            sink.alarm();
        }
        Ok(())
    }

    fn next_event(&mut self) -> Option<(Handle, Readiness)> {
        let waiting = self.kernel.events() as u32;
        let place = self.choose(Label::EventOrder, waiting);
        self.kernel.next_event(place as usize)
    }

    /// What the contract allows, and a kernel does now and then.
    fn report_for_nothing<S: Sink>(&mut self, sink: &mut S) {
        if let Some(token) = self.closed
            && self.choose(Label::StaleEvent, 2) != 0
        {
            sink.socket(token, Readiness::ALL);
        }
        let sockets = self.kernel.descriptors() as u32;
        let chosen = self.choose(Label::SpuriousEvent, sockets.saturating_add(1));
        if let Some(place) = chosen.checked_sub(1)
            && let Some(token) = self.kernel.token_at(place as usize)
        {
            sink.socket(token, Readiness::READ.with(Readiness::WRITE));
        }
    }

    /// Every call begins here: it may be the one in which the node crashes, which unwinds to the world.
    fn begin(&mut self) {
        if self.is_node {
            self.crash = self.choose(Label::Crash, 3);
            if self.crash != 0 {
                // Nothing of the node runs any more, not even what it would do about an error.
                std::panic::resume_unwind(Box::new(Crashed));
            }
        }
    }

    fn check_open(&self) -> Result<(), Error> {
        if self.is_open { Ok(()) } else { Err(Error::NotOpen) }
    }

    /// As `begin`, for a call that takes one more descriptor.
    fn begin_open(&mut self) -> Result<(), Error> {
        self.begin();
        if self.choose(Label::NoDescriptors, 2) != 0 {
            return Err(Error::TooManyDescriptors);
        }
        if self.choose(Label::NoBuffers, 2) != 0 { Err(Error::OutOfMemory) } else { Ok(()) }
    }

    /// As `begin_open`, for one that also takes an address.
    fn begin_bind(&mut self, address: SocketAddr) -> Result<(), Error> {
        self.check_open()?;
        self.begin_open()?;
        let is_taken = address.port() != 0 && self.choose(Label::AddressTaken, 2) != 0;
        if is_taken { Err(Error::AddressInUse) } else { Ok(()) }
    }

    /// How much of `len` a call takes or gives.
    fn shorten(&mut self, label: Label, len: usize) -> usize {
        match self.choose(label, u32::try_from(len).unwrap_or(u32::MAX)) {
            0 => len,
            short => short as usize,
        }
    }

    fn unsure(&mut self, rest: Rest) -> Rest {
        if rest == Rest::Drained && self.choose(Label::UnsureRest, 2) != 0 { Rest::MaybeMore } else { rest }
    }
}

/// What unwinds from the call in which a node crashes.
pub(crate) struct Crashed;

impl Hash for Mock {
    /// Everything but what decides what happens next.
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.environment.as_ref().map(|environment| environment.now()).hash(state);
        (self.is_open, self.crash, self.node).hash(state);
        self.kernel.hash(state);
        self.port.hash(state);
        self.entropy.hash(state);
        self.names.hash(state);
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
        self.environment().now()
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
        self.begin();
        if let Some(steps) = self.choose(Label::Interrupted, INTERRUPTIONS).checked_sub(1) {
            return self.interrupt(until, steps, sink);
        }
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
            let now = self.environment().now();
            if deadline.is_some_and(|deadline| deadline <= now) {
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
        self.begin_open()?;
        let now = self.environment().now();
        self.kernel.connect(peer, options, token, now)
    }

    fn finish_connect(&mut self, socket: &mut Socket) -> Result<(), Error> {
        self.begin();
        self.kernel.finish_connect(self.kernel.stream_id(socket)?)
    }

    fn open_listener(&mut self, address: SocketAddr, options: &Options, token: Handle) -> Result<Socket, Error> {
        self.begin_bind(address)?;
        self.kernel.listen(address, options, token)
    }

    fn accept(&mut self, listener: &mut Socket, options: &Options, token: Handle) -> Result<Socket, Error> {
        self.begin_open()?;
        self.kernel.accept(self.kernel.listener_id(listener)?, options, token)
    }

    fn receive(&mut self, socket: &mut Socket, buffer: &mut [u8]) -> Result<Received, Error> {
        self.begin();
        let id = self.kernel.stream_id(socket)?;
        let len = self.shorten(Label::ShortReceive, buffer.len());
        let received = self.kernel.receive(id, buffer.get_mut(..len).ok_or(Error::InvalidArgument)?)?;
        let rest = if self.kernel.has_announced_end(id) && self.choose(Label::UnsureRest, 2) != 0 {
            Rest::Drained
        } else {
            self.unsure(received.rest)
        };
        Ok(Received { rest, ..received })
    }

    fn send(&mut self, socket: &mut Socket, data: &[u8]) -> Result<usize, Error> {
        self.begin();
        let id = self.kernel.stream_id(socket)?;
        let len = self.shorten(Label::ShortSend, data.len());
        let sent = self.kernel.send(id, data.get(..len).ok_or(Error::InvalidArgument)?)?;
        if sent == len && len < data.len() {
            // As far as the core can tell there was no more room: an event is due when there is.
            self.kernel.deny_send(id);
        }
        Ok(sent)
    }

    fn peek(&mut self, socket: &mut Socket, buffer: &mut [u8]) -> Result<usize, Error> {
        self.begin();
        self.kernel.peek(self.kernel.stream_id(socket)?, buffer)
    }

    fn open_datagram(&mut self, address: SocketAddr, options: &Options, token: Handle) -> Result<Socket, Error> {
        self.begin_bind(address)?;
        self.kernel.open_datagram(address, options, token)
    }

    fn connect_datagram(&mut self, socket: &mut Socket, peer: Option<SocketAddr>) -> Result<(), Error> {
        self.begin();
        self.kernel.connect_datagram(self.kernel.endpoint_id(socket)?, peer)
    }

    fn receive_from(&mut self, socket: &mut Socket, buffer: &mut [u8]) -> Result<(Datagram, Rest), Error> {
        self.begin();
        let (datagram, rest) = self.kernel.receive_from(self.kernel.endpoint_id(socket)?, buffer)?;
        Ok((datagram, self.unsure(rest)))
    }

    fn send_to(&mut self, socket: &mut Socket, data: &[u8], peer: Option<SocketAddr>) -> Result<(), Error> {
        self.begin();
        if self.choose(Label::NoBuffers, 2) != 0 {
            return Err(Error::OutOfMemory);
        }
        self.kernel.send_to(self.kernel.endpoint_id(socket)?, data, peer)
    }

    fn entropy(&mut self, out: &mut [u8]) -> Result<(), Error> {
        self.entropy.fill(out);
        mutant::spoil(out);
        Ok(())
    }

    fn name_service(&mut self, tell: &mut dyn FnMut(NameService<'_>)) {
        self.names.tell_service(tell);
    }

    fn host_addresses(&mut self, name: &str, tell: &mut dyn FnMut(IpAddr)) {
        self.names.tell_addresses(name, tell);
    }

    fn shutdown(&mut self, socket: &mut Socket, half: Half) -> Result<(), Error> {
        self.begin();
        self.kernel.shutdown(self.kernel.stream_id(socket)?, half)
    }

    fn close(&mut self, socket: Socket, how: Close) {
        self.begin();
        self.closed = socket.token();
        let now = self.environment().now();
        self.kernel.close(&socket, how, now);
    }

    fn set_option(&mut self, socket: &mut Socket, option: SocketOption) -> Result<(), Error> {
        self.begin();
        let now = self.environment().now();
        self.kernel.set_option(socket, option, now)
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
