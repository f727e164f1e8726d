//! Whom to ask, and how: what the platform or the application says about names.

use core::net::{IpAddr, Ipv4Addr, SocketAddr};

use crate::dns::name::{Name, check_host, without_root};
use crate::error::Error;
use crate::platform::{NameService, Platform};
use crate::time::Duration;

/// The most name servers of a loop.
pub const MAX_NAME_SERVERS: usize = 4;
/// Bytes for search domains, on the wire: those that do not fit are left out.
const SEARCH_MAX: usize = 160;

/// Name servers, in the order in which they are asked. Zero bits are none.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(crate) struct Servers {
    len: u8,
    list: [SocketAddr; MAX_NAME_SERVERS],
}

impl Servers {
    pub(crate) const NONE: Servers =
        Servers { len: 0, list: [SocketAddr::new(IpAddr::V4(Ipv4Addr::UNSPECIFIED), 0); MAX_NAME_SERVERS] };

    /// # Errors
    ///
    /// [`Error::InvalidArgument`] for too many, or addresses that cannot be sent to.
    pub(crate) fn new(servers: &[SocketAddr]) -> Result<Servers, Error> {
        let mut all = Servers::NONE;
        for server in servers {
            if server.ip().is_unspecified() || server.port() == 0 || !all.push(*server) {
                return Err(Error::InvalidArgument);
            }
        }
        Ok(all)
    }

    pub(crate) const fn is_empty(&self) -> bool {
        self.len == 0
    }

    pub(crate) fn get(&self, place: u8) -> Option<SocketAddr> {
        if place < self.len { self.list.get(usize::from(place)).copied() } else { None }
    }

    fn push(&mut self, server: SocketAddr) -> bool {
        match self.list.get_mut(usize::from(self.len)) {
            Some(free) => {
                *free = server;
                self.len += 1;
                true
            }
            None => false,
        }
    }
}

/// What one lookup knows of the name service. Zero bits are nothing.
#[derive(Clone, Copy, Hash, Debug)]
pub(crate) struct Service {
    pub(crate) servers: Servers,
    /// Search domains, each a whole name on the wire.
    search: [u8; SEARCH_MAX],
    search_len: u8,
    ndots: u8,
    timeout: u8,
    pub(crate) attempts: u8,
}

impl Service {
    pub(crate) const NONE: Service =
        Service { servers: Servers::NONE, search: [0; SEARCH_MAX], search_len: 0, ndots: 0, timeout: 0, attempts: 0 };

    /// Asks the platform, with the defaults and limits of `resolv.conf(5)`; `servers`, if there are any, replace its own.
    pub(crate) fn of<P: Platform>(platform: &mut P, servers: Servers) -> Service {
        let mut service = Service { servers, ndots: 1, timeout: 5, attempts: 2, ..Service::NONE };
        platform.name_service(&mut |told| match told {
            NameService::Server(server) if servers.is_empty() => {
                service.servers.push(server);
            }
            NameService::Server(_) => {}
            NameService::Search(domain) => service.push_search(domain),
            NameService::Ndots(dots) => service.ndots = dots.min(15),
            NameService::Timeout(secs) => service.timeout = secs.clamp(1, 30),
            NameService::Attempts(attempts) => service.attempts = attempts.clamp(1, 5),
        });
        service
    }

    /// How long one server has for its answer.
    pub(crate) const fn timeout(&self) -> Duration {
        Duration::from_secs(self.timeout as u64)
    }

    /// A domain that is no name, or does not fit, is left out; so is the root, which adds nothing.
    fn push_search(&mut self, domain: &str) {
        let Ok(name) = Name::parse(domain) else { return };
        let start = usize::from(self.search_len);
        if let Some(room) = self.search.get_mut(start..start + name.wire().len()) {
            room.copy_from_slice(name.wire());
            self.search_len += name.wire().len() as u8;
        }
    }

