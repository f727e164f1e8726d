//! What happened in a world, in order.

mod flights;
mod log;
mod page;
mod pcapng;
#[cfg(test)]
mod sample;

use ptk_core::Instant;

pub(crate) use self::log::TraceLog;
use crate::node_id::NodeId;
use crate::packet::Packet;
use crate::tape::{Choice, Tape};

/// Something that happened, and when.
#[derive(Clone, PartialEq, Debug)]
pub struct Record {
    /// When, on the world's clock.
    pub at: Instant,
    /// What.
    pub event: TraceEvent,
}

/// Something that happened in a world.
#[derive(Clone, PartialEq, Debug)]
#[non_exhaustive]
pub enum TraceEvent {
    /// A node was started, or started again.
    Started {
        /// Which.
        node: NodeId,
    },
    /// A node stopped in the middle of what it did.
    Crashed {
        /// Which.
        node: NodeId,
        /// Whether the whole host went down, so that its peers hear nothing; otherwise its system closed its sockets.
        lost_power: bool,
    },
    /// A node stands still.
    Paused {
        /// Which.
        node: NodeId,
        /// Until when.
        until: Instant,
    },
    /// A packet was sent. What becomes of it is told under the same number.
    Sent {
        /// The packet's number.
        flight: u64,
        /// The sender.
        from: NodeId,
        /// The receiver.
        to: NodeId,
        /// The packet.
        packet: Packet,
        /// When it is to arrive.
        arrives: Instant,
    },
    /// A packet has arrived.
    Arrived {
        /// The packet's number.
        flight: u64,
    },
    /// A packet was lost.
    Lost {
        /// The packet's number.
        flight: u64,
        /// Why.
        why: Loss,
    },
    /// An answer that was not benign.
    Chosen(Choice),
    /// The way from one node to another carries nothing any more.
    LinkCut {
        /// The one end.
        from: NodeId,
        /// The other end.
        to: NodeId,
    },
    /// The way from one node to another carries packets again.
    LinkHealed {
        /// The one end.
        from: NodeId,
        /// The other end.
        to: NodeId,
    },
    /// A task waits at another place than before.
    Waits {
        /// Whose task.
        node: NodeId,
        /// Its number in the node's set.
        task: usize,
        /// Its name.
        name: &'static str,
        /// Its index, where it is one of an array.
        instance: usize,
        /// The source file.
        file: &'static str,
        /// The line of the wait.
        line: u32,
    },
    /// A task has ended.
    Ended {
        /// Whose task.
        node: NodeId,
        /// Its number in the node's set.
        task: usize,
        /// Its name.
        name: &'static str,
        /// Its index, where it is one of an array.
        instance: usize,
    },
    /// A property did not hold.
    Violated {
        /// Which, and how.
        property: String,
    },
}

/// Why a packet did not arrive.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[non_exhaustive]
pub enum Loss {
    /// The link lost it.
    Loss,
    /// The link carries nothing.
    Partition,
    /// There is no such host.
    NoRoute,
    /// The host is down.
    HostDown,
    /// The receiver had no room for it.
    NoRoom,
    /// The connection that it belongs to was given up.
    GaveUp,
}

impl Loss {
    /// In words.
    pub const fn name(self) -> &'static str {
        match self {
            Loss::Loss => "lost",
            Loss::Partition => "partition",
            Loss::NoRoute => "no route",
            Loss::HostDown => "host down",
            Loss::NoRoom => "no room",
            Loss::GaveUp => "given up",
        }
    }
}

/// A run as it was recorded, to be drawn or to be opened with other tools.
#[derive(Clone, Debug)]
pub struct Recording {
    /// What it is called.
    pub title: String,
    /// The names of the nodes, by number.
    pub nodes: Vec<String>,
    /// What happened.
    pub records: Vec<Record>,
    /// The seed of the run.
    pub seed: u64,
    /// The answers that were not benign.
    pub tape: Tape,
    /// How to run it again.
    pub command: String,
    /// The trace's hash.
    pub hash: TraceHash,
}

/// The hash of all that happened in a world: the same on every machine, in debug and in release.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct TraceHash(pub u128);

impl std::fmt::Display for TraceHash {
    /// 32 digits.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:032x}", self.0)
    }
}

impl std::fmt::Debug for TraceHash {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        std::fmt::Display::fmt(self, f)
    }
}

impl std::str::FromStr for TraceHash {
    type Err = std::num::ParseIntError;

    fn from_str(text: &str) -> Result<TraceHash, Self::Err> {
        u128::from_str_radix(text, 16).map(TraceHash)
    }
}
