//! All that can happen to a small world, instead of what happens with some seeds.
//!
//! ```text
//!   a state --- each action that is possible in it ---> its successors --- those never met before ---> the next level
//!                                                                          (by a canonical hash)
//! ```
//!
//! The search goes breadth first over copies of the world, so that the first counterexample is a shortest one. A copy
//! shares all nodes with its origin but the one that acts.

mod action;
mod canonical;
mod search;
mod state;
mod worker;

use std::fmt;

use ptk_core::Instant;

pub use self::action::{Action, Move};
pub(crate) use self::canonical::Canonical;
use self::search::Search;
use self::state::{Budget, Step, UNLIMITED};
use crate::chooser::{Chooser, Decider};
use crate::failure::Failure;
use crate::faults::Faults;
use crate::label::Label;
use crate::scenario::Scenario;
use crate::trace::TraceLog;
use crate::world::World;

/// How many states are kept at most if nobody said how many.
const MOST_STATES: usize = 10_000_000;

/// The clock's first instant: the origin means "not yet" in the state of many a protocol.
const FIRST_INSTANT: Instant = Instant::from_nanos(1_000_000_000);

/// What packets, nodes and time do is what exploration itself decides.
const DECIDED_HERE: [Label; 9] = [
    Label::Loss,
    Label::Burst,
    Label::Duplicate,
    Label::Reorder,
    Label::Latency,
    Label::Retransmit,
    Label::Partition,
    Label::Clog,
    Label::Schedule,
];

/// Goes through all states of a scenario's world, up to the limits that it was given: see
/// [`Scenario::explore`].
///
/// # What can happen
///
/// In each state, one of these [`Action`]s is next, and each of them is tried:
///
/// - any datagram on its way arrives, whatever was sent before it; of the segments of each direction of a connection,
///   the first one does. How long a packet takes does not count;
/// - a datagram is lost, or arrives and stays on its way as if there were two: as often as [`drops`](Self::drops) and
///   [`duplicates`](Self::duplicates) allow;
/// - a node loses its power, or starts again: [`crashes`](Self::crashes) and [`restarts`](Self::restarts);
/// - time passes to the next deadline, though packets are on their way: that a network is slower than any timeout is
///   among what is explored. [`time_steps`](Self::time_steps) limits how often.
///
/// Behind each action, all nodes that have something to do run until they rest, in the order in which that came about.
/// No other order is tried: nodes share nothing but packets, and these arrive in any order, so another order would lead
/// to the same states (a partial-order reduction). What a node is asked by [`faults`](Self::faults), for instance how
/// much a read gets, is tried, too.
///
/// The links' latencies and rates, what [`Scenario::at`] plans and the scenario's own faults play no role.
///
/// # What must hold
///
/// - [`Scenario::always`]: after each action and each turn of a node;
/// - [`Scenario::sometimes`]: in at least one state, if the exploration was complete;
/// - [`Scenario::eventually`]: in each state in which nothing more can happen by itself, so that no packet is on its way
///   and no deadline to come, while all nodes are up. There, a resume for nothing must find nothing to do, and who has
///   ended must hold no handle, as in any run. That a state comes again and again without an end is not looked for:
///   a protocol that sends the same again forever, with all its packets lost, does nothing wrong;
/// - and nothing panics.
///
/// # Which states are the same
///
/// Two states are one if their hashes are: 128 bits over the nodes, the packets on their way and what the limits leave.
/// The order in which packets were sent is no part of it, nor are the time of day, the generations of handles and
/// the numbers of deadlines, nor which port the system will give away next. [`Exploration::collision_odds`] tells how
/// likely it is that two different states were taken for one.
#[derive(Clone)]
#[must_use = "nothing is explored until it runs"]
pub struct Explorer {
    scenario: Scenario,
    budget: Budget,
    faults: Faults,
    depth: usize,
    states: usize,
    threads: usize,
}

/// What an exploration that found nothing wrong has seen.
#[derive(Clone, PartialEq, Debug)]
#[non_exhaustive]
pub struct Exploration {
    /// How many states were reached, again and again included.
    pub generated: u64,
    /// How many different ones there were.
    pub unique: u64,
    /// How many actions it takes to reach the farthest.
    pub depth: usize,
    /// How long it took, on the wall's clock.
    pub seconds: f64,
    /// How likely it is that two different states had the same hash, and one was left out: the birthday bound.
    pub collision_odds: f64,
    /// Whether all states were reached that the budgets allow: neither the depth nor the number of states cut it short.
    pub complete: bool,
    /// Which of what must happen sometimes did.
    pub sometimes: Vec<(String, bool)>,
}

