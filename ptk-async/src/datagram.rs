//! UDP sockets that close when they are dropped.

use core::fmt;
use core::net::SocketAddr;

use embedded_nal_async::{ConnectedUdp, UdpStack, UnconnectedUdp};
use ptk_core::{Cx, Datagram, Error, Platform, UdpSocket};

use crate::bridge::Bridge;
use crate::operation::retry;

/// A UDP socket, bound, and connected to a peer or not. Dropped inside the poll of a task it closes; see
/// [Dropping](Bridge#dropping). A send or receive that is dropped before it is ready has sent or taken nothing.
///
/// # The traits of `embedded-nal-async`
///
/// - A datagram that is longer than the buffer: they want its full size, which PTK does not know. What comes back is one
///   more than the buffer holds.
/// - The local address: the one that the socket is bound to. Bound to all addresses of the machine
///   ([`bind_multiple`](UdpStack::bind_multiple)), a receive says so in place of the one that the datagram came to, and a
///   send cannot choose.
pub struct UdpIo<'b, P: Platform> {
    bridge: &'b Bridge<P>,
    handle: UdpSocket,
}

impl<'b, P: Platform> UdpIo<'b, P> {
    /// Takes a socket that is open, and closes it when this is dropped.
    pub const fn new(bridge: &'b Bridge<P>, handle: UdpSocket) -> Self {
        UdpIo { bridge, handle }
    }

    /// The handle, for what else can be done with it.
    pub const fn handle(&self) -> UdpSocket {
        self.handle
    }

    /// The address that it is bound to.
    ///
    /// # Errors
    ///
    /// As [`Cx::local_address`] and [`Bridge::with`].
    pub fn local_address(&self) -> Result<SocketAddr, Error> {
        self.bridge.with(|cx| cx.local_address(self.handle))?
    }

    /// Receives one datagram, which may be empty. What does not fit into `buffer` is lost, and flagged.
    ///
    /// # Errors
    ///
    /// As [`Cx::try_recv_from`] and [`Bridge::wait`].
    pub async fn recv_from(&self, buffer: &mut [u8]) -> Result<Datagram, Error> {
        let handle = self.handle;
        let receive = |cx: &mut Cx<'_, P>| retry(cx, |cx| cx.try_recv_from(handle, buffer), |cx| cx.readable(handle));
        self.bridge.wait(receive).await
    }

    /// Sends one datagram to `peer`.
    ///
    /// # Errors
    ///
    /// As [`Cx::send_to`] and [`Bridge::wait`].
    pub async fn send_to(&self, data: &[u8], peer: SocketAddr) -> Result<(), Error> {
        self.bridge.wait(|cx| cx.send_to(self.handle, data, peer)).await
    }

    /// Sends one datagram to the peer that the socket is connected to.
    ///
    /// # Errors
    ///
    /// As [`Cx::send_datagram`] and [`Bridge::wait`].
    pub async fn send(&self, data: &[u8]) -> Result<(), Error> {
        self.bridge.wait(|cx| cx.send_datagram(self.handle, data)).await
    }

    /// Whether datagrams can come from `local`, parts of which may be unspecified.
    fn check_local(&self, local: SocketAddr) -> Result<(), Error> {
        let bound = self.local_address()?;
        let is_port = local.port() == 0 || local.port() == bound.port();
        if !is_port || local.is_ipv4() != bound.is_ipv4() {
            return Err(Error::InvalidArgument);
        }
        if local.ip().is_unspecified() || local.ip() == bound.ip() {
            return Ok(());
        }
        Err(if bound.ip().is_unspecified() { Error::NotSupported } else { Error::InvalidArgument })
    }
}

impl<P: Platform> Bridge<P> {
    /// A UDP socket at `address`; port 0 lets the platform choose.
    ///
    /// # Errors
    ///
    /// As [`Cx::udp_socket`] and [`with`](Self::with).
    pub fn udp(&self, address: SocketAddr) -> Result<UdpIo<'_, P>, Error> {
        let socket = self.with(|cx| cx.udp_socket(address))??;
        Ok(UdpIo::new(self, socket))
    }

    /// A UDP socket at `address`, connected to `peer`. See [`Cx::connect_udp`].
    ///
    /// # Errors
    ///
    /// As [`udp`](Self::udp) and [`Cx::connect_udp`].
    pub fn udp_to(&self, address: SocketAddr, peer: SocketAddr) -> Result<UdpIo<'_, P>, Error> {
        let socket = self.udp(address)?;
        self.with(|cx| cx.connect_udp(socket.handle, peer))??;
        Ok(socket)
    }
}

impl<P: Platform> Drop for UdpIo<'_, P> {
    fn drop(&mut self) {
        self.bridge.close(self.handle);
    }
}

impl<P: Platform> fmt::Debug for UdpIo<'_, P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("UdpIo").field(&self.handle).finish()
    }
}

/// The datagram's size, or one more than `room` if that was not enough.
const fn size(datagram: &Datagram, room: usize) -> usize {
    if datagram.truncated { room + 1 } else { datagram.count }
}

impl<P: Platform> ConnectedUdp for UdpIo<'_, P> {
    type Error = Error;

    async fn send(&mut self, data: &[u8]) -> Result<(), Error> {
        UdpIo::send(self, data).await
    }

    async fn receive_into(&mut self, buffer: &mut [u8]) -> Result<usize, Error> {
        let datagram = self.recv_from(buffer).await?;
        Ok(size(&datagram, buffer.len()))
    }
}

impl<P: Platform> UnconnectedUdp for UdpIo<'_, P> {
    type Error = Error;

    async fn send(&mut self, local: SocketAddr, remote: SocketAddr, data: &[u8]) -> Result<(), Error> {
        self.check_local(local)?;
        self.send_to(data, remote).await
    }

    async fn receive_into(&mut self, buffer: &mut [u8]) -> Result<(usize, SocketAddr, SocketAddr), Error> {
        let datagram = self.recv_from(buffer).await?;
        Ok((size(&datagram, buffer.len()), self.local_address()?, datagram.from))
    }
}

/// A reference to a bridge is a stack, since what it opens refers to the bridge.
impl<'b, P: Platform> UdpStack for &'b Bridge<P> {
    type Error = Error;
    type Connected = UdpIo<'b, P>;
    type UniquelyBound = UdpIo<'b, P>;
    type MultiplyBound = UdpIo<'b, P>;

    async fn connect_from(
        &self,
        local: SocketAddr,
        remote: SocketAddr,
    ) -> Result<(SocketAddr, Self::Connected), Error> {
        let socket = self.udp_to(local, remote)?;
        Ok((socket.local_address()?, socket))
    }

    /// Fails with [`Error::NotSupported`] for an unspecified address: PTK cannot choose one of several.
    async fn bind_single(&self, local: SocketAddr) -> Result<(SocketAddr, Self::UniquelyBound), Error> {
        if local.ip().is_unspecified() {
            return Err(Error::NotSupported);
        }
        let socket = self.udp(local)?;
        Ok((socket.local_address()?, socket))
    }

    async fn bind_multiple(&self, local: SocketAddr) -> Result<Self::MultiplyBound, Error> {
        self.udp(local)
    }
}
