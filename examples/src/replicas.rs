//! A register on two machines: what was acknowledged outlives the crash of either.
//!
//! ```text
//!  writer, reader            primary                     backup               witness
//!    | -- Write, Read -------> | -- Copy, Check --------> |                     |
//!    | <-- Written, Value ---- | <-- Copied, Checked ---- |                     |
//!    |                         | (no answer) -- Claim ----------------------> | |
//!    | -- Write, Read (primary is silent) --------------> | -- Claim ---------> |
//!    |                         |                          | <-- Granted ------- |
//!    | <-- Written, Value -------------------------------- |                     |
//! ```
//!
//! The primary answers only when the backup has what it answers, reads too: so a backup that has taken over can stop it.
//! One of the two may go on alone once the witness has granted it that. The witness does so once, and tells all others who
//! it was: a network that is cut is no reason for two to go on. The backup asks for it when a client turns to it, the
//! primary when the backup does not answer. To suspect wrongly costs the second copy, never the data.
//!
//! **State** is in RAM, and a crash loses it. So a machine that has crashed must not take part again as if it had never
//! been there: it starts as [`Role::Retired`](replica::Role::Retired) and says nothing, until an operator gives both a new
//! beginning. What is acknowledged survives one crash of any of the three machines. The register goes on after the crash
//! of the primary, of the backup, or of the witness; not after that of one who was alone.
//!
//! **The register** is a number of one byte. There is one writer, who writes 1, 2, 3 and so on: so a late duplicate of a
//! write is told by its value. Any number of readers ask with numbers of their own. Whoever is not answered asks again,
//! one machine after the other; an answer to an earlier attempt is an answer.
//!
//! All messages have the same few bytes, each is dealt with in one turn, and every number is small: the whole can be
//! explored exhaustively. A [`Variant`] makes mistakes on purpose, which an exploration finds.

pub mod client;
pub mod history;
pub mod message;
pub mod replica;
mod variant;
pub mod witness;

pub use variant::Variant;
