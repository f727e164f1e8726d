//! The text of a recording: what a record holds, and reading a recording.
//!
//! ```text
//! recording:  'P' 'T' 'K' 'R'  version  record..
//! record:     operation  parts  [socket] [argument] [options] [room] [os error] [error | outcome] [length]  payload  check
//! ```
//!
//! A bit of `parts` says which of those in brackets are there. The check is the 32-bit FNV-1a hash of all the recording
//! up to there, checks left out, folded to 16 bits: it tells of bytes that changed, and of records that are missing or
//! stand in another order.

#[cfg(test)]
mod tests;

use core::fmt;

use super::codec::{Flaw, Reader, Writer};
use super::{Argument, Call, Operation, Outcome};
use crate::error::Error;
use crate::options::Options;
use crate::platform::NameService;

/// What every recording begins with. The version is the last byte; it changes with the format, and with the list of
/// operations.
pub(super) const HEADER: [u8; 5] = *b"PTKR\x01";

const VERSION_AT: usize = HEADER.len() - 1;

/// The hash of nothing (FNV-1a, 32 bits).
const BASIS: u32 = 0x811C_9DC5;
const PRIME: u32 = 0x0100_0193;

/// The hash of all that was hashed to `state` and of `bytes`.
fn hash(state: u32, bytes: &[u8]) -> u32 {
    bytes.iter().fold(state, |state, byte| (state ^ u32::from(*byte)).wrapping_mul(PRIME))
}

fn fold(state: u32) -> [u8; 2] {
    ((state >> 16) as u16 ^ state as u16).to_le_bytes()
}

/// The hash of the header.
pub(super) fn first_state() -> u32 {
    hash(BASIS, &HEADER)
}

/// The hash behind a record, and the check to write.
pub(super) fn seal(state: u32, head: &[u8], payload: &[u8]) -> (u32, [u8; 2]) {
    let state = hash(hash(state, head), payload);
    (state, fold(state))
}

const SOCKET: u8 = 1;
const ARGUMENT: u8 = 2;
const OPTIONS: u8 = 4;
const ROOM: u8 = 8;
const OS_ERROR: u8 = 16;
const ERROR: u8 = 32;
const OUTCOME: u8 = 64;
const PAYLOAD: u8 = 128;

/// One record: a call and its outcome, or one thing that a call told before it ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct RecordedCall<'a> {
    /// The call. Its data are those that were offered or that came, and those of [`Operation::Entropy`] too.
    pub call: Call<'a>,
    /// What an open or an accept asked for.
    pub options: Option<Options>,
    /// How long the buffer to receive into was.
    pub room: Option<usize>,
    /// [`Platform::last_os_error`](crate::Platform::last_os_error) behind the call, if it was another one before.
    pub os_error: Option<i32>,
}

impl<'a> RecordedCall<'a> {
    /// `call`, and nothing else.
    pub const fn new(call: Call<'a>) -> Self {
        RecordedCall { call, options: None, room: None, os_error: None }
    }

    /// Whether this is one thing of several that a call told before it ended: a wait what happened, or a question for
    /// names one answer. The record of the call itself comes behind.
    pub const fn is_report(&self) -> bool {
        match self.call.operation {
            Operation::Ready | Operation::Alarm | Operation::Raised => true,
            _ => matches!(self.call.argument, Argument::NameService(_) | Argument::Host(..)),
        }
    }

    const fn parts(&self) -> u8 {
        let mut parts = if self.payload().is_empty() { 0 } else { PAYLOAD };
        parts |= if self.call.socket.is_some() { SOCKET } else { 0 };
        parts |= if matches!(self.call.argument, Argument::None) { 0 } else { ARGUMENT };
        parts |= if self.options.is_some() { OPTIONS } else { 0 };
        parts |= if self.room.is_some() { ROOM } else { 0 };
        parts |= if self.os_error.is_some() { OS_ERROR } else { 0 };
        parts
            | match self.call.result {
                Ok(Outcome::Done) => 0,
                Ok(_) => OUTCOME,
                Err(_) => ERROR,
            }
    }

