//! Chat over multicast: each line is a datagram to a group, and each datagram from the group is a line.
//!
//! There is no server, no list of who is there, and no promise that a line arrives: a datagram may be lost, come twice, or
//! out of order.

use core::fmt::{self, Write};
use core::net::{SocketAddr, SocketAddrV6};
use core::ops::ControlFlow;

use ptk_core::prelude::*;
use ptk_core::{Descriptor, Interface, Reuse};

use crate::address;

/// The longest line, in bytes. A longer one is sent in several; a longer datagram is cut.
pub const MAX_LINE: usize = 1024;

/// Who takes what the others send.
pub trait Output {
    /// Somebody else has sent this line; `is_cut` if it was longer than [`MAX_LINE`]. To break is to receive no more.
    fn line(&mut self, from: SocketAddr, line: &[u8], is_cut: bool) -> ControlFlow<()>;
}

/// The sockets of one participant. Several on one machine may have the group's port, which says nothing of who sends: so
/// what is sent goes out of a socket of its own, whose address is the participant's name.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Sockets {
    /// A member of the group.
    pub receiving: UdpSocket,
    /// Connected to the group.
    pub sending: UdpSocket,
}

impl Sockets {
    /// Joins `group` on `interface`.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidArgument`] if `group` is no multicast address, or if it is one of IPv6 for the local link and no
    /// interface is named by its number; whatever else the platform says.
    pub fn open<P: Platform>(cx: &mut Cx<'_, P>, group: SocketAddr, interface: Interface) -> Result<Self, Error> {
        let group = on_interface(group, interface);
        let options = Options { reuse: Reuse::Address, ..Options::DEFAULT };
        let receiving = cx.udp_socket_with(group, &options)?;
        cx.join_multicast(receiving, group.ip(), interface)?;
        let sending = cx.udp_socket(address::any_for(group))?;
        if interface != Interface::Any {
            cx.set_multicast_interface(sending, interface)?;
        }
        cx.set_multicast_loopback(sending, true)?;
        cx.connect_udp(sending, group)?;
        Ok(Sockets { receiving, sending })
    }
}

/// The group with the interface's number as its scope (RFC 4007, 6), where it has one.
fn on_interface(group: SocketAddr, interface: Interface) -> SocketAddr {
    match (group, interface) {
        (SocketAddr::V6(group), Interface::Index(index)) => {
            SocketAddrV6::new(*group.ip(), group.port(), group.flowinfo(), index).into()
        }
        _ => group,
    }
}

/// Sends each line of its input to the group. Ends a while after the input has, so that what others answer is still received.
#[derive(Clone, Hash, Debug)]
pub struct Sender {
    pt: PtTimed,
    input: Descriptor,
    socket: UdpSocket,
    linger: Duration,
    line: Buffer<{ MAX_LINE + 1 }>,
    message: Message,
    has_ended: bool,
}

/// How much of the buffer is sent, and how much of it is the line's end.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
struct Message {
    length: usize,
    end: usize,
}

impl Sender {
    /// Nothing to read from and nobody to send to: see [`open`](Self::open).
    pub const fn new(linger: Duration) -> Self {
        Sender {
            pt: PtTimed::new(),
            input: Descriptor::NONE,
            socket: UdpSocket::NONE,
            linger,
            line: Buffer::new(),
            message: Message { length: 0, end: 0 },
            has_ended: false,
        }
    }

    /// Reads lines from `input`, and sends them over `socket`, which is connected to the group.
    pub const fn open(&mut self, input: Descriptor, socket: UdpSocket) {
        self.input = input;
        self.socket = socket;
    }

    /// What is to be sent now that so much of a line has come.
    fn take(&mut self, read: Result<usize, Error>) -> Result<(), Error> {
        self.message = match read {
            Ok(length) => {
                let line = self.line.readable().get(..length).unwrap_or(&[]);
                let end = if line.ends_with(b"\r\n") { 2 } else { 1 };
                Message { length: length - end, end }
            }
            Err(Error::BufferFull) => {
                let front = self.line.readable().get(..MAX_LINE).unwrap_or(&[]);
                Message { length: whole_characters(front), end: 0 }
            }
            Err(Error::UnexpectedEnd) => {
                self.has_ended = true;
                Message { length: self.line.len(), end: 0 }
            }
            Err(error) => return Err(error),
        };
        Ok(())
    }

    fn message(&self) -> &[u8] {
        self.line.readable().get(..self.message.length).unwrap_or(&[])
    }
}

impl<P: Platform, S: ?Sized> Protothread<P, S> for Sender {
    type Output = Result<(), Error>;

    #[protothread]
    fn run(&mut self, cx: &mut Cx<'_, P>, _: &mut S) -> Result<(), Error> {
        while !self.has_ended {
            let read = wait!(cx.recv_until(self.input, &mut self.line, b"\n"));
            self.take(read)?;
            if !self.message().is_empty() {
                wait!(cx.send_datagram(self.socket, self.message()))?;
            }
            let Message { length, end } = self.message;
            self.line.consume(length + end);
        }
        wait!(sleep!(self.linger));
        Ok(())
    }
}

