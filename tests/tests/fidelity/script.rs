//! Scripts: lists of operations on numbered sockets, made from a seed. An operation on a number that names nothing does
//! nothing, so any part of a script is a script.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ptk_core::{Close, Duration, Half, Keepalive, Reuse, SocketOption};

use crate::random::Random;

/// The number of a socket in its script.
pub(crate) type Slot = usize;

/// How many sockets a script can have.
pub(crate) const SLOTS: usize = 12;

/// How many bytes one end of a connection sends at most, beside floods: as much fits into every buffer.
const MOST_BYTES: usize = 24_000;

/// A port in a script.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(crate) enum Port {
    /// The platform chooses.
    Any,
    /// That of this socket, also when it has been closed.
    Of(Slot),
    /// One that nobody has.
    Nobody,
}

/// An address in a script.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(crate) struct Place(pub(crate) IpAddr, pub(crate) Port);

/// How a flood ends.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(crate) enum Ebb {
    /// The reader takes all of it, and the writer can go on.
    Read,
    /// The writer closes, then the reader takes all of it and the end.
    CloseThenRead,
    /// The writer resets the connection, then the reader takes what there is.
    AbortThenRead,
    /// The reader closes without reading.
    NeverRead,
}

#[derive(Clone, Copy, PartialEq, Debug)]
pub(crate) enum Op {
    Listen {
        slot: Slot,
        at: Place,
        reuse: Reuse,
        backlog: u16,
    },
    Connect {
        slot: Slot,
        to: Place,
        nodelay: bool,
    },
    FinishConnect {
        slot: Slot,
    },
    Accept {
        listener: Slot,
        slot: Slot,
    },
    Send {
        slot: Slot,
        length: usize,
    },
    Receive {
        slot: Slot,
        room: usize,
    },
    Peek {
        slot: Slot,
        room: usize,
    },
    Shutdown {
        slot: Slot,
        half: Half,
    },
    /// Sends until nothing more is taken, with small buffers.
    Flood {
        from: Slot,
        to: Slot,
        ebb: Ebb,
    },
    OpenDatagram {
        slot: Slot,
        at: Place,
        reuse: Reuse,
        buffer: u32,
    },
    ConnectDatagram {
        slot: Slot,
        to: Option<Place>,
    },
    SendTo {
        slot: Slot,
        to: Option<Place>,
        length: usize,
    },
    ReceiveFrom {
        slot: Slot,
        room: usize,
    },
    /// Sends many datagrams to a socket that has none, and then receives them.
    Burst {
        from: Slot,
        to: Slot,
        length: usize,
        count: usize,
    },
    SetOption {
        slot: Slot,
        option: SocketOption,
    },
    LocalAddress {
        slot: Slot,
    },
    PeerAddress {
        slot: Slot,
    },
    Close {
        slot: Slot,
        how: Close,
    },
}

/// What the generator takes a socket for. It may be wrong: calls fail.
#[derive(Clone, Copy, PartialEq)]
enum Guess {
    Listener(IpAddr),
    /// One end of a connection, the other end if that was accepted, and what it sent.
    Stream(Option<Slot>, usize),
    Datagram(IpAddr),
}

/// The script of a seed.
pub(crate) fn script(seed: u64) -> Vec<Op> {
    let mut random = Random::new(seed);
    let length = 6 + random.below(40);
    let transport = random.pick(&[Transport::Tcp, Transport::Tcp, Transport::Udp, Transport::Both]);
    let is_ipv6 = random.pick(&[Some(false), Some(true), None]);
    let mut author = Author {
        random,
        transport,
        is_ipv6,
        slots: Vec::new(),
        queues: Vec::new(),
        closed: Vec::new(),
        ops: Vec::new(),
    };
    // An author without numbers left may have nothing to write.
    for _ in 0..4 * length {
        if author.ops.len() < length {
            author.write();
        }
    }
    author.ops
}

#[derive(Clone, Copy, PartialEq)]
enum Transport {
    Tcp,
    Udp,
    Both,
}

struct Author {
    random: Random,
    transport: Transport,
    /// The family of all addresses, if it is one.
    is_ipv6: Option<bool>,
    slots: Vec<Option<Guess>>,
    /// Which sockets have asked which listener.
    queues: Vec<(Slot, Slot)>,
    /// Streams that were closed.
    closed: Vec<Slot>,
    ops: Vec<Op>,
}

