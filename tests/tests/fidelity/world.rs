//! A platform on which scripts run, one operation after the other. Calls are made as the core makes them, but also when
//! no event has announced them: what is ready then was lost.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use ptk_core::{
    Close, Duration, Error, Half, Handle, Instant, Options, Platform, Readiness, Reuse, Sink, SocketOption, Until,
};

use crate::script::{Ebb, Op, Place, Port, SLOTS, Slot};
use crate::seen::{Seen, sum};

/// A number that no script uses.
const SPARE: Slot = SLOTS;

/// A port that nobody has: the script's sockets have others, and the network is theirs alone.
const NOBODYS_PORT: u16 = 1;

/// How large the buffers are that a flood fills. With less than a segment to receive into, which on a loopback interface
/// is 64 KiB, a full connection goes on only when Linux's persist timer fires (RFC 9293, 3.8.6.1 and 3.8.6.2.2).
const FLOODED: u32 = 131_072;

/// More than both of them can hold.
const MOST_FLOOD: usize = 8 << 20;

/// What a socket is to its script.
#[derive(Clone, Copy, PartialEq)]
enum Role {
    Connecting,
    Connected,
    Listening,
    Datagram,
}

/// An open socket, with what the core would know of it.
struct Held<S> {
    socket: S,
    token: Handle,
    role: Role,
    ready: Readiness,
    read_shut: bool,
    write_shut: bool,
    /// A call met the connection's failure: the end of the stream is that failure.
    broken: bool,
    reuse: Reuse,
    /// Where it was bound, if the script said so.
    bound: Option<IpAddr>,
    /// How many bytes or datagrams it has sent: each is like no other.
    sent: usize,
}

pub(crate) struct World<P: Platform> {
    platform: P,
    held: [Option<Held<P::Socket>>; SLOTS + 1],
    /// The port that each socket has, or had.
    ports: [Option<u16>; SLOTS + 1],
    /// All ports, UDP's and TCP's, in the order in which they were seen: an address shows the place in here.
    seen_ports: Vec<(bool, u16)>,
    /// Those that the platform has chosen.
    chosen_ports: Vec<(bool, u16)>,
    /// A port was given away twice: what follows is another story.
    pub(crate) is_confused: bool,
    next_token: u64,
    /// How long to wait for what the other world has shown.
    patience: Duration,
    /// Since when a connect waits that the kernel will repeat.
    waiting_since: Option<Instant>,
}

/// Takes down what is reported.
#[derive(Default)]
struct News(Vec<(Handle, Readiness)>);

impl Sink for News {
    fn socket(&mut self, token: Handle, readiness: Readiness) {
        self.0.push((token, readiness));
    }

    fn alarm(&mut self) {}

    fn raised(&mut self) {}
}

impl<P: Platform> World<P> {
    pub(crate) fn new(mut platform: P, patience: Duration) -> World<P> {
        platform.open().expect("the platform opens");
        World {
            platform,
            held: [const { None }; SLOTS + 1],
            ports: [None; SLOTS + 1],
            seen_ports: Vec::new(),
            chosen_ports: Vec::new(),
            is_confused: false,
            next_token: 1,
            patience,
            waiting_since: None,
        }
    }

