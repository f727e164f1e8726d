//! What a lookup finds.

use core::fmt;
use core::net::{IpAddr, Ipv4Addr};

/// The most addresses of one host that are kept.
pub const MAX_ADDRESSES: usize = 8;

/// The addresses of a host, in the order in which they are to be tried. Plain data, at most [`MAX_ADDRESSES`].
///
/// IPv6 and IPv4 alternate, beginning with IPv6 (RFC 8305, 4), each in the order in which they were told. The machine's
/// routes are not asked: where there is no way to an address, a connect fails at once and the next one follows. Derefs
/// to a slice.
#[derive(Clone, Copy)]
pub struct Addresses {
    len: u8,
    list: [IpAddr; MAX_ADDRESSES],
}

impl Addresses {
    /// No address.
    pub const NONE: Addresses = Addresses { len: 0, list: [IpAddr::V4(Ipv4Addr::UNSPECIFIED); MAX_ADDRESSES] };

    /// Appends an address that is not in the list yet, if there is room.
    pub(crate) fn push(&mut self, address: IpAddr) {
        if self.contains(&address) {
            return;
        }
        if let Some(free) = self.list.get_mut(usize::from(self.len)) {
            *free = address;
            self.len += 1;
        }
    }

    /// The addresses of both lists by turns, beginning with `first`; what does not fit is left out.
    pub(crate) fn by_turns(first: &[IpAddr], second: &[IpAddr]) -> Addresses {
        let mut all = Addresses::NONE;
        for place in 0..first.len().max(second.len()) {
            for list in [first, second] {
                if let Some(address) = list.get(place) {
                    all.push(*address);
                }
            }
        }
        all
    }
}

impl core::ops::Deref for Addresses {
    type Target = [IpAddr];

    fn deref(&self) -> &[IpAddr] {
        self.list.get(..usize::from(self.len)).unwrap_or(&[])
    }
}

impl Default for Addresses {
    fn default() -> Self {
        Self::NONE
    }
}

impl From<IpAddr> for Addresses {
    fn from(address: IpAddr) -> Self {
        let mut addresses = Self::NONE;
        addresses.push(address);
        addresses
    }
}

impl PartialEq for Addresses {
    fn eq(&self, other: &Self) -> bool {
        **self == **other
    }
}

impl Eq for Addresses {}

impl core::hash::Hash for Addresses {
    fn hash<H: core::hash::Hasher>(&self, state: &mut H) {
        (**self).hash(state);
    }
}

impl fmt::Debug for Addresses {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use core::net::Ipv6Addr;

    use super::*;

    #[test]
    fn families_alternate_and_the_rest_follows() {
        let v6: [IpAddr; 2] = [1, 2].map(|n| IpAddr::V6(Ipv6Addr::from_bits(n)));
        let v4: [IpAddr; 8] = [1, 2, 3, 4, 5, 6, 7, 8].map(|n| IpAddr::V4(Ipv4Addr::from_bits(n)));
        let all = Addresses::by_turns(&v6, &v4);
        assert_eq!(*all, [v6[0], v4[0], v6[1], v4[1], v4[2], v4[3], v4[4], v4[5]]);
        assert_eq!(*Addresses::by_turns(&[], &v4[..1]), v4[..1]);
    }

    #[test]
    fn an_address_is_kept_once() {
        let mut all = Addresses::from(IpAddr::V4(Ipv4Addr::LOCALHOST));
        all.push(IpAddr::V4(Ipv4Addr::LOCALHOST));
        assert_eq!(all.len(), 1);
    }
}
