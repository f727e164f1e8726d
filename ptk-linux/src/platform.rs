//! [`Linux`]: the platform of an event loop. Puts the parts together; holds no rule of its own but the order in which
//! they are called.

use core::ffi::CStr;
use core::mem::MaybeUninit;
use core::net::{IpAddr, SocketAddr};

use ptk_core::{
    Close, Datagram, Error, EventLoop, EventPortView, EventSource, Half, Handle, Instant, NameService, Options,
    Platform, Received, Rest, Sink, SocketOption, Until,
};
use rustix::fd::{AsFd, BorrowedFd, OwnedFd};
use rustix::io::Errno;
use rustix::net::RecvFlags;
use rustix::rand::{GetRandomFlags, getrandom};
use rustix::time::{ClockId, clock_gettime};

use crate::alarm::Alarm;
use crate::poller::{BATCH, Event, Poller, translate};
use crate::port::{Port, PortView};
use crate::slot::Slot;
use crate::socket::{self, Socket, uninterrupted};
use crate::{descriptor, errno, hosts, resolv_conf, settings, tcp, udp};

/// Linux as the platform of an event loop.
///
/// Zero bits and no descriptor before [`open`](Platform::open); an epoll set and a timerfd afterwards, which `drop`
/// closes. Can be moved to another thread.
///
/// # Clock
///
/// `CLOCK_MONOTONIC` in nanoseconds: [`Instant::ORIGIN`] is the boot, and time spent suspended does not count. A deadline
/// wakes the loop never early, and on an idle machine some 50 microseconds late.
///
/// # Spurious wakes
///
/// A wait may report an alarm before the deadline, when an earlier deadline was dropped after it had been armed. This
/// happens once for each alarm that was armed. Readiness may be reported for sockets that turn out not to be ready.
///
/// # Urgent data
///
/// They are not offered, and do not make the loop spin. A receive stops in front of them (`tcp(7)`), so from the first
/// time that any peer sends some, every receive of this loop answers [`Rest::MaybeMore`]: one more `recv` for each time
/// that data arrive.
///
/// # Datagrams
///
/// A receive from a UDP socket takes one datagram and cannot tell whether it was the last, so it always answers
/// [`Rest::MaybeMore`]: one more `recvfrom` for each time that datagrams arrive. What the network says of a datagram that
/// was sent is told to connected sockets only, by the next send or receive (`udp(7)`).
///
/// # Names
///
/// `/etc/resolv.conf` and `/etc/hosts` are read each time that the core asks, up to 4 MiB of each, in pieces of 4 KiB; lines
/// longer than that are skipped. These reads, of regular files, block the loop until the disk answers, which it does from
/// memory when the file was read lately. Files that are not there say nothing. Other files can be named with
/// [`set_name_files`](Self::set_name_files).
///
/// The first three servers are told, and six search domains, as in `resolv.conf(5)`.
///
/// # Randomness
///
/// `getrandom(2)`, which blocks only while the machine starts and its generator has not been seeded.
///
/// # Descriptors held by others
///
/// All are close-on-exec. After a `fork` the child's copies keep connections open; nothing that happens to them is
/// reported here once a socket is closed. The end of the stream, or the reset, is sent when the last copy is closed.
#[derive(Debug)]
pub struct Linux<'p> {
    open: Slot<Open>,
    port: Option<PortView<'p>>,
    /// Where to read in place of `/etc/resolv.conf` and `/etc/hosts`.
    name_files: Option<(&'p CStr, &'p CStr)>,
    /// The number of the last failure; 0 before the first.
    last_os_error: i32,
    /// Some peer has sent urgent data.
    urgent: bool,
}

/// What a socket of a loop takes on Linux, with its owner and its place in the queue of news.
const SOCKET_BYTES: usize = size_of::<EventLoop<Linux<'static>, 0, 3>>() - size_of::<EventLoop<Linux<'static>, 0, 1>>();
const _: () = assert!(SOCKET_BYTES / 2 <= 64);

/// What `open` acquires.
#[derive(Debug)]
struct Open {
    poller: Poller,
    alarm: Alarm,
}

impl Open {
    fn new(port: Option<PortView<'_>>) -> Result<Self, Errno> {
        let poller = Poller::open()?;
        let alarm = Alarm::open()?;
        poller.add_alarm(alarm.as_fd())?;
        if let Some(port) = port {
            poller.add_port(port.open()?)?;
        }
        Ok(Open { poller, alarm })
    }
}

