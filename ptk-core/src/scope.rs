//! Scopes: which wait a handle was opened under, so that giving up a wait closes what it opened.
//!
//! A task polls its body from the top each time, so the waits that are open at any moment form a path: the wait in the
//! body, the wait in the child that it awaits, and so on, with a fork at each `first!`. A [`Scope`] is that path. Nothing
//! stores the path between polls: each wait appends its own step when it is evaluated and takes it back after.

/// How many binary steps a path can have. A wait is one step; a `first!` of two operands one more, of up to four two
/// more, of up to eight three more.
const STEPS: u32 = 12;

/// A path in two bytes: its steps, left-aligned, and their number in the last four bits. The root is all zero bits.
///
/// A wait's own step is always 0, so that entering one is an addition.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Scope(u16);

impl Scope {
    /// The task itself.
    pub const ROOT: Scope = Scope(0);

    /// The `ordinal`th scope of `1 << width` directly inside this one. At the end of the path there is no room: the
    /// scope itself comes back, and what is opened under it is closed only with it.
    #[inline(always)]
    pub const fn child(self, ordinal: u16, width: u32) -> Scope {
        let depth = self.depth() as u32 + width;
        if depth > STEPS {
            return self;
        }
        Scope((self.0 + width as u16) | ordinal << (16 - depth))
    }

    /// Whether `other` is this scope or lies inside it.
    #[inline]
    pub const fn contains(self, other: Scope) -> bool {
        let steps = self.depth() as u32;
        other.depth() >= self.depth() && (self.0 ^ other.0) as u32 >> (16 - steps) == 0
    }

    /// The number of steps from the root.
    #[inline(always)]
    pub const fn depth(self) -> u8 {
        self.0 as u8 & 0xf
    }
}

/// What a context hands down while a body runs: the scope of the innermost open wait, and whether that wait is
/// evaluated for the first time.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Control {
    /// Handles that are opened now belong to this scope.
    pub scope: Scope,
    /// A body that is entered now starts at its beginning, whatever it was doing before.
    pub fresh: bool,
}

impl Control {
    /// A task that is polled for the first time (`fresh`), or again.
    pub const fn root(fresh: bool) -> Control {
        Control { scope: Scope::ROOT, fresh }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_scope_contains_itself_and_what_lies_inside_and_nothing_else() {
        let wait = Scope::ROOT.child(0, 1);
        let first = wait.child(0, 2);
        let third = wait.child(2, 2);
        assert!(Scope::ROOT.contains(wait) && wait.contains(wait) && wait.contains(first));
        assert!(first.contains(first.child(1, 1)));
        assert!(!first.contains(third) && !third.contains(first) && !first.contains(wait));
        assert!(!wait.contains(Scope::ROOT));
        assert_eq!((Scope::ROOT.depth(), wait.depth(), third.depth()), (0, 1, 3));
    }

    #[test]
    fn a_path_without_room_stays_where_it_is() {
        let mut scope = Scope::ROOT;
        for depth in 0..STEPS as u8 {
            assert_eq!(scope.depth(), depth);
            scope = scope.child(0, 1);
        }
        assert_eq!(scope.child(0, 1), scope);
        assert!(Scope::ROOT.contains(scope));
    }

    #[test]
    fn every_sibling_of_a_wide_fork_is_apart() {
        let fork = Scope::ROOT.child(0, 1).child(1, 1);
        let all: [Scope; 8] = core::array::from_fn(|i| fork.child(i as u16, 3));
        for (i, a) in all.iter().enumerate() {
            for (j, b) in all.iter().enumerate() {
                assert_eq!(a.contains(*b), i == j, "{a:?} {b:?}");
            }
        }
    }
}
