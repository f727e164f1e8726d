//! Unix-domain stream sockets (`unix(7)`): connections within this machine, as [`TcpSocket`] and [`TcpListener`].
//!
//! They are accepted from, received from, sent to, shut down and closed like TCP sockets. The buffers of [`Options`] and
//! its backlog count; [`Options::reuse`] means nothing here. What is TCP's alone is [`Error::NotSupported`]:
//! [`Options::nodelay`], probes, timeouts. So are addresses, which are none of the Internet's.
//!
//! A receive stops where the peer has passed descriptors along, whatever lies behind, so it never tells that all was
//! taken: one more `recv` for each time that data arrive. Descriptors that are passed are closed by the kernel.
//!
//! ```
//! use ptk_core::prelude::*;
//! use ptk_linux::{Linux, unix};
//!
//! #[derive(Default)]
//! struct Greeter {
//!     pt: Pt,
//!     listener: TcpListener,
//!     near: TcpSocket,
//!     far: TcpSocket,
//!     buffer: Buffer<16>,
//! }
//!
//! impl Protothread<Linux<'_>> for Greeter {
//!     type Output = Result<(), Error>;
//!
//!     #[protothread]
//!     fn run(&mut self, cx: &mut Cx<'_, Linux<'_>>, _: &mut ()) -> Result<(), Error> {
//!         let name = unix::Name::Abstract(b"org.example.greeter");
//!         self.listener = unix::listen(cx, name, &Options::DEFAULT)?;
//!         self.near = unix::connect(cx, name, &Options::DEFAULT)?;
//!         self.far = wait!(cx.accept(self.listener))?;
//!         self.buffer.put_slice(b"hello")?;
//!         wait!(cx.send_all(self.near, &mut self.buffer))?;
//!         wait!(cx.recv_exact(self.far, &mut self.buffer, 5))?;
//!         assert_eq!(self.buffer.readable(), b"hello");
//!         Ok(())
//!     }
//! }
//! #
//! # fn main() -> Result<(), Error> {
//! #     let mut event_loop = EventLoop::<Linux, 1, 3>::new(0, Linux::new());
//! #     event_loop.open()?;
//! #     event_loop.run(&mut [Greeter::default()])?;
//! #     assert_eq!(event_loop.last_error(), None);
//! #     Ok(())
//! # }
//! ```

use core::ffi::CStr;

use ptk_core::{Cx, Error, Options, TcpListener, TcpSocket};
use rustix::fd::{AsFd, OwnedFd};
use rustix::io::Errno;
use rustix::net::{AddressFamily, SocketAddrUnix, SocketType};

use crate::platform::Linux;
use crate::settings::configure;
use crate::socket::{FLAGS, Socket, uninterrupted};
use crate::tcp::backlog;

/// The name of a Unix-domain socket: at most 108 bytes in the file system, 107 in the abstract namespace, at least one.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Name<'a> {
    /// A path. Listening makes a socket file there, with the permissions that the process's umask leaves; connecting
    /// needs the permission to write to it. Closing the listener leaves the file.
    Path(&'a [u8]),
    /// A name of Linux's abstract namespace, which is free again when the last socket that has it is closed. There are no
    /// permissions: every process in the network namespace may connect.
    Abstract(&'a [u8]),
}

impl<'a> From<&'a str> for Name<'a> {
    fn from(path: &'a str) -> Self {
        Name::Path(path.as_bytes())
    }
}

impl<'a> From<&'a CStr> for Name<'a> {
    fn from(path: &'a CStr) -> Self {
        Name::Path(path.to_bytes())
    }
}

