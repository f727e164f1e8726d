//! The two machines, the witness and the clients in a simulated world.

use ptk_core::prelude::*;
use ptk_examples::replicas::Variant;
use ptk_examples::replicas::client::{Client, Limits};
use ptk_examples::replicas::history::History;
use ptk_examples::replicas::message::Site;
use ptk_examples::replicas::replica::{Places, Replica, Role};
use ptk_examples::replicas::witness::Witness;
use ptk_mock::{Boot, Link, Scenario, World};

/// Where each machine listens.
const PORT: u16 = 4004;

/// How long the backup may take to answer.
const PATIENCE: Duration = Duration::from_millis(2);

/// The names of the machines that may crash.
pub(crate) const MACHINES: [&str; 3] = ["first", "second", "witness"];

/// Who writes and who reads.
#[derive(Clone, Hash, Debug, TaskSet)]
pub(crate) struct Clients {
    clients: [Client; 2],
    #[task(shared)]
    history: History,
}

/// What the writer and the reader may use up.
pub(crate) type Wants = [Limits; 2];

/// A reader that still reads when the writer has turned to the other machine.
pub(crate) const BUSY: Wants = [wants(10), wants(100)];

const fn wants(requests: u8) -> Limits {
    Limits { requests, patience: Duration::from_millis(10), attempts: Limits::ENDLESS }
}

/// A register, and whoever writes and reads it. Faults can be added.
pub(crate) fn register(variant: Variant, wants: Wants) -> Scenario {
    Scenario::new("replicas")
        .node_sized::<_, 1, 1, 1, 1, 1>("first", move |boot| replica(Site::First, boot, variant))
        .node_sized::<_, 1, 1, 1, 1, 1>("second", move |boot| replica(Site::Second, boot, variant))
        .node_sized::<_, 1, 1, 1, 1, 1>("witness", move |boot| {
            [Witness::new(places(boot).witness, boot.incarnation() > 0, variant)]
        })
        .node_sized::<_, 2, 2, 1, 1, 1>("clients", move |boot| clients(boot, wants))
        .links(Link::fixed(Duration::from_micros(200)))
        .always("it is a register", |world| history(world).is_none_or(|history| history.is_linearizable()))
}

/// What comes true in the end: all requests are answered, unless more has crashed than may.
pub(crate) fn is_answered_or_lost(world: &World) -> bool {
    let are_done = world.app::<Clients>("clients").is_some_and(|app| app.clients.iter().all(Client::is_done));
    are_done || is_lost(world)
}

fn replica(site: Site, boot: &Boot, variant: Variant) -> [Replica; 1] {
    [Replica::new(site, places(boot), boot.incarnation() > 0, PATIENCE, variant)]
}

/// Clients that have crashed do not know what they had written, and leave it at that.
fn clients(boot: &Boot, wants: Wants) -> Clients {
    let has_crashed = boot.incarnation() > 0;
    let [writer, reader] = wants.map(|limits| if has_crashed { Limits { requests: 0, ..limits } } else { limits });
    let places = places(boot);
    Clients { clients: [Client::writer(places, writer), Client::reader(places, reader)], history: History::NEW }
}

fn places(boot: &Boot) -> Places {
    let [first, second, witness] = MACHINES.map(|name| boot.address(name, PORT));
    Places { first, second, witness }
}

/// What the clients have seen; `None` while they are down.
pub(crate) fn history(world: &World) -> Option<&History> {
    world.app::<Clients>("clients").map(|app| &app.history)
}

/// The role of a machine; `None` while it is down.
pub(crate) fn role(world: &World, name: &str) -> Option<Role> {
    world.app::<[Replica; 1]>(name).map(|[replica]| replica.role())
}

/// How often a machine has crashed.
pub(crate) fn crashes(world: &World, name: &str) -> u32 {
    world.starts(name) - u32::from(world.is_up(name))
}

/// Whether two machines have crashed, or the one that was alone.
fn is_lost(world: &World) -> bool {
    let have_crashed = MACHINES.map(|name| crashes(world, name) > 0);
    let [first, second, _] = have_crashed;
    let granted = world.app::<[Witness; 1]>("witness").and_then(|[witness]| witness.granted());
    let alone_has_crashed = first && granted == Some(Site::First) || second && granted == Some(Site::Second);
    alone_has_crashed || have_crashed.into_iter().filter(|has_crashed| *has_crashed).count() > 1
}