    /// Does one operation, when all is quiet. `expected` is what the other world has shown: a world in which bytes and
    /// events take their time may wait for it.
    pub(crate) fn run(&mut self, op: Op, expected: Option<&Seen>) -> Seen {
        self.settle();
        let seen = match op {
            Op::Listen { slot, at, reuse, backlog } => self.listen(slot, at, reuse, backlog),
            Op::Connect { slot, to, nodelay } => self.connect(slot, to, nodelay),
            Op::FinishConnect { slot } => {
                self.patiently((slot, Readiness::WRITE), expected, |world| world.finish_connect(slot))
            }
            Op::Accept { listener, slot } => {
                self.patiently((listener, Readiness::READ), expected, |world| world.accept(listener, slot))
            }
            Op::Send { slot, length } => {
                self.patiently((slot, Readiness::WRITE), expected, |world| world.send(slot, length))
            }
            Op::Receive { slot, room } => self.receive(slot, room, expected),
            Op::Peek { slot, room } => {
                self.patiently((slot, Readiness::READ), expected, |world| world.peek(slot, room))
            }
            Op::Shutdown { slot, half } => self.shutdown(slot, half),
            Op::Flood { from, to, ebb } => self.flood(from, to, ebb),
            Op::OpenDatagram { slot, at, reuse, buffer } => self.open_datagram(slot, at, reuse, buffer),
            Op::ConnectDatagram { slot, to } => self.connect_datagram(slot, to),
            Op::SendTo { slot, to, length } => self.send_to(slot, to, length),
            Op::ReceiveFrom { slot, room } => self.receive_from_group(slot, room, expected),
            Op::Burst { from, to, length, count } => self.burst(from, to, length, count),
            Op::SetOption { slot, option } => self.set_option(slot, option),
            Op::LocalAddress { slot } => self.local_address(slot),
            Op::PeerAddress { slot } => self.peer_address(slot),
            Op::Close { slot, how } => self.close_of_group(slot, how),
        };
        // A kernel repeats a connect after a second; in the model no time passes.
        let now = self.platform.now();
        if matches!(op, Op::FinishConnect { .. }) && seen == Seen::WOULD_BLOCK && expected == Some(&seen) {
            self.waiting_since = self.waiting_since.or(Some(now));
        }
        self.is_confused |= self.waiting_since.is_some_and(|since| now - since > Duration::from_millis(800));
        seen
    }

    /// What to receive and accept at the end, so that nothing stays unseen.
    pub(crate) fn rest(&self) -> Vec<Op> {
        let mut ops = Vec::new();
        for (slot, held) in self.held.iter().enumerate() {
            match held.as_ref().map(|held| held.role) {
                Some(Role::Connected) => {
                    ops.extend([Op::Receive { slot, room: 60_000 }; 3]);
                    ops.push(Op::Send { slot, length: 1 });
                    ops.push(Op::PeerAddress { slot });
                }
                Some(Role::Datagram) => ops.extend([Op::ReceiveFrom { slot, room: 100 }; 12]),
                Some(Role::Connecting) => ops.push(Op::FinishConnect { slot }),
                Some(Role::Listening) => ops.extend([Op::Accept { listener: slot, slot: SPARE }; 2]),
                None => {}
            }
        }
        ops
    }

    /// Takes in events until there are none.
    fn settle(&mut self) {
        for _ in 0..64 {
            if !self.wait(Until::Now) {
                return;
            }
        }
    }

    /// Waits, and takes in what is reported; whether that was anything.
    fn wait(&mut self, until: Until) -> bool {
        let mut news = News::default();
        let waited = self.platform.wait(until, &mut news);
        assert!(matches!(waited, Ok(()) | Err(Error::Deadlock)), "{waited:?}");
        for (token, readiness) in &news.0 {
            if let Some(held) = self.held.iter_mut().flatten().find(|held| held.token == *token) {
                held.ready = held.ready.with(*readiness);
            }
        }
        !news.0.is_empty()
    }

    /// Makes an attempt again while it may still become what is expected: when an event says so, and at last without one.
    fn patiently(
        &mut self,
        (slot, what): (Slot, Readiness),
        expected: Option<&Seen>,
        mut attempt: impl FnMut(&mut Self) -> Seen,
    ) -> Seen {
        let mut seen = attempt(self);
        let Some(expected) = expected.filter(|expected| seen.may_become(expected)) else { return seen };
        let deadline = self.platform.now() + self.patience;
        while seen.may_become(expected) && self.platform.now() < deadline && self.wait_for(slot, what, deadline) {
            seen = attempt(self);
        }
        if seen.may_become(expected) { attempt(self) } else { seen }
    }

    /// As `patiently`, in step with the events, and without anything to compare with: until it is no longer `WouldBlock`.
    fn insistently(&mut self, (slot, what): (Slot, Readiness), mut attempt: impl FnMut(&mut Self) -> Seen) -> Seen {
        let deadline = self.platform.now() + self.patience;
        self.settle();
        loop {
            let is_last = !self.wait_for(slot, what, deadline) || self.platform.now() >= deadline;
            let seen = attempt(self);
            if is_last || seen != Seen::WOULD_BLOCK {
                return seen;
            }
        }
    }

    /// Waits until a socket is ready; `false` if the time is over before.
    fn wait_for(&mut self, slot: Slot, what: Readiness, deadline: Instant) -> bool {
        loop {
            if self.held[slot].as_ref().is_none_or(|held| held.ready.has(what)) {
                return true;
            }
            let is_late = self.platform.now() >= deadline;
            if !self.wait(Until::Deadline(deadline)) && is_late {
                return false;
            }
        }
    }