/// A shortest way to a state in which something does not hold.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Counterexample {
    /// What does not hold, and the way there to be looked at: in its recording, each action takes one millisecond.
    pub failure: Failure,
    /// The way.
    pub path: Vec<Move>,
    /// What had been explored until then.
    pub exploration: Exploration,
    pub(crate) steps: Vec<Step>,
}

impl Scenario {
    /// Goes through all states of the world instead of some runs: for small worlds, best with the small loops of
    /// [`node_sized`](Scenario::node_sized). At first no packet is lost or doubled and no node crashes.
    ///
    /// ```
    /// # use ptk_core::prelude::*;
    /// # use ptk_mock::{Boot, Scenario, World};
    /// # #[derive(Clone, Hash, Debug)]
    /// # struct Greeter { pt: Pt, to: core::net::SocketAddr, socket: UdpSocket }
    /// # impl<P: Platform> Protothread<P> for Greeter {
    /// #     type Output = Result<(), Error>;
    /// #     #[protothread]
    /// #     fn run(&mut self, cx: &mut Cx<'_, P>, _: &mut ()) -> Result<(), Error> {
    /// #         self.socket = cx.udp_socket(([0, 0, 0, 0], 0).into())?;
    /// #         wait!(cx.send_to(self.socket, b"one", self.to))?;
    /// #         wait!(cx.send_to(self.socket, b"two", self.to))?;
    /// #         cx.close(self.socket)
    /// #     }
    /// # }
    /// # #[derive(Clone, Hash, Debug)]
    /// # struct Listener { pt: Pt, socket: UdpSocket, heard: Buffer<16> }
    /// # impl<P: Platform> Protothread<P> for Listener {
    /// #     type Output = Result<(), Error>;
    /// #     #[protothread]
    /// #     fn run(&mut self, cx: &mut Cx<'_, P>, _: &mut ()) -> Result<(), Error> {
    /// #         self.socket = cx.udp_socket(([0, 0, 0, 0], 7).into())?;
    /// #         wait!(cx.recv_from(self.socket, &mut self.heard))?;
    /// #         wait!(cx.recv_from(self.socket, &mut self.heard))?;
    /// #         cx.close(self.socket)
    /// #     }
    /// # }
    /// # let listener = |_: &Boot| [Listener { pt: Pt::new(), socket: UdpSocket::NONE, heard: Buffer::new() }];
    /// # let greeter = |boot: &Boot| [Greeter { pt: Pt::new(), to: boot.address("listener", 7), socket: UdpSocket::NONE }];
    /// let found = Scenario::new("greeting")
    ///     .node("listener", listener)
    ///     .node("greeter", greeter)
    ///     .always("in order", |world: &World| {
    ///         world.app::<[Listener; 1]>("listener").is_none_or(|app| b"onetwo".starts_with(app[0].heard.readable()))
    ///     })
    ///     .explore()
    ///     .run()
    ///     .expect_err("datagrams overtake each other");
    /// assert_eq!(found.path.len(), 1); // "two" arrives first
    /// ```
    pub fn explore(&self) -> Explorer {
        Explorer {
            scenario: self.for_exploration(FIRST_INSTANT),
            budget: Budget {
                drops: 0,
                duplicates: 0,
                crashes: 0,
                restarts: UNLIMITED,
                time_steps: UNLIMITED,
                reorderings: UNLIMITED,
                choices: UNLIMITED,
            },
            faults: Faults::NONE,
            depth: usize::MAX,
            states: MOST_STATES,
            threads: std::thread::available_parallelism().map_or(1, usize::from),
        }
    }
}

impl Explorer {
    /// At most so many datagrams are lost; at first none.
    pub fn drops(mut self, most: u16) -> Explorer {
        self.budget.drops = most;
        self
    }

    /// At most so many datagrams arrive twice; at first none.
    pub fn duplicates(mut self, most: u16) -> Explorer {
        self.budget.duplicates = most;
        self
    }

    /// Nodes lose their power at most so often; at first never.
    pub fn crashes(mut self, most: u16) -> Explorer {
        self.budget.crashes = most;
        self
    }

    /// Nodes that crashed start again at most so often; at first as often as they crash.
    pub fn restarts(mut self, most: u16) -> Explorer {
        self.budget.restarts = most;
        self
    }