impl<'p> Linux<'p> {
    /// A platform without a port: nothing can be raised from outside.
    pub const fn new() -> Self {
        Linux { open: Slot::Empty, port: None, name_files: None, last_os_error: 0, urgent: false }
    }

    /// A platform whose loop takes what is raised into `port`.
    ///
    /// A port serves one loop at a time; the second gets [`Error::Busy`] when it opens.
    pub const fn with_port<const N: usize>(port: &'p Port<N>) -> Self {
        Linux { open: Slot::Empty, port: Some(port.view()), name_files: None, last_os_error: 0, urgent: false }
    }

    /// Gives a platform that is not open yet its port. A `static` loop that is made without one and gets it here stays all
    /// zero bits, and so takes no room in the program's file.
    ///
    /// # Errors
    ///
    /// [`Error::Busy`] if the platform is open.
    pub fn set_port<const N: usize>(&mut self, port: &'p Port<N>) -> Result<(), Error> {
        if !self.open.is_empty() {
            return Err(Error::Busy);
        }
        self.port = Some(port.view());
        Ok(())
    }

    /// Names the files to read in place of `/etc/resolv.conf` and `/etc/hosts`: see [`Linux`], *Names*.
    pub const fn set_name_files(&mut self, resolv_conf: &'p CStr, hosts: &'p CStr) {
        self.name_files = Some((resolv_conf, hosts));
    }

    /// The files that know names: `resolv.conf` and `hosts`.
    fn name_files(&self) -> (&'p CStr, &'p CStr) {
        self.name_files.unwrap_or((resolv_conf::PATH, hosts::PATH))
    }

