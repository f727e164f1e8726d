//! [`Socket`]: what the core keeps for each one, and the calls that all kinds of them take. Knows no epoll and keeps no
//! error.

use core::fmt;
use core::net::SocketAddr;

use ptk_core::{Error, Half};
use rustix::fd::{AsFd, BorrowedFd, OwnedFd};
use rustix::io::Errno;
use rustix::net::sockopt;
use rustix::net::{
    AddressFamily, RecvFlags, SendFlags, Shutdown, SocketFlags, bind, getpeername, getsockname, recv, send,
};

/// Everything is non-blocking and closed in programs that the process becomes.
pub(crate) const FLAGS: SocketFlags = SocketFlags::NONBLOCK.union(SocketFlags::CLOEXEC);

/// How often an interrupted call is made again. Each time takes a signal of its own, and a call that cannot sleep is not
/// interrupted by today's kernels at all.
const INTERRUPTS: usize = 16;

/// A connection, a listener, a UDP socket or a descriptor of another kind: one descriptor, closed when dropped. Eight
/// bytes; zero bits are a closed one.
pub struct Socket(State);

/// What a descriptor is to the calls that receive and send.
#[repr(u8)]
enum State {
    /// Nothing is open.
    Closed = 0,
    /// TCP: a receive that gives less than it was asked for has taken all there was.
    Stream(OwnedFd) = 1,
    /// A socket whose receives stop at the bounds of what was sent: only `EAGAIN` says that nothing is left.
    Records(OwnedFd),
    /// No socket: `read` and `write` in place of `recv` and `send`, and otherwise as `Records`.
    File(OwnedFd),
}

const _: () = assert!(size_of::<Socket>() <= 8);

impl Socket {
    pub(crate) const CLOSED: Socket = Socket(State::Closed);

    pub(crate) const fn stream(fd: OwnedFd) -> Self {
        Socket(State::Stream(fd))
    }

    pub(crate) const fn records(fd: OwnedFd) -> Self {
        Socket(State::Records(fd))
    }

    pub(crate) const fn file(fd: OwnedFd) -> Self {
        Socket(State::File(fd))
    }

    /// How to make a socket of the same kind, for what a listener accepts.
    pub(crate) const fn kind(&self) -> fn(OwnedFd) -> Socket {
        match self.0 {
            State::Closed | State::Stream(_) => Socket::stream,
            State::Records(_) => Socket::records,
            State::File(_) => Socket::file,
        }
    }

    /// The descriptor, if it is a TCP socket's: the one question of each receive and each send.
    #[inline]
    pub(crate) fn as_stream(&self) -> Option<BorrowedFd<'_>> {
        match &self.0 {
            State::Stream(fd) => Some(fd.as_fd()),
            _ => None,
        }
    }

    /// The descriptor, if it is open.
    fn get(&self) -> Option<BorrowedFd<'_>> {
        match &self.0 {
            State::Closed => None,
            State::Stream(fd) | State::Records(fd) | State::File(fd) => Some(fd.as_fd()),
        }
    }

    /// The descriptor of anything that is open.
    #[inline]
    pub(crate) fn fd(&self) -> Result<BorrowedFd<'_>, Error> {
        self.get().ok_or(Error::NotConnected)
    }

    /// The descriptor of an open socket, which is for what only sockets can do.
    pub(crate) fn socket_fd(&self) -> Result<BorrowedFd<'_>, Error> {
        match &self.0 {
            State::File(_) => Err(Error::NotSupported),
            _ => self.fd(),
        }
    }

    /// The descriptor of what is open and no socket.
    pub(crate) fn as_file(&self) -> Option<BorrowedFd<'_>> {
        match &self.0 {
            State::File(fd) => Some(fd.as_fd()),
            _ => None,
        }
    }
}

impl fmt::Debug for Socket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.get() {
            Some(fd) => fd.fmt(f),
            None => f.write_str("closed"),
        }
    }
}

/// Makes `call` again while signals interrupt it.
#[inline]
pub(crate) fn uninterrupted<T>(mut call: impl FnMut() -> Result<T, Errno>) -> Result<T, Errno> {
    match call() {
        Err(Errno::INTR) => again(call),
        done => done,
    }
}

#[cold]
#[inline(never)]
fn again<T>(mut call: impl FnMut() -> Result<T, Errno>) -> Result<T, Errno> {
    for _ in 1..INTERRUPTS {
        match call() {
            Err(Errno::INTR) => {}
            done => return done,
        }
    }
    Err(Errno::INTR)
}

/// Binds a new socket. An IPv6 address is that and nothing else, whatever `net.ipv6.bindv6only` says (`ipv6(7)`).
pub(crate) fn bind_to(fd: BorrowedFd<'_>, address: SocketAddr) -> Result<(), Errno> {
    if address.is_ipv6() {
        sockopt::set_ipv6_v6only(fd, true)?;
    }
    bind(fd, &address)
}

/// Receives from a socket.
#[inline]
pub(crate) fn receive(fd: BorrowedFd<'_>, buffer: &mut [u8], flags: RecvFlags) -> Result<usize, Errno> {
    uninterrupted(|| recv(fd, &mut *buffer, flags)).map(|(count, _)| count)
}

/// Sends through a socket; never a signal.
#[inline]
pub(crate) fn send_to_peer(fd: BorrowedFd<'_>, data: &[u8]) -> Result<usize, Errno> {
    uninterrupted(|| send(fd, data, SendFlags::NOSIGNAL))
}

/// Lets `close` reset the connection: nothing lingers, for no time (`socket(7)`, `SO_LINGER`).
pub(crate) fn reset_on_close(fd: BorrowedFd<'_>) {
    // Fails for what is no connection, which has nothing to reset.
    let _ = sockopt::set_socket_linger(fd, Some(core::time::Duration::ZERO));
}

pub(crate) fn shutdown(fd: BorrowedFd<'_>, half: Half) -> Result<(), Errno> {
    let how = match half {
        Half::Read => Shutdown::Read,
        Half::Write => Shutdown::Write,
        Half::Both => Shutdown::Both,
    };
    rustix::net::shutdown(fd, how)
}

pub(crate) fn local_address(fd: BorrowedFd<'_>) -> Result<SocketAddr, Errno> {
    getsockname(fd)?.try_into()
}

pub(crate) fn peer_address(fd: BorrowedFd<'_>) -> Result<SocketAddr, Errno> {
    getpeername(fd)?.ok_or(Errno::NOTCONN)?.try_into()
}

/// The family of an address.
pub(crate) const fn family(address: SocketAddr) -> AddressFamily {
    match address {
        SocketAddr::V4(_) => AddressFamily::INET,
        SocketAddr::V6(_) => AddressFamily::INET6,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn zero_bits_are_a_closed_socket() {
        assert!(Socket::CLOSED.fd().is_err());
        assert!(Socket::CLOSED.socket_fd().is_err());
        assert_eq!(size_of::<Socket>(), 8);
    }

    #[test]
    fn interrupted_calls_are_made_again_but_not_for_ever() {
        let mut calls = 0;
        let mut interrupted = |times| {
            calls = 0;
            uninterrupted(|| {
                calls += 1;
                if calls > times { Ok(calls) } else { Err(Errno::INTR) }
            })
        };
        assert_eq!(interrupted(0), Ok(1));
        assert_eq!(interrupted(3), Ok(4));
        assert_eq!(interrupted(usize::MAX), Err(Errno::INTR));
        assert_eq!(calls, INTERRUPTS);
    }
}
