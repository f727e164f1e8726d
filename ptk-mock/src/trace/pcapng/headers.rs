//! Headers of IP, UDP, TCP and ICMP, with checksums that hold.

use std::net::{IpAddr, Ipv6Addr, SocketAddr};

pub(super) const FIN: u8 = 0x01;
pub(super) const SYN: u8 = 0x02;
pub(super) const RST: u8 = 0x04;
pub(super) const PSH: u8 = 0x08;
pub(super) const ACK: u8 = 0x10;

const ICMP: u8 = 1;
const TCP: u8 = 6;
const UDP: u8 = 17;
const ICMPV6: u8 = 58;

const HOP_LIMIT: u8 = 64;

/// What is particular in a TCP header.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Segment {
    pub(super) sequence: u32,
    pub(super) acknowledged: u32,
    pub(super) flags: u8,
    pub(super) window: u16,
}

/// What comes behind the IP header.
#[derive(Clone, Copy)]
pub(super) enum Protocol {
    Udp,
    Tcp(Segment),
    /// The answer to a datagram from `to` to `from` that nobody took.
    Icmp,
}

/// A packet from its IP header on.
pub(super) fn frame(from: SocketAddr, to: SocketAddr, protocol: Protocol, payload: &[u8]) -> Vec<u8> {
    let route = Route::new(from.ip(), to.ip());
    match protocol {
        Protocol::Udp => route.packet(UDP, udp(from, to, payload), 6),
        Protocol::Tcp(segment) => route.packet(TCP, tcp(from, to, segment, payload), 16),
        Protocol::Icmp => {
            let refused = frame(to, from, Protocol::Udp, &[]);
            let (protocol, kind) = if route.is_v4() { (ICMP, [3, 3]) } else { (ICMPV6, [1, 4]) };
            route.packet(protocol, [&kind[..], &[0; 6], &refused].concat(), 2)
        }
    }
}

fn udp(from: SocketAddr, to: SocketAddr, payload: &[u8]) -> Vec<u8> {
    let len = u16::try_from(8 + payload.len()).unwrap_or(u16::MAX);
    [&from.port().to_be_bytes()[..], &to.port().to_be_bytes(), &len.to_be_bytes(), &[0; 2], payload].concat()
}

fn tcp(from: SocketAddr, to: SocketAddr, segment: Segment, payload: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(20 + payload.len());
    out.extend(from.port().to_be_bytes());
    out.extend(to.port().to_be_bytes());
    out.extend(segment.sequence.to_be_bytes());
    out.extend(segment.acknowledged.to_be_bytes());
    out.extend([5 << 4, segment.flags]);
    out.extend(segment.window.to_be_bytes());
    // Checksum and urgent pointer.
    out.extend([0; 4]);
    out.extend(payload);
    out
}

/// From where to where, in one family.
enum Route {
    V4([u8; 4], [u8; 4]),
    V6(Ipv6Addr, Ipv6Addr),
}

impl Route {
    fn new(from: IpAddr, to: IpAddr) -> Route {
        let mapped = |ip| match ip {
            IpAddr::V4(ip) => ip.to_ipv6_mapped(),
            IpAddr::V6(ip) => ip,
        };
        match (from, to) {
            (IpAddr::V4(from), IpAddr::V4(to)) => Route::V4(from.octets(), to.octets()),
            _ => Route::V6(mapped(from), mapped(to)),
        }
    }

    const fn is_v4(&self) -> bool {
        matches!(self, Route::V4(..))
    }

    /// The packet, with the checksum at `place` behind the IP header filled in.
    fn packet(&self, protocol: u8, mut content: Vec<u8>, place: usize) -> Vec<u8> {
        let sum = match (self.checksum(protocol, &content), protocol) {
            // In UDP zero means that there is none.
            (0, UDP) => 0xffff,
            (sum, _) => sum,
        };
        if let Some(place) = content.get_mut(place..place + 2) {
            place.copy_from_slice(&sum.to_be_bytes());
        }
        [self.header(protocol, content.len()), content].concat()
    }

    fn checksum(&self, protocol: u8, content: &[u8]) -> u16 {
        let tail = [&(content.len() as u32).to_be_bytes()[..], &[0, 0, 0, protocol]].concat();
        match self {
            Route::V4(..) if protocol == ICMP => checksum(&[content]),
            Route::V4(from, to) => checksum(&[from, to, &tail, content]),
            Route::V6(from, to) => checksum(&[&from.octets(), &to.octets(), &tail, content]),
        }
    }

    fn header(&self, protocol: u8, len: usize) -> Vec<u8> {
        match self {
            Route::V4(from, to) => {
                let len = u16::try_from(20 + len).unwrap_or(u16::MAX).to_be_bytes();
                // No identification, and never to be fragmented.
                let mut out = [0x45, 0, len[0], len[1], 0, 0, 0x40, 0, HOP_LIMIT, protocol, 0, 0].to_vec();
                out.extend(from);
                out.extend(to);
                let sum = checksum(&[&out]).to_be_bytes();
                if let Some(place) = out.get_mut(10..12) {
                    place.copy_from_slice(&sum);
                }
                out
            }
            Route::V6(from, to) => {
                let len = u16::try_from(len).unwrap_or(u16::MAX).to_be_bytes();
                let mut out = [0x60, 0, 0, 0, len[0], len[1], protocol, HOP_LIMIT].to_vec();
                out.extend(from.octets());
                out.extend(to.octets());
                out
            }
        }
    }
}

/// The Internet checksum (RFC 1071) of parts, each but the last of even length.
fn checksum(parts: &[&[u8]]) -> u16 {
    let words = parts.iter().flat_map(|part| part.chunks(2));
    let mut sum: u64 = words.map(|word| u64::from(word[0]) << 8 | word.get(1).map_or(0, |low| u64::from(*low))).sum();
    while sum > 0xffff {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    !(sum as u16)
}

#[cfg(test)]
mod tests {
    use super::checksum;

    #[test]
    fn the_checksum_is_that_of_rfc_1071() {
        assert_eq!(checksum(&[&[0x00, 0x01, 0xf2, 0x03], &[0xf4, 0xf5, 0xf6, 0xf7]]), !0xddf2);
        assert_eq!(checksum(&[&[0xff]]), !0xff00);
    }
}