/// How many bytes at the front are whole characters, as far as it is UTF-8 at all.
fn whole_characters(bytes: &[u8]) -> usize {
    match core::str::from_utf8(bytes) {
        Err(error) if error.error_len().is_none() && error.valid_up_to() > 0 => error.valid_up_to(),
        _ => bytes.len(),
    }
}

/// Receives what the group is sent, but for what comes from `own`.
#[derive(Clone, Hash, Debug)]
pub struct Receiver {
    pt: Pt,
    socket: UdpSocket,
    own: Option<SocketAddr>,
    line: Buffer<MAX_LINE>,
}

impl Receiver {
    /// Nothing to receive from: see [`open`](Self::open).
    pub const fn new() -> Self {
        Receiver { pt: Pt::new(), socket: UdpSocket::NONE, own: None, line: Buffer::new() }
    }

    /// Receives what comes to `socket`, except from the address `own`.
    pub const fn open(&mut self, socket: UdpSocket, own: SocketAddr) {
        self.socket = socket;
        self.own = Some(own);
    }

    /// The scope of an IPv6 address depends on who asks.
    fn is_own(&self, from: SocketAddr) -> bool {
        self.own.is_some_and(|own| (own.ip(), own.port()) == (from.ip(), from.port()))
    }
}

impl Default for Receiver {
    fn default() -> Self {
        Self::new()
    }
}

impl<P: Platform, S: Output> Protothread<P, S> for Receiver {
    type Output = Result<(), Error>;

    #[protothread]
    fn run(&mut self, cx: &mut Cx<'_, P>, output: &mut S) -> Result<(), Error> {
        loop {
            self.line.clear();
            let datagram = wait!(cx.recv_from(self.socket, &mut self.line))?;
            if self.is_own(datagram.from) {
                continue;
            }
            if output.line(datagram.from, self.line.readable(), datagram.truncated).is_break() {
                return Ok(());
            }
        }
    }
}

/// A line as it can be shown: control characters, which could move the cursor, are escaped, and what is not UTF-8 is
/// replaced.
#[derive(Clone, Copy, Debug)]
pub struct Text<'a>(pub &'a [u8]);

impl fmt::Display for Text<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for chunk in self.0.utf8_chunks() {
            for character in chunk.valid().chars() {
                match character {
                    _ if is_harmless(character) => f.write_char(character)?,
                    _ => character.escape_default().fmt(f)?,
                }
            }
            if !chunk.invalid().is_empty() {
                f.write_char(char::REPLACEMENT_CHARACTER)?;
            }
        }
        Ok(())
    }
}

/// Neither a control character nor one that turns the direction of what follows.
fn is_harmless(character: char) -> bool {
    !character.is_control()
        && !matches!(character, '\u{200e}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::string::ToString;

    fn sender(line: &[u8]) -> Sender {
        let mut sender = Sender::new(Duration::ZERO);
        sender.line.put_slice(line).unwrap();
        sender
    }

    #[test]
    fn a_line_is_sent_without_its_end() {
        for (line, message) in [("hello\n", "hello"), ("hello\r\n", "hello"), ("\n", ""), ("\r\n", ""), ("a\r", "a\r")]
        {
            let mut sender = sender(line.as_bytes());
            let read = if line.ends_with('\n') { Ok(line.len()) } else { Err(Error::UnexpectedEnd) };
            sender.take(read).unwrap();
            assert_eq!(sender.message(), message.as_bytes());
            assert_eq!(sender.message.length + sender.message.end, line.len());
        }
    }

    #[test]
    fn a_line_that_is_too_long_is_cut_between_characters() {
        for (front, length) in [("", MAX_LINE), ("x", MAX_LINE - 1)] {
            let line = std::format!("{front}{}", "ä".repeat(MAX_LINE));
            let mut sender = sender(&line.as_bytes()[..MAX_LINE + 1]);
            sender.take(Err(Error::BufferFull)).unwrap();
            assert_eq!(sender.message().len(), length);
            assert!(!sender.has_ended);
        }
        assert_eq!(whole_characters(&[0xFF; 8]), 8, "what is not UTF-8 is cut anywhere");
        assert_eq!(whole_characters(&[0xC3]), 1, "but never to nothing");
    }

    #[test]
    fn what_others_say_cannot_move_the_cursor() {
        assert_eq!(Text(b"a\x1b[2J\tb\xffc").to_string(), "a\\u{1b}[2J\\tb\u{fffd}c");
        assert_eq!(Text("grüß \u{202e}dich".as_bytes()).to_string(), "grüß \\u{202e}dich");
    }

    #[test]
    fn an_interface_is_the_scope_of_a_group() {
        let group: SocketAddr = "[ff02::1234]:5000".parse().unwrap();
        let SocketAddr::V6(scoped) = on_interface(group, Interface::Index(7)) else { panic!("still IPv6") };
        assert_eq!((scoped.scope_id(), scoped.port()), (7, 5000));
        assert_eq!(on_interface(group, Interface::Any), group);
        let group: SocketAddr = "239.1.2.3:5000".parse().unwrap();
        assert_eq!(on_interface(group, Interface::Index(7)), group);
    }
}
