//! Which UDP sockets have which port, and which port is given away next.

use std::collections::BTreeMap;
use std::hash::{Hash, Hasher};

use super::EndpointId;
use super::ports::{FIRST, LAST};
use crate::random::Random;

/// The UDP ports of one host.
#[derive(Clone, Debug)]
pub(crate) struct Bindings {
    /// The sockets of each port, in the order in which they were bound. Sorted, so that nothing depends on a hasher.
    endpoints: BTreeMap<u16, Vec<EndpointId>>,
    random: Random,
}

/// The sockets that have ports. The generator decides only what the next socket is called.
impl Hash for Bindings {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.endpoints.hash(state);
    }
}

impl Bindings {
    /// All ports are free.
    pub(crate) const fn new(random: Random) -> Bindings {
        Bindings { endpoints: BTreeMap::new(), random }
    }

    /// Chooses a port that nobody has, as a stranger would not guess it (RFC 6056, 3.3.1): the first free one from a
    /// random place on. `None` if all are taken.
    pub(crate) fn ephemeral(&mut self) -> Option<u16> {
        let start = FIRST + (self.random.draw() % u64::from(LAST - FIRST + 1)) as u16;
        (start..=LAST).chain(FIRST..start).find(|port| !self.endpoints.contains_key(port))
    }

    /// The sockets that have the port, in the order in which they were bound.
    pub(crate) fn at(&self, port: u16) -> &[EndpointId] {
        self.endpoints.get(&port).map_or(&[], Vec::as_slice)
    }

    /// One more socket has the port.
    pub(crate) fn add(&mut self, port: u16, id: EndpointId) {
        self.endpoints.entry(port).or_default().push(id);
    }

    /// The socket has the port no more.
    pub(crate) fn remove(&mut self, port: u16, id: EndpointId) {
        if let Some(endpoints) = self.endpoints.get_mut(&port) {
            endpoints.retain(|other| *other != id);
            if endpoints.is_empty() {
                self.endpoints.remove(&port);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::EndpointId;
    use super::{Bindings, FIRST, LAST, Random};

    #[test]
    fn the_last_free_ports_are_found_and_a_port_is_free_when_its_last_user_lets_go() {
        let mut bindings = Bindings::new(Random::new(1));
        let free = [FIRST, 40_000, LAST];
        (FIRST..=LAST).filter(|port| !free.contains(port)).for_each(|port| bindings.add(port, EndpointId(0)));
        let mut given: Vec<_> = std::iter::from_fn(|| {
            let port = bindings.ephemeral()?;
            bindings.add(port, EndpointId(0));
            Some(port)
        })
        .collect();
        given.sort();
        assert_eq!(given, free);
        bindings.add(40_000, EndpointId(1));
        bindings.remove(40_000, EndpointId(0));
        assert_eq!(bindings.ephemeral(), None);
        bindings.remove(40_000, EndpointId(1));
        assert_eq!(bindings.ephemeral(), Some(40_000));
    }

    #[test]
    fn ports_do_not_follow_each_other() {
        let mut bindings = Bindings::new(Random::new(1));
        let ports: Vec<_> = std::iter::from_fn(|| bindings.ephemeral()).take(100).collect();
        let neighbours = ports.windows(2).filter(|pair| pair[1].abs_diff(pair[0]) < 100).count();
        assert!(neighbours < 10, "{ports:?}");
    }
}
