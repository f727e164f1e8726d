//! A test of a world: who is in it, what goes wrong, and what must hold.

mod course;
mod exhaust;
mod quiet;
mod run;

use std::ops::Range;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use ptk_core::{Cx, Duration, Error, Instant};

pub(crate) use self::course::{Course, Violation};
pub use self::exhaust::Exhausted;
pub(crate) use self::exhaust::deviations;
pub(crate) use self::quiet::quietly;
use self::run::Request;
pub(crate) use self::run::request;
use crate::chooser::{Chooser, Decider, Priorities};
use crate::clock::Clock;
use crate::environment::Environment;
use crate::failure::Failure;
use crate::faults::Faults;
use crate::link::Link;
use crate::mock::Mock;
use crate::network::Network;
use crate::node::{Application, Boot, MakeNode, factory};
use crate::node_id::NodeId;
use crate::tape::{Choice, Tape};
use crate::trace::{TraceHash, TraceLog};
use crate::world::{Plan, World};

/// How long faults last if nobody said how long.
const LASTING: Duration = Duration::from_secs(10);

/// One seed in so many that passed is run twice, and must do the same.
const RUN_TWICE: u64 = 100;

pub(crate) type Predicate = Arc<dyn Fn(&World) -> bool + Send + Sync>;
type Action = Arc<dyn Fn(&mut World) + Send + Sync>;
type Value = Arc<dyn Fn(&World) -> String + Send + Sync>;

/// A property that has a name.
#[derive(Clone)]
pub(crate) struct Property {
    pub(crate) name: String,
    pub(crate) holds: Predicate,
    /// For what must come true: how long that may take after all is healed.
    pub(crate) within: Duration,
}

/// Nodes, links, faults, and properties: from a seed it makes a [`World`], and from many seeds a proof or a failure.
///
/// ```
/// use ptk_core::prelude::*;
/// use ptk_mock::{Boot, Faults, Link, Mock, Scenario, World};
///
/// #[derive(Clone, Hash, Debug)]
/// struct Greeter { pt: Pt, to: core::net::SocketAddr, socket: TcpSocket, words: Buffer<16> }
///
/// impl<P: Platform> Protothread<P> for Greeter {
///     type Output = Result<(), Error>;
///
///     #[protothread]
///     fn run(&mut self, cx: &mut Cx<'_, P>, _: &mut ()) -> Result<(), Error> {
///         self.socket = wait!(cx.connect(self.to))?;
///         self.words.put_slice(b"hello")?;
///         wait!(cx.send_all(self.socket, &mut self.words))
///     }
/// }
///
/// #[derive(Clone, Hash, Debug)]
/// struct Listener { pt: Pt, listener: TcpListener, socket: TcpSocket, heard: Buffer<16> }
///
/// impl<P: Platform> Protothread<P> for Listener {
///     type Output = Result<(), Error>;
///
///     #[protothread]
///     fn run(&mut self, cx: &mut Cx<'_, P>, _: &mut ()) -> Result<(), Error> {
///         self.listener = cx.listen(([0, 0, 0, 0], 7).into())?;
///         self.socket = wait!(cx.accept(self.listener))?;
///         wait!(cx.recv_exact(self.socket, &mut self.heard, 5))
///     }
/// }
///
/// let report = Scenario::new("greeting")
///     .node("listener", |_: &Boot| {
///         [Listener { pt: Pt::new(), listener: TcpListener::NONE, socket: TcpSocket::NONE, heard: Buffer::new() }]
///     })
///     .node("greeter", |boot: &Boot| {
///         let to = boot.address("listener", 7);
///         [Greeter { pt: Pt::new(), to, socket: TcpSocket::NONE, words: Buffer::new() }]
///     })
///     .faults(Faults::of(&[ptk_mock::Family::Streams]))
///     .always("what is heard is what was said", |world: &World| {
///         let heard = world.app::<[Listener; 1]>("listener").map_or(&[][..], |app| app[0].heard.readable());
///         b"hello".starts_with(heard)
///     })
///     .eventually("all is heard", Duration::from_secs(1), |world: &World| {
///         world.app::<[Listener; 1]>("listener").is_some_and(|app| app[0].heard.readable() == b"hello")
///     })
///     .check(0..100)
///     .expect("it holds");
/// assert_eq!(report.seeds, 100);
/// ```
#[derive(Clone)]
pub struct Scenario {
    pub(crate) name: String,
    names: Vec<String>,
    factories: Vec<MakeNode>,
    links: Vec<(String, String, Link)>,
    default_link: Link,
    pub(crate) faults: Faults,
    priorities: Option<(usize, u64)>,
    pub(crate) lasting: Duration,
    pub(crate) always: Vec<Property>,
    pub(crate) sometimes: Vec<Property>,
    pub(crate) eventually: Vec<Property>,
    unsplit: Vec<(String, Value)>,
    pub(crate) actions: Vec<(Duration, Action)>,
    pub(crate) checks_resumes: bool,
    pub(crate) checks_leftovers: bool,
    descriptor_limit: usize,
    /// What the clock shows at first.
    starts_at: Instant,
    pub(crate) command: Option<String>,
}

