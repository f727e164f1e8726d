//! `/etc/resolv.conf`: which servers to ask for names, and how (`resolv.conf(5)`).
//!
//! Keywords start the line; `#` and `;` start a comment anywhere. `sortlist` and the other options are for libraries that
//! do more. The environment (`LOCALDOMAIN`, `RES_OPTIONS`) and the name of this machine are not asked.

use core::ffi::CStr;
use core::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV6};

use ptk_core::{Buffer, NameService};
use rustix::io::Errno;

use crate::interface::interface_index;
use crate::lines::{for_each_line, words};

/// Where it lies.
pub(crate) const PATH: &CStr = c"/etc/resolv.conf";

/// The port of name servers (RFC 1035, 4.2).
const PORT: u16 = 53;

/// How many servers are told, the first ones (`MAXNS`).
const SERVERS: u8 = 3;

/// How many domains are told, the first ones.
const DOMAINS: usize = 6;

/// The longest domain (RFC 1035, 2.3.4), without the final dot.
const DOMAIN: usize = 253;

/// The caps of `ndots`, `timeout` and `attempts`.
const MAX_NDOTS: u8 = 15;
const MAX_TIMEOUT: u8 = 30;
const MAX_ATTEMPTS: u8 = 5;

/// Tells what the file at `path` says.
pub(crate) fn read(path: &CStr, tell: &mut dyn FnMut(NameService<'_>)) -> Result<(), Errno> {
    let mut parser = Parser::new();
    let read = for_each_line(path, &mut |line| parser.line(line, &|zone| interface_index(zone).ok(), tell));
    parser.end(tell);
    read
}

/// Goes through the lines. Servers and options are told at once, domains at the end, because the last line that names
/// some counts alone.
struct Parser {
    servers: u8,
    /// Each with a space behind it.
    domains: Buffer<{ DOMAINS * (DOMAIN + 1) }>,
}

impl Parser {
    const fn new() -> Self {
        Parser { servers: 0, domains: Buffer::new() }
    }

    /// Takes one line; `zone_index` gives the number of an interface.
    fn line(&mut self, line: &[u8], zone_index: &dyn Fn(&str) -> Option<u32>, tell: &mut dyn FnMut(NameService<'_>)) {
        if line.first().is_none_or(u8::is_ascii_whitespace) {
            return;
        }
        let mut words = words(line, b"#;");
        match words.next() {
            Some("nameserver") => {
                if let Some(server) = words.next().and_then(|word| server(word, zone_index)) {
                    self.tell_server(server, tell);
                }
            }
            Some("domain") => self.keep_domains(words.take(1)),
            Some("search") => self.keep_domains(words),
            Some("options") => words.filter_map(option).for_each(tell),
            _ => {}
        }
    }

    fn tell_server(&mut self, server: SocketAddr, tell: &mut dyn FnMut(NameService<'_>)) {
        if self.servers < SERVERS {
            self.servers += 1;
            tell(NameService::Server(server));
        }
    }

    fn keep_domains<'a>(&mut self, domains: impl Iterator<Item = &'a str>) {
        self.domains.clear();
        let domains = domains.map(|domain| domain.strip_suffix('.').unwrap_or(domain));
        let is_domain = |domain: &&str| domain.is_ascii() && (1..=DOMAIN).contains(&domain.len());
        for domain in domains.filter(is_domain).take(DOMAINS) {
            // There is room for as many as are taken.
            let _ = self.domains.put_slice(domain.as_bytes()).and_then(|()| self.domains.put_u8(b' '));
        }
    }

    fn end(&self, tell: &mut dyn FnMut(NameService<'_>)) {
        words(self.domains.readable(), b"").for_each(|domain| tell(NameService::Search(domain)));
    }
}

/// A server's address, with its port.
fn server(word: &str, zone_index: &dyn Fn(&str) -> Option<u32>) -> Option<SocketAddr> {
    let (address, scope) = match word.split_once('%') {
        None => (word, 0),
        Some((address, zone)) => (address, zone.parse().ok().or_else(|| zone_index(zone))?),
    };
    match address.parse().ok()? {
        IpAddr::V4(_) if address.len() != word.len() => None,
        // This machine.
        IpAddr::V4(Ipv4Addr::UNSPECIFIED) => Some(SocketAddr::from((Ipv4Addr::LOCALHOST, PORT))),
        IpAddr::V6(Ipv6Addr::UNSPECIFIED) => Some(SocketAddr::from((Ipv6Addr::LOCALHOST, PORT))),
        IpAddr::V4(address) => Some(SocketAddr::from((address, PORT))),
        IpAddr::V6(address) => Some(SocketAddrV6::new(address, PORT, 0, scope).into()),
    }
}

/// One of the options that are told. What is no number is no option; what is beyond the cap is the cap.
fn option(word: &str) -> Option<NameService<'static>> {
    let (name, value) = word.split_once(':')?;
    match name {
        "ndots" => number(value, 0, MAX_NDOTS).map(NameService::Ndots),
        "timeout" => number(value, 1, MAX_TIMEOUT).map(NameService::Timeout),
        "attempts" => number(value, 1, MAX_ATTEMPTS).map(NameService::Attempts),
        _ => None,
    }
}

fn number(digits: &str, min: u8, max: u8) -> Option<u8> {
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    Some(digits.parse().unwrap_or(max).clamp(min, max))
}

#[cfg(test)]
mod tests {
    extern crate std;

    use std::format;
    use std::string::String;
    use std::vec::Vec;

    use super::*;

    /// What a file is told as.
    fn told(text: &[u8]) -> Vec<String> {
        let mut all = Vec::new();
        let mut parser = Parser::new();
        let mut tell = |what: NameService<'_>| {
            all.push(match what {
                NameService::Server(server) => format!("{server}"),
                NameService::Search(domain) => format!("search {domain}"),
                other => format!("{other:?}"),
            });
        };
        let zone_index = |zone: &str| (zone == "eth0").then_some(7);
        text.split(|byte| *byte == b'\n').for_each(|line| parser.line(line, &zone_index, &mut tell));
        parser.end(&mut tell);
        all
    }

    #[test]
    fn servers_domains_and_options() {
        let text = b"# ours\nnameserver 192.0.2.1\nnameserver\t2001:db8::1 ; the other\n\
            search example.com  example.net.\noptions ndots:2 rotate timeout:3 attempts:4\n";
        let all = [
            "192.0.2.1:53",
            "[2001:db8::1]:53",
            "Ndots(2)",
            "Timeout(3)",
            "Attempts(4)",
            "search example.com",
            "search example.net",
        ];
        assert_eq!(told(text), all);
        let crlf = core::str::from_utf8(text).unwrap().replace('\n', "\r\n");
        assert_eq!(told(crlf.as_bytes()), all, "with the line ends of others");
    }

    #[test]
    fn zones_are_numbers_or_names_of_interfaces() {
        let text = b"nameserver fe80::1%eth0\nnameserver fe80::1%3\nnameserver fe80::1%nowhere\nnameserver fe80::1%";
        assert_eq!(told(text), ["[fe80::1%7]:53", "[fe80::1%3]:53"]);
        assert!(told(b"nameserver 192.0.2.1%eth0").is_empty());
    }

    #[test]
    fn an_unspecified_server_is_this_machine() {
        assert_eq!(told(b"nameserver 0.0.0.0\nnameserver ::"), ["127.0.0.1:53", "[::1]:53"]);
    }

    #[test]
    fn servers_and_domains_beyond_the_limit_are_not_told() {
        let servers = told(b"nameserver bad\nnameserver ::1\nnameserver ::2\nnameserver ::3\nnameserver ::4");
        assert_eq!(servers, ["[::1]:53", "[::2]:53", "[::3]:53"]);
        let long = "x".repeat(DOMAIN);
        let line = format!("search {long}y {long} {long}. {long} {long} {long} {long} one.more");
        let domains = told(line.as_bytes());
        assert_eq!(domains.len(), DOMAINS);
        assert!(domains.iter().all(|domain| domain.len() == "search ".len() + DOMAIN), "{domains:?}");
    }

    #[test]
    fn the_last_line_with_domains_counts_alone() {
        assert_eq!(told(b"search a b\ndomain c d\n"), ["search c"]);
        assert_eq!(told(b"domain c\nsearch a b\n"), ["search a", "search b"]);
        assert!(told(b"search a b\nsearch .\n").is_empty());
    }

    #[test]
    fn numbers_are_capped_and_words_are_no_numbers() {
        assert_eq!(
            told(b"options ndots:99999999999999999999 timeout:0 attempts:255"),
            ["Ndots(15)", "Timeout(1)", "Attempts(5)"]
        );
        assert!(told(b"options ndots: ndots:x timeout:-1 attempts:+1 ndots :3").is_empty());
    }

    #[test]
    fn what_is_no_keyword_at_the_start_of_a_line_says_nothing() {
        for line in [
            &b" nameserver ::1"[..],
            b"nameserver::1",
            b"nameservers ::1",
            b"NAMESERVER ::1",
            b"#nameserver ::1",
            b";nameserver ::1",
            b"nameserver",
            b"nameserver 1.2.3",
            b"nameserver 1.2.3.4.5",
            b"nameserver #::1",
            b"\xff\xfe nameserver ::1",
            b"search \xff\xfe",
            b"search",
            b"options",
            b"\0\0\0",
            b"",
        ] {
            assert!(told(line).is_empty(), "{line:?}");
        }
    }
}
