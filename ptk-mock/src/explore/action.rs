//! What can happen next.

use std::fmt;

use ptk_core::Duration;

use crate::node_id::NodeId;
use crate::packet::Packet;
use crate::tape::Choice;

/// One thing that can happen to a world at rest.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum Action {
    /// A packet arrives.
    Deliver {
        /// The sender.
        from: NodeId,
        /// The receiver.
        to: NodeId,
        /// The packet.
        packet: Packet,
    },
    /// A datagram is lost.
    Drop {
        /// The sender.
        from: NodeId,
        /// The receiver.
        to: NodeId,
        /// The packet.
        packet: Packet,
    },
    /// A copy of a datagram arrives, and the datagram is still on its way.
    Duplicate {
        /// The sender.
        from: NodeId,
        /// The receiver.
        to: NodeId,
        /// The packet.
        packet: Packet,
    },
    /// A node loses its power.
    Crash {
        /// Which.
        node: NodeId,
    },
    /// A node starts again.
    Restart {
        /// Which.
        node: NodeId,
    },
    /// Time passes to the next deadline.
    Pass {
        /// How much.
        time: Duration,
    },
}

/// An action, and what was decided while nodes ran behind it.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct Move {
    /// What happened.
    pub action: Action,
    /// The answers that were not benign; each action counts its questions anew.
    pub choices: Vec<Choice>,
}

impl Move {
    /// Its text, in which nodes have their names.
    pub(crate) fn named<'a>(&'a self, names: &'a [String]) -> Named<'a> {
        Named { step: self, names }
    }
}

impl fmt::Display for Move {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.named(&[]).fmt(f)
    }
}

/// See [`Move::named`].
pub(crate) struct Named<'a> {
    step: &'a Move,
    names: &'a [String],
}

impl Named<'_> {
    fn name(&self, node: NodeId) -> String {
        self.names.get(node.index()).cloned().unwrap_or_else(|| format!("node {node}"))
    }

    fn packet(&self, f: &mut fmt::Formatter<'_>, what: &str, ends: (NodeId, NodeId), packet: &Packet) -> fmt::Result {
        write!(f, "{what:<9} {} -> {}: {}", self.name(ends.0), self.name(ends.1), packet.body.name())?;
        match packet.body.payload() {
            [] => Ok(()),
            payload => write!(f, " \"{}\"", payload.escape_ascii()),
        }
    }
}

impl fmt::Display for Named<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.step.action {
            Action::Deliver { from, to, packet } => self.packet(f, "deliver", (*from, *to), packet)?,
            Action::Drop { from, to, packet } => self.packet(f, "drop", (*from, *to), packet)?,
            Action::Duplicate { from, to, packet } => self.packet(f, "duplicate", (*from, *to), packet)?,
            Action::Crash { node } => write!(f, "crash     {}", self.name(*node))?,
            Action::Restart { node } => write!(f, "restart   {}", self.name(*node))?,
            Action::Pass { time } => write!(f, "pass      {time}")?,
        }
        for choice in &self.step.choices {
            write!(f, ", {choice}")?;
        }
        Ok(())
    }
}
