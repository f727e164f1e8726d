//! Deadlines in order: an indexed 4-ary heap in a fixed array.
//!
//! Each entry carries its own key, so that moving through the heap touches nothing else; whoever is named by an entry
//! keeps its position, so that a deadline can be changed or removed without a search. Four children a node halve the
//! height of a binary heap (LaMarca and Ladner, "The influence of caches on the performance of heaps", 1996).

use core::hash::{Hash, Hasher};

use crate::mutant::Mutant;
use crate::time::Instant;

const CHILDREN: usize = 4;

/// A deadline with the place in the order in which deadlines were armed: equal ones fire first armed, first served.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Deadline {
    /// When it is due.
    pub at: Instant,
    /// How many were armed before, modulo 2^32.
    pub order: u32,
}

/// Marks a place in an order among the numbers that are hashed by [`Hasher::write_u128`]: handles have 64 bits.
const ORDER: u128 = 1 << 64;

/// Hashes the instant, and directly behind it the place in the order, through [`Hasher::write_u128`] and with a bit that
/// no handle has: a canonical hasher can keep what counts, which of equal deadlines comes first.
impl Hash for Deadline {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.at.hash(state);
        state.write_u128(ORDER | u128::from(self.order));
    }
}

/// One deadline. Sixteen bytes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Entry {
    at: Instant,
    order: u32,
    index: u32,
}

const _: () = assert!(size_of::<Entry>() == 16);

impl Entry {
    const NONE: Entry = Entry { at: Instant::ORIGIN, order: 0, index: 0 };

    /// When it is due.
    pub const fn deadline(&self) -> Deadline {
        Deadline { at: self.at, order: self.order }
    }

    /// Whose it is.
    pub const fn index(&self) -> usize {
        self.index as usize
    }

    fn is_before(&self, other: &Entry) -> bool {
        if Mutant::EqualDeadlinesSwapped.is_on() && self.at == other.at {
            return is_before(other.deadline(), self.deadline());
        }
        is_before(self.deadline(), other.deadline())
    }
}

/// Whether `a` is due before `b`: earlier, or equally early and armed first. The order counts modulo 2^32: of two equal
/// deadlines with more than 2^31 arms between them, either may be first.
#[inline]
pub fn is_before(a: Deadline, b: Deadline) -> bool {
    match a.at.cmp(&b.at) {
        core::cmp::Ordering::Less => true,
        core::cmp::Ordering::Greater => false,
        core::cmp::Ordering::Equal => (a.order.wrapping_sub(b.order) as i32) < 0,
    }
}

/// Who keeps the positions of up to a fixed number of owners of deadlines. Position 0 is "has no deadline".
pub trait Positions {
    /// The position of owner `index`.
    fn position(&self, index: usize) -> u32;
    /// Keeps the position of owner `index`.
    fn set_position(&mut self, index: usize, position: u32);
}

/// A queue of up to `N` deadlines, one an owner. Const-constructible and all zero bits.
pub type DeadlineQueue<const N: usize> = Queue<[Entry; N]>;

/// A [`DeadlineQueue`] of any capacity.
pub type DeadlineQueueView = Queue<[Entry]>;

/// A queue over some storage: see [`DeadlineQueue`].
#[derive(Clone, Debug)]
pub struct Queue<S: ?Sized> {
    len: u32,
    entries: S,
}

impl<const N: usize> DeadlineQueue<N> {
    /// An empty queue.
    pub const fn new() -> Self {
        Queue { len: 0, entries: [Entry::NONE; N] }
    }
}

impl<const N: usize> Default for DeadlineQueue<N> {
    fn default() -> Self {
        Self::new()
    }
}

impl DeadlineQueueView {
    /// How many deadlines there are.
    pub const fn len(&self) -> usize {
        self.len as usize
    }

    /// Whether there is none.
    pub const fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The earliest deadline.
    #[inline]
    pub fn first(&self) -> Option<&Entry> {
        self.live().first()
    }

