//! What the simulated system knows about names. Plain data that the test gave; nothing is looked up here.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use ptk_core::NameService;

/// The name servers and how to ask them, and the hosts that no server is asked for.
#[derive(Clone, Hash, Debug)]
pub(crate) struct Names {
    service: Vec<Entry>,
    /// Names in lower case, without a final dot. Shared by copies: worlds are copied often.
    hosts: Option<Arc<Vec<(String, IpAddr)>>>,
}

/// A [`NameService`] that owns its text.
#[derive(Clone, Hash, Debug)]
enum Entry {
    Server(SocketAddr),
    Search(String),
    Ndots(u8),
    Timeout(u8),
    Attempts(u8),
}

impl Names {
    /// A system that knows nothing.
    pub(crate) const fn new() -> Names {
        Names { service: Vec::new(), hosts: None }
    }

    /// Replaces what is known about servers.
    pub(crate) fn set_service(&mut self, entries: &[NameService<'_>]) {
        self.service = entries.iter().copied().filter_map(Entry::new).collect();
    }

    /// Adds an address to a host.
    pub(crate) fn add_host(&mut self, name: &str, address: IpAddr) {
        let name = name.strip_suffix('.').unwrap_or(name);
        Arc::make_mut(self.hosts.get_or_insert_default()).push((name.to_ascii_lowercase(), address));
    }

    /// Tells what is known about servers, in the order in which it was given.
    pub(crate) fn tell_service(&self, tell: &mut dyn FnMut(NameService<'_>)) {
        self.service.iter().for_each(|entry| tell(entry.view()));
    }

    /// Tells the addresses of a host, in the order in which they were added.
    pub(crate) fn tell_addresses(&self, name: &str, tell: &mut dyn FnMut(IpAddr)) {
        let addresses =
            self.hosts.iter().flat_map(|hosts| hosts.iter()).filter(|(host, _)| host.eq_ignore_ascii_case(name));
        addresses.for_each(|(_, address)| tell(*address));
    }
}

impl Entry {
    /// `None` for what this mock does not know yet.
    fn new(entry: NameService<'_>) -> Option<Entry> {
        match entry {
            NameService::Server(address) => Some(Entry::Server(address)),
            NameService::Search(domain) => Some(Entry::Search(domain.to_owned())),
            NameService::Ndots(dots) => Some(Entry::Ndots(dots)),
            NameService::Timeout(seconds) => Some(Entry::Timeout(seconds)),
            NameService::Attempts(attempts) => Some(Entry::Attempts(attempts)),
            _ => None,
        }
    }

    fn view(&self) -> NameService<'_> {
        match self {
            Entry::Server(address) => NameService::Server(*address),
            Entry::Search(domain) => NameService::Search(domain),
            Entry::Ndots(dots) => NameService::Ndots(*dots),
            Entry::Timeout(seconds) => NameService::Timeout(*seconds),
            Entry::Attempts(attempts) => NameService::Attempts(*attempts),
        }
    }
}