    fn token(&mut self, slot: Slot) -> Handle {
        /// The kind of a token means nothing to a platform.
        const KIND: u64 = 1 << 60;
        self.next_token += 1;
        Handle::from_raw(KIND | (slot as u64) << 32 | self.next_token).expect("the kind is one")
    }

    fn hold(&mut self, slot: Slot, token: Handle, socket: P::Socket, role: Role, bound: Option<(IpAddr, Reuse)>) {
        // What the core believes of a new socket.
        let ready = match role {
            Role::Connected | Role::Datagram => Readiness::WRITE,
            Role::Connecting | Role::Listening => Readiness::NONE,
        };
        let (read_shut, write_shut, broken) = (false, false, false);
        let (bound, reuse) = bound.map_or((None, Reuse::Never), |(ip, reuse)| (Some(ip), reuse));
        let sent = slot * 100_000;
        self.held[slot] = Some(Held { socket, token, role, ready, read_shut, write_shut, broken, reuse, bound, sent });
    }

    /// The platform, and a socket in one of these roles.
    fn get(&mut self, slot: Slot, roles: &[Role]) -> Option<(&mut P, &mut Held<P::Socket>)> {
        let held = self.held[slot].as_mut().filter(|held| roles.contains(&held.role))?;
        Some((&mut self.platform, held))
    }

    fn resolve(&self, place: Place) -> Option<SocketAddr> {
        let port = match place.1 {
            Port::Any => 0,
            Port::Nobody => NOBODYS_PORT,
            Port::Of(slot) => self.ports[slot]?,
        };
        Some(SocketAddr::new(place.0, port))
    }

    /// An address with the place of its port among those that were seen.
    fn label(&mut self, is_udp: bool, address: SocketAddr) -> String {
        let port = (is_udp, address.port());
        let place = self.seen_ports.iter().position(|seen| *seen == port).unwrap_or_else(|| {
            self.seen_ports.push(port);
            self.seen_ports.len() - 1
        });
        match address.port() {
            0 | NOBODYS_PORT => address.to_string(),
            _ => format!("{} port {}", address.ip(), (b'A' + place as u8) as char),
        }
    }

    /// Keeps the port that the platform has chosen for a new socket, and shows its address.
    fn learn_port(&mut self, slot: Slot, is_udp: bool) -> Seen {
        let Some(held) = &self.held[slot] else { return Seen::Nothing };
        match self.platform.local_address(&held.socket) {
            Ok(address) => {
                let port = (is_udp, address.port());
                self.is_confused |= self.chosen_ports.contains(&port);
                self.chosen_ports.push(port);
                self.ports[slot] = Some(address.port());
                Seen::Address(self.label(is_udp, address))
            }
            Err(error) => Seen::Failed(error),
        }
    }

    fn listen(&mut self, slot: Slot, at: Place, reuse: Reuse, backlog: u16) -> Seen {
        let Some(address) = self.resolve(at) else { return Seen::Nothing };
        let token = self.token(slot);
        let options = Options { reuse, backlog, nodelay: true, ..Options::DEFAULT };
        match self.platform.open_listener(address, &options, token) {
            Ok(socket) => self.hold(slot, token, socket, Role::Listening, Some((at.0, reuse))),
            Err(error) => return Seen::Failed(error),
        }
        if at.1 == Port::Any {
            return self.learn_port(slot, false);
        }
        self.ports[slot] = Some(address.port());
        if self.shares(slot, Role::Listening) {
            // Who gets which connection is the platform's choice.
            self.close(slot, Close::Graceful);
        }
        Seen::Done
    }

    /// Whether another socket has the address by `Reuse::Port`.
    fn shares(&self, slot: Slot, role: Role) -> bool {
        self.group(slot, role).len() > 1
    }

    /// The sockets that have the same address by `Reuse::Port`.
    fn group(&self, slot: Slot, role: Role) -> Vec<Slot> {
        let bound = |slot: Slot| {
            let held = self.held[slot].as_ref().filter(|held| held.role == role && held.reuse == Reuse::Port)?;
            Some((held.bound?, self.ports[slot]?))
        };
        let Some((own, own_port)) = bound(slot) else { return vec![slot] };
        let is_any = own.is_unspecified();
        let is_sharer = |(ip, port): (IpAddr, u16)| {
            port == own_port && ip.is_ipv4() == own.is_ipv4() && (ip == own || is_any || ip.is_unspecified())
        };
        (0..SLOTS).filter(|slot| bound(*slot).is_some_and(is_sharer)).collect()
    }

