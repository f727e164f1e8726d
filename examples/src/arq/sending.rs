//! What the sender has on its way.
//!
//! ```text
//!  push -> Due -- next_due --> Sent -- acknowledge --> Acknowledged -> gone, with all before it
//!           ^                   |
//!           '---- send_again ---'
//! ```

use ptk_core::prelude::*;

use super::frame::Kind;
use super::{MAX_MESSAGE, WINDOW};

#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
enum State {
    Due,
    Sent,
    Acknowledged,
}

/// A message, or the end of them.
#[derive(Clone, Copy, Hash, Debug)]
struct Slot {
    state: State,
    kind: Kind,
    message: Buffer<MAX_MESSAGE>,
}

impl Slot {
    const FREE: Slot = Slot { state: State::Acknowledged, kind: Kind::End, message: Buffer::new() };
}

/// The messages from the first that is not acknowledged.
#[derive(Clone, Hash, Debug)]
pub(super) struct Sending {
    first: u32,
    count: u32,
    /// Message `n` is at `n % WINDOW`.
    slots: [Slot; WINDOW],
}

const _: () = assert!(WINDOW.is_power_of_two() && WINDOW <= 8, "numbers wrap, and an Ack has one byte");

impl Sending {
    pub(super) const fn new() -> Self {
        Sending { first: 0, count: 0, slots: [Slot::FREE; WINDOW] }
    }

    pub(super) const fn is_empty(&self) -> bool {
        self.count == 0
    }

    pub(super) const fn is_full(&self) -> bool {
        self.count as usize == WINDOW
    }

    /// Takes a message, or the end of them, if there is room.
    pub(super) fn push(&mut self, kind: Kind, message: Buffer<MAX_MESSAGE>) {
        if !self.is_full() {
            *self.slot(self.first.wrapping_add(self.count)) = Slot { state: State::Due, kind, message };
            self.count += 1;
        }
    }

    /// Which message is to be sent next. It then counts as sent.
    pub(super) fn next_due(&mut self) -> Option<u32> {
        let number = self.numbers().find(|number| self.slot(*number).state == State::Due)?;
        self.slot(number).state = State::Sent;
        Some(number)
    }

    pub(super) fn get(&mut self, number: u32) -> (Kind, &[u8]) {
        let slot = self.slot(number);
        (slot.kind, slot.message.readable())
    }

    /// All that lies `skip` or more behind the first message and is not acknowledged is to be sent once more. Says how
    /// much that is.
    pub(super) fn send_again(&mut self, skip: usize) -> u32 {
        let mut count = 0;
        for number in self.numbers().skip(skip) {
            let slot = self.slot(number);
            if slot.state == State::Sent {
                slot.state = State::Due;
                count += 1;
            }
        }
        count
    }

    /// The receiver has all before `next`, and of those behind it what has its bit in `behind`. Whether that is news. An
    /// old acknowledgement is none: its number lies outside of what is on its way.
    pub(super) fn acknowledge(&mut self, next: u32, behind: u8) -> bool {
        let passed = next.wrapping_sub(self.first);
        if passed > self.count {
            return false;
        }
        let mut is_news = passed > 0;
        self.first = self.first.wrapping_add(passed);
        self.count -= passed;
        for number in self.numbers().skip(1) {
            let bit = number.wrapping_sub(self.first) - 1;
            let slot = self.slot(number);
            if behind >> bit & 1 == 1 && slot.state != State::Acknowledged {
                slot.state = State::Acknowledged;
                is_news = true;
            }
        }
        is_news
    }

    fn numbers(&self) -> impl Iterator<Item = u32> + use<> {
        let first = self.first;
        (0..self.count).map(move |place| first.wrapping_add(place))
    }

    fn slot(&mut self, number: u32) -> &mut Slot {
        &mut self.slots[number as usize % WINDOW]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::vec::Vec;

    fn full() -> Sending {
        let mut sending = Sending::new();
        for _ in 0..WINDOW {
            sending.push(Kind::Data, Buffer::new());
        }
        assert_eq!(due(&mut sending), [0, 1, 2, 3]);
        sending
    }

    fn due(sending: &mut Sending) -> Vec<u32> {
        core::iter::from_fn(|| sending.next_due()).collect()
    }

    #[test]
    fn only_what_is_not_acknowledged_is_sent_again() {
        let mut sending = full();
        assert!(sending.acknowledge(1, 0b010), "0 and 3 have come");
        assert_eq!(sending.send_again(0), 2);
        assert_eq!(due(&mut sending), [1, 2]);
    }

    #[test]
    fn what_was_acknowledged_before_is_no_news() {
        let mut sending = full();
        assert!(sending.acknowledge(0, 0b001));
        assert!(!sending.acknowledge(0, 0b001));
        assert!(sending.acknowledge(2, 0));
        assert!(!sending.acknowledge(2, 0));
        assert!(!sending.acknowledge(1, 0b111), "it is older");
        assert!(!sending.acknowledge(5, 0), "that was never sent");
        assert_eq!(sending.send_again(0), 2);
    }

    #[test]
    fn a_window_that_is_acknowledged_makes_room() {
        let mut sending = full();
        assert!(sending.is_full());
        assert!(sending.acknowledge(4, 0));
        assert!(sending.is_empty());
        sending.push(Kind::End, Buffer::new());
        assert_eq!(due(&mut sending), [4]);
        assert_eq!(sending.get(4).0, Kind::End);
    }

    #[test]
    fn a_full_window_takes_no_more() {
        let mut sending = full();
        sending.push(Kind::End, Buffer::new());
        assert_eq!((sending.count, sending.get(0).0), (4, Kind::Data));
    }

    #[test]
    fn numbers_go_on_behind_the_largest() {
        let mut sending = Sending { first: u32::MAX, ..Sending::new() };
        for _ in 0..3 {
            sending.push(Kind::Data, Buffer::new());
        }
        assert_eq!(due(&mut sending), [u32::MAX, 0, 1]);
        assert!(sending.acknowledge(1, 0));
        assert_eq!((sending.first, sending.count), (1, 1));
    }
}
