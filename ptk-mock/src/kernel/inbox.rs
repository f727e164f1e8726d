//! The receive buffer of a datagram socket: what does not fit is dropped, and nobody is told.

use std::collections::VecDeque;
use std::fmt;
use std::net::SocketAddr;

use ptk_core::Datagram;

use crate::mutant::Mutant;
use crate::packet::Payload;

/// What a buffer holds if nobody chose a size (Linux: `net.core.rmem_default`).
const DEFAULT_LIMIT: usize = 212_992;

/// The smallest buffer that can be chosen, as on Linux.
const MIN_LIMIT: usize = 2_304;

/// Datagrams in the order of their arrival.
#[derive(Clone, Hash)]
pub(crate) struct Inbox {
    packets: VecDeque<Packet>,
    /// The sum of what the datagrams are charged.
    used: usize,
    limit: usize,
}

/// A datagram that has arrived, and where from.
#[derive(Clone, Hash)]
struct Packet {
    from: SocketAddr,
    data: Payload,
}

impl Packet {
    /// What the datagram takes of the buffer: as much as Linux 6.18 charges for one on its loopback network, which was
    /// measured. The bytes lie behind 379 of headers and bookkeeping (IPv6: 392) in a block of 576 bytes or of a power
    /// of two, large ones in pages of their own, and the packet's structure is 256 bytes more.
    fn charge(&self) -> usize {
        let block = self.data.len() + if self.from.is_ipv4() { 379 } else { 392 };
        match block {
            0..=576 => 256 + 576,
            577..=16_384 => 256 + block.next_power_of_two(),
            _ => 256 + 576 + self.data.len(),
        }
    }
}

impl Inbox {
    /// An empty one; a size of 0 is the default.
    pub(crate) fn new(size: u32) -> Inbox {
        let mut inbox = Inbox { packets: VecDeque::new(), used: 0, limit: DEFAULT_LIMIT };
        inbox.resize(size);
        inbox
    }

    /// Changes the limit to twice the size (as Linux does, socket(7)); a size of 0 leaves it. What is inside stays,
    /// even if it is more.
    pub(crate) fn resize(&mut self, size: u32) {
        if size != 0 {
            self.limit = (size as usize).saturating_mul(2).max(MIN_LIMIT);
        }
    }

    /// Whether nothing is inside.
    pub(crate) fn is_empty(&self) -> bool {
        self.packets.is_empty()
    }

    /// A datagram arrives. Without room for it, it is lost; but an empty buffer takes one of any length.
    pub(crate) fn put(&mut self, from: SocketAddr, data: Payload) {
        if Mutant::BoundariesLost.is_on()
            && let Some(last) = self.packets.back_mut().filter(|last| last.from == from)
        {
            self.used -= last.charge();
            last.data = [&*last.data, &*data].concat().into();
            self.used += last.charge();
            return;
        }
        let packet = Packet { from, data };
        let used = self.used + packet.charge();
        if used <= self.limit || self.packets.is_empty() {
            self.used = used;
            self.packets.push_back(packet);
        }
    }

    /// Takes the oldest datagram: as much as fits goes to the front of `buffer`, the rest is lost.
    pub(crate) fn take(&mut self, buffer: &mut [u8]) -> Option<Datagram> {
        let packet = self.packets.pop_front()?;
        self.used -= packet.charge();
        let (length, room) = (packet.data.len(), buffer.len());
        let count = length.min(room);
        if let (Some(place), Some(data)) = (buffer.get_mut(..count), packet.data.get(..count)) {
            place.copy_from_slice(data);
        }
        Some(Datagram { count, from: packet.from, truncated: length > room })
    }
}

impl fmt::Debug for Inbox {
    /// `2 in 1664/212992`: how many datagrams, and how full it is.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} in {}/{}", self.packets.len(), self.used, self.limit)
    }
}

#[cfg(test)]
mod tests {
    use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

    use super::{Inbox, Payload};

    const FROM: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 9);
    const FROM_V6: SocketAddr = SocketAddr::new(IpAddr::V6(Ipv6Addr::LOCALHOST), 9);

    /// How many datagrams of `length` bytes an inbox of `size` holds.
    fn holds(from: SocketAddr, size: u32, length: usize) -> usize {
        let mut inbox = Inbox::new(size);
        let data = Payload::from(vec![0; length]);
        (0..2_500).for_each(|_| inbox.put(from, data.clone()));
        std::iter::from_fn(|| inbox.take(&mut [])).count()
    }

    /// The numbers are those of Linux 6.18, on both sides of each step.
    #[test]
    fn the_buffer_holds_as_many_as_linux_does() {
        let counts = [
            (0, 256),
            (197, 256),
            (198, 166),
            (645, 166),
            (646, 92),
            (1_669, 92),
            (1_670, 48),
            (3_717, 48),
            (3_718, 25),
            (7_813, 25),
            (7_814, 12),
            (16_917, 12),
            (16_918, 11),
            (34_666, 6),
            (34_667, 5),
            (52_416, 4),
            (52_417, 3),
            (65_507, 3),
        ];
        for (length, count) in counts {
            assert_eq!(holds(FROM, 0, length), count, "{length} bytes");
        }
        for (length, count) in [(184, 256), (185, 166), (632, 166), (633, 92), (7_800, 25), (7_801, 12), (65_527, 3)] {
            assert_eq!(holds(FROM_V6, 0, length), count, "{length} bytes in IPv6");
        }
        for (size, count) in
            [(1, 2), (2_000, 4), (5_000, 12), (10_399, 24), (10_400, 25), (100_000, 240), (1_000_000, 2_403)]
        {
            assert_eq!(holds(FROM, size, 100), count, "a buffer of {size} bytes");
        }
    }

    #[test]
    fn what_is_taken_makes_room() {
        let mut inbox = Inbox::new(1);
        for data in [&b"a"[..], b"b", b"lost"] {
            inbox.put(FROM, Payload::new(data));
        }
        assert!(inbox.take(&mut []).is_some());
        inbox.put(FROM, Payload::new(b"c"));
        let mut buffer = [0; 4];
        let received = std::iter::from_fn(|| inbox.take(&mut buffer).map(|it| (it.count, buffer[0])));
        assert_eq!(received.collect::<Vec<_>>(), [(1, b'b'), (1, b'c')]);
        assert_eq!(format!("{inbox:?}"), "0 in 0/2304");
    }
}
