//! Names of hosts: as an author writes them, and as they go over the wire.

use crate::error::Error;

/// The longest name on the wire, its final zero included (RFC 1035, 2.3.4).
pub(crate) const NAME_MAX: usize = 255;
/// The longest label (RFC 1035, 2.3.4).
const LABEL_MAX: usize = 63;

/// A name on the wire, uncompressed: each label behind its length, and the root's zero at the end. Zero bits are no
/// name.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(crate) struct Name {
    bytes: [u8; NAME_MAX],
    len: u8,
}

impl Name {
    pub(crate) const EMPTY: Name = Name { bytes: [0; NAME_MAX], len: 0 };

    /// `text` as it is: a final dot says no more than that nothing is to be added.
    pub(crate) fn parse(text: &str) -> Result<Name, Error> {
        check_host(text)?;
        let mut name = Name::EMPTY;
        name.push_host(text)?;
        name.push_root()?;
        Ok(name)
    }

    /// `text` with `domain` behind it, which is a whole name on the wire. `None` if that is too long.
    pub(crate) fn within(text: &str, domain: &[u8]) -> Option<Name> {
        let mut name = Name::EMPTY;
        name.push_host(text).ok()?;
        name.push(domain).ok()?;
        Some(name)
    }

    /// The bytes as they go out; empty for no name.
    pub(crate) fn wire(&self) -> &[u8] {
        self.bytes.get(..usize::from(self.len)).unwrap_or(&[])
    }

    fn push_host(&mut self, text: &str) -> Result<(), Error> {
        for label in without_root(text).split('.') {
            self.push_label(label.as_bytes())?;
        }
        Ok(())
    }

    /// Appends a label of 1 to 63 bytes.
    pub(crate) fn push_label(&mut self, label: &[u8]) -> Result<(), Error> {
        let length = match u8::try_from(label.len()) {
            Ok(length) if (1..=LABEL_MAX).contains(&label.len()) => length,
            _ => return Err(Error::InvalidArgument),
        };
        self.push(&[length])?;
        self.push(label)
    }

    pub(crate) fn push_root(&mut self) -> Result<(), Error> {
        self.push(&[0])
    }

    fn push(&mut self, bytes: &[u8]) -> Result<(), Error> {
        let start = usize::from(self.len);
        let room = self.bytes.get_mut(start..start + bytes.len()).ok_or(Error::InvalidArgument)?;
        room.copy_from_slice(bytes);
        self.len += bytes.len() as u8;
        Ok(())
    }
}

/// `text` without the dot that makes a name absolute.
pub(crate) fn without_root(text: &str) -> &str {
    text.strip_suffix('.').unwrap_or(text)
}

/// Refuses what is no name of a host: labels of 1 to 63 letters, digits, hyphens and underscores, 253 characters in all.
///
/// The last label is never a number: what ends in one is an address, and a wrong one here (RFC 1123, 2.1).
pub(crate) fn check_host(text: &str) -> Result<(), Error> {
    let text = without_root(text);
    let is_allowed = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
    let is_label = |label: &str| (1..=LABEL_MAX).contains(&label.len()) && label.bytes().all(is_allowed);
    let ends_in_number = text.rsplit('.').next().is_some_and(|last| last.bytes().all(|byte| byte.is_ascii_digit()));
    // On the wire each label has a length in place of its dot, and the first one and the root one byte more.
    if text.len() + 2 > NAME_MAX || ends_in_number || !text.split('.').all(is_label) {
        return Err(Error::InvalidArgument);
    }
    Ok(())
}

/// Whether `text` is `localhost`, or lies in it (RFC 6761, 6.3).
pub(crate) fn is_localhost(text: &str) -> bool {
    without_root(text).rsplit('.').next().is_some_and(|last| last.eq_ignore_ascii_case("localhost"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_goes_out_as_labels_behind_their_lengths() {
        assert_eq!(Name::parse("a.bc").map(|name| name.wire() == b"\x01a\x02bc\0"), Ok(true));
        assert_eq!(Name::parse("a.bc."), Name::parse("a.bc"));
        assert_eq!(Name::within("a", b"\x02bc\0"), Name::parse("a.bc").ok());
    }

    #[test]
    fn the_limits_are_those_of_the_protocol() {
        const LONG: &str = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";
        assert_eq!(LONG.len(), LABEL_MAX);
        let mut bytes = [b'a'; 256];
        for dot in [63, 127, 191] {
            bytes[dot] = b'.';
        }
        let text = |len: usize| core::str::from_utf8(&bytes[..len]).unwrap_or("");
        assert_eq!(Name::parse(text(253)).map(|name| name.wire().len()), Ok(NAME_MAX));
        assert_eq!(Name::parse(text(254)), Err(Error::InvalidArgument));
        assert_eq!(Name::within(text(191), &[62; 62]).map(|name| name.wire().len()), Some(254));
        assert_eq!(Name::within(text(191), &[62; 64]), None);
        for wrong in
            ["", ".", "a..b", ".a", "a b", "ä.de", "a/b", "1.2.3", "1.2.3.256", "a.b..", "-.\n", "[::1", "fe80::1%1"]
        {
            assert_eq!(Name::parse(wrong), Err(Error::InvalidArgument), "{wrong:?}");
        }
        for right in ["a", "A-1", "_sip._udp.x", "1and1.com", "xn--bcher-kva.example"] {
            assert!(Name::parse(right).is_ok(), "{right:?}");
        }
    }
}