    /// The bytes that stand at the end of the record.
    pub(super) const fn payload(&self) -> &'a [u8] {
        match self.call.argument {
            Argument::NameService(NameService::Search(text)) | Argument::Host(text, _) | Argument::Name(text) => {
                text.as_bytes()
            }
            _ => self.call.data,
        }
    }

    /// Writes all but the payload.
    pub(super) fn write_head(&self, to: &mut Writer) {
        let (call, parts, payload) = (&self.call, self.parts(), self.payload());
        to.put(call.operation);
        to.put(parts);
        call.socket.into_iter().for_each(|socket| to.put(socket));
        if parts & ARGUMENT != 0 {
            to.put(call.argument);
        }
        self.options.into_iter().for_each(|options| to.put(options));
        self.room.into_iter().for_each(|room| to.put(room));
        self.os_error.into_iter().for_each(|number| to.put(number));
        match call.result {
            Ok(Outcome::Done) => {}
            Ok(outcome) => to.put(outcome),
            Err(error) => to.put(error),
        }
        if parts & PAYLOAD != 0 {
            to.put(payload.len());
        }
    }

    fn read(from: &mut Reader<'a>) -> Result<Self, Flaw> {
        let operation = from.get()?;
        let parts: u8 = from.get()?;
        let has = |part| parts & part != 0;
        let socket = has(SOCKET).then(|| from.get()).transpose()?;
        let argument = if has(ARGUMENT) { from.get()? } else { Argument::None };
        let options = has(OPTIONS).then(|| from.get()).transpose()?;
        let room = has(ROOM).then(|| from.get()).transpose()?;
        let os_error = has(OS_ERROR).then(|| from.get()).transpose()?;
        let result = read_result(from, has(ERROR), has(OUTCOME))?;
        let length = if has(PAYLOAD) { from.get()? } else { 0 };
        let payload = from.bytes(length)?;
        let (argument, data) = with_text(argument, payload)?;
        Ok(RecordedCall { call: Call { operation, socket, argument, data, result }, options, room, os_error })
    }
}

fn read_result(from: &mut Reader<'_>, is_error: bool, is_outcome: bool) -> Result<Result<Outcome, Error>, Flaw> {
    match (is_error, is_outcome) {
        (true, false) => from.get().map(Err),
        (false, true) => from.get().map(Ok),
        (false, false) => Ok(Ok(Outcome::Done)),
        (true, true) => Err(Flaw::Corrupt),
    }
}

/// Gives the argument its text, if it has one; else the payload is data.
fn with_text<'a>(argument: Argument<'a>, payload: &'a [u8]) -> Result<(Argument<'a>, &'a [u8]), Flaw> {
    let text = || core::str::from_utf8(payload).map_err(|_| Flaw::Corrupt);
    Ok(match argument {
        Argument::NameService(NameService::Search(_)) => (Argument::NameService(NameService::Search(text()?)), &[][..]),
        Argument::Host(_, address) => (Argument::Host(text()?, address), &[]),
        Argument::Name(_) => (Argument::Name(text()?), &[]),
        argument => (argument, payload),
    })
}

impl fmt::Display for RecordedCall<'_> {
    /// The call's text; then, in brackets, the room to receive and options that are not the defaults.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.call.fmt(f)?;
        if let Some(room) = self.room {
            write!(f, " (room for {room})")?;
        }
        if let Some(options) = self.options.filter(|options| *options != Options::DEFAULT) {
            write!(f, " ({options:?})")?;
        }
        match self.os_error {
            Some(number) => write!(f, " (os error {number})"),
            None => Ok(()),
        }
    }
}

/// Why a recording cannot be read on.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct RecordingError {
    /// What is wrong.
    pub flaw: Flaw,
    /// How many bytes in front of that are a sound recording, which can be read by itself; 0 if there is none.
    pub offset: usize,
    /// How many records those hold.
    pub records: u64,
}