    /// Lends the epoll descriptor to a foreign loop, which may watch it for readability and nothing else. With the
    /// feature `std` the type is that of `std::os::fd`.
    ///
    /// # Errors
    ///
    /// [`Error::NotOpen`] before `open`.
    pub fn as_fd(&self) -> Result<BorrowedFd<'_>, Error> {
        self.open.get().map(|open| open.poller.as_fd()).ok_or(Error::NotOpen)
    }

    /// Prepares for a sleep outside of [`wait`](Platform::wait), in a foreign loop that watches the descriptor of
    /// [`as_fd`](Self::as_fd). `false` if it must not sleep, because the deadline has passed or something was raised.
    /// To be called last, right before the sleep.
    ///
    /// Afterwards the descriptor becomes readable when a socket is ready, at `deadline`, or earlier for nothing, and when
    /// something is raised. It stays so until a [`wait`](Platform::wait) with [`Until::Now`] has taken all there is,
    /// which must follow each call of this before the next.
    ///
    /// Costs what the preparations of a wait cost: no system call, or one when the deadline is earlier than all before.
    /// Without this call raises do not make the descriptor readable, and neither do deadlines.
    ///
    /// # Errors
    ///
    /// [`Error::NotOpen`] before `open`; what the system says if the alarm cannot be set.
    pub fn prepare_to_sleep(&mut self, deadline: Option<Instant>) -> Result<bool, Error> {
        if let Some(deadline) = deadline
            && !self.arm(deadline)?
        {
            return Ok(false);
        }
        if self.open.is_empty() {
            return Err(Error::NotOpen);
        }
        Ok(self.may_sleep())
    }

    /// Sets the alarm if it would go off after `deadline`; `false` if that has passed.
    ///
    /// An alarm that is set for the deadline or earlier has gone off when the deadline has passed, and ends the sleep at
    /// once: no need to look at the clock.
    #[inline]
    fn arm(&mut self, deadline: Instant) -> Result<bool, Error> {
        let Some(open) = self.open.get_mut() else { return Err(Error::NotOpen) };
        if deadline == Instant::MAX || open.alarm.covers(deadline) {
            return Ok(true);
        }
        if deadline <= now() {
            return Ok(false);
        }
        let armed = open.alarm.arm(deadline);
        armed.map(|()| true).map_err(|errno| self.fail(errno))
    }

    /// Tells raisers that from now on they must wake the loop; `false` if something was raised before.
    #[inline]
    fn may_sleep(&self) -> bool {
        self.port.is_none_or(|port| port.events.may_sleep())
    }

    /// Tells raisers that the loop runs, and the sink what they raised.
    #[inline]
    fn wake_up<S: Sink>(&self, sink: &mut S) {
        if let Some(port) = self.port
            && port.events.wake_up()
        {
            sink.raised();
        }
    }

    /// Reports one event.
    #[inline]
    fn report<S: Sink>(&mut self, event: Event, sink: &mut S) {
        match event {
            Event::Socket { token, readiness, urgent } => {
                self.urgent |= urgent;
                sink.socket(token, readiness);
            }
            Event::Alarm => self.alarm_fired(sink),
            // What was raised is told by the port's own flag.
            Event::Port => {}
        }
    }

    fn alarm_fired<S: Sink>(&mut self, sink: &mut S) {
        if let Some(open) = self.open.get_mut() {
            open.alarm.fired();
        }
        sink.alarm();
    }

    /// Registers a new socket of a kind; closes it if that fails.
    pub(crate) fn register(
        &mut self,
        fd: Result<OwnedFd, Errno>,
        token: Handle,
        kind: fn(OwnedFd) -> Socket,
    ) -> Result<Socket, Error> {
        let Some(open) = self.open.get() else { return Err(Error::NotOpen) };
        let registered = fd.and_then(|fd| open.poller.add_socket(fd.as_fd(), token).map(|()| fd));
        registered.map(kind).map_err(|errno| self.fail(errno))
    }

    /// Receives from what is no TCP socket.
    #[inline(never)]
    fn receive_record(&mut self, socket: &Socket, buffer: &mut [u8]) -> Result<Received, Error> {
        let received = match socket.as_file() {
            Some(fd) => descriptor::receive(fd, buffer),
            None => socket::receive(socket.fd()?, buffer, RecvFlags::empty()),
        };
        let count = received.map_err(|errno| self.fail_unless_again(errno))?;
        Ok(Received { count, rest: Rest::MaybeMore })
    }

    /// Sends through what is no TCP socket.
    #[inline(never)]
    fn send_record(&mut self, socket: &Socket, data: &[u8]) -> Result<usize, Error> {
        let sent = match socket.as_file() {
            Some(fd) => descriptor::send(fd, data),
            None => socket::send_to_peer(socket.fd()?, data),
        };
        sent.map_err(|errno| self.fail_unless_again(errno))
    }

    /// What is left after a receive of `count` bytes into `room`. A short one has emptied the kernel's queue, unless
    /// urgent data stopped it.
    #[inline]
    fn rest(&self, count: usize, room: usize) -> Rest {
        if count < room && !self.urgent { Rest::Drained } else { Rest::MaybeMore }
    }

    /// "Not now" is no failure.
    #[inline]
    fn fail_unless_again(&mut self, errno: Errno) -> Error {
        match errno {
            Errno::AGAIN => Error::WouldBlock,
            errno => self.fail(errno),
        }
    }

    /// Keeps the number of a failure that means `error` to the call that met it.
    fn fail_as(&mut self, errno: Errno, error: Error) -> Error {
        self.last_os_error = errno.raw_os_error();
        error
    }

    /// Keeps the number of a failure, and says what it means.
    #[cold]
    fn fail(&mut self, errno: Errno) -> Error {
        self.last_os_error = errno.raw_os_error();
        errno::error(errno)
    }
}

impl Default for Linux<'_> {
    fn default() -> Self {
        Self::new()
    }
}

