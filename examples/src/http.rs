//! HTTP/1.1 as a client that gets one resource: the header, and bodies of any length piece by piece.
//!
//! ```text
//!  url -> request -> socket -> head -> body -> whoever takes the pieces
//! ```
//!
//! Section numbers refer to RFC 9112. Left out: TLS, redirects, compressed bodies, and more than one request a connection.

pub mod body;
pub mod get;
pub mod head;
pub mod url;

use core::fmt;

/// Why what came is no answer that can be used.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Malformed {
    /// It does not begin as an answer in HTTP/1 does.
    NotHttp,
    /// A line of the header is none.
    Header,
    /// The header is longer than [`head::MAX`].
    HeaderTooLong,
    /// `Content-Length` is no number, or there are two that differ.
    Length,
    /// A transfer coding other than `chunked`, which was not asked for.
    Coding,
    /// The size of a chunk, or what must stand around one.
    Chunk,
    /// Chunk extensions or trailers that take more than [`body::MAX_OVERHEAD`] at a time.
    Overhead,
    /// The connection was closed before anything came.
    Nothing,
    /// The connection was closed in the middle of the header.
    EndInHeader,
    /// The connection was closed when so many bytes of the body were still to come.
    EndInBody(u64),
    /// The connection was closed within the chunks, before the last one.
    EndInChunks,
}

impl fmt::Display for Malformed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Malformed::NotHttp => "what answers does not speak HTTP/1",
            Malformed::Header => "the header is malformed",
            Malformed::HeaderTooLong => return write!(f, "the header is longer than {} bytes", head::MAX),
            Malformed::Length => "the header's Content-Length is wrong",
            Malformed::Coding => "the body has a transfer coding that is not known",
            Malformed::Chunk => "a chunk of the body is malformed",
            Malformed::Overhead => "the body's chunks carry too much beside the body",
            Malformed::Nothing => "the server closed the connection without an answer",
            Malformed::EndInHeader => "the server closed the connection in the middle of the header",
            Malformed::EndInBody(missing) => {
                return write!(f, "the server closed the connection with {missing} bytes of the body to come");
            }
            Malformed::EndInChunks => "the server closed the connection before the last chunk of the body",
        })
    }
}
