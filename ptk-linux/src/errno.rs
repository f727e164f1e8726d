//! What each error number means. The whole table is here; what a call means by a number that others mean differently is
//! handled where the call is made.

use ptk_core::Error;
use rustix::io::Errno;

/// The meaning of every number that the calls of this crate are documented to give: `socket`, `bind`, `listen`,
/// `accept4`, `connect`, `send`, `recv`, `shutdown`, `close`, `recvfrom`, `sendto`, `setsockopt`, `getsockopt`,
/// `getsockname`, `getpeername` (section 2, and `tcp(7)`, `udp(7)`, `ip(7)`, `ipv6(7)`, `unix(7)`), `getrandom`, `ioctl`
/// (`netdevice(7)`), `epoll_create1`, `epoll_ctl`, `epoll_wait`, `timerfd_create`, `timerfd_settime`, `eventfd`, `read`
/// and `write`. Anything else is [`Error::Network`].
#[cold]
pub(crate) fn error(errno: Errno) -> Error {
    match errno {
        // EWOULDBLOCK is the same number. The other two are a connect that goes on.
        Errno::AGAIN | Errno::INPROGRESS | Errno::ALREADY => Error::WouldBlock,

        // epoll_ctl(2): ENOSPC is the limit of watches of a user, which are kernel memory.
        Errno::NOMEM | Errno::NOBUFS | Errno::NOSPC => Error::OutOfMemory,
        Errno::MFILE | Errno::NFILE => Error::TooManyDescriptors,
        // EROFS: a socket file that is to be made.
        Errno::ACCESS | Errno::PERM | Errno::ROFS => Error::PermissionDenied,

        Errno::CONNREFUSED => Error::ConnectionRefused,
        Errno::CONNRESET | Errno::CONNABORTED | Errno::PIPE | Errno::NETRESET => Error::ConnectionReset,
        Errno::NOTCONN | Errno::SHUTDOWN | Errno::DESTADDRREQ => Error::NotConnected,
        Errno::ISCONN => Error::AlreadyConnected,
        Errno::TIMEDOUT => Error::TimedOut,
        Errno::PROTO => Error::Protocol,
        Errno::MSGSIZE => Error::MessageTooLarge,

        Errno::ADDRINUSE => Error::AddressInUse,
        Errno::ADDRNOTAVAIL => Error::AddressNotAvailable,
        Errno::NETUNREACH | Errno::HOSTUNREACH | Errno::NETDOWN | Errno::HOSTDOWN | Errno::NONET => Error::NoRoute,

        Errno::OPNOTSUPP
        | Errno::AFNOSUPPORT
        | Errno::PFNOSUPPORT
        | Errno::PROTONOSUPPORT
        | Errno::SOCKTNOSUPPORT
        | Errno::NOPROTOOPT
        | Errno::NOSYS
        | Errno::NODEV => Error::NotSupported,

        // Somebody closed the descriptor beneath us.
        Errno::BADF | Errno::NOTSOCK => Error::InvalidHandle,
        // epoll_ctl(2): registered already.
        Errno::EXIST => Error::Busy,
        Errno::INVAL
        | Errno::FAULT
        | Errno::DOM
        | Errno::PROTOTYPE
        | Errno::NOENT
        | Errno::NOTDIR
        | Errno::LOOP
        | Errno::NAMETOOLONG => Error::InvalidArgument,

        // EINTR among them: the calls that it means something to have handled it.
        _ => Error::Network,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Each documented number of each call, by the manual page that names it.
    const DOCUMENTED: &[(&str, &[(Errno, Error)])] = &[
        (
            "socket(2)",
            &[
                (Errno::ACCESS, Error::PermissionDenied),
                (Errno::AFNOSUPPORT, Error::NotSupported),
                (Errno::INVAL, Error::InvalidArgument),
                (Errno::MFILE, Error::TooManyDescriptors),
                (Errno::NFILE, Error::TooManyDescriptors),
                (Errno::NOBUFS, Error::OutOfMemory),
                (Errno::NOMEM, Error::OutOfMemory),
                (Errno::PROTONOSUPPORT, Error::NotSupported),
                (Errno::SOCKTNOSUPPORT, Error::NotSupported),
            ],
        ),
        (
            "bind(2), listen(2)",
            &[
                (Errno::ACCESS, Error::PermissionDenied),
                (Errno::ADDRINUSE, Error::AddressInUse),
                (Errno::ADDRNOTAVAIL, Error::AddressNotAvailable),
                (Errno::BADF, Error::InvalidHandle),
                (Errno::INVAL, Error::InvalidArgument),
                (Errno::NOTSOCK, Error::InvalidHandle),
                (Errno::FAULT, Error::InvalidArgument),
                (Errno::NODEV, Error::NotSupported),
                (Errno::OPNOTSUPP, Error::NotSupported),
            ],
        ),
        (
            "accept4(2)",
            &[
                (Errno::AGAIN, Error::WouldBlock),
                (Errno::WOULDBLOCK, Error::WouldBlock),
                (Errno::MFILE, Error::TooManyDescriptors),
                (Errno::NFILE, Error::TooManyDescriptors),
                (Errno::NOBUFS, Error::OutOfMemory),
                (Errno::NOMEM, Error::OutOfMemory),
                (Errno::INVAL, Error::InvalidArgument),
                (Errno::CONNABORTED, Error::ConnectionReset),
                (Errno::PROTO, Error::Protocol),
                (Errno::PERM, Error::PermissionDenied),
                (Errno::NETDOWN, Error::NoRoute),
                (Errno::NOPROTOOPT, Error::NotSupported),
                (Errno::HOSTDOWN, Error::NoRoute),
                (Errno::NONET, Error::NoRoute),
                (Errno::HOSTUNREACH, Error::NoRoute),
                (Errno::NETUNREACH, Error::NoRoute),
                (Errno::NOSYS, Error::NotSupported),
            ],
        ),
        (
            "connect(2), tcp(7), ip(7)",
            &[
                (Errno::ACCESS, Error::PermissionDenied),
                (Errno::PERM, Error::PermissionDenied),
                (Errno::ADDRINUSE, Error::AddressInUse),
                (Errno::ADDRNOTAVAIL, Error::AddressNotAvailable),
                (Errno::AFNOSUPPORT, Error::NotSupported),
                (Errno::ALREADY, Error::WouldBlock),
                (Errno::INPROGRESS, Error::WouldBlock),
                (Errno::CONNREFUSED, Error::ConnectionRefused),
                (Errno::CONNRESET, Error::ConnectionReset),
                (Errno::ISCONN, Error::AlreadyConnected),
                (Errno::NETUNREACH, Error::NoRoute),
                (Errno::HOSTUNREACH, Error::NoRoute),
                (Errno::PROTOTYPE, Error::InvalidArgument),
                (Errno::TIMEDOUT, Error::TimedOut),
                (Errno::INVAL, Error::InvalidArgument),
            ],
        ),
        (
            "send(2), recv(2), write(2)",
            &[
                (Errno::CONNRESET, Error::ConnectionReset),
                (Errno::PIPE, Error::ConnectionReset),
                (Errno::NETRESET, Error::ConnectionReset),
                (Errno::TIMEDOUT, Error::TimedOut),
                (Errno::CONNREFUSED, Error::ConnectionRefused),
                (Errno::NOTCONN, Error::NotConnected),
                (Errno::DESTADDRREQ, Error::NotConnected),
                (Errno::MSGSIZE, Error::MessageTooLarge),
                (Errno::NOMEM, Error::OutOfMemory),
                (Errno::NOBUFS, Error::OutOfMemory),
                (Errno::OPNOTSUPP, Error::NotSupported),
                (Errno::FAULT, Error::InvalidArgument),
                (Errno::HOSTUNREACH, Error::NoRoute),
                (Errno::NETDOWN, Error::NoRoute),
            ],
        ),
        ("shutdown(2), getpeername(2)", &[(Errno::NOTCONN, Error::NotConnected), (Errno::NOBUFS, Error::OutOfMemory)]),
        (
            "sendto(2), recvfrom(2), udp(7), ip(7), ipv6(7)",
            &[
                (Errno::AGAIN, Error::WouldBlock),
                (Errno::ACCESS, Error::PermissionDenied),
                (Errno::AFNOSUPPORT, Error::NotSupported),
                (Errno::CONNREFUSED, Error::ConnectionRefused),
                (Errno::DESTADDRREQ, Error::NotConnected),
                (Errno::HOSTUNREACH, Error::NoRoute),
                (Errno::NETUNREACH, Error::NoRoute),
                (Errno::INVAL, Error::InvalidArgument),
                (Errno::ISCONN, Error::AlreadyConnected),
                (Errno::MSGSIZE, Error::MessageTooLarge),
                (Errno::NOBUFS, Error::OutOfMemory),
                (Errno::NODEV, Error::NotSupported),
                (Errno::PERM, Error::PermissionDenied),
            ],
        ),
        (
            "setsockopt(2), ip(7), ipv6(7), tcp(7)",
            &[
                (Errno::NOPROTOOPT, Error::NotSupported),
                (Errno::OPNOTSUPP, Error::NotSupported),
                (Errno::NODEV, Error::NotSupported),
                (Errno::DOM, Error::InvalidArgument),
                (Errno::INVAL, Error::InvalidArgument),
                (Errno::ADDRINUSE, Error::AddressInUse),
                (Errno::ADDRNOTAVAIL, Error::AddressNotAvailable),
                (Errno::NOBUFS, Error::OutOfMemory),
                (Errno::NOMEM, Error::OutOfMemory),
            ],
        ),
        (
            "unix(7), bind(2), connect(2)",
            &[
                (Errno::ADDRINUSE, Error::AddressInUse),
                (Errno::AGAIN, Error::WouldBlock),
                (Errno::CONNREFUSED, Error::ConnectionRefused),
                (Errno::NAMETOOLONG, Error::InvalidArgument),
                (Errno::NOENT, Error::InvalidArgument),
                (Errno::NOTDIR, Error::InvalidArgument),
                (Errno::PROTOTYPE, Error::InvalidArgument),
                (Errno::ROFS, Error::PermissionDenied),
            ],
        ),
        ("getrandom(2)", &[(Errno::NOSYS, Error::NotSupported), (Errno::FAULT, Error::InvalidArgument)]),
        ("netdevice(7)", &[(Errno::NODEV, Error::NotSupported)]),
        (
            "epoll_ctl(2), epoll_wait(2)",
            &[
                (Errno::EXIST, Error::Busy),
                (Errno::LOOP, Error::InvalidArgument),
                (Errno::NOENT, Error::InvalidArgument),
                (Errno::NOMEM, Error::OutOfMemory),
                (Errno::NOSPC, Error::OutOfMemory),
                (Errno::PERM, Error::PermissionDenied),
                (Errno::BADF, Error::InvalidHandle),
                (Errno::FAULT, Error::InvalidArgument),
            ],
        ),
        (
            "timerfd_create(2), eventfd(2)",
            &[
                (Errno::NODEV, Error::NotSupported),
                (Errno::NFILE, Error::TooManyDescriptors),
                (Errno::INVAL, Error::InvalidArgument),
            ],
        ),
    ];

    #[test]
    fn every_documented_number_has_its_meaning() {
        for (page, numbers) in DOCUMENTED {
            for &(errno, meaning) in *numbers {
                assert_eq!(error(errno), meaning, "{page}: {errno:?}");
            }
        }
    }

    #[test]
    fn unknown_numbers_are_network_errors_and_never_panic() {
        assert_eq!(error(Errno::INTR), Error::Network);
        assert_eq!(error(Errno::IO), Error::Network);
        for raw in 1..4096 {
            error(Errno::from_raw_os_error(raw));
        }
    }
}
