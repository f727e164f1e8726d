//! `/etc/hosts`: addresses that need no server (`hosts(5)`).

use core::ffi::CStr;
use core::net::IpAddr;

use rustix::io::Errno;

use crate::lines::{for_each_line, words};

/// Where it lies.
pub(crate) const PATH: &CStr = c"/etc/hosts";

/// Tells all addresses that the file at `path` has for `name`.
pub(crate) fn read(path: &CStr, name: &str, tell: &mut dyn FnMut(IpAddr)) -> Result<(), Errno> {
    for_each_line(path, &mut |line| {
        if let Some(address) = address_of(line, name) {
            tell(address);
        }
    })
}

/// The address of a line that has `name` among its names. Addresses with a zone are left out: an [`IpAddr`] has none.
fn address_of(line: &[u8], name: &str) -> Option<IpAddr> {
    let mut words = words(line, b"#");
    let address = words.next()?.parse().ok()?;
    let name = without_final_dot(name);
    words.any(|alias| without_final_dot(alias).eq_ignore_ascii_case(name)).then_some(address)
}

fn without_final_dot(name: &str) -> &str {
    name.strip_suffix('.').unwrap_or(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn has(line: &[u8], name: &str) -> bool {
        address_of(line, name).is_some()
    }

    #[test]
    fn every_name_of_a_line_is_found_in_any_case() {
        let line = b"192.0.2.1\tRouter.example.com  router gw.\t# the box";
        for name in ["router.example.com", "ROUTER", "Gw", "gw.", "router.example.com."] {
            assert_eq!(address_of(line, name), Some(IpAddr::from([192, 0, 2, 1])), "{name}");
        }
        for name in ["", "route", "routers", "example.com", "192.0.2.1", "the", "box", "#"] {
            assert!(!has(line, name), "{name}");
        }
    }

    #[test]
    fn both_families_and_foreign_line_ends() {
        assert_eq!(address_of(b"::1 localhost\r", "localhost"), "::1".parse().ok());
        assert_eq!(address_of(b"  ::ffff:1.2.3.4 mapped", "mapped"), "::ffff:1.2.3.4".parse().ok());
    }

    #[test]
    fn what_is_no_address_has_no_names() {
        for line in [
            &b"name name"[..],
            b"1.2.3 name",
            b"1.2.3.4.5 name",
            b"01.2.3.4 name",
            b"fe80::1%lo name",
            b"#1.2.3.4 name",
            b"1.2.3.4 #name",
            b"1.2.3.4#name",
            b"1.2.3.4",
            b"1.2.3.4 name\xff",
            b"\xff1.2.3.4 name",
            b"\0 name",
            b"name",
            b"",
        ] {
            assert!(!has(line, "name"), "{line:?}");
        }
    }
}