/// What a check that passed has seen.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Report {
    /// How many seeds ran.
    pub seeds: u64,
    /// How many steps they took.
    pub steps: u64,
    /// How much time passed in their worlds.
    pub time: Duration,
    /// In how many seeds each of what must happen sometimes did.
    pub sometimes: Vec<(String, u64)>,
    /// A hash of all traces, in the order of the seeds.
    pub hash: TraceHash,
}

impl Scenario {
    /// A world without anything. The name is that of traces and failures.
    pub fn new(name: &str) -> Scenario {
        Scenario {
            name: name.to_owned(),
            names: Vec::new(),
            factories: Vec::new(),
            links: Vec::new(),
            default_link: Link::default(),
            faults: Faults::NONE,
            priorities: None,
            lasting: LASTING,
            always: Vec::new(),
            sometimes: Vec::new(),
            eventually: Vec::new(),
            unsplit: Vec::new(),
            actions: Vec::new(),
            checks_resumes: true,
            checks_leftovers: true,
            descriptor_limit: usize::MAX,
            starts_at: Instant::ORIGIN,
            command: None,
        }
    }

    /// One node more, with a loop of 32 tasks, 32 sockets, 16 timers, 8 event sources and 2 lookups. `make` is called
    /// at each start: a node that crashed begins anew.
    #[must_use]
    pub fn node<S: Application>(self, name: &str, make: impl Fn(&Boot) -> S + Send + Sync + 'static) -> Scenario {
        self.node_sized::<S, 32, 32, 16, 8, 2>(name, make)
    }

    /// As [`node`](Self::node), with a loop of other capacities.
    #[must_use]
    pub fn node_sized<
        S: Application,
        const TASKS: usize,
        const SOCKETS: usize,
        const TIMERS: usize,
        const EVENTS: usize,
        const LOOKUPS: usize,
    >(
        self,
        name: &str,
        make: impl Fn(&Boot) -> S + Send + Sync + 'static,
    ) -> Scenario {
        self.node_with::<S, TASKS, SOCKETS, TIMERS, EVENTS, LOOKUPS>(name, make, |_, _| Ok(()))
    }

