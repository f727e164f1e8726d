//! Who waits for what: wait nodes in the tasks' slots, in lists that hang from what they wait for.
//!
//! A node is free, linked in a list, or fired: taken out of its list because its source became ready, and not yet seen
//! by its task. All nodes of a task are free when its poll starts.
//!
//! ```text
//!            1 an operation is pending         2 its source is ready
//!   +------+ ---------------------> +--------+ --------------------> +-------+
//!   | free |                        | linked |                       | fired |
//!   +------+ <--------------------- +--------+                       +-------+
//!      ^      3 its task is polled for                                   |
//!      |        another reason, or ends         4 its task is polled     |
//!      +-----------------------------------------------------------------+
//! ```
//!
//! One source wakes one task (1, 2). After that task's poll (4), if the source is still ready, it wakes the next: the
//! task passes the baton on, whatever it was woken for besides.

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
}

impl Source {
    pub(crate) const NONE: Source = Source(0);
    pub(crate) const ROOM: Source = Source(5);

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

    #[inline]
    pub(crate) const fn is_none(self) -> bool {
        self.0 == 0
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
            5 => Some(Condition::Room),
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
    pub(crate) source: Source,
    next: NodeId,
    previous: NodeId,
}

const _: () = assert!(size_of::<Node>() == 8);

impl Node {
    pub(crate) const FREE: Node = Node { source: Source::NONE, next: NodeId::NONE, previous: NodeId::NONE };

    #[inline]
    pub(crate) const fn is_free(&self) -> bool {
        self.source.is_none()
    }

    #[inline]
    pub(crate) const fn is_linked(&self) -> bool {
        self.next.0 != 0
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

/// Where in a list a node goes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Place {
    /// Behind all that wait already.
    Back,
    /// Before all: it had been the first, was woken, and found nothing. Only those that found nothing just before it
    /// stay in front of it.
    Front,
}

/// Access to all nodes by number.
pub(crate) trait Nodes {
    fn node(&mut self, id: NodeId) -> Option<&mut Node>;

    /// Links the free node `id` into `list`.
    #[inline]
    fn link(&mut self, list: WaitList, id: NodeId, source: Source, place: Place) -> WaitList {
        let Some(first) = list.first() else {
            self.set(id, Node { source, next: id, previous: id });
            return WaitList(id);
        };
        self.link_before(first, id, source);
        if place == Place::Front { WaitList(id) } else { list }
    }

    /// Links the free node `id` into the list of `source` behind `before`, if that is linked there.
    fn link_behind(&mut self, before: NodeId, id: NodeId, source: Source) -> bool {
        match self.node(before).copied() {
            Some(node) if node.source == source && node.is_linked() => {
                self.link_before(node.next, id, source);
                true
            }
            _ => false,
        }
    }

    /// Links `id` before `next`, which in a ring is also behind the last.
    fn link_before(&mut self, next: NodeId, id: NodeId, source: Source) {
        let Some(node) = self.node(next) else { return };
        let previous = core::mem::replace(&mut node.previous, id);
        if let Some(node) = self.node(previous) {
            node.next = id;
        }
        self.set(id, Node { source, next, previous });
    }

    /// Takes `id` out of `list`. Its source stays written in it: the node is fired until it is freed.
    #[inline]
    fn unlink(&mut self, list: WaitList, id: NodeId) -> WaitList {
        let Some(node) = self.node(id) else { return list };
        let next = core::mem::replace(&mut node.next, NodeId::NONE);
        let previous = core::mem::replace(&mut node.previous, NodeId::NONE);
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

    #[inline]
    fn set(&mut self, id: NodeId, node: Node) {
        if let Some(place) = self.node(id) {
            *place = node;
        }
    }
}
