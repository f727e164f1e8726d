//! A growing table whose entries keep their index. The lowest free index is given away first, so that what a table looks
//! like depends on what it holds and not on what it once held.

use std::collections::BTreeSet;

/// See the module's text.
#[derive(Clone, Hash, Debug)]
pub(crate) struct Slab<T> {
    entries: Vec<Option<T>>,
    /// The indices of the entries that are `None`. The last entry never is.
    free: BTreeSet<u32>,
}

impl<T> Slab<T> {
    /// An empty table.
    pub(crate) const fn new() -> Slab<T> {
        Slab { entries: Vec::new(), free: BTreeSet::new() }
    }

    /// Adds an entry and returns its index.
    pub(crate) fn insert(&mut self, entry: T) -> u32 {
        if let Some(index) = self.free.pop_first()
            && let Some(place) = self.entries.get_mut(index as usize)
        {
            *place = Some(entry);
            return index;
        }
        self.entries.push(Some(entry));
        // Four billion entries do not fit into memory: an entry is larger than a byte.
        self.entries.len() as u32 - 1
    }

    /// Takes an entry out.
    pub(crate) fn remove(&mut self, index: u32) -> Option<T> {
        let entry = self.entries.get_mut(index as usize)?.take()?;
        self.free.insert(index);
        while let Some(None) = self.entries.last() {
            self.entries.pop();
            self.free.pop_last();
        }
        Some(entry)
    }

    /// An entry.
    pub(crate) fn get(&self, index: u32) -> Option<&T> {
        self.entries.get(index as usize)?.as_ref()
    }

    /// An entry, to change it.
    pub(crate) fn get_mut(&mut self, index: u32) -> Option<&mut T> {
        self.entries.get_mut(index as usize)?.as_mut()
    }

    /// Two entries at once; `None` if one is missing, or both are the same.
    pub(crate) fn pair_mut(&mut self, first: u32, second: u32) -> Option<(&mut T, &mut T)> {
        match self.entries.get_disjoint_mut([first as usize, second as usize]) {
            Ok([Some(first), Some(second)]) => Some((first, second)),
            _ => None,
        }
    }

    /// All entries, lowest index first.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (u32, &T)> {
        self.entries.iter().zip(0..).filter_map(|(entry, index)| Some((index, entry.as_ref()?)))
    }
}

#[cfg(test)]
mod tests {
    use std::hash::{DefaultHasher, Hash, Hasher};

    use super::Slab;

    fn hash(slab: &Slab<char>) -> u64 {
        let mut hasher = DefaultHasher::new();
        slab.hash(&mut hasher);
        hasher.finish()
    }

    #[test]
    fn the_lowest_free_index_comes_first() {
        let mut slab = Slab::new();
        let indices = ['a', 'b', 'c', 'd'].map(|entry| slab.insert(entry));
        assert_eq!(indices, [0, 1, 2, 3]);
        slab.remove(2);
        slab.remove(0);
        assert_eq!((slab.insert('e'), slab.insert('f'), slab.insert('g')), (0, 2, 4));
    }

    #[test]
    fn a_table_looks_like_what_it_holds_and_not_like_its_past() {
        let mut slab = Slab::new();
        let empty = hash(&slab);
        slab.insert('a');
        let one = hash(&slab);
        slab.insert('b');
        slab.insert('c');
        slab.remove(1);
        slab.remove(2);
        assert_eq!(hash(&slab), one);
        slab.remove(0);
        assert_eq!(hash(&slab), empty);
    }

    #[test]
    fn an_entry_is_removed_once_and_no_pair_holds_it_twice() {
        let mut slab = Slab::new();
        let (a, b) = (slab.insert('a'), slab.insert('b'));
        assert_eq!(slab.pair_mut(a, b), Some((&mut 'a', &mut 'b')));
        assert_eq!(slab.pair_mut(a, a), None);
        assert_eq!(slab.remove(b), Some('b'));
        assert_eq!(slab.remove(b), None);
        assert_eq!(slab.pair_mut(a, b), None);
        assert_eq!(slab.get(7), None);
    }
}
