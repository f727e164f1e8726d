//! The body of an answer, as it comes: pieces of any size in, pieces without the framing out.
//!
//! ```text
//!  Length(n) --- n bytes ----------------------------> Complete
//!  UntilClose -- the end of the stream --------------> Complete
//!  Size -> Extension -> SizeEnd -> Data -> DataEnd -> Size ..
//!                         | size 0
//!                         '-> Trailer -- empty line -> Complete
//! ```

use super::Malformed;
use super::head::Framing;

/// The most bytes that the extensions of one chunk may take, and the trailers together. They are skipped.
pub const MAX_OVERHEAD: usize = 4096;

/// Where in its body an answer is.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Body {
    state: State,
    overhead: usize,
}

#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
enum State {
    Length(u64),
    UntilClose,
    /// The digits of a chunk's size.
    Size {
        size: u64,
        has_digits: bool,
    },
    /// What may stand behind them, to the carriage return.
    Extension(u64),
    /// The line feed behind that.
    SizeEnd(u64),
    Data(u64),
    /// The carriage return behind a chunk.
    DataEnd,
    /// The line feed behind that.
    DataEndLf,
    /// A line behind the last chunk.
    Trailer {
        is_empty: bool,
    },
    Complete,
}

/// What was found at the front of what came.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Piece<'a> {
    /// A piece of the body, which may be empty.
    pub data: &'a [u8],
    /// How many bytes were looked at, the piece included; at least one, of input that is not empty.
    pub used: usize,
}

impl Body {
    /// A body of which nothing has come.
    pub const fn new(framing: Framing) -> Self {
        let state = match framing {
            Framing::Length(0) => State::Complete,
            Framing::Length(length) => State::Length(length),
            Framing::UntilClose => State::UntilClose,
            Framing::Chunked => State::Size { size: 0, has_digits: false },
        };
        Body { state, overhead: 0 }
    }

    /// Whether all of it has come.
    pub const fn is_complete(&self) -> bool {
        matches!(self.state, State::Complete)
    }

    /// The next piece of the body in `input`, or the next byte of what stands around it. Of a complete body nothing more
    /// is expected: what comes is skipped.
    ///
    /// # Errors
    ///
    /// [`Malformed::Chunk`] and [`Malformed::Overhead`].
    pub fn take<'a>(&mut self, input: &'a [u8]) -> Result<Piece<'a>, Malformed> {
        match self.state {
            State::Length(left) => {
                let (data, left) = front(input, left);
                self.state = if left == 0 { State::Complete } else { State::Length(left) };
                Ok(Piece { data, used: data.len() })
            }
            State::Data(left) => {
                let (data, left) = front(input, left);
                self.state = if left == 0 { State::DataEnd } else { State::Data(left) };
                Ok(Piece { data, used: data.len() })
            }
            State::UntilClose => Ok(Piece { data: input, used: input.len() }),
            State::Complete => Ok(Piece { data: &[], used: input.len() }),
            _ => match input.first() {
                Some(byte) => self.step(*byte).map(|()| Piece { data: &[], used: 1 }),
                None => Ok(Piece { data: &[], used: 0 }),
            },
        }
    }

    /// The stream has ended.
    ///
    /// # Errors
    ///
    /// [`Malformed::EndInBody`] and [`Malformed::EndInChunks`] if the body had not.
    pub fn end(&mut self) -> Result<(), Malformed> {
        match self.state {
            State::Complete | State::UntilClose => {
                self.state = State::Complete;
                Ok(())
            }
            State::Length(left) => Err(Malformed::EndInBody(left)),
            _ => Err(Malformed::EndInChunks),
        }
    }

    /// A byte of what stands around the chunks (section 7.1). Lines may end with a line feed alone, as in headers.
    fn step(&mut self, byte: u8) -> Result<(), Malformed> {
        self.state = match (self.state, byte) {
            (State::Size { size, has_digits }, _) => self.size(size, has_digits, byte)?,
            (State::Extension(size), b'\r') => State::SizeEnd(size),
            (State::Extension(size) | State::SizeEnd(size), b'\n') => self.size_is_known(size),
            (State::Extension(size), _) => self.skip(State::Extension(size))?,
            (State::DataEnd, b'\r') => State::DataEndLf,
            (State::DataEnd | State::DataEndLf, b'\n') => State::Size { size: 0, has_digits: false },
            (State::Trailer { is_empty: true }, b'\n') => State::Complete,
            (State::Trailer { .. }, b'\n') => self.skip(State::Trailer { is_empty: true })?,
            (State::Trailer { is_empty }, b'\r') => self.skip(State::Trailer { is_empty })?,
            (State::Trailer { .. }, _) => self.skip(State::Trailer { is_empty: false })?,
            _ => return Err(Malformed::Chunk),
        };
        Ok(())
    }

    fn size(&mut self, size: u64, has_digits: bool, byte: u8) -> Result<State, Malformed> {
        if let Some(digit) = char::from(byte).to_digit(16) {
            let size = size.checked_mul(16).and_then(|size| size.checked_add(digit.into())).ok_or(Malformed::Chunk)?;
            // Zeros in front of a size are overhead too: a stream of them would never end.
            return self.skip(State::Size { size, has_digits: true });
        }
        match byte {
            b'\r' if has_digits => Ok(State::SizeEnd(size)),
            b'\n' if has_digits => Ok(self.size_is_known(size)),
            b';' | b' ' | b'\t' if has_digits => Ok(State::Extension(size)),
            _ => Err(Malformed::Chunk),
        }
    }

    fn size_is_known(&mut self, size: u64) -> State {
        self.overhead = 0;
        if size == 0 { State::Trailer { is_empty: true } } else { State::Data(size) }
    }

    /// Counts a byte that is no part of the body.
    fn skip(&mut self, state: State) -> Result<State, Malformed> {
        self.overhead += 1;
        if self.overhead > MAX_OVERHEAD { Err(Malformed::Overhead) } else { Ok(state) }
    }
}

