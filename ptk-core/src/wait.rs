//! Who waits for what: wait nodes in the tasks' slots, in lists that hang from what they wait for.
//!
//! ```text
//!            1 an operation is pending         2 its source is ready: the task is woken
//!   +------+ ---------------------> +---------+ --------------------> +-------+
//!   | free |                        | waiting |                       | fired |
//!   +------+                        +---------+ <-------------------- +-------+
//!      ^                                |       3 still pending            |
//!      +--------------------------------+----------------------------------+
//!            4 a resume of the task ends that has not met the operation, or not pending
//! ```
//!
//! A node stays linked from 1 to 4, so that who waits for the same again keeps its place, and nothing has to be done for
//! it. One source wakes one task (2). Who is woken and does not wait on (4) passes the baton: if the source is still
//! ready, it wakes the next.

use crate::inspect::Shared;

/// How many sources a task can wait for at once. Each costs eight bytes a task and lowers [`MAX_TASKS`]; the features
/// `wait-nodes-4` and `wait-nodes-8` raise it.
pub const WAIT_NODES: usize = if cfg!(feature = "wait-nodes-8") {
    8
} else if cfg!(feature = "wait-nodes-4") {
    4
} else {
    2
};

/// The most tasks that a loop can have: nodes are numbered in 16 bits, and the last number marks a handler.
pub const MAX_TASKS: usize = (u16::MAX as usize - 1) / WAIT_NODES;

/// What a task can wait for, in four bytes. Zero is nothing.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub(crate) struct Source(u32);

/// The kind of source that is a primitive of [`sync`](crate::sync).
const SHARED: u32 = 6;

/// A [`Source`], unpacked.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Condition {
    /// The socket in this slot can be read, or has a connection to accept.
    Readable(usize),
    /// The socket in this slot can be written, or its connect has ended.
    Writable(usize),
    /// The timer in this slot has expired.
    Expired(usize),
    /// The event source in this slot was raised.
    Raised(usize),
    /// The socket table has room.
    Room,
    /// There is a slot for a lookup.
    LookupRoom,
    /// The primitive with this id has what is wanted of it.
    Shared(Shared, u32),
}

/// Set in a node's source once it has fired.
const FIRED: u32 = 1 << 31;

impl Source {
    pub(crate) const NONE: Source = Source(0);
    /// What a task waited for that is gone, as the task is still to learn.
    pub(crate) const GONE: Source = Source(7 | FIRED);
    pub(crate) const ROOM: Source = Source(5);
    #[cfg(feature = "dns")]
    pub(crate) const LOOKUP_ROOM: Source = Source(1 << 3 | 5);

    #[inline]
    pub(crate) const fn readable(socket: usize) -> Source {
        Source((socket as u32) << 3 | 1)
    }

    #[inline]
    pub(crate) const fn writable(socket: usize) -> Source {
        Source((socket as u32) << 3 | 2)
    }

    pub(crate) const fn expired(timer: usize) -> Source {
        Source((timer as u32) << 3 | 3)
    }

    pub(crate) const fn raised(source: usize) -> Source {
        Source((source as u32) << 3 | 4)
    }

    /// `id` has 26 bits.
    pub(crate) const fn shared(wanted: Shared, id: u32) -> Source {
        Source(id << 6 | (wanted as u32) << 3 | SHARED)
    }

    /// Whether it is a primitive of [`sync`](crate::sync).
    #[inline]
    pub(crate) const fn is_shared(self) -> bool {
        self.0 & 7 == SHARED
    }

    /// What is wanted of a primitive of [`sync`](crate::sync).
    pub(crate) const fn wants(self) -> Option<Shared> {
        if self.is_shared() { Shared::from_bits(self.0 >> 3 & 7) } else { None }
    }

    /// What is waited for.
    #[inline]
    pub(crate) const fn condition(self) -> Option<Condition> {
        let index = (self.0 >> 3) as usize;
        match self.0 & 7 {
            1 => Some(Condition::Readable(index)),
            2 => Some(Condition::Writable(index)),
            3 => Some(Condition::Expired(index)),
            4 => Some(Condition::Raised(index)),
            5 if index == 0 => Some(Condition::Room),
            5 => Some(Condition::LookupRoom),
            SHARED => match self.wants() {
                Some(wanted) => Some(Condition::Shared(wanted, self.0 >> 6)),
                None => None,
            },
            _ => None,
        }
    }
}

/// The number of a node: its task times [`WAIT_NODES`] plus its place there, plus 1. Zero is none.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(crate) struct NodeId(u16);

impl NodeId {
    pub(crate) const NONE: NodeId = NodeId(0);

    #[inline]
    pub(crate) const fn new(task: usize, place: usize) -> NodeId {
        NodeId((task * WAIT_NODES + place) as u16 + 1)
    }

    #[inline]
    pub(crate) const fn task(self) -> usize {
        (self.0 as usize).wrapping_sub(1) / WAIT_NODES
    }

