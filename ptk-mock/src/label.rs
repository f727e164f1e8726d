//! Every place where the simulation could go another way has a name.

/// What can go another way. Of each the answer 0 is benign.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
#[repr(u8)]
#[non_exhaustive]
pub enum Label {
    /// A receive gets less than there is: all, or up to so many bytes.
    ShortReceive,
    /// A send takes less than there is room for.
    ShortSend,
    /// A receive that drained a socket does not know that it did; or knows it, and that only an end is left, which was
    /// announced, does not.
    UnsureRest,
    /// A wait ends early, without an event (a signal): at once, or so many steps of 50 microseconds later.
    Interrupted,
    /// The system has no descriptor left.
    NoDescriptors,
    /// The system has no memory for buffers left.
    NoBuffers,
    /// An address is in use, by somebody outside of the world.
    AddressTaken,
    /// A socket is reported ready for all, though it may not be.
    SpuriousEvent,
    /// A socket that was closed in this turn is reported once more.
    StaleEvent,
    /// Which of the ready sockets is reported next.
    EventOrder,
    /// How long the alarm comes late, in steps of 50 microseconds.
    LateAlarm,
    /// Which of the nodes that have something to do runs next.
    Schedule,
    /// How long a node stands still before it runs, in milliseconds.
    Pause,
    /// A node crashes in the middle of a call: 1 with its connections closed by the system, 2 by loss of power.
    Crash,
    /// How long a crashed node stays down, in steps of 10 milliseconds.
    Downtime,
    /// A datagram is lost.
    Loss,
    /// How many datagrams more are lost behind one that was.
    Burst,
    /// A datagram arrives twice.
    Duplicate,
    /// How much later a datagram arrives, in steps of the link's latency, so that others overtake it.
    Reorder,
    /// How much later than at the least a packet arrives: the link's jitter, in microseconds.
    Latency,
    /// Which bit of a datagram is turned over.
    Corrupt,
    /// How much of a datagram is cut off.
    Truncate,
    /// The network says, late and for nothing, that nobody took a datagram.
    LateRefusal,
    /// A segment is cut in two at this place.
    Segment,
    /// How often a segment has to be sent again before it arrives.
    Retransmit,
    /// A connect is refused though somebody listens.
    Refuse,
    /// A connection is reset by the network.
    Cut,
    /// A listener's backlog is full.
    BacklogFull,
    /// A link carries nothing for so long, in steps of 10 milliseconds.
    Partition,
    /// A link becomes slow for so long, in steps of 10 milliseconds.
    Clog,
}

impl Label {
    /// All of them.
    pub const ALL: [Label; Label::COUNT] = [
        Label::ShortReceive,
        Label::ShortSend,
        Label::UnsureRest,
        Label::Interrupted,
        Label::NoDescriptors,
        Label::NoBuffers,
        Label::AddressTaken,
        Label::SpuriousEvent,
        Label::StaleEvent,
        Label::EventOrder,
        Label::LateAlarm,
        Label::Schedule,
        Label::Pause,
        Label::Crash,
        Label::Downtime,
        Label::Loss,
        Label::Burst,
        Label::Duplicate,
        Label::Reorder,
        Label::Latency,
        Label::Corrupt,
        Label::Truncate,
        Label::LateRefusal,
        Label::Segment,
        Label::Retransmit,
        Label::Refuse,
        Label::Cut,
        Label::BacklogFull,
        Label::Partition,
        Label::Clog,
    ];

    pub(crate) const COUNT: usize = 30;

    /// Its name, as tapes and traces show it.
    pub const fn name(self) -> &'static str {
        match self {
            Label::ShortReceive => "short-receive",
            Label::ShortSend => "short-send",
            Label::UnsureRest => "unsure-rest",
            Label::Interrupted => "interrupted",
            Label::NoDescriptors => "no-descriptors",
            Label::NoBuffers => "no-buffers",
            Label::AddressTaken => "address-taken",
            Label::SpuriousEvent => "spurious-event",
            Label::StaleEvent => "stale-event",
            Label::EventOrder => "event-order",
            Label::LateAlarm => "late-alarm",
            Label::Schedule => "schedule",
            Label::Pause => "pause",
            Label::Crash => "crash",
            Label::Downtime => "downtime",
            Label::Loss => "loss",
            Label::Burst => "burst",
            Label::Duplicate => "duplicate",
            Label::Reorder => "reorder",
            Label::Latency => "latency",
            Label::Corrupt => "corrupt",
            Label::Truncate => "truncate",
            Label::LateRefusal => "late-refusal",
            Label::Segment => "segment",
            Label::Retransmit => "retransmit",
            Label::Refuse => "refuse",
            Label::Cut => "cut",
            Label::BacklogFull => "backlog-full",
            Label::Partition => "partition",
            Label::Clog => "clog",
        }
    }

    /// The label of that name.
    pub fn named(name: &str) -> Option<Label> {
        Label::ALL.into_iter().find(|label| label.name() == name)
    }
}

#[cfg(test)]
mod tests {
    use super::Label;

    #[test]
    fn each_label_stands_at_its_place_and_has_a_name_of_its_own() {
        for (index, label) in Label::ALL.into_iter().enumerate() {
            assert_eq!((label as usize, Label::named(label.name())), (index, Some(label)));
        }
    }
}
