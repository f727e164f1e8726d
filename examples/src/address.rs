//! Addresses as people write them.

use core::fmt;
use core::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

/// The longest name of a host, without a final dot (RFC 1035, 2.3.4: 255 bytes with the lengths of its labels).
const MAX_NAME: usize = 253;

/// The longest label of a name.
const MAX_LABEL: usize = 63;

/// Why a text is no address.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum NoAddress {
    /// There is no port behind a colon.
    Port,
    /// The host is neither an address nor `localhost`.
    Host,
    /// The host is neither an address nor a name.
    Name,
    /// The host is a name with a label that is empty or too long, or is too long itself.
    Label,
    /// The host ends in a number and is no IPv4 address.
    Number,
    /// The port is 0.
    NoPort,
    /// The address is the unspecified one.
    Unspecified,
    /// The address is one of the local link, and says nothing of the interface.
    Link,
}

impl fmt::Display for NoAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            NoAddress::Port => "needs a port from 0 to 65535: HOST:PORT",
            NoAddress::Name => "the host must be a name, an IPv4 address, or an IPv6 address (in brackets if a port follows)",
            NoAddress::Label => "the host must be a name of at most 253 characters, 1 to 63 between its dots",
            NoAddress::Number => "the host ends in a number, so it must be an IPv4 address: four numbers from 0 to 255",
            NoAddress::NoPort => "the port must not be 0",
            NoAddress::Unspecified => "no host has the unspecified address",
            NoAddress::Link => "an address of the local link (fe80::) needs an interface, and has none",
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

/// Refuses where nobody can be asked for anything.
///
/// # Errors
///
/// [`NoAddress::NoPort`], [`NoAddress::Unspecified`], [`NoAddress::Link`].
pub fn check_peer(peer: SocketAddr) -> Result<(), NoAddress> {
    if peer.port() == 0 {
        return Err(NoAddress::NoPort);
    }
    if peer.ip().is_unspecified() {
        return Err(NoAddress::Unspecified);
    }
    match peer {
        SocketAddr::V6(peer) if peer.ip().is_unicast_link_local() && peer.scope_id() == 0 => Err(NoAddress::Link),
        _ => Ok(()),
    }
}

/// Splits `HOST[:PORT]`, where the host is a name or an address, with brackets around IPv6 ones if a port follows. Gives the
/// host without brackets; a port that is not there is `default`.
///
/// # Errors
///
/// [`NoAddress`], but for [`NoAddress::Host`].
pub fn split(text: &str, default: u16) -> Result<(&str, u16), NoAddress> {
    let (host, port) = split_unchecked(text, default)?;
    match host.parse() {
        Ok(address) => check_peer(SocketAddr::new(address, port))?,
        Err(_) if port == 0 => return Err(NoAddress::NoPort),
        Err(_) => check_name(host)?,
    }
    Ok((host, port))
}

/// Refuses what no name of a host is like (RFC 1035, 2.3.4; RFC 1123, 2.1). A final dot may be there.
fn check_name(name: &str) -> Result<(), NoAddress> {
    let name = name.strip_suffix('.').unwrap_or(name);
    if name.len() > MAX_NAME || !name.split('.').all(|label| (1..=MAX_LABEL).contains(&label.len())) {
        return Err(NoAddress::Label);
    }
    let is_number = |label: &str| label.bytes().all(|byte| byte.is_ascii_digit());
    if name.rsplit('.').next().is_some_and(is_number) { Err(NoAddress::Number) } else { Ok(()) }
}

fn split_unchecked(text: &str, default: u16) -> Result<(&str, u16), NoAddress> {
    if text.parse::<Ipv6Addr>().is_ok() {
        return Ok((text, default));
    }
    if let Some(rest) = text.strip_prefix('[') {
        let (host, port) = rest.split_once(']').ok_or(NoAddress::Name)?;
        host.parse::<Ipv6Addr>().map_err(|_| NoAddress::Name)?;
        return Ok((host, self::port(port, default)?));
    }
    let (host, port) = text.split_at(text.find(':').unwrap_or(text.len()));
    let is_name = |byte: u8| byte.is_ascii_alphanumeric() || b"-._".contains(&byte);
    if host.is_empty() || !host.bytes().all(is_name) {
        return Err(NoAddress::Name);
    }
    Ok((host, self::port(port, default)?))
}

