//! All machines in one loop.

use std::net::{Ipv4Addr, SocketAddr, UdpSocket as StdSocket};

use ptk_core::prelude::*;
use ptk_examples::lossy::Lossy;
use ptk_examples::replicas::Variant;
use ptk_examples::replicas::client::{Client, Limits};
use ptk_examples::replicas::history::History;
use ptk_examples::replicas::message::Site;
use ptk_examples::replicas::replica::{Places, Replica, Role};
use ptk_examples::replicas::witness::Witness;
use ptk_linux::Linux;
use ptk_mock::Mock;

const LIMITS: Limits = Limits { requests: 20, patience: Duration::from_millis(20), attempts: Limits::ENDLESS };

#[derive(Clone, Hash, Debug, TaskSet)]
struct All {
    replicas: [Replica; 2],
    witness: Witness,
    clients: [Client; 2],
    #[task(shared)]
    history: History,
}

fn all(places: Places, has_crashed: [bool; 2]) -> All {
    let patience = Duration::from_millis(5);
    let replica = |site, is_retired| Replica::new(site, places, is_retired, patience, Variant::Correct);
    All {
        replicas: [replica(Site::First, has_crashed[0]), replica(Site::Second, has_crashed[1])],
        witness: Witness::new(places.witness, false, Variant::Correct),
        clients: [Client::writer(places, LIMITS), Client::reader(places, LIMITS)],
        history: History::NEW,
    }
}

/// Addresses that are free now.
fn places() -> Places {
    let sockets = [(); 3].map(|()| StdSocket::bind("127.0.0.1:0").unwrap());
    let [first, second, witness] = sockets.map(|socket| socket.local_addr().unwrap());
    Places { first, second, witness }
}

/// Runs until the clients are done.
fn run<P: Platform>(platform: P, mut set: All, loss: u32) -> All {
    let mut event_loop = EventLoop::<Lossy<P>, 5, 5>::new(0, Lossy::new(platform));
    event_loop.platform_mut().set(loss, loss, 1);
    event_loop.open().unwrap();
    event_loop.run_until(&mut set, |_, set| set.clients.iter().all(Client::is_done)).unwrap();
    set
}

fn check(set: &All, roles: [Role; 2]) {
    assert!(set.history.is_linearizable(), "{:?}", set.history);
    assert_eq!(set.history.acknowledged(), LIMITS.requests);
    assert_eq!([set.replicas[0].role(), set.replicas[1].role()], roles);
}

fn fixed() -> Places {
    let at = |port| SocketAddr::new(Ipv4Addr::LOCALHOST.into(), port);
    Places { first: at(1001), second: at(1002), witness: at(1003) }
}

#[test]
fn both_have_what_is_acknowledged() {
    for set in [run(Mock::new(), all(fixed(), [false; 2]), 0), run(Linux::new(), all(places(), [false; 2]), 0)] {
        check(&set, [Role::Primary, Role::Backup]);
        assert_eq!([set.replicas[0].value(), set.replicas[1].value()], [LIMITS.requests; 2]);
    }
}

#[test]
fn either_goes_on_alone_when_the_other_is_gone() {
    for linux in [false, true] {
        for (has_crashed, roles) in
            [([true, false], [Role::Retired, Role::Alone]), ([false, true], [Role::Alone, Role::Retired])]
        {
            let set = if linux {
                run(Linux::new(), all(places(), has_crashed), 0)
            } else {
                run(Mock::new(), all(fixed(), has_crashed), 0)
            };
            check(&set, roles);
        }
    }
}

#[test]
fn loss_costs_nothing_but_time() {
    let set = run(Mock::new(), all(fixed(), [false; 2]), 200_000);
    assert!(set.history.is_linearizable());
    assert_eq!(set.history.acknowledged(), LIMITS.requests);
}
