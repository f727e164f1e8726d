//! Framing: messages in a stream of bytes, which arrive in pieces of any size.
//!
//! A [`Framing`] says where the first message in some bytes ends. [`LengthPrefixed`] reads a length in the message's
//! header, [`Delimited`] looks for what stands behind it. Both are constants that describe a protocol:
//!
//! ```
//! use ptk_core::framing::{Delimited, LengthPrefixed};
//!
//! /// DNS over TCP: two bytes of length before each message (RFC 1035, section 4.2.2).
//! const DNS: LengthPrefixed = LengthPrefixed::u16_be().max(512 + 2);
//! /// Modbus/TCP: the length is in bytes 4 and 5, and counts what is behind it.
//! const MODBUS: LengthPrefixed = LengthPrefixed::u16_be().at(4).max(260);
//! /// EtherNet/IP: the length is in bytes 2 and 3, least significant first, and counts what is behind a header of 24.
//! const ETHERNET_IP: LengthPrefixed = LengthPrefixed::u16_le().at(2).counted_from(24).max(24 + 504);
//! /// Lines of text.
//! const LINES: Delimited<'static> = Delimited::new(b"\r\n", 80);
//! ```
//!
//! [`Cx::recv_frame`] receives until a whole message is readable at the buffer's front. It stays there until it is
//! [consumed](Buf::consume), and what arrived behind it stays too:
//!
//! ```
//! # use ptk_core::prelude::*;
//! # use ptk_core::framing::LengthPrefixed;
//! # const MODBUS: LengthPrefixed = LengthPrefixed::u16_be().at(4).max(260);
//! # #[derive(Clone, Hash, Debug)]
//! # struct Echo { pt: Pt, socket: TcpSocket, length: usize, input: Buffer<260>, output: Buffer<260> }
//! # impl<P: Platform> Protothread<P> for Echo {
//! #     type Output = Result<(), Error>;
//! #     #[protothread]
//! #     fn run(&mut self, cx: &mut Cx<'_, P>, _: &mut ()) -> Result<(), Error> {
//! loop {
//!     self.length = wait!(cx.recv_frame(self.socket, &mut self.input, &MODBUS))?;
//!     if self.length == 0 {
//!         return Ok(()); // the end of the stream, between two frames
//!     }
//!     let frame = self.input.readable().get(..self.length).unwrap_or(&[]);
//!     self.output.put_slice(frame)?;
//!     self.input.consume(self.length);
//!     wait!(cx.send_all(self.socket, &mut self.output))?;
//! }
//! #     }
//! # }
//! ```

mod delimited;
mod length_prefixed;

use core::task::Poll;

pub use self::delimited::Delimited;
pub use self::length_prefixed::LengthPrefixed;
use crate::buffer::Buf;
use crate::cx::Cx;
use crate::error::Error;
use crate::handle::Stream;
use crate::platform::Platform;

/// Where messages begin and end in a stream.
pub trait Framing {
    /// The length of the frame at the front of `bytes`, as soon as it can be told, with everything that belongs to it;
    /// never 0. `None` if that takes more bytes. The frame itself may be longer than `bytes`.
    ///
    /// The answer does not depend on how many bytes are there behind those that it takes.
    ///
    /// # Errors
    ///
    /// [`Error::MessageTooLarge`] if the frame is larger than the framing allows, as soon as that can be told;
    /// [`Error::Protocol`] if these bytes begin no frame.
    fn length(&self, bytes: &[u8]) -> Result<Option<usize>, Error>;

    /// The whole frame at the front of the buffer; `None` if it is not all there. Nothing is taken.
    ///
    /// # Errors
    ///
    /// As [`length`](Self::length).
    fn frame<'b>(&self, buffer: &'b Buf) -> Result<Option<&'b [u8]>, Error> {
        let bytes = buffer.readable();
        Ok(self.length(bytes)?.and_then(|length| bytes.get(..length)))
    }
}

impl<P: Platform> Cx<'_, P> {
    /// Receives until a whole frame is readable at the buffer's front, counting what was in it. Ready with the frame's
    /// length; more may be readable behind it. 0 is the end of the stream where a frame would begin.
    ///
    /// The frame stays until it is consumed: evaluated again before that, the same frame is ready. Each evaluation looks
    /// for the frame's end anew.
    ///
    /// # Errors
    ///
    /// [`Error::MessageTooLarge`] if the frame is larger than the framing allows, or than the buffer;
    /// [`Error::Protocol`] if what is there begins no frame; [`Error::UnexpectedEnd`] if the stream ends within a frame.
    /// What arrived stays in the buffer. Otherwise as [`recv`](Self::recv).
    pub fn recv_frame(
        &mut self,
        socket: impl Stream,
        buffer: &mut Buf,
        framing: &impl Framing,
    ) -> Poll<Result<usize, Error>> {
        loop {
            match next_frame(buffer, framing) {
                Ok(Some(length)) => return Poll::Ready(self.check_socket(socket).map(|()| length)),
                Ok(None) => {}
                Err(error) => return Poll::Ready(Err(self.fail(error))),
            }
            match self.recv(socket, buffer) {
                Poll::Ready(Ok(0)) if buffer.is_empty() => return Poll::Ready(Ok(0)),
                Poll::Ready(Ok(0)) => return Poll::Ready(Err(self.fail(Error::UnexpectedEnd))),
                Poll::Ready(Ok(_)) => {}
                other => return other,
            }
        }
    }
}

/// Has `put` append a frame to `out`, which begins at the length that it is given; takes it back if that fails.
fn put_whole(out: &mut Buf, put: impl FnOnce(&mut Buf, usize) -> Result<(), Error>) -> Result<(), Error> {
    let start = out.len();
    let result = put(out, start);
    if result.is_err() {
        out.truncate(start);
    }
    result
}

/// The length of the whole frame at the buffer's front. An error if it can never be there.
fn next_frame(buffer: &Buf, framing: &impl Framing) -> Result<Option<usize>, Error> {
    match framing.length(buffer.readable())? {
        Some(length) if length > buffer.capacity() => Err(Error::MessageTooLarge),
        Some(length) if length <= buffer.len() => Ok(Some(length)),
        None if buffer.room() == 0 => Err(Error::MessageTooLarge),
        _ => Ok(None),
    }
}
