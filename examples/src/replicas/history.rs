//! What the clients have been told, and whether a register could have told them.

/// The history of one writer and one reader, as far as it matters for what may come.
///
/// A register that is linearizable gives each read a value that was written before the read ended, at least the last
/// that was acknowledged before the read began, and at least what the read before it had.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct History {
    /// The last value whose write has begun.
    begun: u8,
    /// The last value whose write was acknowledged.
    acknowledged: u8,
    /// The value of the last read.
    seen: u8,
    /// The least that the read under way may give.
    floor: u8,
    /// The first read that no register gives.
    violation: Option<Violation>,
}

/// A read that no register gives.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Violation {
    /// What it gave.
    pub value: u8,
    /// The least that it may give: that was acknowledged, or read before.
    pub least: u8,
    /// The most: that was written.
    pub most: u8,
}

impl History {
    /// Nothing has happened.
    pub const NEW: History = History { begun: 0, acknowledged: 0, seen: 0, floor: 0, violation: None };

    /// Whether a register could have given all that.
    pub const fn is_linearizable(&self) -> bool {
        self.violation.is_none()
    }

    /// The first read that no register gives.
    pub const fn violation(&self) -> Option<Violation> {
        self.violation
    }

    /// The last value that was acknowledged.
    pub const fn acknowledged(&self) -> u8 {
        self.acknowledged
    }

    /// The value of the last read.
    pub const fn seen(&self) -> u8 {
        self.seen
    }

    pub(super) fn write_begins(&mut self, value: u8) {
        self.begun = value;
    }

    pub(super) fn write_ends(&mut self) {
        self.acknowledged = self.begun;
    }

    pub(super) fn read_begins(&mut self) {
        self.floor = self.acknowledged.max(self.seen);
    }

    pub(super) fn read_ends(&mut self, value: u8) {
        self.seen = value;
        if !(self.floor..=self.begun).contains(&value) {
            let violation = Violation { value, least: self.floor, most: self.begun };
            self.violation.get_or_insert(violation);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn history() -> History {
        let mut history = History::NEW;
        history.write_begins(1);
        history.write_ends();
        history
    }

    fn read(history: &mut History, value: u8) -> bool {
        history.read_begins();
        history.read_ends(value);
        history.is_linearizable()
    }

    #[test]
    fn a_write_that_was_acknowledged_is_read() {
        assert!(read(&mut history(), 1));
        assert!(!read(&mut history(), 0));
        assert!(!read(&mut history(), 2), "nobody has written that");
    }

    #[test]
    fn a_write_under_way_may_be_read_or_not_but_not_first_so_and_then_otherwise() {
        let mut history = history();
        history.write_begins(2);
        assert!(read(&mut history, 1) && read(&mut history, 2));
        assert!(!read(&mut history, 1));
        assert_eq!(history.violation(), Some(Violation { value: 1, least: 2, most: 2 }));
    }

    #[test]
    fn what_is_acknowledged_during_a_read_need_not_be_in_it() {
        let mut history = history();
        history.write_begins(2);
        history.read_begins();
        history.write_ends();
        history.read_ends(1);
        assert!(history.is_linearizable());
    }
}
