//! A sender and a receiver on two simulated machines.

use ptk_core::prelude::*;
use ptk_examples::arq::numbered::{Numbered, Tally};
use ptk_examples::arq::receiver::Receiver;
use ptk_examples::arq::sender::{Sender, Totals};
use ptk_examples::arq::{Patience, Variant};
use ptk_mock::{Boot, Link, Scenario, World};

/// How many messages are sent. More than twice a window, so that short numbers begin again.
const MESSAGES: u32 = 24;

/// How long each is.
const SIZE: usize = 16;

/// Where the receiver listens.
const PORT: u16 = 7007;

/// A local network is fast, and a sender that is to be watched impatient.
const PATIENCE: Patience =
    Patience { first: Duration::from_millis(2), longest: Duration::from_millis(50), attempts: 100 };

/// The machine that sends.
#[derive(Clone, Hash, Debug, TaskSet)]
pub(crate) struct Source {
    #[task(done = Self::note)]
    sender: Sender,
    #[task(shared)]
    numbered: Numbered,
    /// What came of it.
    #[task(skip)]
    pub(crate) result: Option<Result<Totals, Error>>,
}

impl Source {
    fn totals(&self) -> Totals {
        self.sender.totals()
    }

    fn note<P: Platform>(&mut self, _: usize, result: Result<Totals, Error>, _: &mut Cx<'_, P>) {
        self.result = Some(result);
    }
}

/// The machine that receives.
#[derive(Clone, Hash, Debug, TaskSet)]
pub(crate) struct Target {
    receiver: Receiver,
    #[task(shared)]
    pub(crate) tally: Tally,
}

/// A link that loses, doubles, reorders and spoils what it carries.
pub(crate) const fn rough() -> Link {
    let link = Link::fixed(Duration::from_micros(200)).loss_ppm(50_000).duplicate_ppm(50_000).reorder_ppm(50_000);
    link.corrupt_ppm(10_000).truncate_ppm(10_000)
}

/// A transfer over a [rough] link. Other faults can be added.
pub(crate) fn transfer(variant: Variant) -> Scenario {
    Scenario::new("arq")
        .node("sender", move |boot: &Boot| Source {
            sender: Sender::new(boot.address("receiver", PORT), PATIENCE, variant),
            numbered: Numbered::new(MESSAGES, SIZE),
            result: None,
        })
        .node("receiver", move |boot: &Boot| Target {
            receiver: Receiver::new((boot.own_ip(), PORT).into(), variant),
            tally: Tally::NONE,
        })
        .link("sender", "receiver", rough())
        .always("messages come once and in order", |world| target(world).is_none_or(|target| target.tally.is_in_order))
        .always("what the sender reports is there", |world| is_there(world) || !has_reported(world))
        .sometimes("a message is sent again", |world| source(world).is_some_and(|source| source.totals().repeated > 0))
        .eventually("all messages are there", Duration::from_secs(5), |world| has_ended(world) && is_there(world))
}

fn source(world: &World) -> Option<&Source> {
    world.app("sender")
}

fn target(world: &World) -> Option<&Target> {
    world.app("receiver")
}

/// Whether the sender has ended, be it well or not.
fn has_ended(world: &World) -> bool {
    source(world).is_some_and(|source| source.result.is_some())
}

/// Whether the sender says that all messages were handed up.
fn has_reported(world: &World) -> bool {
    source(world).is_some_and(|source| matches!(source.result, Some(Ok(_))))
}

/// Whether all messages were handed up. A receiver that has crashed does not know any more.
fn is_there(world: &World) -> bool {
    let all = Tally { connections: 1, messages: MESSAGES, has_ended: true, is_in_order: true };
    world.starts("receiver") > 1 || target(world).is_some_and(|target| Tally { connections: 1, ..target.tally } == all)
}
