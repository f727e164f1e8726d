//! Messages that tell whether they come once and in order: each holds its number.

use ptk_core::prelude::*;

use super::receiver::Delivery;
use super::sender::Supply;
use crate::echo::message::{self, Echo};

/// The shortest message.
pub const MIN: usize = message::MIN;

/// Messages numbered from 0.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Numbered {
    next: u32,
    count: u32,
    size: usize,
}

impl Numbered {
    /// So many messages of `size` bytes, [`MIN`] to [`MAX_MESSAGE`](super::MAX_MESSAGE).
    pub const fn new(count: u32, size: usize) -> Self {
        Numbered { next: 0, count, size }
    }
}

impl Supply for Numbered {
    fn next(&mut self, out: &mut Buf) -> bool {
        if self.next == self.count || message::write(self.next, self.size, out).is_err() {
            return false;
        }
        self.next += 1;
        true
    }
}

/// What has been handed up of a connection.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Tally {
    /// Connections that have begun.
    pub connections: u32,
    /// Messages of the last of them.
    pub messages: u32,
    /// Whether its end has come.
    pub has_ended: bool,
    /// Whether each message of each connection was the one behind the one before it, and nothing came behind an end.
    pub is_in_order: bool,
}

impl Tally {
    /// Nothing.
    pub const NONE: Tally = Tally { connections: 0, messages: 0, has_ended: false, is_in_order: true };
}

impl Delivery for Tally {
    fn opened(&mut self) {
        *self = Tally { connections: self.connections + 1, is_in_order: self.is_in_order, ..Tally::NONE };
    }

    fn message(&mut self, message: &[u8]) {
        let is_next = message::check(message, self.messages, message.len()) == Echo::Right;
        self.is_in_order &= is_next && !self.has_ended;
        self.messages += 1;
    }

    fn ended(&mut self) {
        self.is_in_order &= !self.has_ended;
        self.has_ended = true;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tally(numbers: &[u32]) -> Tally {
        let mut tally = Tally::NONE;
        tally.opened();
        for number in numbers {
            let mut out = Buffer::<16>::new();
            message::write(*number, 8, &mut out).unwrap();
            tally.message(out.readable());
        }
        tally
    }

    #[test]
    fn disorder_is_told() {
        assert!(tally(&[0, 1, 2]).is_in_order);
        for numbers in [&[1][..], &[0, 0], &[0, 2], &[0, 1, 0]] {
            assert!(!tally(numbers).is_in_order, "{numbers:?}");
        }
    }

    #[test]
    fn nothing_may_follow_the_end() {
        let mut tally = tally(&[0]);
        tally.ended();
        assert!(tally.is_in_order);
        let mut twice = tally;
        twice.ended();
        assert!(!twice.is_in_order);
        let mut out = Buffer::<16>::new();
        message::write(1, 8, &mut out).unwrap();
        tally.message(out.readable());
        assert!(!tally.is_in_order);
    }

    #[test]
    fn another_connection_begins_at_the_first_message() {
        let mut tally = tally(&[0, 1]);
        tally.opened();
        assert_eq!((tally.connections, tally.messages, tally.is_in_order), (2, 0, true));
    }
}
