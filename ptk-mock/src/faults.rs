//! How often things go wrong.

use crate::label::Label;
use crate::random::{Random, mix};

/// How often each answer is not benign, in parts per million of the times that it is asked for. Links have rates of their
/// own for what they do to datagrams; those and these add up.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Faults {
    rates: [u32; Label::COUNT],
    /// Whether each seed takes a part of the families only.
    swarm: bool,
}

/// Faults that come together: a swarm takes or leaves them as one.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum Family {
    /// Datagrams are lost, alone or in bursts, doubled, overtaken, spoilt, cut off; refusals come late.
    Datagrams,
    /// Reads and writes are cut short, segments are cut and sent again.
    Streams,
    /// Connects are refused, backlogs are full, connections are reset.
    Connections,
    /// Links carry nothing for a while, or are slow.
    Links,
    /// Events come for nothing, in another order, for what was closed; nodes run in another order.
    Readiness,
    /// Waits are interrupted; descriptors, memory and addresses run out.
    System,
    /// Alarms come late, nodes stand still.
    Time,
    /// Nodes crash in the middle of a call, and start again.
    Crashes,
}

impl Family {
    /// All of them.
    pub const ALL: [Family; 8] = [
        Family::Datagrams,
        Family::Streams,
        Family::Connections,
        Family::Links,
        Family::Readiness,
        Family::System,
        Family::Time,
        Family::Crashes,
    ];

    /// Whether `label` is one of its members.
    pub(crate) fn has(self, label: Label) -> bool {
        self.members().iter().any(|(member, _)| *member == label)
    }

    /// Its members, and how often they strike where nobody said otherwise.
    const fn members(self) -> &'static [(Label, u32)] {
        match self {
            Family::Datagrams => &[
                (Label::Loss, 30_000),
                (Label::Burst, 100_000),
                (Label::Duplicate, 20_000),
                (Label::Reorder, 30_000),
                (Label::Corrupt, 5_000),
                (Label::Truncate, 5_000),
                (Label::LateRefusal, 2_000),
            ],
            Family::Streams => &[
                (Label::ShortReceive, 200_000),
                (Label::ShortSend, 100_000),
                (Label::UnsureRest, 50_000),
                (Label::Segment, 200_000),
                (Label::Retransmit, 10_000),
            ],
            Family::Connections => &[(Label::Refuse, 50_000), (Label::BacklogFull, 30_000), (Label::Cut, 500)],
            Family::Links => &[(Label::Partition, 500), (Label::Clog, 1_000)],
            Family::Readiness => &[
                (Label::SpuriousEvent, 20_000),
                (Label::StaleEvent, 50_000),
                (Label::EventOrder, 300_000),
                (Label::Schedule, 300_000),
            ],
            Family::System => &[
                (Label::Interrupted, 20_000),
                (Label::NoDescriptors, 10_000),
                (Label::NoBuffers, 2_000),
                (Label::AddressTaken, 10_000),
            ],
            Family::Time => &[(Label::LateAlarm, 100_000), (Label::Pause, 2_000)],
            Family::Crashes => &[(Label::Crash, 200), (Label::Downtime, 1_000_000)],
        }
    }
}

impl Faults {
    /// No faults: whatever is asked has the benign answer, but for what the links do.
    pub const NONE: Faults = Faults { rates: [0; Label::COUNT], swarm: false };

    /// All families, and each seed takes a random part of them (Groce and others, "Swarm testing", 2012): what strikes
    /// rarely is not drowned by what strikes often.
    #[must_use]
    pub fn swarm() -> Faults {
        Faults { swarm: true, ..Faults::all() }
    }

    /// All families at once.
    #[must_use]
    pub fn all() -> Faults {
        Family::ALL.into_iter().fold(Faults::NONE, Faults::with)
    }

    /// These families.
    #[must_use]
    pub fn of(families: &[Family]) -> Faults {
        families.iter().copied().fold(Faults::NONE, Faults::with)
    }

    /// With one family more.
    #[must_use]
    pub fn with(mut self, family: Family) -> Faults {
        for (label, ppm) in family.members() {
            self.rates[*label as usize] = *ppm;
        }
        self
    }

    /// Without one family.
    #[must_use]
    pub fn without(mut self, family: Family) -> Faults {
        for (label, _) in family.members() {
            self.rates[*label as usize] = 0;
        }
        self
    }

    /// With another rate for one label, in parts per million.
    #[must_use]
    pub fn rate(mut self, label: Label, ppm: u32) -> Faults {
        self.rates[label as usize] = ppm;
        self
    }

    /// How often the answer to `label` is not benign.
    pub const fn rate_of(&self, label: Label) -> u32 {
        self.rates[label as usize]
    }

    /// What cuts streams into pieces and loses nothing.
    pub(crate) fn cuts() -> Faults {
        Faults::of(&[Family::Streams])
    }

    /// What is left of them for this seed.
    pub(crate) fn for_seed(self, seed: u64) -> Faults {
        if !self.swarm {
            return self;
        }
        let mut random = Random::new(seed).fork(0x5_3a7);
        let mut drawn = Faults { swarm: false, ..self };
        for family in Family::ALL {
            let bits = mix(random.draw());
            if bits & 1 == 0 {
                drawn = drawn.without(family);
                continue;
            }
            // Members of a family are left out one by one, too.
            for (place, (label, _)) in family.members().iter().enumerate() {
                if (bits >> (8 + place)) & 3 == 0 {
                    drawn = drawn.rate(*label, 0);
                }
            }
        }
        drawn
    }
}

impl Default for Faults {
    fn default() -> Faults {
        Faults::NONE
    }
}
