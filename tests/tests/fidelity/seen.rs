//! What an operation shows of its world: the same words for every platform.

use std::fmt;

use ptk_core::Error;

#[derive(Clone, PartialEq, Debug)]
pub(crate) enum Seen {
    /// There was nothing to do it with, or the core would not have called.
    Nothing,
    Done,
    Failed(Error),
    /// Bytes of a stream, told apart by their sum.
    Bytes(usize, u64),
    Datagram {
        count: usize,
        sum: u64,
        from: String,
        truncated: bool,
    },
    Address(String),
    /// Ready without a word: no event had announced this.
    Unannounced(Box<Seen>),
    Text(&'static str),
    All(Vec<Seen>),
}

impl Seen {
    /// Of a call that shows nothing but whether it could be done.
    pub(crate) fn of(done: Result<(), Error>) -> Seen {
        done.map_or_else(Seen::Failed, |()| Seen::Done)
    }

    pub(crate) const WOULD_BLOCK: Seen = Seen::Failed(Error::WouldBlock);

    /// Whether a platform that takes its time may show `whole` later.
    pub(crate) fn may_become(&self, whole: &Seen) -> bool {
        match (self, whole) {
            (Seen::Bytes(some, _), Seen::Bytes(all, _)) => some < all,
            (part, whole) => *part == Seen::WOULD_BLOCK && *whole != Seen::WOULD_BLOCK,
        }
    }
}

impl fmt::Display for Seen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Seen::Nothing => f.write_str("-"),
            Seen::Done => f.write_str("ok"),
            Seen::Failed(error) => write!(f, "{error:?}"),
            Seen::Bytes(0, _) => f.write_str("end"),
            Seen::Bytes(count, sum) => write!(f, "{count} bytes ({:04x})", sum & 0xffff),
            Seen::Datagram { count, sum, from, truncated } => {
                let cut = if *truncated { ", cut" } else { "" };
                write!(f, "{count} bytes ({:04x}) from {from}{cut}", sum & 0xffff)
            }
            Seen::Address(address) => f.write_str(address),
            Seen::Unannounced(seen) => write!(f, "{seen} WITHOUT AN EVENT"),
            Seen::Text(text) => f.write_str(text),
            Seen::All(all) => {
                for (index, seen) in all.iter().enumerate() {
                    let comma = if index == 0 { "" } else { ", " };
                    write!(f, "{comma}{seen}")?;
                }
                Ok(())
            }
        }
    }
}

/// A number for bytes that other bytes hardly have (FNV-1a).
pub(crate) fn sum(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |sum, byte| (sum ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3))
}
