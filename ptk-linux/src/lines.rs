//! Lines of a file, one after another, through a buffer of fixed size.
//!
//! Reads of regular files block until the disk answers: there is no readiness for them (`epoll_ctl(2)`, `EPERM`).

use core::ffi::CStr;

use ptk_core::Buffer;
use rustix::fs::{Mode, OFlags, open};
use rustix::io::{Errno, read};

use crate::socket::uninterrupted;

/// The longest line, its end included. Longer ones are skipped.
const LONGEST: usize = 4096;

/// How many reads one file gets: 4 MiB of it, as regular files fill the buffer.
const READS: usize = 1024;

/// Calls `each` with every line of the file at `path`, without its end. Files that are no regular ones do not make this
/// wait.
pub(crate) fn for_each_line(path: &CStr, each: &mut dyn FnMut(&[u8])) -> Result<(), Errno> {
    // What is no regular file must not make the open wait, nor become the terminal of the process.
    let flags = OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NONBLOCK | OFlags::NOCTTY;
    let file = uninterrupted(|| open(path, flags, Mode::empty()))?;
    split(|room| uninterrupted(|| read(&file, &mut *room)), each)
}

/// Calls `each` with every line of what `read` gives until it gives nothing. A line that the last read cut is dropped.
fn split(mut read: impl FnMut(&mut [u8]) -> Result<usize, Errno>, each: &mut dyn FnMut(&[u8])) -> Result<(), Errno> {
    let mut buffer = Buffer::<LONGEST>::new();
    // Whether what comes up to the next end of a line belongs to one that is too long.
    let mut is_overlong = false;
    for _ in 0..READS {
        let count = read(buffer.writable())?;
        buffer.commit(count);
        while let Some(end) = buffer.readable().iter().position(|byte| *byte == b'\n') {
            if !is_overlong && let Some(line) = buffer.readable().get(..end) {
                each(line);
            }
            is_overlong = false;
            buffer.consume(end + 1);
        }
        if count == 0 {
            if !is_overlong && !buffer.is_empty() {
                each(buffer.readable());
            }
            return Ok(());
        }
        if buffer.len() == LONGEST {
            is_overlong = true;
        }
        if is_overlong {
            buffer.clear();
        }
    }
    Ok(())
}

/// The words of a line, up to a comment. A word that is no UTF-8 becomes U+FFFD, which nothing is called.
pub(crate) fn words<'a>(line: &'a [u8], comment: &[u8]) -> impl Iterator<Item = &'a str> {
    let end = line.iter().position(|byte| comment.contains(byte)).unwrap_or(line.len());
    let text = line.get(..end).unwrap_or(line);
    let words = text.split(u8::is_ascii_whitespace).filter(|word| !word.is_empty());
    words.map(|word| core::str::from_utf8(word).unwrap_or("\u{fffd}"))
}

#[cfg(test)]
mod tests {
    extern crate std;

    use std::vec::Vec;

    use super::*;

    /// The lines of `text`, read in pieces of `piece` bytes at most.
    fn lines(text: &[u8], piece: usize) -> Vec<Vec<u8>> {
        let mut rest = text;
        let mut lines = Vec::new();
        let read = |room: &mut [u8]| {
            let count = rest.len().min(room.len()).min(piece);
            room[..count].copy_from_slice(&rest[..count]);
            rest = &rest[count..];
            Ok(count)
        };
        split(read, &mut |line| lines.push(line.to_vec())).unwrap();
        lines
    }

    #[test]
    fn lines_are_the_same_in_pieces_of_any_size() {
        for piece in [1, 2, 3, 5, 100] {
            assert_eq!(lines(b"one\n\ntwo\r\nthree", piece), [&b"one"[..], b"", b"two\r", b"three"], "{piece}");
            assert!(lines(b"", piece).is_empty());
            assert_eq!(lines(b"one\n", piece), [b"one"]);
        }
    }

    #[test]
    fn the_longest_line_is_told_and_longer_ones_are_skipped() {
        for (length, told) in [(LONGEST - 2, true), (LONGEST - 1, true), (LONGEST, false), (LONGEST + 1, false)] {
            for piece in [LONGEST, 1000, 4095] {
                let mut text = std::vec![b'x'; length];
                text.extend_from_slice(b"\nnext");
                let got = lines(&text, piece);
                assert_eq!(got.len(), 1 + usize::from(told), "{length} in {piece}");
                assert_eq!(got.last().unwrap(), b"next");
            }
        }
        assert!(lines(&std::vec![b'x'; 3 * LONGEST], LONGEST).is_empty(), "no end of the line at all");
    }

    #[test]
    fn a_file_without_end_is_left() {
        let mut reads = 0;
        let endless = |room: &mut [u8]| {
            reads += 1;
            room.fill(b'\n');
            Ok(room.len())
        };
        split(endless, &mut |_| ()).unwrap();
        assert_eq!(reads, READS);
    }

    #[test]
    fn words_end_at_a_comment_and_keep_their_places() {
        let all: Vec<_> = words(b" one\ttwo  \xff\xfe three# four", b"#;").collect();
        assert_eq!(all, ["one", "two", "\u{fffd}", "three"]);
        assert_eq!(words(b"# all of it", b"#").count(), 0);
        assert_eq!(words(b"", b"#").count(), 0);
    }
}