impl Platform for Linux<'_> {
    type Socket = Socket;

    const CLOSED: Socket = Socket::CLOSED;

    fn open(&mut self) -> Result<(), Error> {
        if !self.open.is_empty() {
            return Err(Error::Busy);
        }
        self.open = Slot::Full(Open::new(self.port).map_err(|errno| self.fail(errno))?);
        Ok(())
    }

    #[inline]
    fn now(&mut self) -> Instant {
        now()
    }

    #[inline]
    fn wait<S: Sink>(&mut self, until: Until, sink: &mut S) -> Result<(), Error> {
        if self.open.is_empty() {
            return Err(Error::NotOpen);
        }
        let sleep = match until {
            Until::Now => false,
            Until::Event => self.may_sleep(),
            Until::Deadline(deadline) => {
                let ahead = self.arm(deadline)?;
                if !ahead {
                    sink.alarm();
                }
                ahead && self.may_sleep()
            }
        };
        let mut events = [const { MaybeUninit::uninit() }; BATCH];
        let taken = match self.open.get() {
            Some(open) => open.poller.wait(sleep, &mut events),
            None => return Err(Error::NotOpen),
        };
        self.wake_up(sink);
        match taken {
            Ok(taken) => {
                for event in taken {
                    self.report(translate(event), sink);
                }
                Ok(())
            }
            // The alarm stays set, so the next wait ends when this one would have.
            Err(Errno::INTR) => Ok(()),
            Err(errno) => Err(self.fail(errno)),
        }
    }

    #[inline]
    fn port(&self) -> Option<&EventPortView> {
        self.port.map(|port| port.events)
    }

    fn raise(&mut self, source: EventSource, value: u32) -> Result<(), Error> {
        // A foreign loop may be about to sleep, so the wake counts here too.
        self.port.ok_or(Error::NotSupported)?.raise(source, value)
    }

    fn open_stream(&mut self, peer: SocketAddr, options: &Options, token: Handle) -> Result<Socket, Error> {
        self.register(tcp::open_stream(peer, options), token, Socket::stream)
    }

    fn finish_connect(&mut self, socket: &mut Socket) -> Result<(), Error> {
        match tcp::established(socket.fd()?) {
            Ok(()) => Ok(()),
            Err(Errno::AGAIN) => Err(Error::WouldBlock),
            Err(errno) => {
                // Nothing can be done with it any more, least of all be heard of.
                self.close(core::mem::replace(socket, Socket::CLOSED), Close::Graceful);
                Err(self.fail(errno))
            }
        }
    }

    fn open_listener(&mut self, address: SocketAddr, options: &Options, token: Handle) -> Result<Socket, Error> {
        self.register(tcp::open_listener(address, options), token, Socket::stream)
    }

    fn accept(&mut self, listener: &mut Socket, _options: &Options, token: Handle) -> Result<Socket, Error> {
        match tcp::accept(listener.fd()?) {
            Ok(fd) => self.register(Ok(fd), token, listener.kind()),
            Err(Errno::AGAIN) => Err(Error::WouldBlock),
            // Nothing but dead ones, and perhaps a live one behind them that no edge announces. This answer makes the
            // core try again.
            Err(errno) if tcp::is_dead_connection(errno) => {
                self.fail(errno);
                Err(Error::OutOfMemory)
            }
            Err(errno) => Err(self.fail(errno)),
        }
    }

    #[inline]
    fn receive(&mut self, socket: &mut Socket, buffer: &mut [u8]) -> Result<Received, Error> {
        let Some(fd) = socket.as_stream() else { return self.receive_record(socket, buffer) };
        let received = socket::receive(fd, buffer, RecvFlags::empty());
        let count = received.map_err(|errno| self.fail_unless_again(errno))?;
        Ok(Received { count, rest: self.rest(count, buffer.len()) })
    }

    #[inline]
    fn send(&mut self, socket: &mut Socket, data: &[u8]) -> Result<usize, Error> {
        let Some(fd) = socket.as_stream() else { return self.send_record(socket, data) };
        socket::send_to_peer(fd, data).map_err(|errno| self.fail_unless_again(errno))
    }

    fn peek(&mut self, socket: &mut Socket, buffer: &mut [u8]) -> Result<usize, Error> {
        let peeked = socket::receive(socket.socket_fd()?, buffer, RecvFlags::PEEK);
        peeked.map_err(|errno| self.fail_unless_again(errno))
    }

    fn open_datagram(&mut self, address: SocketAddr, options: &Options, token: Handle) -> Result<Socket, Error> {
        self.register(udp::open(address, options), token, Socket::records)
    }

    fn connect_datagram(&mut self, socket: &mut Socket, peer: Option<SocketAddr>) -> Result<(), Error> {
        let fd = socket.socket_fd()?;
        udp::set_peer(fd, peer).map_err(|errno| self.fail_as(errno, udp::error(fd, peer, errno)))
    }

    #[inline]
    fn receive_from(&mut self, socket: &mut Socket, buffer: &mut [u8]) -> Result<(Datagram, Rest), Error> {
        let received = udp::receive(socket.socket_fd()?, buffer);
        let datagram = received.map_err(|errno| self.fail_unless_again(errno))?;
        // Nothing says whether it was the last one: see `Linux`, "Datagrams".
        Ok((datagram, Rest::MaybeMore))
    }

    #[inline]
    fn send_to(&mut self, socket: &mut Socket, data: &[u8], peer: Option<SocketAddr>) -> Result<(), Error> {
        let fd = socket.socket_fd()?;
        match udp::send(fd, data, peer) {
            Ok(()) => Ok(()),
            Err(Errno::AGAIN) => Err(Error::WouldBlock),
            Err(errno) => Err(self.fail_as(errno, udp::error(fd, peer, errno))),
        }
    }

    fn shutdown(&mut self, socket: &mut Socket, half: Half) -> Result<(), Error> {
        socket::shutdown(socket.socket_fd()?, half).map_err(|errno| self.fail(errno))
    }

    fn close(&mut self, socket: Socket, how: Close) {
        let (Ok(fd), Some(open)) = (socket.fd(), self.open.get()) else { return };
        open.poller.remove(fd);
        if how == Close::Abort {
            socket::reset_on_close(fd);
        }
    }

    fn set_option(&mut self, socket: &mut Socket, option: SocketOption) -> Result<(), Error> {
        let set = settings::set(socket.socket_fd()?, option);
        set.map_err(|errno| self.fail_as(errno, settings::error(option, errno)))
    }

    fn local_address(&mut self, socket: &Socket) -> Result<SocketAddr, Error> {
        socket::local_address(socket.socket_fd()?).map_err(|errno| self.fail(errno))
    }

    fn peer_address(&mut self, socket: &Socket) -> Result<SocketAddr, Error> {
        socket::peer_address(socket.socket_fd()?).map_err(|errno| self.fail(errno))
    }

    fn entropy(&mut self, out: &mut [u8]) -> Result<(), Error> {
        let mut filled = 0;
        // More than 256 bytes may come in pieces (getrandom(2)).
        while let Some(rest) = out.get_mut(filled..).filter(|rest| !rest.is_empty()) {
            match uninterrupted(|| getrandom(&mut *rest, GetRandomFlags::empty())) {
                Ok(0) => return Err(Error::NotSupported),
                Ok(count) => filled += count,
                Err(errno) => return Err(self.fail(errno)),
            }
        }
        Ok(())
    }

    fn name_service(&mut self, tell: &mut dyn FnMut(NameService<'_>)) {
        // A file that cannot be read says nothing.
        let _ = resolv_conf::read(self.name_files().0, tell);
    }

    fn host_addresses(&mut self, name: &str, tell: &mut dyn FnMut(IpAddr)) {
        // As above.
        let _ = hosts::read(self.name_files().1, name, tell);
    }

    fn last_os_error(&self) -> Option<i32> {
        (self.last_os_error != 0).then_some(self.last_os_error)
    }
}