    fn connect(&mut self, slot: Slot, to: Place, nodelay: bool) -> Seen {
        let Some(address) = self.resolve(to) else { return Seen::Nothing };
        let token = self.token(slot);
        let options = Options { nodelay, ..Options::DEFAULT };
        match self.platform.open_stream(address, &options, token) {
            Ok(socket) => self.hold(slot, token, socket, Role::Connecting, None),
            Err(error) => return Seen::Failed(error),
        }
        self.learn_port(slot, false);
        Seen::Done
    }

    fn finish_connect(&mut self, slot: Slot) -> Seen {
        let Some((platform, held)) = self.get(slot, &[Role::Connecting]) else { return Seen::Nothing };
        match platform.finish_connect(&mut held.socket) {
            Ok(()) => {
                let announced = held.ready.has(Readiness::WRITE);
                held.role = Role::Connected;
                let seen = self.local_address(slot);
                announce(announced, seen)
            }
            Err(Error::WouldBlock) => {
                held.ready = Readiness::NONE;
                Seen::WOULD_BLOCK
            }
            Err(error) => {
                let announced = held.ready.has(Readiness::WRITE);
                self.close(slot, Close::Graceful);
                announce(announced, Seen::Failed(error))
            }
        }
    }

    fn accept(&mut self, listener: Slot, slot: Slot) -> Seen {
        let token = self.token(slot);
        let Some((platform, held)) = self.get(listener, &[Role::Listening]) else { return Seen::Nothing };
        match platform.accept(&mut held.socket, &Options { nodelay: true, ..Options::DEFAULT }, token) {
            Ok(socket) => {
                let announced = held.ready.has(Readiness::READ);
                self.close(slot, Close::Graceful);
                self.hold(slot, token, socket, Role::Connected, None);
                self.ports[slot] = self.ports[listener];
                self.settle();
                let addresses = vec![self.local_address(slot), self.peer_address(slot)];
                announce(announced, Seen::All(addresses))
            }
            Err(error) => refused(held, Readiness::READ, error),
        }
    }

    fn send(&mut self, slot: Slot, length: usize) -> Seen {
        let Some((platform, held)) = self.get(slot, &[Role::Connected]) else { return Seen::Nothing };
        if held.write_shut {
            return Seen::Nothing;
        }
        let data = bytes(held.sent, length);
        match platform.send(&mut held.socket, &data) {
            Ok(count) => {
                let announced = held.ready.has(Readiness::WRITE);
                held.sent += count;
                if count < length {
                    held.ready = held.ready.without(Readiness::WRITE);
                }
                announce(announced, Seen::Bytes(count, 0))
            }
            Err(error) => {
                held.broken |= error != Error::WouldBlock;
                refused(held, Readiness::WRITE, error)
            }
        }
    }

    /// Receives. Bytes that come in pieces are put together.
    fn receive(&mut self, slot: Slot, room: usize, expected: Option<&Seen>) -> Seen {
        let mut buffer = vec![0; room];
        let mut filled = 0;
        self.patiently((slot, Readiness::READ), expected, |world| {
            let seen = world.receive_once(slot, &mut buffer[filled..]);
            match seen {
                Seen::Bytes(count, _) if count > 0 => filled += count,
                seen if filled == 0 => return seen,
                Seen::Failed(Error::WouldBlock) => {}
                // Nothing more can come.
                last => return Seen::All(vec![Seen::Bytes(filled, sum(&buffer[..filled])), last]),
            }
            Seen::Bytes(filled, sum(&buffer[..filled]))
        })
    }

    fn receive_once(&mut self, slot: Slot, buffer: &mut [u8]) -> Seen {
        let Some((platform, held)) = self.get(slot, &[Role::Connected]) else { return Seen::Nothing };
        if held.read_shut {
            return Seen::Nothing;
        }
        match platform.receive(&mut held.socket, buffer) {
            Ok(received) => {
                let announced = held.ready.has(Readiness::READ);
                if received.rest == ptk_core::Rest::Drained && !held.ready.has(Readiness::HANGUP) {
                    held.ready = held.ready.without(Readiness::READ);
                }
                let seen = match received.count {
                    0 if held.broken => Seen::Failed(Error::ConnectionReset),
                    count => Seen::Bytes(count, sum(&buffer[..count])),
                };
                announce(announced, seen)
            }
            Err(error) => refused(held, Readiness::READ, error),
        }
    }

