//! The header of an answer: the status, and how the body ends.

use super::Malformed;

/// The longest header, in bytes, from the status line to the empty line.
pub const MAX: usize = 8192;

/// What a header says, as far as it matters here.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Head {
    /// 100 to 599.
    pub status: u16,
    /// How the end of the body is found.
    pub framing: Framing,
    /// How long the header is, in bytes: the body begins behind it.
    pub size: usize,
}

/// How the end of a body is found (section 6.3).
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Framing {
    /// It has so many bytes.
    Length(u64),
    /// It comes in chunks that say how long they are.
    Chunked,
    /// It ends with the connection.
    UntilClose,
}

impl Head {
    /// Whether this is not the answer yet but news of it: another header follows.
    pub const fn is_interim(&self) -> bool {
        self.status < 200
    }
}

/// Reads the header at the front of `bytes`; `None` if it is not all there.
///
/// Lines may end with a line feed alone (section 2.2). Lines that begin with a space, which continue the one before in
/// old HTTP, are refused (section 5.2).
///
/// # Errors
///
/// [`Malformed`], as soon as it shows: what is no HTTP in the first bytes, a wrong line when it is complete,
/// [`Malformed::HeaderTooLong`] when [`MAX`] bytes hold no end.
pub fn decode(bytes: &[u8]) -> Result<Option<Head>, Malformed> {
    let bytes = bytes.get(..MAX).unwrap_or(bytes);
    let begins_well = bytes.iter().zip(b"HTTP/1.").all(|(byte, expected)| byte == expected);
    if !begins_well {
        return Err(Malformed::NotHttp);
    }
    let mut lines = Lines { bytes, position: 0 };
    let Some(first) = lines.next() else { return unfinished(bytes) };
    let (minor, status) = status_line(first).ok_or(Malformed::NotHttp)?;
    let mut fields = Fields::default();
    loop {
        match lines.next() {
            None => return unfinished(bytes),
            Some(b"") => break,
            Some(line) => fields.add(line)?,
        }
    }
    let framing = fields.framing(minor, status)?;
    Ok(Some(Head { status, framing, size: lines.position }))
}

fn unfinished(bytes: &[u8]) -> Result<Option<Head>, Malformed> {
    if bytes.len() < MAX { Ok(None) } else { Err(Malformed::HeaderTooLong) }
}

/// The complete lines, without their ends.
struct Lines<'a> {
    bytes: &'a [u8],
    position: usize,
}

impl<'a> Iterator for Lines<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        let rest = self.bytes.get(self.position..)?;
        let length = rest.iter().position(|byte| *byte == b'\n')?;
        self.position += length + 1;
        let line = rest.get(..length)?;
        Some(line.strip_suffix(b"\r").unwrap_or(line))
    }
}

/// The minor version and the status of `HTTP/1.1 200 OK` (section 4).
fn status_line(line: &[u8]) -> Option<(u8, u16)> {
    let [minor, b' ', status @ ..] = line.strip_prefix(b"HTTP/1.")? else { return None };
    let (status, reason) = status.split_first_chunk::<3>()?;
    if !minor.is_ascii_digit() || !matches!(reason, [] | [b' ', ..]) {
        return None;
    }
    let status = u16::try_from(number(status)?).ok().filter(|status| (100..600).contains(status))?;
    Some((minor - b'0', status))
}

/// The fields that say where the body ends.
#[derive(Default)]
struct Fields {
    length: Option<u64>,
    is_chunked: bool,
}

impl Fields {
    fn add(&mut self, line: &[u8]) -> Result<(), Malformed> {
        let colon = line.iter().position(|byte| *byte == b':').ok_or(Malformed::Header)?;
        let (name, value) = line.split_at(colon);
        if name.is_empty() || name.iter().any(|byte| !byte.is_ascii_graphic()) {
            return Err(Malformed::Header);
        }
        let value = value.strip_prefix(b":").unwrap_or(value).trim_ascii();
        if name.eq_ignore_ascii_case(b"content-length") {
            return self.add_length(value);
        }
        if name.eq_ignore_ascii_case(b"transfer-encoding") {
            if self.is_chunked || !value.eq_ignore_ascii_case(b"chunked") {
                return Err(Malformed::Coding);
            }
            self.is_chunked = true;
        }
        Ok(())
    }

    /// The same number several times counts once (section 6.3).
    fn add_length(&mut self, value: &[u8]) -> Result<(), Malformed> {
        for part in value.split(|byte| *byte == b',') {
            let length = number(part.trim_ascii()).ok_or(Malformed::Length)?;
            if self.length.is_some_and(|other| other != length) {
                return Err(Malformed::Length);
            }
            self.length = Some(length);
        }
        Ok(())
    }

    /// Chunks go before a length (section 6.3), and HTTP/1.0 has none (section 6.1).
    fn framing(&self, minor: u8, status: u16) -> Result<Framing, Malformed> {
        if self.is_chunked && minor == 0 {
            return Err(Malformed::Coding);
        }
        Ok(match self.length {
            _ if matches!(status, 100..200 | 204 | 304) => Framing::Length(0),
            _ if self.is_chunked => Framing::Chunked,
            Some(length) => Framing::Length(length),
            None => Framing::UntilClose,
        })
    }
}

