//! A context without a loop, which records what protothreads do to it and lets tests decide what is ready.

#![allow(dead_code)]

use std::task::Poll;

use ptk_core::__rt::{Context, Control, Deadline, Scope};
use ptk_core::{Duration, Instant};

/// What happened, in order.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Call {
    /// An operation was polled; whether for the first time, and under how many scopes.
    Polled { name: &'static str, fresh: bool, depth: u8 },
    /// A scope was closed.
    Closed(Scope),
    /// A scope was passed on to the one around it.
    Passed(Scope, Scope),
    /// A deadline was armed.
    Armed(Duration),
    /// The task yielded.
    Yielded,
    /// Something that a body noted.
    Note(i64),
}

/// The context.
pub(crate) struct Double {
    control: Control,
    now: Instant,
    order: u32,
    ready: Vec<&'static str>,
    /// What happened.
    pub(crate) calls: Vec<Call>,
}

impl Double {
    /// A context in which nothing is ready, and the first poll is fresh.
    pub(crate) fn new() -> Self {
        Double { control: Control::root(true), now: Instant::ORIGIN, order: 0, ready: Vec::new(), calls: Vec::new() }
    }

    /// Polls a body as a loop polls a task: fresh once, and from the root each time.
    pub(crate) fn poll<T>(&mut self, body: impl FnOnce(&mut Self) -> Poll<T>) -> Poll<T> {
        let polled = body(self);
        self.control = Control::root(false);
        polled
    }

    /// Makes the next poll start its body anew.
    pub(crate) fn start(&mut self) {
        self.control = Control::root(true);
    }

    /// The next evaluation of operation `name` is ready.
    pub(crate) fn allow(&mut self, name: &'static str) {
        self.ready.push(name);
    }

    /// Moves the clock.
    pub(crate) fn pass(&mut self, time: Duration) {
        self.now += time;
    }

    /// An operation that is ready when the test has allowed it.
    pub(crate) fn op(&mut self, name: &'static str) -> Poll<()> {
        let Control { scope, fresh } = self.control;
        self.calls.push(Call::Polled { name, fresh, depth: scope.depth() });
        match self.ready.iter().position(|ready| *ready == name) {
            Some(at) => {
                self.ready.remove(at);
                Poll::Ready(())
            }
            None => Poll::Pending,
        }
    }

    /// The same with a value.
    pub(crate) fn give<T>(&mut self, name: &'static str, value: T) -> Poll<T> {
        self.op(name).map(|()| value)
    }

    /// Notes that a body came along.
    pub(crate) fn note(&mut self, what: i64) {
        self.calls.push(Call::Note(what));
    }

    /// The names of what was polled since the last call.
    pub(crate) fn polled(&mut self) -> Vec<&'static str> {
        let calls = std::mem::take(&mut self.calls);
        calls.iter().filter_map(|call| if let Call::Polled { name, .. } = call { Some(*name) } else { None }).collect()
    }

    /// The notes since the last call.
    pub(crate) fn notes(&mut self) -> Vec<i64> {
        let calls = std::mem::take(&mut self.calls);
        calls.iter().filter_map(|call| if let Call::Note(what) = call { Some(*what) } else { None }).collect()
    }
}

impl Context for Double {
    fn control(&mut self) -> Control {
        self.control
    }

    fn set_control(&mut self, control: Control) {
        self.control = control;
    }

    fn close_scope(&mut self, scope: Scope) {
        self.calls.push(Call::Closed(scope));
    }

    fn merge_scope(&mut self, scope: Scope, outer: Scope) {
        self.calls.push(Call::Passed(scope, outer));
    }

    fn arm(&mut self, after: Duration) -> Deadline {
        self.calls.push(Call::Armed(after));
        self.order += 1;
        Deadline { at: self.now + after, order: self.order }
    }

    fn expired(&mut self, deadline: Deadline) -> bool {
        deadline.at <= self.now
    }

    fn yield_now(&mut self) {
        self.calls.push(Call::Yielded);
    }
}

/// A millisecond, and more of them.
pub(crate) fn ms(count: u64) -> Duration {
    Duration::from_millis(count)
}
