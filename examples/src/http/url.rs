//! URLs of the scheme `http`.

use core::fmt;
use core::net::Ipv6Addr;

use ptk_core::prelude::*;

use crate::address::{self, NoAddress};

/// The longest URL, in bytes: such a one fits into a request whole.
pub const MAX: usize = 1024;

/// The port of the scheme.
pub const PORT: u16 = 80;

/// A URL in its parts, which are those of the text that it was read from.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Url<'a> {
    /// A name, an IPv4 address, or an IPv6 address without its brackets.
    pub host: &'a str,
    /// 1 to 65535.
    pub port: u16,
    /// Host and port as they are written.
    authority: &'a str,
    /// Path and query as they are written, which may be nothing.
    target: &'a str,
}

/// Why a text is no URL that can be got.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum NoUrl {
    /// There is no `http://` in front.
    Scheme,
    /// It is one of HTTP over TLS.
    Https,
    /// The host is missing, or has characters that names do not have.
    Host,
    /// Nobody can be at the host, or have its name.
    Nobody(NoAddress),
    /// The port is no number from 1 to 65535.
    Port,
    /// It has a user or a password.
    User,
    /// It has a character that must be written as `%` and two digits.
    Character,
    /// It is longer than [`MAX`].
    TooLong,
}

impl fmt::Display for NoUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            NoUrl::Scheme => "a URL begins with http://",
            NoUrl::Https => "https is not supported: there is no TLS here",
            NoUrl::Host => "the host must be a name, an IPv4 address, or an IPv6 address in brackets",
            NoUrl::Nobody(reason) => return reason.fmt(f),
            NoUrl::Port => "the port must be a number from 1 to 65535",
            NoUrl::User => "users and passwords are not supported",
            NoUrl::Character => "spaces, control characters and what is not ASCII must be written as % and two digits",
            NoUrl::TooLong => return write!(f, "the URL is longer than {MAX} bytes"),
        })
    }
}

impl<'a> Url<'a> {
    /// Reads `http://HOST[:PORT][/PATH][?QUERY][#FRAGMENT]` (RFC 3986). The fragment is dropped.
    ///
    /// # Errors
    ///
    /// [`NoUrl`] if it is something else.
    pub fn parse(text: &'a str) -> Result<Self, NoUrl> {
        if text.len() > MAX {
            return Err(NoUrl::TooLong);
        }
        let rest = after_scheme(text, "http://");
        let rest = rest.ok_or(if after_scheme(text, "https://").is_some() { NoUrl::Https } else { NoUrl::Scheme })?;
        if !rest.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(NoUrl::Character);
        }
        let (rest, _fragment) = rest.split_once('#').unwrap_or((rest, ""));
        let (authority, target) = rest.split_at(rest.find(['/', '?']).unwrap_or(rest.len()));
        if authority.contains('@') {
            return Err(NoUrl::User);
        }
        let (host, port) = split_authority(authority)?;
        Ok(Url { host, port, authority, target })
    }

    /// Appends the request for the URL. The connection ends with the answer, so nothing has to be found behind it.
    ///
    /// # Errors
    ///
    /// [`Error::BufferFull`] if `out` has no room; [`MAX`] and 128 bytes are enough.
    pub fn put_request(&self, out: &mut Buf) -> Result<(), Error> {
        let root = if self.target.starts_with('/') { "" } else { "/" };
        for part in [
            "GET ",
            root,
            self.target,
            " HTTP/1.1\r\nHost: ",
            self.authority,
            "\r\nUser-Agent: ptk-http_get\r\nAccept: */*\r\nConnection: close\r\n\r\n",
        ] {
            out.put_slice(part.as_bytes())?;
        }
        Ok(())
    }
}

/// What stands behind the scheme, whose letters may be large or small.
fn after_scheme<'a>(text: &'a str, scheme: &str) -> Option<&'a str> {
    let (front, rest) = text.split_at_checked(scheme.len())?;
    front.eq_ignore_ascii_case(scheme).then_some(rest)
}

