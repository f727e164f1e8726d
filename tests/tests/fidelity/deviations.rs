//! Where the mock is unlike Linux on purpose. A difference that none of these covers is a bug of one of the two, and a
//! deviation that covers nothing any more has to go.

use ptk_core::{Error, Half, Reuse, SocketOption};

use crate::duel::Step;
use crate::script::{Op, Place, Port, Slot};
use crate::seen::Seen;

/// A difference that is meant.
pub(crate) struct Deviation {
    pub(crate) name: &'static str,
    /// After so many scripts it must have been met.
    within: u64,
    covers: fn(&Step, &[Step]) -> bool,
}

/// All of them. A script ends at the first, because the worlds differ from there on.
const ALL: &[Deviation] = &[
    Deviation {
        name: "the mock has no TIME_WAIT: the port of a connection that was closed is free at once",
        within: 1_500,
        covers: |step, before| match step.op {
            Op::Listen { at: Place(_, Port::Of(of)), .. } => {
                let first = first_with_port_of(of, before);
                step.shows(Seen::Done, Seen::Failed(Error::AddressInUse))
                    && before.iter().any(|step| matches!(step.op, Op::Connect { slot, .. } if slot == first))
            }
            _ => false,
        },
    },
    Deviation {
        name: "the mock holds no small segment back (RFC 896): what was sent has arrived, and an abort does not lose it, \
               nor does it meet a peer that has shut down both halves and resets the connection",
        within: 1_500,
        covers: |step, before| {
            let holds_back = |step: &Step| {
                let is_off = matches!(step.op, Op::SetOption { option: SocketOption::Nodelay(false), .. });
                is_off || matches!(step.op, Op::Connect { nodelay: false, .. })
            };
            let lost = match (&step.mock, &step.linux) {
                (Seen::Bytes(sent, _), Seen::All(seen)) => matches!(
                    seen[..],
                    [Seen::Bytes(arrived, _), Seen::Failed(Error::ConnectionReset)] if arrived < *sent
                ),
                (Seen::Bytes(1.., _), Seen::Failed(Error::ConnectionReset)) => true,
                _ => false,
            };
            let is_told = |seen: &Seen| matches!(seen, Seen::Failed(Error::ConnectionReset | Error::NotConnected));
            let is_deaf = |step: &Step| matches!(step.op, Op::Shutdown { half: Half::Read | Half::Both, .. });
            let is_reset = is_told(&step.linux) && !is_told(&step.mock) && before.iter().any(is_deaf);
            (lost || is_reset) && before.iter().any(holds_back)
        },
    },
    Deviation {
        name: "of sockets that share an address, and of which one has or had a peer, each platform prefers its own",
        within: 100_000,
        covers: |step, before| {
            let connects = |step: &Step| matches!(step.op, Op::ConnectDatagram { .. }) && step.linux == Seen::Done;
            let shares = |how: Reuse| {
                before.iter().any(|step| match step.op {
                    Op::OpenDatagram { at: Place(_, Port::Of(_)), reuse, .. } => {
                        reuse == how && step.linux == Seen::Done
                    }
                    _ => false,
                })
            };
            let is_receive = matches!(step.op, Op::ReceiveFrom { .. } | Op::Burst { .. });
            // Linux files a socket under its first peer, and does not find it for what is said of the second.
            let is_unheard = step.mock == Seen::Failed(Error::ConnectionRefused) && shares(Reuse::Port);
            before.iter().any(connects) && ((is_receive && shares(Reuse::Address)) || is_unheard)
        },
    },
    Deviation {
        name: "the port of a connected socket that the kernel chose can be had at another address: the mock's socket has \
               it back all the same when it is disconnected",
        within: 1_000_000,
        covers: |step, _| {
            matches!(step.op, Op::ConnectDatagram { to: None, .. })
                && step.shows(Seen::Done, Seen::Failed(Error::AddressInUse))
        },
    },
];

/// The socket to which a port was given that others took over, up to `slot`.
fn first_with_port_of(slot: Slot, before: &[Step]) -> Slot {
    let taken_from = before.iter().find_map(|step| match step.op {
        Op::Listen { slot: taker, at: Place(_, Port::Of(of)), .. } if taker == slot => Some(of),
        _ => None,
    });
    match taken_from {
        // Sockets are numbered in the order in which they were opened.
        Some(of) if of < slot => first_with_port_of(of, before),
        _ => slot,
    }
}

/// How often each deviation was met.
#[derive(Default)]
pub(crate) struct Deviations {
    met: [usize; ALL.len()],
}

impl Deviations {
    /// Whether a step in which the two differ is covered, given those before.
    pub(crate) fn excuse(&mut self, step: &Step, before: &[Step]) -> bool {
        let place = ALL.iter().position(|deviation| (deviation.covers)(step, before));
        if let Some(met) = place.and_then(|place| self.met.get_mut(place)) {
            *met += 1;
        }
        place.is_some()
    }

    /// Those that were not met in `scripts`, though they should have been.
    pub(crate) fn unmet(&self, scripts: u64) -> Vec<&'static str> {
        let is_unmet = |(deviation, met): &(&Deviation, usize)| *met == 0 && deviation.within <= scripts;
        ALL.iter().zip(self.met).filter(is_unmet).map(|(deviation, _)| deviation.name).collect()
    }

    /// The deviations with how often they were met.
    pub(crate) fn counts(&self) -> impl Iterator<Item = (&'static str, usize)> {
        ALL.iter().map(|deviation| deviation.name).zip(self.met)
    }
}
