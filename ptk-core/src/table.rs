//! Handle tables: fixed arrays whose slots are named by handles that are never valid twice.
//!
//! A slot's key holds the handle's kind, loop and generation, so a lookup is one bounds check and one comparison:
//!
//! ```text
//!            63    60 59     52 51       48 47        32 31                      0
//!           +--------+---------+-----------+------------+-------------------------+
//!  in use   |  kind  |  loop   |     0     |  waiters   |       generation        |
//!           +--------+---------+-----------+------------+-------------------------+
//!  vacant   |   0    |  next vacant slot, plus 1        |    next generation      |
//!           +--------+----------------------------------+-------------------------+
//! ```
//!
//! Slots that were never used lie behind a watermark and need no free list, so an untouched table is all zero bits.

use core::hash::{Hash, Hasher};

use crate::handle::{Handle, Kind, MAX_SLOTS};
use crate::inspect::Unhashed;
use crate::mutant::Mutant;
use crate::wait::WaitList;

/// The bits that a handle and the key of its slot have in common.
const NAME: u64 = 0xfff0_0000_ffff_ffff;
const KIND: u64 = 0xf << 60;
const WAITERS: u64 = 0xffff << 32;
/// The key of a slot that is never given away again.
const RETIRED: u64 = u32::MAX as u64;

/// A value that a table can hold.
pub trait Vacant {
    /// What a slot holds while it is vacant. Zero bits keep a static table out of the image.
    const VACANT: Self;
}

/// A table of up to `N` values. Const-constructible; insert, lookup and remove take constant time.
pub type HandleTable<T, const N: usize> = Table<[Slot<T>; N]>;

/// A [`HandleTable`] of any capacity: what a reference to one becomes by unsizing.
pub type HandleTableView<T> = Table<[Slot<T>]>;

/// One place in a table.
#[derive(Clone, Copy, Debug)]
pub struct Slot<T> {
    key: u64,
    value: T,
}

/// What is in the table, each entry with its handle, and which index is given away next: not how the table came there.
impl<T: Hash, const N: usize> Hash for HandleTable<T, N> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        state.write_u32(self.live);
        state.write_u32(if self.vacant != 0 { self.vacant - 1 } else { self.watermark });
        for (index, slot) in self.slots.iter().enumerate().take(self.watermark as usize) {
            if let Some(handle) = slot.handle(index) {
                handle.hash(state);
                slot.waiters().hash(state);
                slot.value.hash(state);
            }
        }
    }
}

/// A table over some storage: see [`HandleTable`].
#[derive(Clone, Debug)]
pub struct Table<S: ?Sized> {
    /// The first vacant slot below the watermark, plus 1.
    vacant: u32,
    /// Slots from here on were never used.
    watermark: u32,
    live: u32,
    high_water: Unhashed<u32>,
    slots: S,
}

impl<T: Vacant, const N: usize> HandleTable<T, N> {
    /// An empty table.
    pub const fn new() -> Self {
        const { assert!(N <= MAX_SLOTS, "a handle's index has 20 bits") };
        Table {
            vacant: 0,
            watermark: 0,
            live: 0,
            high_water: Unhashed(0),
            slots: [const { Slot { key: 0, value: T::VACANT } }; N],
        }
    }
}

impl<T, const N: usize> HandleTable<T, N> {
    /// The table without its capacity in the type.
    pub const fn view(&self) -> &HandleTableView<T> {
        self
    }
}

impl<T: Vacant, const N: usize> Default for HandleTable<T, N> {
    fn default() -> Self {
        Self::new()
    }
}

impl<T: Vacant> HandleTableView<T> {
    /// How many values the table can hold.
    pub const fn capacity(&self) -> usize {
        self.slots.len()
    }

    /// How many values it holds.
    pub const fn len(&self) -> usize {
        self.live as usize
    }

    /// Whether it holds none.
    pub const fn is_empty(&self) -> bool {
        self.live == 0
    }

    /// The largest number of values that it ever held.
    pub const fn high_water(&self) -> usize {
        self.high_water.0 as usize
    }

    /// Whether no further value fits. Slots whose generations are used up count as taken.
    #[inline]
    pub const fn is_full(&self) -> bool {
        self.vacant == 0 && self.watermark as usize >= self.slots.len()
    }

    /// The handle that [`insert`](Self::insert) would give out next; `None` if the table is full.
    pub fn next_handle(&self, kind: Kind, loop_id: u8) -> Option<Handle> {
        let index = self.next_index()?;
        let slot = self.slots.get(index)?;
        Some(Handle::new(kind, loop_id, index as u32, slot.key as u32))
    }

    /// The slot that [`insert`](Self::insert) would use next.
    pub const fn next_index(&self) -> Option<usize> {
        if self.vacant != 0 {
            return Some(self.vacant as usize - 1);
        }
        if (self.watermark as usize) < self.slots.len() { Some(self.watermark as usize) } else { None }
    }

