//! UDP: datagram sockets, and what the kernel says of datagrams.

use core::net::SocketAddr;

use ptk_core::{Datagram, Error, Options, Reuse};
use rustix::fd::{AsFd, BorrowedFd, OwnedFd};
use rustix::io::Errno;
use rustix::net::{RecvFlags, SendFlags, SocketType, bind, connect, connect_unspec, ipproto, recvfrom, sendto};
use rustix::net::{socket_with, sockopt};

use crate::errno;
use crate::settings::resize_buffers;
use crate::socket::{FLAGS, bind_to, family, local_address, peer_address, send_to_peer, uninterrupted};
use crate::sys::set_socket_option;

/// Opens a socket at `address`. The kernel chooses ports at random (RFC 6056).
pub(crate) fn open(address: SocketAddr, options: &Options) -> Result<OwnedFd, Errno> {
    let fd = socket_with(family(address), SocketType::DGRAM, FLAGS, Some(ipproto::UDP))?;
    match options.reuse {
        Reuse::Never => {}
        Reuse::Address => sockopt::set_socket_reuseaddr(&fd, true)?,
        Reuse::Port => sockopt::set_socket_reuseport(&fd, true)?,
    }
    hear_own_groups_only(fd.as_fd(), address);
    resize_buffers(fd.as_fd(), options)?;
    bind_to(fd.as_fd(), address)?;
    Ok(fd)
}

/// Without this a socket at an unspecified address hears every group that any socket of this machine has joined (`ip(7)`,
/// `IP_MULTICAST_ALL`).
fn hear_own_groups_only(fd: BorrowedFd<'_>, address: SocketAddr) {
    /// `IPPROTO_IP` and `IP_MULTICAST_ALL`.
    const V4: (i32, i32) = (0, 49);
    /// `IPPROTO_IPV6` and `IPV6_MULTICAST_ALL`.
    const V6: (i32, i32) = (41, 29);
    let (level, name) = if address.is_ipv4() { V4 } else { V6 };
    // Kernels before 4.20 do not have it for IPv6, and sockets work all the same.
    let _ = set_socket_option(fd, level, name, 0);
}

/// Sets or takes away the peer.
pub(crate) fn set_peer(fd: BorrowedFd<'_>, peer: Option<SocketAddr>) -> Result<(), Errno> {
    match peer {
        Some(peer) => uninterrupted(|| connect(fd, &peer)).inspect_err(|_| keep_peer(fd)),
        None => disconnect(fd),
    }
}

/// A connect that finds no route leaves the peer as it was, and its address in what the next sends use: they go nowhere
/// and fail silently (`__ip4_datagram_connect` and `udp_sendmsg`, seen on 6.18). To connect to the old peer once more
/// mends it.
#[cold]
fn keep_peer(fd: BorrowedFd<'_>) {
    if let Ok(peer) = peer_address(fd) {
        // It could be reached before; if it no longer can, the sends say so.
        let _ = connect(fd, &peer);
    }
}

/// The kernel gives back a port that it chose itself when the peer is taken away, and the socket would have none. It is
/// asked for again at once; somebody who takes it in between makes this `EADDRINUSE`.
fn disconnect(fd: BorrowedFd<'_>) -> Result<(), Errno> {
    let before = local_address(fd)?;
    uninterrupted(|| connect_unspec(fd))?;
    let mut after = local_address(fd)?;
    if after.port() == before.port() {
        return Ok(());
    }
    after.set_port(before.port());
    bind(fd, &after)
}

/// Takes one datagram. `MSG_TRUNC` makes the kernel tell its true length (`recv(2)`).
#[inline]
pub(crate) fn receive(fd: BorrowedFd<'_>, buffer: &mut [u8]) -> Result<Datagram, Errno> {
    let room = buffer.len();
    let (_, length, from) = uninterrupted(|| recvfrom(fd, &mut *buffer, RecvFlags::TRUNC))?;
    let from = from.ok_or(Errno::AFNOSUPPORT)?.try_into()?;
    Ok(Datagram { count: length.min(room), from, truncated: length > room })
}

/// Sends one datagram; the kernel takes all of it or nothing.
#[inline]
pub(crate) fn send(fd: BorrowedFd<'_>, data: &[u8], peer: Option<SocketAddr>) -> Result<(), Errno> {
    let sent = match peer {
        Some(peer) => uninterrupted(|| sendto(fd, data, SendFlags::NOSIGNAL, &peer)),
        None => send_to_peer(fd, data),
    };
    sent.map(|_| ())
}

/// What a number means that a call with `peer` failed with. A peer of the other family is `EAFNOSUPPORT` to some calls,
/// and `ENETUNREACH` to a send through an IPv6 socket (`ipv6(7)`, `IPV6_V6ONLY`).
#[cold]
pub(crate) fn error(fd: BorrowedFd<'_>, peer: Option<SocketAddr>, errno: Errno) -> Error {
    let is_of_other_family = |peer| sockopt::socket_domain(fd).is_ok_and(|domain| domain != family(peer));
    match errno {
        Errno::AFNOSUPPORT | Errno::NETUNREACH if peer.is_some_and(is_of_other_family) => Error::InvalidArgument,
        _ => errno::error(errno),
    }
}