    /// Time passes to the next deadline at most so often; at first there is no limit, which only a protocol that comes to
    /// an end, or back to where it was, can do with.
    pub fn time_steps(mut self, most: u16) -> Explorer {
        self.budget.time_steps = most;
        self
    }

    /// Datagrams overtake others of the same way at most so often; at first there is no limit.
    pub fn reorderings(mut self, most: u16) -> Explorer {
        self.budget.reorderings = most;
        self
    }

    /// What can go another way within a node, and between it and a packet that arrives, as if it were asked each time:
    /// rates other than 0 do not count. Of many answers, the first, the next and the last are tried. At first there is
    /// nothing; what a link does is not explored in this way.
    pub fn faults(mut self, faults: Faults) -> Explorer {
        self.faults = DECIDED_HERE.into_iter().fold(faults, |faults, label| faults.rate(label, 0));
        self
    }

    /// At most so many answers are not benign; at first there is no limit.
    pub fn choices(mut self, most: u16) -> Explorer {
        self.budget.choices = most;
        self
    }

    /// Goes at most so many actions far.
    pub fn depth(mut self, most: usize) -> Explorer {
        self.depth = most;
        self
    }

    /// Stops when there are so many different states; at first ten million.
    pub fn states(mut self, most: usize) -> Explorer {
        self.states = most;
        self
    }

    /// Uses so many threads; at first as many as there are processors. The result is always the same.
    pub fn threads(mut self, count: usize) -> Explorer {
        self.threads = count.max(1);
        self
    }

    /// Explores.
    ///
    /// # Errors
    ///
    /// The first of the shortest ways to something that does not hold; or, if all was explored, what must happen
    /// sometimes and never does, with no way to it.
    pub fn run(&self) -> Result<Exploration, Box<Counterexample>> {
        Search::new(self).run()
    }

    /// As [`run`](Self::run), for tests: fails with the counterexample's text, behind which stand the files in which it
    /// is drawn.
    ///
    /// # Panics
    ///
    /// If there is a counterexample.
    pub fn test(&self) -> Exploration {
        match self.run() {
            Ok(exploration) => exploration,
            Err(found) => panic!("{found}\n{}", found.failure.save()),
        }
    }

    /// Goes the way of a counterexample once more.
    ///
    /// # Errors
    ///
    /// What happened instead: the code has changed.
    pub fn replay(&self, found: &Counterexample) -> Result<Failure, String> {
        self.retrace(&found.steps).map(|(failure, _)| failure)
    }

    /// Whether nodes are asked anything.
    fn asks(&self) -> bool {
        self.faults != Faults::NONE
    }

    fn world(&self, trace: TraceLog) -> World {
        self.scenario.make(0, Decider::Script { answers: [].into(), asked: Vec::new() }, Faults::NONE, trace)
    }

    /// Who answers during one action.
    fn chooser(&self, answers: &[u32]) -> Chooser {
        let decider = Decider::Script { answers: answers.into(), asked: Vec::new() };
        Chooser::new(decider, self.faults, self.scenario.len())
    }
}

impl fmt::Debug for Explorer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Explorer").field("scenario", &self.scenario.name).field("budget", &self.budget).finish()
    }
}

impl Exploration {
    /// How many states were reached in a second.
    pub fn per_second(&self) -> f64 {
        self.generated as f64 / self.seconds.max(1e-9)
    }
}

impl fmt::Display for Exploration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let extent = if self.complete { "complete" } else { "cut short" };
        write!(
            f,
            "{extent}: {} states generated, {} unique, {} actions deep; {:.3} s; odds of a hash collision {:.1e}",
            self.generated, self.unique, self.depth, self.seconds, self.collision_odds
        )
    }
}

impl fmt::Display for Counterexample {
    /// What does not hold, and the actions that lead there.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}: {}", self.failure.scenario, self.failure.property)?;
        writeln!(f, "          {}", self.failure.detail)?;
        for (number, step) in self.path.iter().enumerate() {
            writeln!(f, "{:>8}. {}", number + 1, step.named(&self.failure.recording.nodes))?;
        }
        writeln!(f, "explored: {}", self.exploration)?;
        write!(f, "again:    {}", self.failure.command)
    }
}

impl std::error::Error for Counterexample {}

/// The birthday bound for `count` hashes of 128 bits.
fn collision_odds(count: u64) -> f64 {
    let count = count as f64;
    count * (count - 1.0).max(0.0) / 2.0 / 2_f64.powi(128)
}