    /// Stores `value` and names it.
    ///
    /// # Errors
    ///
    /// Gives the value back if the table is full.
    pub fn insert(&mut self, kind: Kind, loop_id: u8, value: T) -> Result<Handle, T> {
        let Some(handle) = self.next_handle(kind, loop_id) else { return Err(value) };
        let Some(slot) = self.slots.get_mut(handle.index()) else { return Err(value) };
        if self.vacant != 0 {
            self.vacant = (slot.key >> 32) as u32;
        } else {
            self.watermark += 1;
        }
        slot.key = handle.raw() & NAME;
        slot.value = value;
        self.live += 1;
        self.high_water.0 = self.high_water.0.max(self.live);
        Ok(handle)
    }

    /// Takes the slot that [`insert`](Self::insert) would use next out of service for ever.
    pub fn retire_next(&mut self) {
        let Some(slot) = self.next_index().and_then(|index| self.slots.get_mut(index)) else { return };
        if self.vacant != 0 {
            self.vacant = (slot.key >> 32) as u32;
        } else {
            self.watermark += 1;
        }
        slot.key = RETIRED;
    }

    /// Takes the value out; its handle is never valid again. The slot's next handle has the next generation; after the
    /// last one the slot retires.
    pub fn remove(&mut self, handle: Handle) -> Option<T> {
        let vacant = self.vacant;
        let slot = self.slot_mut(handle)?;
        let value = core::mem::replace(&mut slot.value, T::VACANT);
        match handle.generation().checked_add(if Mutant::GenerationNotRaised.is_on() { 0 } else { 1 }) {
            Some(generation) => {
                slot.key = u64::from(vacant) << 32 | u64::from(generation);
                self.vacant = handle.index() as u32 + 1;
            }
            None => slot.key = RETIRED,
        }
        self.live -= 1;
        Some(value)
    }

    /// Makes the vacant slot `index` give out `generation` next, if it has not come that far by itself.
    pub fn advance_generation(&mut self, index: usize, generation: u32) {
        let Some(slot) = self.slots.get_mut(index) else { return };
        if slot.key & KIND == 0 && generation > slot.key as u32 {
            slot.key = slot.key & !u64::from(u32::MAX) | u64::from(generation);
        }
    }

    /// The value that `handle` names.
    #[inline]
    pub fn get(&self, handle: Handle) -> Option<&T> {
        let slot = self.slots.get(handle.index())?;
        if slot.is_named(handle) { Some(&slot.value) } else { None }
    }

    /// The value that `handle` names.
    #[inline]
    pub fn get_mut(&mut self, handle: Handle) -> Option<&mut T> {
        self.slot_mut(handle).map(|slot| &mut slot.value)
    }

    /// Whether `handle` names a value.
    #[inline]
    pub fn contains(&self, handle: Handle) -> bool {
        self.get(handle).is_some()
    }

    /// The handles of all values, in the order of their slots.
    pub fn handles(&self) -> impl Iterator<Item = Handle> {
        let used = self.slots.iter().take(self.watermark as usize);
        used.enumerate().filter_map(|(index, slot)| slot.handle(index))
    }

    /// The handle of the value in slot `index`.
    pub fn handle_at(&self, index: usize) -> Option<Handle> {
        self.slots.get(index)?.handle(index)
    }

    #[inline]
    pub(crate) fn slot_mut(&mut self, handle: Handle) -> Option<&mut Slot<T>> {
        let slot = self.slots.get_mut(handle.index())?;
        if slot.is_named(handle) { Some(slot) } else { None }
    }

    /// The slot at `index` if it is in use.
    #[inline]
    pub(crate) fn slot_at(&mut self, index: usize) -> Option<&mut Slot<T>> {
        self.slots.get_mut(index).filter(|slot| slot.key & KIND != 0)
    }
}

impl<T> Slot<T> {
    #[inline]
    fn is_named(&self, handle: Handle) -> bool {
        let name = if Mutant::StaleHandleAccepted.is_on() { KIND } else { NAME };
        // A handle's kind is never 0, so a vacant slot is never named.
        (self.key ^ handle.raw()) & name == 0
    }

    fn handle(&self, index: usize) -> Option<Handle> {
        Handle::from_raw(self.key & NAME | (index as u64) << 32)
    }

    /// The tasks that wait for what the slot's handle names: for data, for the timer, for a raise.
    #[inline]
    pub(crate) const fn waiters(&self) -> WaitList {
        WaitList::from_bits((self.key >> 32) as u16)
    }

    #[inline]
    pub(crate) const fn set_waiters(&mut self, waiters: WaitList) {
        self.key = self.key & !WAITERS | (waiters.bits() as u64) << 32;
    }

    #[inline]
    pub(crate) const fn value_mut(&mut self) -> &mut T {
        &mut self.value
    }

    #[inline]
    pub(crate) const fn value(&self) -> &T {
        &self.value
    }
}
