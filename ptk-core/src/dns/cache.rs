//! What was found lately, for as long as the servers said.

use crate::dns::addresses::Addresses;
use crate::time::{Duration, Instant};

/// How many names are kept for each lookup that can run at once.
pub(crate) const NAMES_EACH: usize = 4;
/// The longest name that is kept.
const TEXT_MAX: usize = 63;
/// The longest time for which anything is kept.
const LONGEST: Duration = Duration::from_secs(24 * 60 * 60);

/// A name as an author wrote it, in lower case, and its addresses. Zero bits are vacant.
#[derive(Clone, Copy, Hash, Debug)]
pub(crate) struct Entry {
    expires: Instant,
    len: u8,
    text: [u8; TEXT_MAX],
    addresses: Addresses,
}

impl Entry {
    pub(crate) const VACANT: Entry =
        Entry { expires: Instant::ORIGIN, len: 0, text: [0; TEXT_MAX], addresses: Addresses::NONE };

    fn is(&self, text: &str) -> bool {
        self.text.get(..usize::from(self.len)).is_some_and(|own| own.eq_ignore_ascii_case(text.as_bytes()))
    }
}

/// The addresses of `text`, if they still hold.
pub(crate) fn get(entries: &[Entry], text: &str, now: Instant) -> Option<Addresses> {
    entries.iter().find(|entry| entry.is(text) && now < entry.expires).map(|entry| entry.addresses)
}

/// Keeps `addresses` for `ttl` seconds; none for longer than a day. Where no entry is vacant the one that expires first
/// gives way. Longer names than 63 bytes are not kept.
pub(crate) fn put(entries: &mut [Entry], text: &str, addresses: Addresses, ttl: u32, now: Instant) {
    if ttl == 0 || text.len() > TEXT_MAX {
        return;
    }
    // A vacant entry has expired at the clock's origin.
    let place = match entries.iter().position(|entry| entry.is(text)) {
        Some(own) => entries.get_mut(own),
        None => entries.iter_mut().min_by_key(|entry| entry.expires),
    };
    let Some(place) = place else { return };
    *place = Entry { addresses, len: text.len() as u8, ..Entry::VACANT };
    place.expires = now + Duration::from_secs(ttl.into()).min(LONGEST);
    for (own, byte) in place.text.iter_mut().zip(text.bytes()) {
        *own = byte.to_ascii_lowercase();
    }
}

#[cfg(test)]
mod tests {
    use core::net::{IpAddr, Ipv4Addr};

    use super::*;

    fn address(n: u32) -> Addresses {
        Addresses::from(IpAddr::V4(Ipv4Addr::from_bits(n)))
    }

    fn at(secs: u64) -> Instant {
        Instant::ORIGIN + Duration::from_secs(secs)
    }

    #[test]
    fn an_entry_holds_until_its_time_is_over_and_no_longer() {
        let mut entries = [Entry::VACANT; 2];
        put(&mut entries, "a.de", address(1), 10, at(5));
        assert_eq!(get(&entries, "A.de", at(14)), Some(address(1)));
        assert_eq!(get(&entries, "a.de", at(15)), None);
        assert_eq!(get(&entries, "a.d", at(6)), None);
        assert_eq!(get(&entries, "", at(6)), None);
    }

    #[test]
    fn the_entry_that_expires_first_gives_way() {
        let mut entries = [Entry::VACANT; 2];
        put(&mut entries, "a", address(1), 20, at(0));
        put(&mut entries, "b", address(2), 10, at(0));
        put(&mut entries, "c", address(3), 5, at(0));
        assert_eq!(["a", "b", "c"].map(|name| get(&entries, name, at(1)).is_some()), [true, false, true]);
        // One that is there already is replaced, whatever else expires.
        put(&mut entries, "A", address(4), 1, at(1));
        assert_eq!(["a", "c"].map(|name| get(&entries, name, at(1))), [Some(address(4)), Some(address(3))]);
    }

    #[test]
    fn nothing_is_kept_without_time_or_for_longer_than_a_day() {
        let mut entries = [Entry::VACANT; 1];
        put(&mut entries, "a", address(1), 0, at(1));
        assert_eq!(get(&entries, "a", at(1)), None);
        put(&mut entries, "a", address(1), u32::MAX, at(0));
        let day = LONGEST.as_secs();
        assert_eq!((get(&entries, "a", at(day - 1)).is_some(), get(&entries, "a", at(day))), (true, None));
        put(&mut [], "a", address(1), 1, at(0));
    }
}