impl Author {
    fn write(&mut self) {
        let is_tcp = match self.transport {
            Transport::Tcp => true,
            Transport::Udp => false,
            Transport::Both => self.random.chance(50),
        };
        let op = if is_tcp { self.write_tcp() } else { self.write_udp() };
        self.ops.extend(op);
    }

    fn write_tcp(&mut self) -> Option<Op> {
        let streams = self.find(|guess| matches!(guess, Guess::Stream(..)));
        let listeners = self.find(|guess| matches!(guess, Guess::Listener(_)));
        if listeners.is_empty() || (listeners.len() < 3 && self.random.chance(8)) {
            return self.listen();
        }
        if streams.len() < 2 || self.random.chance(15) {
            return match self.queues.is_empty() || self.random.chance(35) {
                true => self.connect(),
                false => self.accept(&listeners),
            };
        }
        let slot = self.random.pick(&streams);
        Some(match self.random.below(100) {
            0..26 => self.send(slot)?,
            26..50 => Op::Receive { slot, room: self.random.pick(&[1, 7, 100, 3_000, 60_000]) },
            50..56 => Op::Peek { slot, room: self.random.pick(&[1, 50, 5_000]) },
            56..64 => {
                Op::Shutdown { slot, half: self.random.pick(&[Half::Write, Half::Write, Half::Read, Half::Both]) }
            }
            64..72 => self.close(slot, &[Close::Graceful, Close::Graceful, Close::Abort])?,
            72..76 => Op::LocalAddress { slot },
            76..82 => Op::PeerAddress { slot },
            82..87 => Op::SetOption { slot, option: self.stream_option() },
            87..89 => {
                let slot = self.random.pick(&listeners);
                Op::SetOption { slot, option: self.stream_option() }
            }
            89..91 => Op::LocalAddress { slot: self.random.pick(&listeners) },
            91..92 => Op::PeerAddress { slot: self.random.pick(&listeners) },
            92..93 => {
                let slot = self.random.pick(&listeners);
                self.close(slot, &[Close::Graceful])?
            }
            93..97 => self.flood(slot)?,
            97 => self.abort_what_was_just_sent(slot)?,
            98 => Op::FinishConnect { slot },
            _ => self.connect_to_nobody()?,
        })
    }

    fn listen(&mut self) -> Option<Op> {
        let ip = self.ip(&[Self::LOCAL, Self::LOCAL, Self::ANY, Self::OTHER, Self::FOREIGN]);
        let port = match self.closed.last() {
            Some(closed) if self.random.chance(40) => Port::Of(*closed),
            _ => self.port_to_bind(|guess| matches!(guess, Guess::Listener(_) | Guess::Stream(..))),
        };
        let at = Place(ip, port);
        let slot = self.add(Guess::Listener(ip))?;
        let reuse = self.random.pick(&[Reuse::Never, Reuse::Never, Reuse::Address, Reuse::Port]);
        Some(Op::Listen { slot, at, reuse, backlog: self.random.pick(&[0, 1, 2, 5]) })
    }

    fn connect(&mut self) -> Option<Op> {
        let listeners = self.find(|guess| matches!(guess, Guess::Listener(_)));
        let listener = self.random.pick(&listeners);
        let ip = match self.slots[listener]? {
            Guess::Listener(ip) if ip.is_unspecified() || self.random.chance(5) => {
                let choice = self.random.pick(&[Self::LOCAL, Self::LOCAL, Self::OTHER]);
                choice[usize::from(ip.is_ipv6())]
            }
            Guess::Listener(ip) => ip,
            _ => return None,
        };
        let slot = self.add(Guess::Stream(None, 0))?;
        self.queues.push((listener, slot));
        self.ops.push(Op::Connect { slot, to: Place(ip, Port::Of(listener)), nodelay: self.random.chance(70) });
        self.random.chance(95).then_some(Op::FinishConnect { slot })
    }

    fn connect_to_nobody(&mut self) -> Option<Op> {
        let ip = self.ip(&[Self::LOCAL, Self::OTHER, Self::FOREIGN]);
        let port = self.port_of_any(Port::Nobody, |guess| matches!(guess, Guess::Listener(_) | Guess::Stream(..)));
        let slot = self.add(Guess::Stream(None, 0))?;
        self.ops.push(Op::Connect { slot, to: Place(ip, port), nodelay: true });
        Some(Op::FinishConnect { slot })
    }

