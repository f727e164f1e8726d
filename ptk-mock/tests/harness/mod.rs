//! A mock with an ear: what `wait` reports is kept in order.
#![allow(dead_code)] // each test file uses its own part

use std::hash::{DefaultHasher, Hash, Hasher};
use std::net::SocketAddr;

use ptk_core::{Close, Datagram, Error, Handle, Options, Platform, Readiness, Received, Rest, Reuse, Sink, Until};
use ptk_mock::{Mock, Socket};

/// What a `wait` reported.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(crate) enum Report {
    Socket(Handle, Readiness),
    Alarm,
    Raised,
}

/// A sink that keeps what it hears.
#[derive(Clone, Default, Hash, Debug)]
pub(crate) struct Recorder(pub(crate) Vec<Report>);

impl Sink for Recorder {
    fn socket(&mut self, token: Handle, readiness: Readiness) {
        self.0.push(Report::Socket(token, readiness));
    }
    fn alarm(&mut self) {
        self.0.push(Report::Alarm);
    }
    fn raised(&mut self) {
        self.0.push(Report::Raised);
    }
}

pub(crate) const READ: Readiness = Readiness::READ;
pub(crate) const WRITE: Readiness = Readiness::WRITE;
pub(crate) const HANGUP: Readiness = Readiness::HANGUP;

/// The tokens that the tests use: any valid handles will do.
pub(crate) const SERVER: Handle = token(1);
pub(crate) const CLIENT: Handle = token(2);
pub(crate) const ACCEPTED: Handle = token(3);

/// The token of slot `n`.
pub(crate) const fn token(n: u32) -> Handle {
    match Handle::from_raw(1 << 60 | (n as u64) << 32 | 1) {
        Some(handle) => handle,
        None => panic!("1 is a kind"),
    }
}

/// An address from its text.
pub(crate) fn at(text: &str) -> SocketAddr {
    text.parse().expect("the tests write addresses correctly")
}

/// Options with these buffer sizes.
pub(crate) fn buffers(send: u32, receive: u32) -> Options {
    Options { send_buffer: send, receive_buffer: receive, ..Options::DEFAULT }
}

/// Options that share the address so.
pub(crate) fn reuse(reuse: Reuse) -> Options {
    Options { reuse, ..Options::DEFAULT }
}

/// Options with this backlog.
pub(crate) fn backlog(backlog: u16) -> Options {
    Options { backlog, ..Options::DEFAULT }
}

/// An open mock.
pub(crate) fn open() -> Mock {
    opened(Mock::new())
}

/// The mock, opened.
pub(crate) fn opened(mut mock: Mock) -> Mock {
    mock.open().expect("it was not open");
    mock
}

/// What one `wait` reports.
pub(crate) fn wait(mock: &mut Mock, until: Until) -> Result<Vec<Report>, Error> {
    let mut recorder = Recorder::default();
    mock.wait(until, &mut recorder)?;
    Ok(recorder.0)
}

/// What is there to report now.
pub(crate) fn poll(mock: &mut Mock) -> Vec<Report> {
    wait(mock, Until::Now).expect("the mock is open")
}

/// A listener under the token `SERVER`, and its address.
pub(crate) fn listen(mock: &mut Mock, options: &Options) -> (Socket, SocketAddr) {
    let listener = mock.open_listener(at("127.0.0.1:0"), options, SERVER).expect("a port is free");
    let address = mock.local_address(&listener).expect("the listener is open");
    (listener, address)
}

/// A listener, and the two ends of a connection: the client's under `CLIENT`, the server's under `ACCEPTED`. Nothing is left to
/// report.
pub(crate) fn connection(mock: &mut Mock, client: &Options, server: &Options) -> (Socket, Socket, Socket) {
    let (mut listener, address) = listen(mock, server);
    let mut near = mock.open_stream(address, client, CLIENT).expect("descriptors are left");
    mock.finish_connect(&mut near).expect("the backlog has room");
    let far = mock.accept(&mut listener, server, ACCEPTED).expect("the client waits");
    assert_eq!(mock.accept(&mut listener, server, ACCEPTED), Err(Error::WouldBlock));
    poll(mock);
    (listener, near, far)
}

/// The two ends of a connection with default options.
pub(crate) fn ends(mock: &mut Mock) -> (Socket, Socket) {
    let (_, near, far) = connection(mock, &Options::DEFAULT, &Options::DEFAULT);
    (near, far)
}

/// Sends all of `data`.
pub(crate) fn send(mock: &mut Mock, socket: &mut Socket, data: &[u8]) {
    assert_eq!(mock.send(socket, data), Ok(data.len()));
}

/// Receives up to 16 bytes.
pub(crate) fn receive(mock: &mut Mock, socket: &mut Socket) -> Result<Vec<u8>, Error> {
    receive_up_to(mock, socket, 16).map(|(bytes, _)| bytes)
}

/// Receives up to `limit` bytes.
pub(crate) fn receive_up_to(mock: &mut Mock, socket: &mut Socket, limit: usize) -> Result<(Vec<u8>, Rest), Error> {
    let mut buffer = vec![0; limit];
    let Received { count, rest } = mock.receive(socket, &mut buffer)?;
    buffer.truncate(count);
    Ok((buffer, rest))
}

/// A datagram socket at `address`, and the address that it got. What opening it reports is heard.
pub(crate) fn datagram(mock: &mut Mock, address: &str, number: u32) -> (Socket, SocketAddr) {
    datagram_with(mock, address, &Options::DEFAULT, number)
}

/// As `datagram`, with options.
pub(crate) fn datagram_with(mock: &mut Mock, address: &str, options: &Options, number: u32) -> (Socket, SocketAddr) {
    let socket = mock.open_datagram(at(address), options, token(number)).expect("the address is free");
    let address = mock.local_address(&socket).expect("it is open");
    assert_eq!(poll(mock), [Report::Socket(token(number), WRITE)]);
    (socket, address)
}

/// Receives one datagram of at most 16 bytes: what and from whom.
pub(crate) fn receive_from(mock: &mut Mock, socket: &mut Socket) -> Result<(Vec<u8>, SocketAddr), Error> {
    let mut buffer = [0; 16];
    let (Datagram { count, from, truncated }, _) = mock.receive_from(socket, &mut buffer)?;
    assert!(!truncated);
    Ok((buffer[..count].to_vec(), from))
}

/// How many datagrams there are to receive.
pub(crate) fn count_datagrams(mock: &mut Mock, socket: &mut Socket) -> usize {
    let mut count = 0;
    while mock.receive_from(socket, &mut []).is_ok() {
        count += 1;
    }
    count
}

/// Whether `socket` has nothing to receive for now; from then on, an event announces what comes.
pub(crate) fn is_drained(mock: &mut Mock, socket: &mut Socket) -> bool {
    receive(mock, socket) == Err(Error::WouldBlock)
}

/// Closes gracefully.
pub(crate) fn close(mock: &mut Mock, socket: Socket) {
    mock.close(socket, Close::Graceful);
}

/// Resets.
pub(crate) fn abort(mock: &mut Mock, socket: Socket) {
    mock.close(socket, Close::Abort);
}

/// The hash of a world.
pub(crate) fn hash(mock: &Mock) -> u64 {
    let mut hasher = DefaultHasher::new();
    mock.hash(&mut hasher);
    hasher.finish()
}
