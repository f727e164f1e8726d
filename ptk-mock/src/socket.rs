//! The name by which the core holds a socket of the mock.

use ptk_core::Handle;

use crate::kernel::{EndpointId, ListenerId, StreamId};

/// A socket of a [`Mock`](crate::Mock): only a name, so that a world can be copied. What it names belongs to the mock
/// and ends with [`close`](ptk_core::Platform::close), or with the mock itself.
///
/// Calls with a socket that was closed, or that another mock opened, are refused with
/// [`InvalidHandle`](ptk_core::Error::InvalidHandle).
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Socket(pub(crate) Name);

/// What a socket names. The token guards against names that outlived what they named.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub(crate) enum Name {
    /// Nothing.
    Closed,
    /// A listener.
    Listener(ListenerId, Handle),
    /// One end of a connection.
    Stream(StreamId, Handle),
    /// A datagram socket.
    Endpoint(EndpointId, Handle),
}

impl Socket {
    /// The token under which it was opened.
    pub(crate) const fn token(&self) -> Option<Handle> {
        match self.0 {
            Name::Closed => None,
            Name::Listener(_, token) | Name::Stream(_, token) | Name::Endpoint(_, token) => Some(token),
        }
    }
}
