//! EtherNet/IP device discovery: ListIdentity, as the one who asks and as a device that answers.
//!
//! ```text
//!  discovery -> request -> encapsulation -> socket        who asks
//!  discovery <- identity <- encapsulation <- socket
//!  responder -> identity -> encapsulation -> socket       a device
//! ```
//!
//! The encapsulation is that of "The CIP Networks Library, Volume 2: EtherNet/IP Adaptation of CIP", chapter 2; section
//! numbers refer to it. Numbers are little-endian, but for the socket address in an identity. Left out: sessions, explicit
//! and implicit messages, and all other commands.

pub mod discovery;
pub mod encapsulation;
pub mod identity;
pub mod responder;

/// The port of EtherNet/IP, for TCP and UDP.
pub const PORT: u16 = 44818;