    fn accept(&mut self, listeners: &[Slot]) -> Option<Op> {
        if self.random.chance(10) {
            let slot = self.add(Guess::Stream(None, 0))?;
            return Some(Op::Accept { listener: self.random.pick(listeners), slot });
        }
        let (listener, client) = self.queues.remove(0);
        let slot = self.add(Guess::Stream(Some(client), 0))?;
        if let Some(Some(Guess::Stream(other, _))) = self.slots.get_mut(client) {
            *other = Some(slot);
        }
        Some(Op::Accept { listener, slot })
    }

    fn send(&mut self, slot: Slot) -> Option<Op> {
        let length = self.random.pick(&[1, 2, 10, 100, 1_000, 3_000]);
        match &mut self.slots[slot] {
            Some(Guess::Stream(_, sent)) if *sent + length <= MOST_BYTES => *sent += length,
            _ => return None,
        }
        Some(Op::Send { slot, length })
    }

    fn flood(&mut self, from: Slot) -> Option<Op> {
        let Some(Guess::Stream(Some(to), _)) = self.slots[from] else { return None };
        let ebb = self.random.pick(&[Ebb::Read, Ebb::Read, Ebb::CloseThenRead, Ebb::AbortThenRead, Ebb::NeverRead]);
        Some(Op::Flood { from, to, ebb })
    }

    /// An answer that acknowledges nothing yet, small segments behind it, and an abort.
    fn abort_what_was_just_sent(&mut self, from: Slot) -> Option<Op> {
        let Some(Guess::Stream(Some(to), _)) = self.slots[from] else { return None };
        for slot in [from, to, from, from, from] {
            let op = self.send(slot);
            self.ops.extend(op);
        }
        self.ops.push(Op::Close { slot: from, how: Close::Abort });
        Some(Op::Receive { slot: to, room: 60_000 })
    }

    fn stream_option(&mut self) -> SocketOption {
        let time = [Duration::ZERO, Duration::from_nanos(1), Duration::from_secs(32_767), Duration::from_secs(32_768)];
        match self.random.below(9) {
            0 => SocketOption::Nodelay(self.random.chance(80)),
            1 => SocketOption::Keepalive(None),
            2 | 3 => SocketOption::Keepalive(Some(Keepalive {
                idle: self.random.pick(&time),
                interval: self.random.pick(&time[1..]),
                probes: self.random.pick(&[0, 1, 127, 128, 255]),
            })),
            4 => SocketOption::UserTimeout(self.random.pick(&[
                Duration::ZERO,
                Duration::from_secs(100),
                Duration::from_millis(i32::MAX as u64),
                Duration::from_millis(i32::MAX as u64 + 1),
                Duration::MAX,
            ])),
            5 => SocketOption::ReceiveBuffer(self.random.pick(&[32_768, 65_536])),
            6 => SocketOption::SendBuffer(self.random.pick(&[32_768, 65_536])),
            7 => SocketOption::HopLimit(self.random.pick(&[0, 1, 64, 255])),
            _ => self.random.pick(&[
                SocketOption::Broadcast(true),
                SocketOption::MulticastHops(1),
                SocketOption::MulticastLoopback(true),
            ]),
        }
    }

    fn write_udp(&mut self) -> Option<Op> {
        let sockets = self.find(|guess| matches!(guess, Guess::Datagram(_)));
        if sockets.len() < 2 || (sockets.len() < 6 && self.random.chance(12)) {
            return self.open_datagram();
        }
        let slot = self.random.pick(&sockets);
        Some(match self.random.below(100) {
            0..38 => Op::SendTo { slot, to: self.datagram_peer(30), length: self.datagram_length() },
            38..66 => Op::ReceiveFrom { slot, room: self.random.pick(&[0, 1, 99, 100, 3_000, 65_535]) },
            66..80 => Op::ConnectDatagram { slot, to: self.datagram_peer(25) },
            80..84 => Op::LocalAddress { slot },
            84..87 => Op::PeerAddress { slot },
            87..91 => Op::SetOption { slot, option: self.datagram_option() },
            91..93 => {
                let (length, most) = self.random.pick(&[(0, 300), (100, 300), (5_000, 30), (60_000, 6)]);
                let (to, count) = (self.random.pick(&sockets), 1 + self.random.below(most));
                Op::Burst { from: slot, to, length, count }
            }
            _ => self.close(slot, &[Close::Graceful])?,
        })
    }