    /// The `place`th name to ask for when `host` is wanted; `Some(None)` for one that would be too long.
    ///
    /// A name with a final dot stands for itself. One with enough dots is tried as it is before the search domains, any
    /// other behind them (`resolv.conf(5)`).
    pub(crate) fn candidate(&self, host: &str, place: u8) -> Option<Option<Name>> {
        let itself = || Some(Name::parse(host).ok());
        if host.ends_with('.') {
            return if place == 0 { itself() } else { None };
        }
        let dots = host.bytes().filter(|byte| *byte == b'.').count();
        let itself_first = dots >= usize::from(self.ndots);
        if itself_first && place == 0 {
            return itself();
        }
        let domain = usize::from(place) - usize::from(itself_first);
        match self.domain(domain) {
            Some(domain) => Some(Name::within(host, domain)),
            None if !itself_first && self.domains().count() == domain => itself(),
            None => None,
        }
    }

    fn domain(&self, place: usize) -> Option<&[u8]> {
        self.domains().nth(place)
    }

    fn domains(&self) -> impl Iterator<Item = &[u8]> {
        let all = self.search.get(..usize::from(self.search_len)).unwrap_or(&[]);
        // A length is never 0 inside a name, and no label that was checked contains one.
        all.split_inclusive(|byte| *byte == 0)
    }
}

/// An address in place of a name: IPv4, IPv6, or IPv6 in brackets.
pub(crate) fn numeric(host: &str) -> Option<IpAddr> {
    let bare = host.strip_prefix('[').and_then(|host| host.strip_suffix(']'));
    match bare {
        Some(bare) => bare.parse().ok().map(IpAddr::V6),
        None => host.parse().ok(),
    }
}

/// `host` as the platform's own table of hosts knows it.
pub(crate) fn plain(host: &str) -> Result<&str, Error> {
    check_host(host)?;
    Ok(without_root(host))
}

#[cfg(test)]
mod tests {
    use core::net::Ipv6Addr;

    use super::*;

    fn service(ndots: u8) -> Service {
        let mut service = Service { ndots, ..Service::NONE };
        for domain in ["one.de", "no name", ".", "two.de."] {
            service.push_search(domain);
        }
        service
    }

    fn candidates(service: &Service, host: &str) -> [Option<Option<Name>>; 4] {
        [0, 1, 2, 3].map(|place| service.candidate(host, place))
    }

    fn name(text: &str) -> Option<Option<Name>> {
        Some(Name::parse(text).ok())
    }

    #[test]
    fn few_dots_are_searched_first_and_enough_dots_last() {
        let service = service(1);
        assert_eq!(candidates(&service, "a"), [name("a.one.de"), name("a.two.de"), name("a"), None]);
        assert_eq!(candidates(&service, "a.b"), [name("a.b"), name("a.b.one.de"), name("a.b.two.de"), None]);
        assert_eq!(candidates(&service, "a."), [name("a"), None, None, None]);
        assert_eq!(candidates(&Service::NONE, "a"), [name("a"), None, None, None]);
        assert_eq!(candidates(&Service { ndots: 1, ..Service::NONE }, "a"), [name("a"), None, None, None]);
    }

    #[test]
    fn addresses_are_read_in_all_their_forms() {
        assert_eq!(numeric("10.0.0.1"), Some(IpAddr::V4(Ipv4Addr::new(10, 0, 0, 1))));
        assert_eq!(numeric("::1"), Some(IpAddr::V6(Ipv6Addr::LOCALHOST)));
        assert_eq!(numeric("[::1]"), Some(IpAddr::V6(Ipv6Addr::LOCALHOST)));
        for wrong in ["[10.0.0.1]", "[::1", "::1]", "1.2.3", "host"] {
            assert_eq!(numeric(wrong), None);
        }
    }

    #[test]
    fn servers_that_cannot_be_asked_are_refused() {
        let server = SocketAddr::from(([127, 0, 0, 1], 53));
        assert_eq!(Servers::new(&[server; 4]).map(|servers| servers.get(3)), Ok(Some(server)));
        assert_eq!(Servers::new(&[server; 5]), Err(Error::InvalidArgument));
        assert_eq!(Servers::new(&[SocketAddr::from(([127, 0, 0, 1], 0))]), Err(Error::InvalidArgument));
        assert_eq!(Servers::new(&[SocketAddr::from(([0, 0, 0, 0], 53))]), Err(Error::InvalidArgument));
    }
}
