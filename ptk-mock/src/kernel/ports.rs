//! Which TCP port numbers are in use, and which one is given away next.

use std::collections::BTreeMap;
use std::hash::{Hash, Hasher};

/// The first port that the kernel chooses by itself (as on Linux).
pub(crate) const FIRST: u16 = 32_768;
/// The last one.
pub(crate) const LAST: u16 = 60_999;

/// The ports of one host.
#[derive(Clone, Debug)]
pub(crate) struct Ports {
    /// How many sockets have each port. Sorted, so that nothing depends on a hasher.
    users: BTreeMap<u16, u32>,
    /// Where the next search begins.
    next: u16,
}

/// The ports in use. Where the next search begins decides only what the next connection is called.
impl Hash for Ports {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.users.hash(state);
    }
}

impl Ports {
    /// All ports are free.
    pub(crate) const fn new() -> Ports {
        Ports { users: BTreeMap::new(), next: FIRST }
    }

    /// Chooses a port that nobody has: ascending, around and around, so that a port is not reused at once. `None` if all are
    /// taken.
    pub(crate) fn ephemeral(&mut self) -> Option<u16> {
        let port = (self.next..=LAST).chain(FIRST..self.next).find(|port| !self.users.contains_key(port))?;
        self.next = if port == LAST { FIRST } else { port + 1 };
        Some(port)
    }

    /// One more socket has the port.
    pub(crate) fn acquire(&mut self, port: u16) {
        *self.users.entry(port).or_insert(0) += 1;
    }

    /// One socket fewer has the port.
    pub(crate) fn release(&mut self, port: u16) {
        if let Some(users) = self.users.get_mut(&port) {
            *users -= 1;
            if *users == 0 {
                self.users.remove(&port);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{FIRST, LAST, Ports};

    #[test]
    fn ports_ascend_skip_what_is_taken_and_start_again() {
        let mut ports = Ports::new();
        ports.acquire(FIRST + 1);
        assert_eq!([ports.ephemeral(), ports.ephemeral()], [Some(FIRST), Some(FIRST + 2)]);
        ports.next = LAST;
        assert_eq!([ports.ephemeral(), ports.ephemeral()], [Some(LAST), Some(FIRST)]);
    }

    #[test]
    fn when_all_are_taken_there_is_none_until_the_last_user_lets_go() {
        let mut ports = Ports::new();
        (FIRST..=LAST).for_each(|port| ports.acquire(port));
        ports.acquire(40_000);
        assert_eq!(ports.ephemeral(), None);
        ports.release(40_000);
        assert_eq!(ports.ephemeral(), None);
        ports.release(40_000);
        assert_eq!(ports.ephemeral(), Some(40_000));
    }
}