    fn open_datagram(&mut self) -> Option<Op> {
        let ip = self.ip(&[Self::LOCAL, Self::LOCAL, Self::LOCAL, Self::ANY, Self::ANY, Self::OTHER, Self::FOREIGN]);
        let at = Place(ip, self.port_to_bind(|guess| matches!(guess, Guess::Datagram(_))));
        let slot = self.add(Guess::Datagram(ip))?;
        let reuse = self.random.pick(&[Reuse::Never, Reuse::Never, Reuse::Address, Reuse::Port]);
        let buffer = if self.random.chance(20) { self.random.pick(&[1, 5_000, 100_000]) } else { 0 };
        Some(Op::OpenDatagram { slot, at, reuse, buffer })
    }

    /// Where a datagram goes; in `none` of a hundred cases nowhere in particular.
    fn datagram_peer(&mut self, none: usize) -> Option<Place> {
        if self.random.chance(none) {
            return None;
        }
        let ip = self.ip(&[Self::LOCAL, Self::LOCAL, Self::LOCAL, Self::LOCAL, Self::OTHER, Self::FOREIGN]);
        Some(Place(ip, self.port_of_any(Port::Nobody, |guess| matches!(guess, Guess::Datagram(_)))))
    }

    fn datagram_length(&mut self) -> usize {
        match self.random.below(12) {
            0 | 1 => 0,
            2 => self.random.pick(&[65_507, 65_508, 65_527, 65_528, 70_000]),
            _ => self.random.pick(&[1, 100, 101, 2_000]),
        }
    }

    fn datagram_option(&mut self) -> SocketOption {
        self.random.pick(&[
            SocketOption::Broadcast(true),
            SocketOption::Broadcast(false),
            SocketOption::HopLimit(0),
            SocketOption::HopLimit(1),
            SocketOption::ReceiveBuffer(1),
            SocketOption::ReceiveBuffer(50_000),
            SocketOption::SendBuffer(500_000),
            SocketOption::MulticastHops(0),
            SocketOption::MulticastHops(255),
            SocketOption::MulticastLoopback(false),
            SocketOption::Nodelay(true),
            SocketOption::Keepalive(None),
            SocketOption::UserTimeout(Duration::ZERO),
        ])
    }

    const LOCAL: [IpAddr; 2] = [IpAddr::V4(Ipv4Addr::LOCALHOST), IpAddr::V6(Ipv6Addr::LOCALHOST)];
    const ANY: [IpAddr; 2] = [IpAddr::V4(Ipv4Addr::UNSPECIFIED), IpAddr::V6(Ipv6Addr::UNSPECIFIED)];
    /// A second address of the machine. There is none for IPv6.
    const OTHER: [IpAddr; 2] = [IpAddr::V4(Ipv4Addr::new(127, 0, 0, 2)), IpAddr::V6(Ipv6Addr::LOCALHOST)];
    /// Of networks for documentation (RFC 5737, RFC 3849), to which no route leads.
    const FOREIGN: [IpAddr; 2] =
        [IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1)), IpAddr::V6(Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 1))];

    /// One of these addresses in one of the script's families.
    fn ip(&mut self, from: &[[IpAddr; 2]]) -> IpAddr {
        let is_ipv6 = self.is_ipv6.unwrap_or_else(|| self.random.chance(50));
        self.random.pick(from)[usize::from(is_ipv6)]
    }

    fn port_to_bind(&mut self, is_of: fn(Guess) -> bool) -> Port {
        if self.random.chance(65) { Port::Any } else { self.port_of_any(Port::Any, is_of) }
    }

    fn port_of_any(&mut self, otherwise: Port, is_of: fn(Guess) -> bool) -> Port {
        let slots = self.find(is_of);
        if slots.is_empty() || self.random.chance(6) { otherwise } else { Port::Of(self.random.pick(&slots)) }
    }

    fn close(&mut self, slot: Slot, how: &[Close]) -> Option<Op> {
        if let Some(Guess::Stream(..)) = self.slots[slot] {
            self.closed.push(slot);
        }
        // One in three stays, so that what is said of what is closed is seen, too.
        if self.random.chance(67) {
            self.slots[slot] = None;
        }
        Some(Op::Close { slot, how: self.random.pick(how) })
    }

    fn find(&self, is_wanted: impl Fn(Guess) -> bool) -> Vec<Slot> {
        (0..self.slots.len()).filter(|slot| self.slots[*slot].is_some_and(&is_wanted)).collect()
    }

    /// A number that no socket has had; `None` if there is none.
    fn add(&mut self, guess: Guess) -> Option<Slot> {
        if self.slots.len() == SLOTS {
            return None;
        }
        self.slots.push(Some(guess));
        Some(self.slots.len() - 1)
    }
}
