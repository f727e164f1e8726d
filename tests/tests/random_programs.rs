//! Random bodies run as protothreads, with random pendings, and as plain code that never waits: what they do and what
//! they return must be the same. The build script writes the bodies; a failure prints the body and the seed.

#![allow(
    dead_code,
    unused_labels,
    unused_variables,
    unused_assignments,
    unused_mut,
    unused_must_use,
    unused_macros,
    unreachable_code,
    unused_parens,
    clippy::all
)]

use std::task::Poll;

use ptk_core::__rt::{Context, Control, Deadline, Scope};
use ptk_core::{Duration, First, Instant, PtTimed, TimedOut, protothread};

/// Plain code waits by asking again and again. The attribute sees the macro first, and only keeps its import in use.
macro_rules! wait {
    (@used) => {};
    (first!($first:expr, $second:expr)) => {
        loop {
            if let Poll::Ready(value) = $first {
                break First::A(value);
            }
            if let Poll::Ready(value) = $second {
                break First::B(value);
            }
        }
    };
    ($operation:expr, timeout = $after:expr) => {{
        let _: Duration = $after;
        Ok::<_, TimedOut>(wait!($operation))
    }};
    ($operation:expr) => {
        loop {
            if let Poll::Ready(value) = $operation {
                break value;
            }
        }
    };
}

macro_rules! first {
    (@used) => {};
}

macro_rules! yield_now {
    (@used) => {};
    () => {
        ()
    };
}

/// The data of a run, its pendings, and its log.
struct World {
    data: u64,
    chance: u64,
    pendings: u64,
    fuel: u32,
    log: Vec<(u32, String)>,
    control: Control,
}

impl World {
    fn new(seed: u64, pending: bool) -> Self {
        let chance = if pending { seed ^ 0x5eed } else { 0 };
        World { data: seed, chance, pendings: 0, fuel: 60, log: Vec::new(), control: Control::root(true) }
    }

    fn step(number: &mut u64) -> u64 {
        *number = number.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        *number >> 33
    }

    fn note(&mut self, id: u32, value: i64) -> i64 {
        self.log.push((id, value.to_string()));
        value
    }

    fn text(&mut self, id: u32, text: &str) {
        self.log.push((id, text.to_owned()));
    }

    fn fuel(&mut self) -> bool {
        self.fuel = self.fuel.saturating_sub(1);
        self.fuel > 0
    }

    fn op(&mut self, id: u32, below: u64) -> Poll<i64> {
        if self.chance != 0 && World::step(&mut self.chance) % 3 == 0 {
            self.pendings += 1;
            return Poll::Pending;
        }
        let value = (World::step(&mut self.data) % below) as i64;
        Poll::Ready(self.note(id, value))
    }

    fn try_op(&mut self, id: u32, below: u64) -> Poll<Result<i64, i64>> {
        self.op(id, below).map(|value| if value == 0 { Err(i64::from(id)) } else { Ok(value) })
    }

    fn some_op(&mut self, id: u32, below: u64) -> Poll<Option<i64>> {
        self.op(id, below).map(|value| (value != 0).then_some(value))
    }

    fn never(&mut self) -> Poll<i64> {
        Poll::Pending
    }
}

impl Context for World {
    fn control(&mut self) -> Control {
        self.control
    }

    fn set_control(&mut self, control: Control) {
        self.control = control;
    }

    fn close_scope(&mut self, _: Scope) {}

    fn merge_scope(&mut self, _: Scope, _: Scope) {}

    fn arm(&mut self, after: Duration) -> Deadline {
        Deadline { at: Instant::ORIGIN + after, order: 0 }
    }

    fn expired(&mut self, _: Deadline) -> bool {
        false
    }

    fn yield_now(&mut self) {
        self.pendings += 1;
    }
}

/// An iterator that is a field.
#[derive(Default, Debug, PartialEq)]
struct Countdown(i64);

impl Iterator for Countdown {
    type Item = i64;

    fn next(&mut self) -> Option<i64> {
        self.0 -= 1;
        (self.0 >= 0).then_some(self.0)
    }
}

fn either(first: First<i64, i64>) -> i64 {
    match first {
        First::A(value) | First::B(value) => value,
    }
}

/// What survives waits, in the two forms of a program.
#[derive(Default)]
struct Thread {
    pt: PtTimed,
    a: i64,
    b: i64,
    c: i64,
    iterator: Countdown,
}

#[derive(Default)]
struct Plain {
    a: i64,
    b: i64,
    c: i64,
    iterator: Countdown,
}

/// A program in both forms, each with its output as text.
struct Program {
    name: &'static str,
    text: &'static str,
    thread: fn(&mut Thread, &mut World) -> Poll<String>,
    plain: fn(&mut Plain, &mut World) -> String,
}

include!(concat!(env!("OUT_DIR"), "/programs.rs"));

/// Runs one program as a protothread, polled as a loop would.
fn run_thread(program: &Program, seed: u64) -> (String, Thread, World) {
    let (mut world, mut thread) = (World::new(seed, true), Thread::default());
    loop {
        let polled = (program.thread)(&mut thread, &mut world);
        world.control = Control::root(false);
        if let Poll::Ready(output) = polled {
            assert!(thread.pt.pt().is_done());
            return (output, thread, world);
        }
    }
}

#[test]
fn random_programs_do_as_protothreads_what_they_do_as_plain_code() {
    const SEEDS: u64 = 60;
    let (mut pendings, mut steps) = (0, 0);
    for program in PROGRAMS {
        for seed in 1..=SEEDS {
            let (output, thread, world) = run_thread(program, seed);
            let (mut expected, mut plain) = (World::new(seed, false), Plain::default());
            let expected_output = (program.plain)(&mut plain, &mut expected);
            let context = || format!("{} with seed {seed}:\n{}", program.name, program.text);
            assert_eq!(world.log, expected.log, "{}", context());
            assert_eq!(output, expected_output, "{}", context());
            assert_eq!((thread.a, thread.b, thread.c), (plain.a, plain.b, plain.c), "{}", context());
            assert_eq!(thread.iterator, plain.iterator, "{}", context());
            pendings += world.pendings;
            steps += world.log.len();
        }
    }
    println!("{} programs, {SEEDS} seeds each: {pendings} pendings, {steps} steps", PROGRAMS.len());
    assert!(pendings > 10 * PROGRAMS.len() as u64, "too few pendings to mean anything: {pendings}");
}

#[test]
fn every_random_program_knows_the_lines_of_its_waits() {
    assert!(Thread::PROGRAM_0_INFO.lines.is_sorted());
}
