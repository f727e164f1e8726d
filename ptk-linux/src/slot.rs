//! "Not open yet" as zero bits. Knows nothing of what it holds.

/// An `Option` whose empty form is zero bits for any `T`, so that a static full of them is `.bss`.
///
/// `Option<OwnedFd>` is none such: where the descriptor type has a niche, its `None` is -1.
#[derive(Debug)]
#[repr(u8)]
pub(crate) enum Slot<T> {
    /// Nothing was opened.
    Empty = 0,
    /// Open.
    Full(T) = 1,
}

impl<T> Slot<T> {
    #[inline]
    pub(crate) const fn get(&self) -> Option<&T> {
        match self {
            Slot::Empty => None,
            Slot::Full(value) => Some(value),
        }
    }

    #[inline]
    pub(crate) const fn get_mut(&mut self) -> Option<&mut T> {
        match self {
            Slot::Empty => None,
            Slot::Full(value) => Some(value),
        }
    }

    pub(crate) const fn is_empty(&self) -> bool {
        matches!(self, Slot::Empty)
    }
}