    fn peek(&mut self, slot: Slot, room: usize) -> Seen {
        let Some((platform, held)) = self.get(slot, &[Role::Connected]) else { return Seen::Nothing };
        if held.read_shut {
            return Seen::Nothing;
        }
        let mut buffer = vec![0; room];
        match platform.peek(&mut held.socket, &mut buffer) {
            Ok(count) => {
                let seen = match count {
                    0 if held.broken => Seen::Failed(Error::ConnectionReset),
                    count => Seen::Bytes(count, sum(&buffer[..count])),
                };
                announce(held.ready.has(Readiness::READ), seen)
            }
            Err(error) => {
                held.broken |= error != Error::WouldBlock;
                refused(held, Readiness::READ, error)
            }
        }
    }

    fn shutdown(&mut self, slot: Slot, half: Half) -> Seen {
        let Some((platform, held)) = self.get(slot, &[Role::Connected]) else { return Seen::Nothing };
        let (read, write) = (half != Half::Write, half != Half::Read);
        if held.read_shut && read || held.write_shut && write {
            return Seen::Nothing;
        }
        let done = platform.shutdown(&mut held.socket, half);
        if done.is_ok() {
            held.read_shut |= read;
            held.write_shut |= write;
        }
        Seen::of(done)
    }

    fn flood(&mut self, from: Slot, to: Slot, ebb: Ebb) -> Seen {
        if !self.is_whole(from, to) {
            return Seen::Nothing;
        }
        let mut seen = vec![self.set_option(from, SocketOption::SendBuffer(FLOODED))];
        seen.push(self.set_option(to, SocketOption::ReceiveBuffer(FLOODED)));
        for slot in [from, to] {
            // What Nagle's algorithm holds back goes out with this, and is not taken for the flood's.
            seen.push(self.set_option(slot, SocketOption::Nodelay(true)));
        }
        self.settle();
        for slot in [from, to] {
            while let Seen::Bytes(1.., _) = self.receive_once(slot, &mut [0; 60_000]) {}
        }
        let start = self.held[from].as_ref().map_or(0, |held| held.sent);
        let last = loop {
            match self.send(from, 4_096) {
                Seen::Bytes(..) if self.held[from].as_ref().is_some_and(|held| held.sent - start < MOST_FLOOD) => {}
                last => break last,
            }
            self.settle();
        };
        seen.push(last);
        let Some(held) = &mut self.held[from] else { return Seen::All(seen) };
        let sent = held.sent - start;
        // From here on both worlds send the same again.
        held.sent = start + MOST_FLOOD;
        match ebb {
            Ebb::Read => {
                seen.push(self.take_flood(to, start, sent));
                seen.push(self.insistently((from, Readiness::WRITE), |world| world.send(from, 1)));
                seen.push(self.insistently((to, Readiness::READ), |world| world.receive_once(to, &mut [0; 9])));
            }
            Ebb::CloseThenRead => {
                self.close(from, Close::Graceful);
                seen.push(self.take_flood(to, start, sent));
                seen.push(self.insistently((to, Readiness::READ), |world| world.receive_once(to, &mut [0; 9])));
            }
            Ebb::AbortThenRead => {
                self.close(from, Close::Abort);
                // How much was on its way is not to be seen.
                seen.push(self.take_flood(to, start, MOST_FLOOD));
            }
            Ebb::NeverRead => {
                self.close(to, Close::Graceful);
                seen.push(self.insistently((from, Readiness::READ), |world| world.receive_once(from, &mut [0; 9])));
                seen.push(self.send(from, 1));
            }
        }
        Seen::All(seen)
    }

    /// Whether these are the two ends of a connection, and the first can send to the second.
    fn is_whole(&mut self, from: Slot, to: Slot) -> bool {
        let (Some(a), Some(b)) = (&self.held[from], &self.held[to]) else { return false };
        let is_half = |held: &Held<P::Socket>| held.role != Role::Connected || held.broken || held.read_shut;
        if is_half(a) || is_half(b) || a.write_shut {
            return false;
        }
        let mut addresses = |held: &Held<P::Socket>| {
            Some((self.platform.local_address(&held.socket).ok()?, self.platform.peer_address(&held.socket).ok()?))
        };
        addresses(a).is_some_and(|(local, peer)| addresses(b) == Some((peer, local)))
    }

