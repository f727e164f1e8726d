//! The server over UDP.

use core::net::{Ipv4Addr, SocketAddr, SocketAddrV4};

use ptk_core::Never;
use ptk_core::prelude::*;

/// The longest datagram that comes back whole; of a longer one the front does.
pub const MAX: usize = 2048;

/// What a server has counted.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Default, Debug)]
pub struct Counts {
    /// Datagrams that were sent back.
    pub echoed: u64,
    /// Those among them of which only the front was.
    pub cut: u64,
    /// Datagrams that the system did not take back, or that came from a server like this.
    pub dropped: u64,
}

/// Sends every datagram back to where it came from.
#[derive(Clone, Hash, Debug)]
pub struct UdpServer {
    pt: Pt,
    socket: UdpSocket,
    own_port: u16,
    peer: SocketAddr,
    is_cut: bool,
    buffer: Buffer<MAX>,
}

impl UdpServer {
    /// A server without a socket: see [`open`](Self::open).
    pub const fn new() -> Self {
        UdpServer {
            pt: Pt::new(),
            socket: UdpSocket::NONE,
            own_port: 0,
            peer: SocketAddr::V4(SocketAddrV4::new(Ipv4Addr::UNSPECIFIED, 0)),
            is_cut: false,
            buffer: Buffer::new(),
        }
    }

    /// Opens its socket, and gives the address.
    ///
    /// # Errors
    ///
    /// As [`Cx::udp_socket`].
    pub fn open<P: Platform>(&mut self, cx: &mut Cx<'_, P>, address: SocketAddr) -> Result<SocketAddr, Error> {
        self.socket = cx.udp_socket(address)?;
        let address = cx.local_address(self.socket)?;
        self.own_port = address.port();
        Ok(address)
    }
}

impl Default for UdpServer {
    fn default() -> Self {
        Self::new()
    }
}

impl<P: Platform> Protothread<P, Counts> for UdpServer {
    type Output = Result<Never, Error>;

    #[protothread]
    fn run(&mut self, cx: &mut Cx<'_, P>, counts: &mut Counts) -> Result<Never, Error> {
        loop {
            self.buffer.clear();
            let datagram = wait!(cx.recv_from(self.socket, &mut self.buffer))?;
            (self.peer, self.is_cut) = (datagram.from, datagram.truncated);
            // Two servers that are told of each other by a forged datagram would never stop.
            if self.peer.port() == self.own_port {
                counts.dropped += 1;
                continue;
            }
            match wait!(cx.send_to(self.socket, self.buffer.readable(), self.peer)) {
                Ok(()) => {
                    counts.echoed += 1;
                    counts.cut += u64::from(self.is_cut);
                }
                Err(_) => counts.dropped += 1,
            }
        }
    }
}
