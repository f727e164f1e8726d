//! TCP: the calls that make connections and listeners, with the quirks of each.

use core::net::SocketAddr;

use ptk_core::{Options, Reuse};
use rustix::fd::{AsFd, BorrowedFd, OwnedFd};
use rustix::io::Errno;
use rustix::net::{SocketType, accept_with, connect, ipproto, listen, socket_with, sockopt};

use crate::settings::configure;
use crate::socket::{FLAGS, bind_to, family, local_address, peer_address};

/// The backlog of a listener that asks for none; the kernel lowers it to `net.core.somaxconn` (`listen(2)`).
const BACKLOG: i32 = 4096;

/// How many dead connections one accept skips, so that its work is bounded.
const ACCEPT_TRIES: usize = 64;

/// Starts a connection to `peer` on a new descriptor, because one that was refused cannot be used again (it gives
/// `ECONNABORTED`). It may be registered with epoll from now on and not before: a fresh socket reports `OUT | HUP`.
pub(crate) fn open_stream(peer: SocketAddr, options: &Options) -> Result<OwnedFd, Errno> {
    let fd = tcp(peer)?;
    configure(fd.as_fd(), options)?;
    match connect(&fd, &peer) {
        // Interrupted or not, it goes on by itself (connect(2)).
        Ok(()) | Err(Errno::INPROGRESS | Errno::INTR | Errno::ALREADY) => Ok(fd),
        // Not "later" but "insufficient entries in the routing cache" (connect(2)).
        Err(Errno::AGAIN) => Err(Errno::NOBUFS),
        Err(errno) => Err(errno),
    }
}

/// Whether the connection that `open_stream` started is up; `EAGAIN` while it is being made.
///
/// `SO_ERROR` is read here only: reading clears it. As it is 0 both for a connection that is up and for one that is being
/// made, `getpeername` has the last word.
pub(crate) fn established(fd: BorrowedFd<'_>) -> Result<(), Errno> {
    sockopt::socket_error(fd)??;
    match peer_address(fd) {
        Err(Errno::NOTCONN) => Err(Errno::AGAIN),
        Err(errno) => Err(errno),
        // A connect to a port of this machine that nobody listens at can be given this very port as its own, and then
        // meets itself (RFC 9293, 3.5, simultaneous open). It would echo all that it is sent.
        Ok(peer) if is_same(peer, local_address(fd)?) => Err(Errno::CONNREFUSED),
        Ok(_) => Ok(()),
    }
}

/// Flow labels and scopes do not make two ends different.
fn is_same(a: SocketAddr, b: SocketAddr) -> bool {
    a.ip() == b.ip() && a.port() == b.port()
}

/// Opens a listener.
pub(crate) fn open_listener(address: SocketAddr, options: &Options) -> Result<OwnedFd, Errno> {
    let fd = tcp(address)?;
    // Without it, connections of the last run in TIME_WAIT keep the port (socket(7)).
    sockopt::set_socket_reuseaddr(&fd, true)?;
    if options.reuse == Reuse::Port {
        sockopt::set_socket_reuseport(&fd, true)?;
    }
    configure(fd.as_fd(), options)?;
    bind_to(fd.as_fd(), address)?;
    listen(&fd, backlog(options))?;
    Ok(fd)
}

/// How many connections a listener holds while nobody accepts.
pub(crate) const fn backlog(options: &Options) -> i32 {
    if options.backlog == 0 { BACKLOG } else { options.backlog as i32 }
}

/// Takes a connection from the backlog. It inherits the listener's options (`tcp(7)`), so nothing has to be set.
pub(crate) fn accept(fd: BorrowedFd<'_>) -> Result<OwnedFd, Errno> {
    first_live(|| accept_with(fd, FLAGS))
}

/// Skips connections that died in the backlog. When the last try finds a dead one too, the answer is its number: see
/// [`is_dead_connection`].
fn first_live<T>(mut accept: impl FnMut() -> Result<T, Errno>) -> Result<T, Errno> {
    let mut accepted = accept();
    for _ in 1..ACCEPT_TRIES {
        match accepted {
            Err(errno) if is_dead_connection(errno) => accepted = accept(),
            _ => break,
        }
    }
    accepted
}