    /// The deadline of owner `index`.
    pub fn get(&self, index: usize, positions: &(impl Positions + ?Sized)) -> Option<Deadline> {
        let place = (positions.position(index) as usize).checked_sub(1)?;
        self.live().get(place).map(Entry::deadline)
    }

    /// Hashes the deadlines of `owners` owners in the order of their indices: how they lie in the heap says how they came
    /// there, and not what they are.
    pub(crate) fn hash_of_owners<H: Hasher>(
        &self,
        owners: usize,
        positions: &(impl Positions + ?Sized),
        state: &mut H,
    ) {
        state.write_u32(self.len);
        for index in 0..if self.is_empty() { 0 } else { owners } {
            if let Some(deadline) = self.get(index, positions) {
                state.write_usize(index);
                deadline.hash(state);
            }
        }
    }

    /// Gives owner `index` this deadline, in place of the one that it may have. Takes O(log n).
    pub fn set(&mut self, index: usize, deadline: Deadline, positions: &mut (impl Positions + ?Sized)) {
        let entry = Entry { at: deadline.at, order: deadline.order, index: index as u32 };
        let place = match positions.position(index) {
            0 => {
                if self.len() >= self.entries.len() {
                    return;
                }
                self.len += 1;
                self.len() - 1
            }
            position => position as usize - 1,
        };
        self.settle(place, entry, positions);
    }

    /// Takes the deadline of owner `index` away. Takes O(log n).
    pub fn remove(&mut self, index: usize, positions: &mut (impl Positions + ?Sized)) {
        let Some(place) = (positions.position(index) as usize).checked_sub(1) else { return };
        positions.set_position(index, 0);
        self.len -= 1;
        let last = self.len();
        let Some(moved) = self.entries.get_mut(last) else { return };
        // Nothing is left behind the end, or equal queues would not hash alike.
        let moved = core::mem::replace(moved, Entry::NONE);
        if place != last && Mutant::HeapRemovalSinksOnly.is_on() {
            let place = self.sift_down(place, &moved, positions);
            self.put(place, moved, positions);
        } else if place != last {
            self.settle(place, moved, positions);
        }
    }

    fn live(&self) -> &[Entry] {
        self.entries.get(..self.len()).unwrap_or(&[])
    }

    /// Puts `entry` where it belongs, given that only `place` may be out of order.
    fn settle(&mut self, place: usize, entry: Entry, positions: &mut (impl Positions + ?Sized)) {
        let place = self.sift_up(place, &entry, positions);
        let place = self.sift_down(place, &entry, positions);
        self.put(place, entry, positions);
    }

    fn sift_up(&mut self, mut place: usize, entry: &Entry, positions: &mut (impl Positions + ?Sized)) -> usize {
        while place > 0 {
            let parent = (place - 1) / CHILDREN;
            match self.entries.get(parent) {
                Some(&above) if entry.is_before(&above) => self.put(place, above, positions),
                _ => break,
            }
            place = parent;
        }
        place
    }

    fn sift_down(&mut self, mut place: usize, entry: &Entry, positions: &mut (impl Positions + ?Sized)) -> usize {
        while let Some((child, below)) = self.first_child(place) {
            if !below.is_before(entry) {
                break;
            }
            self.put(place, below, positions);
            place = child;
        }
        place
    }

    fn first_child(&self, place: usize) -> Option<(usize, Entry)> {
        let start = place * CHILDREN + 1;
        let children = self.live().get(start..)?;
        let (nth, child) = children
            .iter()
            .take(if Mutant::HeapLooksAtTwoChildren.is_on() { 2 } else { CHILDREN })
            .enumerate()
            .reduce(|best, next| if next.1.is_before(best.1) { next } else { best })?;
        Some((start + nth, *child))
    }

    fn put(&mut self, place: usize, entry: Entry, positions: &mut (impl Positions + ?Sized)) {
        if let Some(slot) = self.entries.get_mut(place) {
            *slot = entry;
            positions.set_position(entry.index(), place as u32 + 1);
        }
    }
}