    /// Receives what a flood has sent, as far as it comes.
    fn take_flood(&mut self, slot: Slot, start: usize, sent: usize) -> Seen {
        let mut buffer = vec![0; 10_000];
        let mut taken = 0;
        loop {
            let attempt = |world: &mut Self| world.receive_once(slot, &mut buffer);
            match if taken < sent {
                self.insistently((slot, Readiness::READ), attempt)
            } else {
                return Seen::Text("all arrived");
            } {
                Seen::Bytes(count @ 1.., _) if buffer[..count] == bytes(start + taken, count) => taken += count,
                Seen::Bytes(1.., _) => return Seen::Text("other bytes"),
                last => return Seen::All(vec![Seen::Text("some arrived"), last]),
            }
        }
    }

    fn open_datagram(&mut self, slot: Slot, at: Place, reuse: Reuse, buffer: u32) -> Seen {
        let Some(address) = self.resolve(at) else { return Seen::Nothing };
        let token = self.token(slot);
        // Which of several gets a datagram, and so whether it fits, is the platform's choice.
        let receive_buffer = if reuse == Reuse::Port { 0 } else { buffer };
        let options = Options { reuse, receive_buffer, ..Options::DEFAULT };
        match self.platform.open_datagram(address, &options, token) {
            Ok(socket) => self.hold(slot, token, socket, Role::Datagram, Some((at.0, reuse))),
            Err(error) => return Seen::Failed(error),
        }
        if at.1 == Port::Any {
            return self.learn_port(slot, true);
        }
        self.ports[slot] = Some(address.port());
        Seen::Done
    }

    fn connect_datagram(&mut self, slot: Slot, to: Option<Place>) -> Seen {
        let peer = match to.map(|place| self.resolve(place)) {
            Some(None) => return Seen::Nothing,
            peer => peer.flatten(),
        };
        let Some((platform, held)) = self.get(slot, &[Role::Datagram]) else { return Seen::Nothing };
        Seen::of(platform.connect_datagram(&mut held.socket, peer))
    }

    fn send_to(&mut self, slot: Slot, to: Option<Place>, length: usize) -> Seen {
        let peer = match to.map(|place| self.resolve(place)) {
            Some(None) => return Seen::Nothing,
            peer => peer.flatten(),
        };
        let Some((platform, held)) = self.get(slot, &[Role::Datagram]) else { return Seen::Nothing };
        held.sent += 1;
        match platform.send_to(&mut held.socket, &bytes(held.sent, length), peer) {
            Ok(()) => announce(held.ready.has(Readiness::WRITE), Seen::Done),
            Err(error) => refused_datagram(held, Readiness::WRITE, error),
        }
    }

    /// Which of the sockets that share a port by `Reuse::Port` gets a datagram is the platform's choice: what all of them
    /// have is received at once, and shown in an order that says nothing.
    fn receive_from_group(&mut self, slot: Slot, room: usize, expected: Option<&Seen>) -> Seen {
        let group = self.group(slot, Role::Datagram);
        if group.len() == 1 {
            return self.patiently((slot, Readiness::READ), expected, |world| world.receive_from(slot, room));
        }
        let mut all = Vec::new();
        for slot in group {
            for _ in 0..400 {
                match self.receive_from(slot, room) {
                    Seen::Failed(Error::WouldBlock) | Seen::Nothing => break,
                    seen => all.push(seen),
                }
            }
        }
        all.sort_by_key(|seen| seen.to_string());
        Seen::All(all)
    }

    fn receive_from(&mut self, slot: Slot, room: usize) -> Seen {
        let Some((platform, held)) = self.get(slot, &[Role::Datagram]) else { return Seen::Nothing };
        let mut buffer = vec![0; room];
        match platform.receive_from(&mut held.socket, &mut buffer) {
            Ok((datagram, rest)) => {
                let announced = held.ready.has(Readiness::READ);
                if rest == ptk_core::Rest::Drained {
                    held.ready = held.ready.without(Readiness::READ);
                }
                let (count, truncated) = (datagram.count, datagram.truncated);
                let (sum, from) = (sum(&buffer[..count]), self.label(true, datagram.from));
                announce(announced, Seen::Datagram { count, sum, from, truncated })
            }
            Err(error) => refused_datagram(held, Readiness::READ, error),
        }
    }