/// Whether an accept failed for one connection and not for the listener. Linux passes the pending network errors of the
/// connection on and asks to treat them like `EAGAIN`; `EPERM` is a firewall's (both `accept(2)`).
pub(crate) const fn is_dead_connection(errno: Errno) -> bool {
    matches!(
        errno,
        Errno::CONNABORTED
            | Errno::INTR
            | Errno::PROTO
            | Errno::PERM
            | Errno::NETDOWN
            | Errno::NOPROTOOPT
            | Errno::HOSTDOWN
            | Errno::NONET
            | Errno::HOSTUNREACH
            | Errno::OPNOTSUPP
            | Errno::NETUNREACH
            | Errno::TIMEDOUT
    )
}

fn tcp(address: SocketAddr) -> Result<OwnedFd, Errno> {
    socket_with(family(address), SocketType::STREAM, FLAGS, Some(ipproto::TCP))
}

#[cfg(test)]
mod tests {
    use core::net::Ipv6Addr;

    use rustix::net::bind;

    use super::*;

    const LOCALHOST: SocketAddr = SocketAddr::new(core::net::IpAddr::V4(core::net::Ipv4Addr::LOCALHOST), 0);

    #[test]
    fn options_are_set_and_accepted_connections_inherit_them() {
        let options = Options { nodelay: true, receive_buffer: 50_000, send_buffer: 40_000, ..Options::DEFAULT };
        let listener = open_listener(LOCALHOST, &options).unwrap();
        let stream = open_stream(local_address(listener.as_fd()).unwrap(), &options).unwrap();
        let accepted = accept(listener.as_fd()).unwrap();
        for fd in [&listener, &stream, &accepted] {
            assert!(sockopt::tcp_nodelay(fd).unwrap());
            // The kernel reports the double (socket(7)).
            assert_eq!(sockopt::socket_recv_buffer_size(fd).unwrap(), 100_000);
            assert_eq!(sockopt::socket_send_buffer_size(fd).unwrap(), 80_000);
        }
        assert!(sockopt::socket_reuseaddr(&listener).unwrap());
        assert!(!sockopt::socket_reuseport(&listener).unwrap());
    }

    #[test]
    fn an_ipv6_listener_is_for_ipv6_only() {
        let any = SocketAddr::new(Ipv6Addr::UNSPECIFIED.into(), 0);
        let listener = open_listener(any, &Options::DEFAULT).expect("this test needs IPv6");
        assert!(sockopt::ipv6_v6only(&listener).unwrap());
    }

    #[test]
    fn a_socket_connected_to_itself_is_refused() {
        let fd = tcp(LOCALHOST).unwrap();
        bind(&fd, &LOCALHOST).unwrap();
        assert_eq!(established(fd.as_fd()), Err(Errno::AGAIN), "not connected, and no error either");
        let address = local_address(fd.as_fd()).unwrap();
        match connect(&fd, &address) {
            Ok(()) | Err(Errno::INPROGRESS) => {}
            Err(errno) => panic!("{errno}"),
        }
        assert_eq!(peer_address(fd.as_fd()), Ok(address), "it met itself");
        assert_eq!(established(fd.as_fd()), Err(Errno::CONNREFUSED));
    }

    #[test]
    fn dead_connections_are_skipped_but_not_for_ever() {
        const DEAD: [Errno; 3] = [Errno::CONNABORTED, Errno::NETUNREACH, Errno::PERM];
        let mut calls = 0;
        let mut live_after = |dead, then: Result<(), Errno>| {
            calls = 0;
            first_live(|| {
                calls += 1;
                if calls > dead { then } else { Err(DEAD[calls % DEAD.len()]) }
            })
        };
        assert_eq!(live_after(5, Ok(())), Ok(()));
        assert_eq!(live_after(5, Err(Errno::AGAIN)), Err(Errno::AGAIN));
        assert_eq!(live_after(0, Err(Errno::MFILE)), Err(Errno::MFILE));
        assert!(live_after(usize::MAX, Ok(())).is_err_and(is_dead_connection));
        assert_eq!(calls, ACCEPT_TRIES);
    }
}