/// The clock. A call into the vDSO, not the kernel (`vdso(7)`).
#[inline]
fn now() -> Instant {
    let time = clock_gettime(ClockId::Monotonic);
    // Neither part is ever negative (clock_gettime(2)).
    Instant::from_nanos((time.tv_sec as u64).saturating_mul(1_000_000_000).saturating_add(time.tv_nsec as u64))
}

#[cfg(test)]
mod tests {
    use rustix::net::{AddressFamily, SocketType, bind, connect, getsockname};

    use super::*;

    /// Through `open_stream` it takes as many attempts as there are ports, so the case is made by hand.
    #[test]
    fn self_connect_is_refused() {
        let mut linux = Linux::new();
        linux.open().unwrap();
        let fd = rustix::net::socket(AddressFamily::INET, SocketType::STREAM, None).unwrap();
        bind(&fd, &SocketAddr::from(([127, 0, 0, 1], 0))).unwrap();
        connect(&fd, &getsockname(&fd).unwrap()).unwrap();
        let mut socket = Socket::stream(fd);
        assert_eq!(linux.peer_address(&socket), linux.local_address(&socket), "it met itself");
        assert_eq!(linux.finish_connect(&mut socket), Err(Error::ConnectionRefused));
        assert_eq!(linux.send(&mut socket, b"x"), Err(Error::NotConnected), "it is closed");
    }
}
