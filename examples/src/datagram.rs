//! What datagram protocols have in common.

use core::net::SocketAddr;

use ptk_core::prelude::*;

/// How long to wait before a socket is asked for again.
const PAUSE: Duration = Duration::from_millis(100);

/// Opens a socket, and waits where the system has none left or somebody else has the address.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Default, Debug)]
pub struct Opening {
    pt: PtTimed,
}

impl Opening {
    /// Nothing is asked for.
    pub const fn new() -> Self {
        Opening { pt: PtTimed::new() }
    }

    /// A socket at `address`.
    #[protothread(self.pt)]
    pub fn udp_socket<P: Platform>(&mut self, cx: &mut Cx<'_, P>, address: SocketAddr) -> Result<UdpSocket, Error> {
        loop {
            match cx.udp_socket(address) {
                Err(Error::OutOfMemory | Error::TooManyDescriptors | Error::AddressInUse) => wait!(sleep!(PAUSE)),
                result => return result,
            }
        }
    }
}

/// Whether a send or a receive says no more than that a datagram was not delivered: to one who repeats what is not
/// answered, a loss like any other.
pub const fn is_loss(error: Error) -> bool {
    matches!(
        error,
        Error::ConnectionRefused
            | Error::ConnectionReset
            | Error::NoRoute
            | Error::TimedOut
            | Error::Network
            | Error::OutOfMemory
            | Error::PermissionDenied
    )
}

/// Passes over what is a [loss](is_loss).
///
/// # Errors
///
/// What is none.
pub fn unless_lost<T>(result: Result<T, Error>) -> Result<Option<T>, Error> {
    match result {
        Ok(value) => Ok(Some(value)),
        Err(error) if is_loss(error) => Ok(None),
        Err(error) => Err(error),
    }
}