    #[inline]
    pub(crate) const fn place(self) -> usize {
        (self.0 as usize).wrapping_sub(1) % WAIT_NODES
    }
}

/// One wait of one task. Eight bytes; zero bits are a free node.
#[derive(Clone, Copy, Hash, Debug)]
pub(crate) struct Node {
    source: Source,
    next: NodeId,
    previous: NodeId,
}

const _: () = assert!(size_of::<Node>() == 8);

impl Node {
    pub(crate) const FREE: Node = Node { source: Source::NONE, next: NodeId::NONE, previous: NodeId::NONE };

    /// A node of whose list nothing is left, in use until the task has been resumed.
    pub(crate) const GONE: Node = Node { source: Source::GONE, ..Node::FREE };

    #[inline]
    pub(crate) const fn is_free(&self) -> bool {
        self.source.0 == 0
    }

    #[inline]
    pub(crate) const fn has_fired(&self) -> bool {
        self.source.0 & FIRED != 0
    }

    /// Whether this, the node `id`, is the only one in its list.
    #[inline]
    pub(crate) fn is_alone(&self, id: NodeId) -> bool {
        self.next == id
    }

    /// The one behind it in its list; the first is behind the last.
    pub(crate) const fn next(&self) -> NodeId {
        self.next
    }

    /// What is waited for.
    #[inline]
    pub(crate) const fn source(&self) -> Source {
        Source(self.source.0 & !FIRED)
    }

    #[inline]
    pub(crate) const fn fire(&mut self) {
        self.source.0 |= FIRED;
    }

    /// Waits on.
    #[inline]
    pub(crate) const fn unfire(&mut self) {
        self.source.0 &= !FIRED;
    }
}

/// A ring of nodes, by its first; or a mark that a handler listens in place of tasks. Two bytes.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(crate) struct WaitList(NodeId);

impl WaitList {
    pub(crate) const EMPTY: WaitList = WaitList(NodeId::NONE);
    /// A handler is told what happens here.
    pub(crate) const HANDLER: WaitList = WaitList(NodeId(u16::MAX));

    #[inline]
    pub(crate) const fn from_bits(bits: u16) -> WaitList {
        WaitList(NodeId(bits))
    }

    #[inline]
    pub(crate) const fn bits(self) -> u16 {
        self.0.0
    }

    #[inline]
    pub(crate) const fn has_handler(self) -> bool {
        self.bits() == u16::MAX
    }

    /// The task that has waited longest.
    #[inline]
    pub(crate) const fn first(self) -> Option<NodeId> {
        if self.bits() == 0 || self.has_handler() { None } else { Some(self.0) }
    }
}

/// Access to all nodes by number.
pub(crate) trait Nodes {
    fn node(&mut self, id: NodeId) -> Option<&mut Node>;

    /// Links the free node `id` into `list`, behind all others.
    #[inline]
    fn link(&mut self, list: WaitList, id: NodeId, source: Source) -> WaitList {
        let Some(first) = list.first() else {
            self.set(id, Node { source, next: id, previous: id });
            return WaitList(id);
        };
        // Before the first is behind the last: it is a ring.
        let Some(node) = self.node(first) else { return list };
        let last = core::mem::replace(&mut node.previous, id);
        if let Some(node) = self.node(last) {
            node.next = id;
        }
        self.set(id, Node { source, next: first, previous: last });
        list
    }

    /// Takes `id` out of `list` and frees it.
    #[inline]
    fn unlink(&mut self, list: WaitList, id: NodeId) -> WaitList {
        let Some(node) = self.node(id) else { return list };
        let Node { next, previous, .. } = core::mem::replace(node, Node::FREE);
        if next == id {
            return WaitList::EMPTY;
        }
        if let Some(node) = self.node(previous) {
            node.next = next;
        }
        if let Some(node) = self.node(next) {
            node.previous = previous;
        }
        if list.0 == id { WaitList(next) } else { list }
    }

    /// The first node of a list of several sources that has not fired, and that `wanted` says yes to. Costs a step for each
    /// before it.
    fn find(&mut self, list: WaitList, mut wanted: impl FnMut(&mut Self, Source) -> bool) -> Option<NodeId> {
        let first = list.first()?;
        let mut id = first;
        loop {
            let node = *self.node(id)?;
            if !node.has_fired() && wanted(self, node.source()) {
                return Some(id);
            }
            if node.next == first {
                return None;
            }
            id = node.next;
        }
    }

    /// The first node of `list` that has not fired: who has waited longest. Those that have, and were not resumed since,
    /// are before it, so that this takes time in proportion to their number.
    #[inline]
    fn first_waiting(&mut self, list: WaitList) -> Option<NodeId> {
        let first = list.first()?;
        let mut id = first;
        loop {
            let node = self.node(id)?;
            if !node.has_fired() {
                return Some(id);
            }
            id = node.next;
            if id == first {
                return None;
            }
        }
    }

    #[inline]
    fn set(&mut self, id: NodeId, node: Node) {
        if let Some(place) = self.node(id) {
            *place = node;
        }
    }
}