    fn burst(&mut self, from: Slot, to: Slot, length: usize, count: usize) -> Seen {
        if self.shares(to, Role::Datagram) {
            return Seen::Nothing;
        }
        let Some((platform, held)) = self.get(to, &[Role::Datagram]) else { return Seen::Nothing };
        let Ok(target) = platform.local_address(&held.socket) else { return Seen::Nothing };
        let ip = match target {
            SocketAddr::V4(_) if target.ip().is_unspecified() => Ipv4Addr::LOCALHOST.into(),
            SocketAddr::V6(_) if target.ip().is_unspecified() => Ipv6Addr::LOCALHOST.into(),
            _ => target.ip(),
        };
        let mut seen = self.receive_all(to);
        let mut results: Vec<_> =
            (0..count).map(|_| self.send_to(from, Some(Place(ip, Port::Of(to))), length)).collect();
        results.dedup();
        self.settle();
        seen.extend(results);
        seen.extend(self.receive_all(to));
        Seen::All(seen)
    }

    fn receive_all(&mut self, slot: Slot) -> Vec<Seen> {
        let mut all = Vec::new();
        while all.len() < 400 && all.last() != Some(&Seen::WOULD_BLOCK) && all.last() != Some(&Seen::Nothing) {
            all.push(self.receive_from(slot, 9));
        }
        all
    }

    fn set_option(&mut self, slot: Slot, option: SocketOption) -> Seen {
        let Some(held) = self.held[slot].as_mut() else { return Seen::Nothing };
        if held.role == Role::Datagram && held.reuse == Reuse::Port && matches!(option, SocketOption::ReceiveBuffer(_))
        {
            return Seen::Nothing;
        }
        Seen::of(self.platform.set_option(&mut held.socket, option))
    }

    fn local_address(&mut self, slot: Slot) -> Seen {
        let Some(held) = self.held[slot].as_ref().filter(|held| held.role != Role::Connecting) else {
            return Seen::Nothing;
        };
        let is_udp = held.role == Role::Datagram;
        let address = self.platform.local_address(&held.socket);
        address.map_or_else(Seen::Failed, |address| Seen::Address(self.label(is_udp, address)))
    }

    fn peer_address(&mut self, slot: Slot) -> Seen {
        let Some(held) = &self.held[slot] else { return Seen::Nothing };
        let is_udp = held.role == Role::Datagram;
        let address = self.platform.peer_address(&held.socket);
        address.map_or_else(Seen::Failed, |address| Seen::Address(self.label(is_udp, address)))
    }

    /// Closes. What only one of several sockets got that share a port is not to be lost.
    fn close_of_group(&mut self, slot: Slot, how: Close) -> Seen {
        if !self.shares(slot, Role::Datagram) {
            return self.close(slot, how);
        }
        let received = self.receive_from_group(slot, 100, None);
        Seen::All(vec![received, self.close(slot, how)])
    }

    fn close(&mut self, slot: Slot, how: Close) -> Seen {
        let Some(held) = self.held[slot].take() else { return Seen::Nothing };
        self.platform.close(held.socket, how);
        Seen::Done
    }
}

/// A call failed. Unless it would block, that has to have been announced.
fn refused<S>(held: &mut Held<S>, what: Readiness, error: Error) -> Seen {
    let announced = held.ready.has(what);
    if error == Error::WouldBlock {
        held.ready = held.ready.without(what);
        return Seen::WOULD_BLOCK;
    }
    announce(announced, Seen::Failed(error))
}

/// As `refused`; but a datagram socket is always ready to refuse what makes no sense.
fn refused_datagram<S>(held: &mut Held<S>, what: Readiness, error: Error) -> Seen {
    if what == Readiness::WRITE && error != Error::WouldBlock {
        return Seen::Failed(error);
    }
    refused(held, what, error)
}

fn announce(announced: bool, seen: Seen) -> Seen {
    if announced { seen } else { Seen::Unannounced(Box::new(seen)) }
}

/// Bytes of a sender from the place `start` on, which are like none of the others.
fn bytes(start: usize, length: usize) -> Vec<u8> {
    (start..start + length).map(|place| (place ^ (place >> 8).wrapping_mul(31)) as u8).collect()
}