impl fmt::Display for RecordingError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (record, offset) = (self.records + 1, self.offset);
        match self.flaw {
            Flaw::Foreign => f.write_str("not a recording"),
            Flaw::Version(version) => {
                let own = HEADER[VERSION_AT];
                write!(f, "a recording of version {version}, and only version {own} can be read")
            }
            Flaw::Cut => write!(f, "the recording is cut off in record {record}, at byte {offset}"),
            Flaw::Corrupt => write!(f, "record {record} is corrupt, at byte {offset}"),
        }
    }
}

impl core::error::Error for RecordingError {}

/// A place in a recording, between two records.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct RecordingPosition {
    offset: usize,
    records: u64,
    state: u32,
}

/// Reads a recording, record by record. After an error there is nothing more.
///
/// ```
/// use ptk_core::middleware::{RecordBuffer, Recorded, RecordedCalls};
/// use ptk_core::{EventLoop, Platform};
/// use ptk_mock::Mock;
///
/// let mut event_loop = EventLoop::<_, 1, 2>::new(0, Recorded::new(Mock::new(), RecordBuffer::<256>::new()));
/// event_loop.open()?;
/// event_loop.cx().listen(([127, 0, 0, 1], 502).into())?;
/// let calls = RecordedCalls::new(event_loop.platform().recorder().as_bytes())?;
/// let lines: Vec<String> = calls.map(|call| call.map(|call| call.to_string())).collect::<Result<_, _>>()?;
/// assert_eq!(lines, ["open", "open_listener TcpListener 0.0#0 127.0.0.1:502"]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct RecordedCalls<'a> {
    recording: &'a [u8],
    position: RecordingPosition,
}

impl<'a> RecordedCalls<'a> {
    /// From the beginning. No bytes at all are a recording of nothing.
    ///
    /// # Errors
    ///
    /// What is wrong with the header.
    pub fn new(recording: &'a [u8]) -> Result<Self, RecordingError> {
        let flaw = match recording.split_at_checked(VERSION_AT) {
            _ if recording.is_empty() => None,
            Some((magic, [version, ..])) if *magic == HEADER[..VERSION_AT] => {
                (*version != HEADER[VERSION_AT]).then_some(Flaw::Version(*version))
            }
            _ => Some(Flaw::Foreign),
        };
        if let Some(flaw) = flaw {
            return Err(RecordingError { flaw, offset: 0, records: 0 });
        }
        let offset = HEADER.len().min(recording.len());
        Ok(RecordedCalls { recording, position: RecordingPosition { offset, records: 0, state: first_state() } })
    }

    /// From where another reader of this recording was.
    pub const fn resume(recording: &'a [u8], position: RecordingPosition) -> Self {
        RecordedCalls { recording, position }
    }

    /// Where it is.
    pub const fn position(&self) -> RecordingPosition {
        self.position
    }

    fn read(&mut self, rest: &'a [u8]) -> Result<RecordedCall<'a>, Flaw> {
        let mut reader = Reader(rest);
        let call = RecordedCall::read(&mut reader)?;
        let (body, _) = rest.split_at(rest.len() - reader.0.len());
        let state = hash(self.position.state, body);
        // A fuzzer would hardly ever guess the hash.
        if reader.bytes(2)? != fold(state) && !cfg!(fuzzing) {
            return Err(Flaw::Corrupt);
        }
        let offset = self.recording.len() - reader.0.len();
        self.position = RecordingPosition { offset, records: self.position.records + 1, state };
        Ok(call)
    }
}

impl<'a> Iterator for RecordedCalls<'a> {
    type Item = Result<RecordedCall<'a>, RecordingError>;

    fn next(&mut self) -> Option<Self::Item> {
        let rest = self.recording.get(self.position.offset..).filter(|rest| !rest.is_empty())?;
        let read = self.read(rest).map_err(|flaw| {
            let RecordingPosition { offset, records, .. } = self.position;
            RecordingError { flaw, offset, records }
        });
        if read.is_err() {
            self.recording = &[];
        }
        Some(read)
    }
}