fn number(digits: &[u8]) -> Option<u64> {
    if digits.is_empty() {
        return None;
    }
    digits.iter().try_fold(0u64, |number, digit| {
        let digit = char::from(*digit).to_digit(10)?;
        number.checked_mul(10)?.checked_add(digit.into())
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::vec::Vec;

    fn framing(head: &str) -> Result<Framing, Malformed> {
        decode(head.as_bytes()).map(|head| head.expect("a whole header").framing)
    }

    #[test]
    fn the_status_and_the_end_are_found() {
        let text = b"HTTP/1.1 404 Not Found\r\nServer: x\r\ncontent-LENGTH:  5 \r\n\r\nhello";
        let head = Head { status: 404, framing: Framing::Length(5), size: text.len() - 5 };
        assert_eq!(decode(text), Ok(Some(head)));
        assert_eq!(framing("HTTP/1.0 200\n\n"), Ok(Framing::UntilClose));
        assert_eq!(framing("HTTP/1.1 200 OK\r\nTransfer-Encoding: Chunked\r\n\r\n"), Ok(Framing::Chunked));
        assert_eq!(framing("HTTP/1.1 204 No\r\nContent-Length: 9\r\n\r\n"), Ok(Framing::Length(0)));
        for status in [100, 103, 199, 204, 304] {
            let text = std::format!("HTTP/1.1 {status} x\r\nContent-Length: 9\r\n\r\n");
            assert_eq!(framing(&text), Ok(Framing::Length(0)), "{status}");
        }
        let both = "HTTP/1.1 200 OK\r\nContent-Length: 9\r\nTransfer-Encoding: chunked\r\n\r\n";
        assert_eq!(framing(both), Ok(Framing::Chunked));
    }

    #[test]
    fn a_header_that_comes_byte_by_byte_is_complete_with_its_last() {
        let text = b"HTTP/1.1 200 OK\r\nContent-Length: 12\r\nX: y\r\n\r\n";
        for length in 0..text.len() {
            assert_eq!(decode(&text[..length]), Ok(None), "{length}");
        }
        assert_eq!(decode(text).unwrap().unwrap().size, text.len());
    }

    #[test]
    fn lengths_that_agree_count_once_and_others_are_refused() {
        for (value, expected) in [
            ("7, 7", Ok(Framing::Length(7))),
            ("7\r\nContent-Length: 7", Ok(Framing::Length(7))),
            ("18446744073709551615", Ok(Framing::Length(u64::MAX))),
            ("18446744073709551616", Err(Malformed::Length)),
            ("7, 8", Err(Malformed::Length)),
            ("7\r\nContent-Length: 8", Err(Malformed::Length)),
            ("", Err(Malformed::Length)),
            ("-1", Err(Malformed::Length)),
            ("+1", Err(Malformed::Length)),
            ("0x10", Err(Malformed::Length)),
            ("1 2", Err(Malformed::Length)),
        ] {
            let text = std::format!("HTTP/1.1 200 OK\r\nContent-Length: {value}\r\n\r\n");
            assert_eq!(framing(&text), expected, "{value}");
        }
    }

    #[test]
    fn what_is_no_header_is_refused() {
        for (text, reason) in [
            ("SSH-2.0-x\r\n", Malformed::NotHttp),
            ("h", Malformed::NotHttp),
            ("\r\n", Malformed::NotHttp),
            ("HTTP/2 200\r\n", Malformed::NotHttp),
            ("HTTP/1.1 20\r\n", Malformed::NotHttp),
            ("HTTP/1.1 2000\r\n", Malformed::NotHttp),
            ("HTTP/1.1 600 x\r\n", Malformed::NotHttp),
            ("HTTP/1.1 099 x\r\n", Malformed::NotHttp),
            ("HTTP/1.x 200 OK\r\n", Malformed::NotHttp),
            ("HTTP/1.1  200 OK\r\n", Malformed::NotHttp),
            ("HTTP/1.1 200 OK\r\nno colon\r\n", Malformed::Header),
            ("HTTP/1.1 200 OK\r\n: x\r\n", Malformed::Header),
            ("HTTP/1.1 200 OK\r\nName : x\r\n", Malformed::Header),
            ("HTTP/1.1 200 OK\r\nA: b\r\n folded: c\r\n", Malformed::Header),
            ("HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n", Malformed::Coding),
            ("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n", Malformed::Coding),
            ("HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", Malformed::Coding),
        ] {
            assert_eq!(decode(text.as_bytes()), Err(reason), "{text:?}");
        }
    }

    #[test]
    fn a_header_is_at_most_so_long() {
        let front = b"HTTP/1.1 200 OK\r\nX: ";
        let mut text = front.to_vec();
        text.resize(MAX - 4, b'x');
        text.extend(b"\r\n\r\n");
        assert_eq!(decode(&text).unwrap().unwrap().size, MAX);
        text.insert(front.len(), b'x');
        assert_eq!(decode(&text), Err(Malformed::HeaderTooLong));
        assert_eq!(decode(&text[..MAX - 1]), Ok(None));
    }

    #[test]
    fn no_bytes_make_it_panic() {
        let good = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n";
        for position in 0..good.len() {
            for byte in 0..=255 {
                let mut bytes: Vec<u8> = good.to_vec();
                bytes[position] = byte;
                let _ = decode(&bytes);
            }
        }
    }
}