/// In an authority an IPv6 address has brackets, port or not (RFC 3986, 3.2.2).
fn split_authority(authority: &str) -> Result<(&str, u16), NoUrl> {
    if authority.parse::<Ipv6Addr>().is_ok() {
        return Err(NoUrl::Host);
    }
    address::split(authority, PORT).map_err(|reason| match reason {
        NoAddress::Port | NoAddress::NoPort => NoUrl::Port,
        NoAddress::Host | NoAddress::Name => NoUrl::Host,
        reason => NoUrl::Nobody(reason),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::string::String;

    fn request(url: &str) -> String {
        let mut out = Buffer::<{ MAX + 128 }>::new();
        Url::parse(url).unwrap().put_request(&mut out).unwrap();
        String::from_utf8(out.readable().to_vec()).unwrap()
    }

    #[test]
    fn urls_are_read_as_they_are_written() {
        for (text, host, port, line) in [
            ("http://server.com", "server.com", 80, "GET / HTTP/1.1"),
            ("HTTP://server.com:8080/", "server.com", 8080, "GET / HTTP/1.1"),
            ("http://10.0.0.1:1/a/b?c=d#e", "10.0.0.1", 1, "GET /a/b?c=d HTTP/1.1"),
            ("http://[::1]:8080/x", "::1", 8080, "GET /x HTTP/1.1"),
            ("http://[::1]", "::1", 80, "GET / HTTP/1.1"),
            ("http://server?a=/b", "server", 80, "GET /?a=/b HTTP/1.1"),
            ("http://server#part", "server", 80, "GET / HTTP/1.1"),
            ("http://server/a@b:c", "server", 80, "GET /a@b:c HTTP/1.1"),
        ] {
            let url = Url::parse(text).unwrap();
            assert_eq!((url.host, url.port), (host, port), "{text}");
            assert!(request(text).starts_with(line), "{text}: {}", request(text));
        }
    }

    #[test]
    fn the_host_is_named_as_it_is_written() {
        assert!(request("http://[::1]:8080/x").contains("\r\nHost: [::1]:8080\r\n"));
        assert!(request("http://server.com").contains("\r\nHost: server.com\r\n"));
        assert!(request("http://server.com").ends_with("\r\nConnection: close\r\n\r\n"));
    }

    #[test]
    fn what_is_wrong_is_said() {
        let long = std::format!("http://server/{}", "x".repeat(MAX));
        for (text, reason) in [
            ("", NoUrl::Scheme),
            ("server.com", NoUrl::Scheme),
            ("ftp://server.com", NoUrl::Scheme),
            ("https://server.com", NoUrl::Https),
            ("http://", NoUrl::Host),
            ("http:///path", NoUrl::Host),
            ("http://:80", NoUrl::Host),
            ("http://::1/", NoUrl::Host),
            ("http://[::1", NoUrl::Host),
            ("http://[server]/", NoUrl::Host),
            ("http://a,b/", NoUrl::Host),
            ("http://a..b/", NoUrl::Nobody(NoAddress::Label)),
            ("http://1.2.3/", NoUrl::Nobody(NoAddress::Number)),
            ("http://0.0.0.0:8088/", NoUrl::Nobody(NoAddress::Unspecified)),
            ("http://[fe80::1]/", NoUrl::Nobody(NoAddress::Link)),
            ("http://[::1]x/", NoUrl::Port),
            ("http://server:/", NoUrl::Port),
            ("http://server:0/", NoUrl::Port),
            ("http://server:65536/", NoUrl::Port),
            ("http://server:+80/", NoUrl::Port),
            ("http://server:8:9/", NoUrl::Port),
            ("http://me:secret@server/", NoUrl::User),
            ("http://server/a b", NoUrl::Character),
            ("http://server/\r\nHost:", NoUrl::Character),
            ("http://server/ä", NoUrl::Character),
            (&long, NoUrl::TooLong),
        ] {
            assert_eq!(Url::parse(text), Err(reason), "{text}");
        }
    }

    #[test]
    fn the_longest_url_fits_into_a_request() {
        let front = "http://server/";
        let longest = std::format!("{front}{}", "x".repeat(MAX - front.len()));
        assert!(request(&longest).contains(&longest[front.len()..]));
    }
}