    /// As [`node_sized`](Self::node_sized), and `set_up` opens what the tasks share, before the first of them runs.
    /// Nothing goes wrong meanwhile; what it opens belongs to no task.
    ///
    /// A world panics when it starts a node for which `set_up` fails: the test is wrong.
    #[must_use]
    pub fn node_with<
        S: Application,
        const TASKS: usize,
        const SOCKETS: usize,
        const TIMERS: usize,
        const EVENTS: usize,
        const LOOKUPS: usize,
    >(
        mut self,
        name: &str,
        make: impl Fn(&Boot) -> S + Send + Sync + 'static,
        set_up: impl Fn(&mut Cx<'_, Mock>, &mut S) -> Result<(), Error> + Send + Sync + 'static,
    ) -> Scenario {
        self.names.push(name.to_owned());
        self.factories.push(factory::<S, TASKS, SOCKETS, TIMERS, EVENTS, LOOKUPS>(make, set_up));
        self
    }

    /// How two nodes are linked, in both directions.
    #[must_use]
    pub fn link(mut self, one: &str, other: &str, link: Link) -> Scenario {
        self.links.push((one.to_owned(), other.to_owned(), link));
        self
    }

    /// How all nodes are linked for which nobody says otherwise; at first [`Link::lan`].
    #[must_use]
    pub fn links(self, link: Link) -> Scenario {
        Scenario { default_link: link, ..self }
    }

    /// What goes wrong; at first nothing.
    #[must_use]
    pub fn faults(self, faults: Faults) -> Scenario {
        Scenario { faults, ..self }
    }

    /// Lets nodes that have something to do run by priorities drawn from the seed, of which `depth` - 1 change within the
    /// first `steps` turns where there is a choice: finds each bug that hangs on the order of `depth` turns with a
    /// probability that can be told.
    #[must_use]
    pub fn priorities(self, depth: usize, steps: u64) -> Scenario {
        Scenario { priorities: Some((depth, steps)), ..self }
    }

    /// How long things go wrong; at first ten seconds. A run ends before that when everything has come true that must.
    #[must_use]
    pub fn lasting(self, time: Duration) -> Scenario {
        Scenario { lasting: time, ..self }
    }

    /// What must hold after every step.
    #[must_use]
    pub fn always(mut self, name: &str, holds: impl Fn(&World) -> bool + Send + Sync + 'static) -> Scenario {
        self.always.push(Property { name: name.to_owned(), holds: Arc::new(holds), within: Duration::ZERO });
        self
    }

    /// What must have held after some step of some seed: otherwise the test shows nothing.
    #[must_use]
    pub fn sometimes(mut self, name: &str, holds: impl Fn(&World) -> bool + Send + Sync + 'static) -> Scenario {
        self.sometimes.push(Property { name: name.to_owned(), holds: Arc::new(holds), within: Duration::ZERO });
        self
    }

    /// What must come true, at the latest so long after nothing goes wrong any more.
    #[must_use]
    pub fn eventually(
        mut self,
        name: &str,
        within: Duration,
        holds: impl Fn(&World) -> bool + Send + Sync + 'static,
    ) -> Scenario {
        self.eventually.push(Property { name: name.to_owned(), holds: Arc::new(holds), within });
        self
    }

    /// What must be the same at the end, wherever reads, writes and segments were cut: each seed runs twice more, without
    /// any fault and with those of streams that lose nothing.
    #[must_use]
    pub fn wherever_it_is_cut(
        mut self,
        name: &str,
        value: impl Fn(&World) -> String + Send + Sync + 'static,
    ) -> Scenario {
        self.unsplit.push((name.to_owned(), Arc::new(value)));
        self
    }

    /// Does something to the world after so long: parts nodes, crashes them, changes a setting.
    #[must_use]
    pub fn at(mut self, time: Duration, act: impl Fn(&mut World) + Send + Sync + 'static) -> Scenario {
        self.actions.push((time, Arc::new(act)));
        self.actions.sort_by_key(|(time, _)| *time);
        self
    }

    /// How many sockets each node may have open; at first as many as it likes.
    #[must_use]
    pub fn descriptor_limit(self, limit: usize) -> Scenario {
        Scenario { descriptor_limit: limit, ..self }
    }

    /// Does not check that tasks that are resumed for nothing stay as they are: for those that count their resumes.
    #[must_use]
    pub fn resumes_may_count(self) -> Scenario {
        Scenario { checks_resumes: false, ..self }
    }

    /// Does not check that nothing is open when all tasks of a node have ended: for those that detach what they open.
    #[must_use]
    pub fn may_leave_open(self) -> Scenario {
        Scenario { checks_leftovers: false, ..self }
    }

    /// How to run this again, if not as a test of cargo's: what comes before `PTK_RUN`'s value is added.
    #[must_use]
    pub fn command(self, command: &str) -> Scenario {
        Scenario { command: Some(command.to_owned()), ..self }
    }

    /// The world of a seed.
    ///
    /// # Panics
    ///
    /// If a link names a node that there is not: the test is wrong.
    pub fn world(&self, seed: u64) -> World {
        self.make(seed, Decider::Seeded(seed), self.faults.for_seed(seed), TraceLog::new(false))
    }

    /// As [`world`](Self::world), and keeps what happens: see [`World::records`].
    ///
    /// # Panics
    ///
    /// As [`world`](Self::world).
    pub fn recorded_world(&self, seed: u64) -> World {
        self.make(seed, Decider::Seeded(seed), self.faults.for_seed(seed), TraceLog::new(true))
    }

    /// With links on which nothing happens by itself, and a clock that does not begin at its origin.
    pub(crate) fn for_exploration(&self, starts_at: Instant) -> Scenario {
        Scenario {
            links: Vec::new(),
            default_link: Link::fixed(Duration::ZERO),
            priorities: None,
            starts_at,
            ..self.clone()
        }
    }

    /// The names of the nodes.
    pub(crate) fn node_names(&self) -> &[String] {
        &self.names
    }

    /// How many nodes there are.
    pub(crate) fn len(&self) -> usize {
        self.names.len()
    }

    pub(crate) fn make(&self, seed: u64, decider: Decider, faults: Faults, trace: TraceLog) -> World {
        let names: Arc<[String]> = self.names.clone().into();
        let find = |name: &String| {
            let place = names.iter().position(|other| other == name);
            place.unwrap_or_else(|| panic!("a link names {name}, but there are {names:?}"))
        };
        let links: Vec<_> = self.links.iter().map(|(one, other, link)| (find(one), find(other), *link)).collect();
        let link = |from: NodeId, to: NodeId| {
            let pair = (from.index(), to.index());
            let named = links.iter().rev().find(|(one, other, _)| pair == (*one, *other) || pair == (*other, *one));
            named.map_or(self.default_link, |(.., link)| *link)
        };
        let hosts = names.len() as u16;
        let network = Network::new(hosts, seed, link);
        let mut chooser = Chooser::new(decider, faults, names.len());
        if let Some((depth, steps)) = self.priorities {
            chooser = chooser.with_priorities(Priorities::new(seed, names.len(), depth, steps));
        }
        let mut clock = Clock::new();
        clock.pass_to(self.starts_at);
        let environment = Environment { clock, chooser, trace };
        let plan = Plan {
            seed,
            names: names.clone(),
            factories: self.factories.clone(),
            descriptor_limit: self.descriptor_limit,
        };
        World::new(plan, network, environment)
    }

    /// Runs all seeds; the first that fails is shrunk.
    ///
    /// # Errors
    ///
    /// What did not hold in the lowest seed in which something did not; or what must happen sometimes and never did.
    pub fn check(&self, seeds: Range<u64>) -> Result<Report, Box<Failure>> {
        let courses = self.run_all(&seeds)?;
        let mut report = Report {
            seeds: courses.len() as u64,
            steps: courses.iter().map(|course| course.steps).sum(),
            time: courses
                .iter()
                .fold(Duration::ZERO, |sum, course| sum + course.time.saturating_since(Instant::ORIGIN)),
            sometimes: self.sometimes.iter().map(|property| (property.name.clone(), 0)).collect(),
            hash: combine(courses.iter().map(|course| course.hash)),
        };
        for course in &courses {
            for (seen, (_, count)) in course.seen.iter().zip(&mut report.sometimes) {
                *count += u64::from(*seen);
            }
        }
        match report.sometimes.iter().find(|(_, count)| *count == 0) {
            Some((name, _)) => Err(Box::new(Failure::never(self, name, &seeds))),
            None => Ok(report),
        }
    }

    /// As [`check`](Self::check), for tests: fails with the failure's text, behind which stand the command to run it
    /// again and the files in which it is drawn.
    ///
    /// With the variable `PTK_RUN` that such a command sets, it runs that very course instead.
    ///
    /// # Panics
    ///
    /// If something does not hold; or if `PTK_RUN` says nothing that can be run, or another course than the one it names.
    pub fn test(&self, seeds: Range<u64>) {
        match std::env::var("PTK_RUN") {
            Ok(request) if Request::is_for(&request, &self.name) => self.run_again(&request),
            _ => {
                if let Err(failure) = self.check(seeds) {
                    panic!("{failure}\n{}", failure.save());
                }
            }
        }
    }

    /// Runs the course that a failure's command names: the value of `PTK_RUN`.
    ///
    /// # Errors
    ///
    /// What is wrong with the request, or that it took another course than the one that it names.
    pub fn replay(&self, request: &str) -> Result<Failure, String> {
        let request: Request = request.parse()?;
        let course = self.course(request.seed, Some(&request.tape), true);
        if course.hash != request.hash {
            return Err(format!(
                "this is another course: its trace has the hash {}, and not {}. Has the code changed?",
                course.hash, request.hash
            ));
        }
        Failure::of(self, request.seed, course, request.tape.0.len()).ok_or_else(|| "everything holds".to_owned())
    }

    fn run_again(&self, request: &str) {
        match self.replay(request) {
            Ok(failure) => panic!("run again, with the same trace:\n{failure}\n{}", failure.save()),
            Err(what) => panic!("PTK_RUN={request}: {what}"),
        }
    }

    fn run_all(&self, seeds: &Range<u64>) -> Result<Vec<Course>, Box<Failure>> {
        let (next, lowest) = (AtomicU64::new(seeds.start), AtomicU64::new(seeds.end));
        let done = Mutex::new(Vec::new());
        let work = || {
            loop {
                let seed = next.fetch_add(1, Ordering::Relaxed);
                if seed >= lowest.load(Ordering::Relaxed) {
                    break;
                }
                let course = self.course_twice(seed);
                if course.violation.is_some() {
                    lowest.fetch_min(seed, Ordering::Relaxed);
                }
                done.lock().unwrap_or_else(PoisonError::into_inner).push((seed, course));
            }
        };
        let threads = std::thread::available_parallelism().map_or(1, usize::from);
        std::thread::scope(|scope| {
            for _ in 1..threads {
                scope.spawn(work);
            }
            work();
        });
        let mut done = done.into_inner().unwrap_or_else(PoisonError::into_inner);
        done.sort_by_key(|(seed, _)| *seed);
        match done.iter().position(|(_, course)| course.violation.is_some()) {
            None => Ok(done.into_iter().map(|(_, course)| course).collect()),
            Some(place) => {
                let (seed, course) = done.swap_remove(place);
                Err(Box::new(crate::shrink::shrink(self, seed, course)))
            }
        }
    }

    /// The course of a seed; of some, it must be the same twice.
    fn course_twice(&self, seed: u64) -> Course {
        let mut course = self.course(seed, None, false);
        if seed.is_multiple_of(RUN_TWICE) || course.violation.is_some() {
            let again = self.course(seed, Some(&course.tape), false);
            if again.hash != course.hash {
                course.violation = Some(Violation::new(
                    "the same seed takes the same course",
                    format!("one trace has the hash {}, the other {}", course.hash, again.hash),
                ));
            }
        }
        if course.violation.is_none() {
            course.violation = self.differs_by_cuts(seed);
        }
        course
    }

    /// Whether something is not the same wherever streams are cut.
    fn differs_by_cuts(&self, seed: u64) -> Option<Violation> {
        if self.unsplit.is_empty() {
            return None;
        }
        let whole = self.end_of(seed, Faults::NONE);
        let cut = self.end_of(seed, Faults::cuts());
        let differs = self.unsplit.iter().find(|(_, value)| value(&whole) != value(&cut));
        differs.map(|(name, value)| Violation::new(name, format!("uncut: {}; cut: {}", value(&whole), value(&cut))))
    }

    fn end_of(&self, seed: u64, faults: Faults) -> World {
        let mut world = self.make(seed, Decider::Seeded(seed), faults, TraceLog::off());
        let limit = Instant::ORIGIN + self.lasting;
        world.run_until(limit, |world| {
            !self.eventually.is_empty() && self.eventually.iter().all(|goal| (goal.holds)(world))
        });
        world
    }
}

/// One hash of many.
fn combine(hashes: impl Iterator<Item = TraceHash>) -> TraceHash {
    let mut hasher = xxhash_rust::xxh3::Xxh3::new();
    hashes.for_each(|hash| hasher.update(&hash.0.to_le_bytes()));
    TraceHash(hasher.digest128())
}

/// Choices sorted as a decider wants them.
pub(crate) fn sorted(tape: &Tape) -> Arc<[Choice]> {
    let mut choices = tape.0.clone();
    choices.sort_unstable_by_key(|choice| (choice.label, choice.node, choice.nth));
    choices.into()
}
