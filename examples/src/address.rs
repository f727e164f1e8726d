//! Addresses as people write them.

use core::fmt;
use core::net::{IpAddr, Ipv4Addr, SocketAddr};

/// Why a text is no address.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum NoAddress {
    /// There is no port behind a colon.
    Port,
    /// The host is neither an address nor `localhost`.
    Host,
}

impl fmt::Display for NoAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            NoAddress::Port => "needs a port from 0 to 65535: HOST:PORT",
            NoAddress::Host => "the host must be an IPv4 address, an IPv6 address in brackets, or `localhost`; other names are not looked up",
        })
    }
}

/// Reads `HOST:PORT`, where the host is an IPv4 address, an IPv6 address in brackets, or `localhost` (127.0.0.1).
///
/// # Errors
///
/// [`NoAddress`] if it is something else.
pub fn parse(text: &str) -> Result<SocketAddr, NoAddress> {
    if let Ok(address) = text.parse() {
        return Ok(address);
    }
    let (host, port) = text.rsplit_once(':').ok_or(NoAddress::Port)?;
    let port = port.parse().map_err(|_| NoAddress::Port)?;
    if host.eq_ignore_ascii_case("localhost") {
        return Ok(SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), port));
    }
    Err(NoAddress::Host)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::string::ToString;

    #[test]
    fn addresses_are_read_as_they_are_written() {
        for (text, address) in [
            ("127.0.0.1:1502", "127.0.0.1:1502"),
            ("[::1]:502", "[::1]:502"),
            ("localhost:0", "127.0.0.1:0"),
            ("LocalHost:7", "127.0.0.1:7"),
        ] {
            assert_eq!(parse(text).unwrap().to_string(), address);
        }
    }

    #[test]
    fn what_is_wrong_is_said() {
        for (text, reason) in [
            ("127.0.0.1", NoAddress::Port),
            ("localhost:", NoAddress::Port),
            ("localhost:65536", NoAddress::Port),
            ("", NoAddress::Port),
            ("plc.example:502", NoAddress::Host),
            ("::1:502", NoAddress::Host),
            (":502", NoAddress::Host),
        ] {
            assert_eq!(parse(text), Err(reason), "{text}");
        }
    }
}
