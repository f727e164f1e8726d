//! Any descriptor that epoll can watch, as a [`Descriptor`] to receive from and send to: serial ports, terminals, pipes,
//! CAN sockets, `signalfd`, `inotify`, `timerfd`, `eventfd`.

use ptk_core::{Cx, Descriptor, Error, Options};
use rustix::fd::{AsFd, BorrowedFd, OwnedFd};
use rustix::io::{Errno, ioctl_fioclex, ioctl_fionbio, read, write};
use rustix::net::sockopt;

use crate::platform::Linux;
use crate::socket::{Socket, uninterrupted};

/// Takes a descriptor in. The handle belongs to the current task and scope, and closing it closes the descriptor.
///
/// `recv` and `send` are one `read(2)` and one `write(2)` each (`recv(2)` and `send(2)` for a socket), and a receive is
/// tried until the kernel has nothing left: descriptors that give records give one at a time, and nothing says whether it
/// was the last. `peek` works on sockets only, and so do settings and addresses where the socket has them.
///
/// It becomes non-blocking and close-on-exec. The former holds for all who share the open file: a shell, say, that gave
/// this process its terminal.
///
/// # Records
///
/// The buffer's room must suffice for a record: `inotify` and `signalfd` refuse less ([`Error::InvalidArgument`],
/// `inotify(7)`, `signalfd(2)`), sockets cut it.
///
/// # Ends
///
/// The end of a stream is what the kernel says it is: a read of nothing. A terminal whose other side is gone says `EIO`
/// (`ioctl_tty(2)`, `TIOCVHANGUP`; a pseudoterminal's master when the last slave is closed); that is the end of the stream
/// for a receive and [`Error::ConnectionReset`] for a send. After an empty record, too, a receive gives 0.
///
/// # Signals
///
/// A `write(2)` to a pipe whose reader is gone raises `SIGPIPE`, which ends a process that has not changed that
/// (`pipe(7)`). The standard library's start-up ignores the signal; a program without it must do so itself, for instance
/// with `sigaction(2)`. Ignored, it is [`Error::ConnectionReset`]. Sockets never raise it.
///
/// # Errors
///
/// [`Error::NotSupported`] for what epoll cannot watch: regular files and directories. [`Error::InvalidHandle`] for a
/// descriptor without a file to work on (`O_PATH`). [`Error::InvalidArgument`] for the loop's own epoll descriptor;
/// [`Error::TableFull`]; [`Error::OutOfMemory`]. The descriptor is closed.
pub fn watch(cx: &mut Cx<'_, Linux<'_>>, fd: OwnedFd) -> Result<Descriptor, Error> {
    cx.open_with(&Options::DEFAULT, |linux, token| {
        let kind = if is_socket(fd.as_fd()) { Socket::records } else { Socket::file };
        let prepared = prepare(fd.as_fd()).map(|()| fd);
        let registered = linux.register(prepared, token, kind);
        // epoll_ctl(2), EPERM: the file does not support epoll.
        registered.map_err(|error| if error == Error::PermissionDenied { Error::NotSupported } else { error })
    })
}

fn prepare(fd: BorrowedFd<'_>) -> Result<(), Errno> {
    ioctl_fioclex(fd)?;
    ioctl_fionbio(fd, true)
}

fn is_socket(fd: BorrowedFd<'_>) -> bool {
    sockopt::socket_type(fd).is_ok()
}

/// Reads from what is no socket. `EIO` is the end: see [`watch`].
pub(crate) fn receive(fd: BorrowedFd<'_>, buffer: &mut [u8]) -> Result<usize, Errno> {
    match uninterrupted(|| read(fd, &mut *buffer)) {
        Err(Errno::IO) => Ok(0),
        received => received,
    }
}

/// Writes to what is no socket. `EIO` is that nobody is there any more: see [`watch`].
pub(crate) fn send(fd: BorrowedFd<'_>, data: &[u8]) -> Result<usize, Errno> {
    match uninterrupted(|| write(fd, data)) {
        // Nothing was taken, and nothing else was said.
        Ok(0) => Err(Errno::AGAIN),
        Err(Errno::IO) => Err(Errno::PIPE),
        sent => sent,
    }
}