/// Listens at `name`. The listener, and what is accepted from it, belongs to the task that asks for it.
///
/// A socket file that an earlier listener left behind is [`Error::AddressInUse`], whether anybody still listens there or
/// not. It is not removed here: to find out that it is stale takes a connect ([`connect`] gives
/// [`Error::ConnectionRefused`]), and only the program knows whether the file is its own.
///
/// # Errors
///
/// [`Error::AddressInUse`]; [`Error::InvalidArgument`] for a name that is empty, too long or has a NUL in its path, and for
/// a path whose directory is not there; [`Error::PermissionDenied`]; [`Error::NotSupported`] with [`Options::nodelay`];
/// [`Error::TableFull`]; [`Error::TooManyDescriptors`], [`Error::OutOfMemory`].
pub fn listen<'a>(
    cx: &mut Cx<'_, Linux<'_>>,
    name: impl Into<Name<'a>>,
    options: &Options,
) -> Result<TcpListener, Error> {
    let name = name.into();
    cx.open_with(options, |linux, token| linux.register(open_listener(name, options), token, Socket::records))
}

/// Connects to the listener at `name`. Does not wait: the connection is up, though perhaps not yet accepted, or there is
/// none.
///
/// # Errors
///
/// [`Error::WouldBlock`] if the listener's backlog is full. Nothing announces when it is not (`connect(2)`, `EAGAIN`): try
/// again after a while. [`Error::ConnectionRefused`] if nobody listens there, or nothing is there;
/// [`Error::PermissionDenied`]; [`Error::InvalidArgument`] for a name that is empty, too long or has a NUL in its path, and
/// for a socket of another type; [`Error::NotSupported`] with [`Options::nodelay`]; [`Error::TableFull`];
/// [`Error::TooManyDescriptors`], [`Error::OutOfMemory`].
pub fn connect<'a>(
    cx: &mut Cx<'_, Linux<'_>>,
    name: impl Into<Name<'a>>,
    options: &Options,
) -> Result<TcpSocket, Error> {
    let name = name.into();
    cx.open_with(options, |linux, token| linux.register(open_stream(name, options), token, Socket::records))
}

fn open_listener(name: Name<'_>, options: &Options) -> Result<OwnedFd, Errno> {
    let address = address(name)?;
    let fd = socket(options)?;
    rustix::net::bind(&fd, &address)?;
    rustix::net::listen(&fd, backlog(options))?;
    Ok(fd)
}

fn open_stream(name: Name<'_>, options: &Options) -> Result<OwnedFd, Errno> {
    let address = address(name)?;
    let fd = socket(options)?;
    match uninterrupted(|| rustix::net::connect(&fd, &address)) {
        Ok(()) => Ok(fd),
        // No file is there: nobody listens, as behind a file that was left.
        Err(Errno::NOENT) => Err(Errno::CONNREFUSED),
        Err(errno) => Err(errno),
    }
}

fn socket(options: &Options) -> Result<OwnedFd, Errno> {
    let fd = rustix::net::socket_with(AddressFamily::UNIX, SocketType::STREAM, FLAGS, None)?;
    configure(fd.as_fd(), options)?;
    Ok(fd)
}

/// An empty path would make the kernel choose a name (`unix(7)`, autobind).
fn address(name: Name<'_>) -> Result<SocketAddrUnix, Errno> {
    match name {
        Name::Path(b"") | Name::Abstract(b"") => Err(Errno::INVAL),
        Name::Path(path) => SocketAddrUnix::new(path),
        Name::Abstract(name) => SocketAddrUnix::new_abstract_name(name),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_have_their_limits() {
        let long = [b'x'; 109];
        for (name, expected) in [
            (Name::Path(b""), Err(Errno::INVAL)),
            (Name::Abstract(b""), Err(Errno::INVAL)),
            (Name::Path(b"a\0b"), Err(Errno::INVAL)),
            (Name::Path(&long), Err(Errno::NAMETOOLONG)),
            (Name::Path(&long[..108]), Ok(())),
            (Name::Path(&[b'x'; 5000]), Err(Errno::NAMETOOLONG)),
            (Name::Abstract(&long[..108]), Err(Errno::NAMETOOLONG)),
            (Name::Abstract(&long[..107]), Ok(())),
            (Name::Abstract(b"a\0b"), Ok(())),
        ] {
            assert_eq!(address(name).map(|_| ()), expected, "{name:?}");
        }
    }
}
