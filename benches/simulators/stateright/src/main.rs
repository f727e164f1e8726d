//! stateright: exploration, breadth first, on one thread.
//!
//! The model is one for which the number of states is known: some clients each exchange some messages with one server,
//! and every order of arrival is possible. A client with m messages goes through 2m + 1 states, so n of them make
//! (2m + 1)^n. The server has no state.

use std::borrow::Cow;
use std::process::ExitCode;

use bench_common::{CLIENTS, Job, states};
use stateright::actor::{Actor, ActorModel, Id, Network, Out};
use stateright::{Checker, Expectation, Model};

#[derive(Clone)]
enum Node {
    Server,
    Client { messages: u32 },
}

impl Actor for Node {
    type Msg = u32;
    /// How many answers a client has.
    type State = u32;
    type Timer = ();
    type Random = ();
    type Storage = ();

    fn on_start(&self, _: Id, _: &Option<()>, out: &mut Out<Self>) -> u32 {
        if let Node::Client { .. } = self {
            out.send(Id::from(0), 0);
        }
        0
    }

    fn on_msg(&self, _: Id, state: &mut Cow<'_, u32>, from: Id, message: u32, out: &mut Out<Self>) {
        match self {
            Node::Server => out.send(from, message),
            Node::Client { messages } => {
                *state.to_mut() += 1;
                if **state < *messages {
                    out.send(from, **state);
                }
            }
        }
    }
}

fn main() -> ExitCode {
    bench_common::main_counting(|job| {
        let Job::Explore { size } = job else {
            return None;
        };
        let checker = ActorModel::new((), ())
            .actor(Node::Server)
            .actors((0..CLIENTS).map(|_| Node::Client { messages: size }))
            .init_network(Network::new_unordered_nonduplicating([]))
            .property(Expectation::Always, "no answer without a question", |_, state| {
                state.actor_states.iter().all(|answers| **answers <= u32::MAX / 2)
            })
            .checker()
            .threads(1)
            .spawn_bfs()
            .join();
        checker.assert_properties();
        assert_eq!(checker.unique_state_count() as u64, states(size));
        Some(checker.state_count() as u64)
    })
}