/// The port in `:PORT`.
fn port(text: &str, default: u16) -> Result<u16, NoAddress> {
    if text.is_empty() {
        return Ok(default);
    }
    let digits = text.strip_prefix(':').filter(|port| port.bytes().all(|byte| byte.is_ascii_digit()));
    digits.and_then(|digits| digits.parse().ok()).ok_or(NoAddress::Port)
}

/// Any address of the family of `peer`, and any port: where a socket is bound that talks to it.
pub const fn any_for(peer: SocketAddr) -> SocketAddr {
    let any = match peer {
        SocketAddr::V4(_) => IpAddr::V4(Ipv4Addr::UNSPECIFIED),
        SocketAddr::V6(_) => IpAddr::V6(Ipv6Addr::UNSPECIFIED),
    };
    SocketAddr::new(any, 0)
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

    #[test]
    fn hosts_are_split_from_their_ports() {
        for (text, expected) in [
            ("server.com", Ok(("server.com", 9))),
            ("server.com:80", Ok(("server.com", 80))),
            ("10.0.0.1:80", Ok(("10.0.0.1", 80))),
            ("::1", Ok(("::1", 9))),
            ("[::1]", Ok(("::1", 9))),
            ("[::1]:80", Ok(("::1", 80))),
            ("", Err(NoAddress::Name)),
            (":80", Err(NoAddress::Name)),
            ("a b", Err(NoAddress::Name)),
            ("[::1", Err(NoAddress::Name)),
            ("[server]:80", Err(NoAddress::Name)),
            ("server:", Err(NoAddress::Port)),
            ("server:0", Err(NoAddress::NoPort)),
            ("10.0.0.1:0", Err(NoAddress::NoPort)),
            ("server:+1", Err(NoAddress::Port)),
            ("server:65536", Err(NoAddress::Port)),
            ("server:1:2", Err(NoAddress::Port)),
            ("[::1]80", Err(NoAddress::Port)),
            ("server.com.", Ok(("server.com.", 9))),
            ("7.server", Ok(("7.server", 9))),
            ("a..b", Err(NoAddress::Label)),
            (".", Err(NoAddress::Label)),
            (".com", Err(NoAddress::Label)),
            ("256.1.1.1", Err(NoAddress::Number)),
            ("1.2.3", Err(NoAddress::Number)),
            ("server.7", Err(NoAddress::Number)),
            ("0.0.0.0", Err(NoAddress::Unspecified)),
            ("[::]:80", Err(NoAddress::Unspecified)),
            ("fe80::1", Err(NoAddress::Link)),
        ] {
            assert_eq!(split(text, 9), expected, "{text}");
        }
    }

    #[test]
    fn names_have_limits() {
        let label = "x".repeat(MAX_LABEL);
        let longest = [&label[..], &label, &label, &label[2..]].join(".");
        assert_eq!(longest.len(), MAX_NAME);
        assert_eq!(split(&longest, 9), Ok((&longest[..], 9)));
        assert_eq!(split(&std::format!("{longest}x"), 9), Err(NoAddress::Label));
        assert_eq!(split(&std::format!("{label}x.com"), 9), Err(NoAddress::Label));
    }

    #[test]
    fn peers_that_cannot_be_are_told_apart() {
        for (text, expected) in [
            ("127.0.0.1:0", Err(NoAddress::NoPort)),
            ("0.0.0.0:53", Err(NoAddress::Unspecified)),
            ("[fe80::1]:53", Err(NoAddress::Link)),
            ("[fe80::1%2]:53", Ok(())),
            ("10.0.0.1:53", Ok(())),
        ] {
            assert_eq!(check_peer(text.parse().unwrap()), expected, "{text}");
        }
    }
}
