//! The number of a node.

use std::fmt;

/// A node of a [`World`](crate::World), numbered from 0 in the order in which they were named.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct NodeId(pub(crate) u16);

impl NodeId {
    /// The node with this number.
    #[must_use]
    pub const fn new(number: u16) -> NodeId {
        NodeId(number)
    }

    /// Its number.
    pub const fn index(self) -> usize {
        self.0 as usize
    }
}

impl fmt::Display for NodeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}