/// Of the `left` bytes of a body or a chunk those that are in `input`, and how many are left then.
fn front(input: &[u8], left: u64) -> (&[u8], u64) {
    let length = usize::try_from(left).unwrap_or(usize::MAX).min(input.len());
    (input.get(..length).unwrap_or(&[]), left - length as u64)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::vec::Vec;

    /// What comes out when `input` comes in pieces of `size`, and how it ends.
    fn collect(framing: Framing, input: &[u8], size: usize) -> (Vec<u8>, Result<(), Malformed>) {
        let (mut body, mut out) = (Body::new(framing), Vec::new());
        for mut piece in input.chunks(size) {
            while !piece.is_empty() {
                match body.take(piece) {
                    Ok(Piece { data, used }) => {
                        assert!((1..=piece.len()).contains(&used));
                        out.extend(data);
                        piece = &piece[used..];
                    }
                    Err(error) => return (out, Err(error)),
                }
            }
        }
        (out, body.end())
    }

    const CHUNKS: &[u8] = b"5\r\nhello\r\n1;x=\"y\"\r\n,\r\n00b \r\n lovely day\r\n0\r\nTrailer: x\r\n\r\n";

    #[test]
    fn chunks_are_put_together_whatever_pieces_they_come_in() {
        for size in 1..=CHUNKS.len() {
            let (body, end) = collect(Framing::Chunked, CHUNKS, size);
            assert_eq!((body.as_slice(), end), (&b"hello, lovely day"[..], Ok(())), "pieces of {size}");
        }
        let bare: Vec<u8> = CHUNKS.iter().copied().filter(|byte| *byte != b'\r').collect();
        assert_eq!(collect(Framing::Chunked, &bare, 1).0, b"hello, lovely day");
    }

    #[test]
    fn an_end_within_is_told() {
        for length in 0..CHUNKS.len() {
            let (_, end) = collect(Framing::Chunked, &CHUNKS[..length], 7);
            assert_eq!(end, Err(Malformed::EndInChunks), "{length}");
        }
        assert_eq!(collect(Framing::Length(10), b"hello", 2), (b"hello".to_vec(), Err(Malformed::EndInBody(5))));
        assert_eq!(collect(Framing::UntilClose, b"hello", 2), (b"hello".to_vec(), Ok(())));
    }

    #[test]
    fn what_follows_a_body_is_not_part_of_it() {
        assert_eq!(collect(Framing::Length(5), b"hello, more", 3), (b"hello".to_vec(), Ok(())));
        assert_eq!(collect(Framing::Length(0), b"more", 3), (Vec::new(), Ok(())));
        assert_eq!(collect(Framing::Chunked, b"0\r\n\r\nmore", 3), (Vec::new(), Ok(())));
    }

    #[test]
    fn what_is_no_chunk_is_refused() {
        let endless = [b'0'; MAX_OVERHEAD + 2];
        let extension: Vec<u8> = b"1;".iter().copied().chain([b'x'; MAX_OVERHEAD + 1]).collect();
        let trailer: Vec<u8> = b"0\r\n".iter().copied().chain([b'x'; MAX_OVERHEAD + 1]).collect();
        for (input, reason) in [
            (&b"\r\n"[..], Malformed::Chunk),
            (b"x\r\n", Malformed::Chunk),
            (b"\n", Malformed::Chunk),
            (b";x\r\n", Malformed::Chunk),
            (b"-1\r\n", Malformed::Chunk),
            (b"5x\r\n", Malformed::Chunk),
            (b"5\rx", Malformed::Chunk),
            (b"5\r\nhello!", Malformed::Chunk),
            (b"5\r\nhello\rx", Malformed::Chunk),
            (b"10000000000000000\r\n", Malformed::Chunk),
            (&endless, Malformed::Overhead),
            (&extension, Malformed::Overhead),
            (&trailer, Malformed::Overhead),
        ] {
            assert_eq!(collect(Framing::Chunked, input, 3).1, Err(reason), "{}", input.escape_ascii());
        }
    }

    #[test]
    fn what_stands_around_a_chunk_has_a_limit_and_around_all_chunks_none() {
        let most: Vec<u8> = b"1;".iter().copied().chain([b'x'; MAX_OVERHEAD - 1]).chain(*b"\r\na\r\n").collect();
        let (body, end) = collect(Framing::Chunked, &[&most[..], &most, b"0\r\n\r\n"].concat(), 100);
        assert_eq!((body.as_slice(), end), (&b"aa"[..], Ok(())));
    }

    #[test]
    fn a_body_up_to_the_end_of_the_stream_is_complete_with_it() {
        let mut body = Body::new(Framing::UntilClose);
        body.take(b"hello").unwrap();
        assert!(!body.is_complete());
        assert_eq!((body.end(), body.is_complete()), (Ok(()), true));
    }

    #[test]
    fn the_largest_sizes_are_taken_at_their_word() {
        let (body, end) = collect(Framing::Chunked, b"ffffffffffffffff\r\nhello", 100);
        assert_eq!((body.as_slice(), end), (&b"hello"[..], Err(Malformed::EndInChunks)));
        assert_eq!(collect(Framing::Length(u64::MAX), b"hello", 1).1, Err(Malformed::EndInBody(u64::MAX - 5)));
    }
}
