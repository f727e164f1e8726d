//! What the receiver has of a connection.

use ptk_core::prelude::*;

use super::numbers::Numbers;
use super::{MAX_MESSAGE, WINDOW};

/// A message, or the end of them.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(super) struct Piece {
    pub(super) is_end: bool,
    pub(super) message: Buffer<MAX_MESSAGE>,
}

/// What a number is to a receiver.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(super) enum Place {
    /// So many behind the next.
    Ahead(u32),
    /// Handed up before, and perhaps the sender does not know.
    Old,
    /// None that the sender could have sent, or so old that it needs no acknowledgement.
    Stray,
}

/// Which message is next, and those behind it that have come already.
#[derive(Clone, Hash, Debug)]
pub(super) struct Receiving {
    next: u32,
    /// Message `n` is at `n % WINDOW`.
    pieces: [Option<Piece>; WINDOW],
}

impl Receiving {
    pub(super) const fn new() -> Self {
        Receiving { next: 0, pieces: [None; WINDOW] }
    }

    /// What a message of that number is.
    pub(super) fn place(&self, number: u32, numbers: Numbers) -> Place {
        let (ahead, behind) = (numbers.distance(self.next, number), numbers.distance(number, self.next));
        if ahead < WINDOW as u32 {
            Place::Ahead(ahead)
        } else if behind <= WINDOW as u32 {
            Place::Old
        } else {
            Place::Stray
        }
    }

    /// Keeps what is so many behind the next. What has come before stays.
    pub(super) fn keep(&mut self, ahead: u32, piece: Piece) {
        let number = self.next.wrapping_add(ahead);
        self.piece(number).get_or_insert(piece);
    }

    /// The next, if it has come.
    pub(super) fn take(&mut self) -> Option<Piece> {
        let piece = self.piece(self.next).take()?;
        self.next = self.next.wrapping_add(1);
        Some(piece)
    }

    /// The next, and a bit for each of those behind it that have come.
    pub(super) fn acknowledgement(&mut self) -> (u32, u8) {
        let next = self.next;
        let bits = (1..WINDOW as u32).map(|ahead| {
            let is_here = self.piece(next.wrapping_add(ahead)).is_some();
            u8::from(is_here) << (ahead - 1)
        });
        (next, bits.sum())
    }

    fn piece(&mut self, number: u32) -> &mut Option<Piece> {
        &mut self.pieces[number as usize % WINDOW]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PIECE: Piece = Piece { is_end: false, message: Buffer::new() };
    const END: Piece = Piece { is_end: true, message: Buffer::new() };

    #[test]
    fn what_comes_early_waits() {
        let mut receiving = Receiving::new();
        receiving.keep(2, END);
        assert_eq!((receiving.take(), receiving.acknowledgement()), (None, (0, 0b010)));
        receiving.keep(0, PIECE);
        assert_eq!((receiving.take(), receiving.take()), (Some(PIECE), None));
        assert_eq!(receiving.acknowledgement(), (1, 0b001));
        receiving.keep(0, PIECE);
        assert_eq!((receiving.take(), receiving.take(), receiving.take()), (Some(PIECE), Some(END), None));
        assert_eq!(receiving.acknowledgement(), (3, 0));
    }

    #[test]
    fn the_first_of_two_copies_is_kept() {
        let mut receiving = Receiving::new();
        receiving.keep(1, PIECE);
        receiving.keep(1, END);
        receiving.keep(0, PIECE);
        assert_eq!((receiving.take(), receiving.take()), (Some(PIECE), Some(PIECE)));
    }

    #[test]
    fn numbers_are_told_apart() {
        let receiving = Receiving { next: 2, ..Receiving::new() };
        let places = [2, 5, 6, 1, u32::MAX - 1, u32::MAX - 2].map(|n| receiving.place(n, Numbers::with_bits(32)));
        let (ahead, old, stray) = (Place::Ahead, Place::Old, Place::Stray);
        assert_eq!(places, [ahead(0), ahead(3), stray, old, old, stray]);
        let places = [2, 5, 6, 1].map(|number| receiving.place(number, Numbers::with_bits(3)));
        assert_eq!(places, [ahead(0), ahead(3), old, old], "as many numbers as two windows have");
    }
}
