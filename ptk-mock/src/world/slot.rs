//! One node of a world: its body while it is up, and what the world knows of it.

use std::fmt;
use std::hash::Hash;

use ptk_core::{Duration, Instant, TaskState};

use crate::environment::Environment;
use crate::explore::Canonical;
use crate::label::Label;
use crate::node::Inhabitant;
use crate::node_id::NodeId;
use crate::trace::TraceEvent;

/// The unit in which nodes stand still.
const PAUSE: Duration = Duration::from_millis(1);

/// See the module's text.
pub(crate) struct Slot {
    /// `None` while it is down.
    body: Option<Box<dyn Inhabitant>>,
    /// How often it was started.
    pub(crate) starts: u32,
    /// It is down, but its host is up and answers that nobody is there.
    pub(crate) has_power: bool,
    /// It stands among those that are runnable.
    pub(crate) is_queued: bool,
    /// All its tasks have ended.
    pub(crate) has_ended: bool,
    /// When it is looked at again at the latest.
    pub(crate) wake_at: Option<Instant>,
    /// It stands still until then.
    pub(crate) paused_until: Instant,
    /// Where its tasks waited when they were last shown.
    places: Vec<Place>,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Place {
    Nowhere,
    Ended,
    Waits(u32),
}

impl Slot {
    /// A node that was never started.
    pub(crate) const fn down() -> Slot {
        Slot {
            body: None,
            starts: 0,
            has_power: false,
            is_queued: false,
            has_ended: false,
            wake_at: None,
            paused_until: Instant::ORIGIN,
            places: Vec::new(),
        }
    }

    /// Its body, while it is up.
    pub(crate) fn body(&self) -> Option<&dyn Inhabitant> {
        self.body.as_deref()
    }

    /// Its body, while it is up.
    pub(crate) fn body_mut(&mut self) -> Option<&mut (dyn Inhabitant + 'static)> {
        self.body.as_deref_mut()
    }

    /// Hashes what decides what it will do.
    pub(crate) fn hash_all(&self, hasher: &mut Canonical) {
        (self.starts, self.has_ended, self.is_queued, self.wake_at, self.paused_until).hash(hasher);
        if let Some(body) = &self.body {
            body.hash_all(hasher);
        }
    }

    /// It is up from now on.
    pub(crate) fn start(&mut self, body: Box<dyn Inhabitant>) {
        *self = Slot { body: Some(body), starts: self.starts + 1, ..Slot::down() };
    }

    /// It is down from now on; what it was.
    pub(crate) fn stop(&mut self) -> Option<Box<dyn Inhabitant>> {
        let body = self.body.take();
        *self = Slot { starts: self.starts, ..Slot::down() };
        body
    }

    /// It has something to do; whether that is news.
    pub(crate) fn enqueue(&mut self) -> bool {
        let is_news = self.body.is_some() && !self.is_queued;
        self.is_queued |= is_news;
        is_news
    }

    /// Whether it does not run now: it was paused before, or is from now on.
    pub(crate) fn stands_still(&mut self, node: NodeId, environment: &mut Environment) -> bool {
        let now = environment.now();
        if self.paused_until <= now {
            let pause = environment.choose(Label::Pause, node, 100);
            if pause == 0 {
                return false;
            }
            self.paused_until = now + PAUSE.saturating_mul(u64::from(pause));
            environment.trace.changed(now, TraceEvent::Paused { node, until: self.paused_until });
        }
        true
    }

    /// Where tasks wait that waited elsewhere before.
    pub(crate) fn new_places(&mut self, node: NodeId) -> Vec<TraceEvent> {
        let Slot { body, places, .. } = self;
        let mut news = Vec::new();
        let Some(body) = body else { return news };
        body.list_tasks(&mut |report| {
            let suspended = &report.suspended;
            let place = match report.state {
                TaskState::Idle => Place::Ended,
                TaskState::Ready | TaskState::Waiting => Place::Waits(suspended.line),
            };
            if places.len() <= report.index {
                places.resize(report.index + 1, Place::Nowhere);
            }
            let Some(before) = places.get_mut(report.index).filter(|before| **before != place) else { return };
            *before = place;
            let (task, name, instance) = (report.index, suspended.task, suspended.instance);
            news.push(match place {
                Place::Waits(line) => TraceEvent::Waits { node, task, name, instance, file: suspended.file, line },
                Place::Ended | Place::Nowhere => TraceEvent::Ended { node, task, name, instance },
            });
        });
        news
    }
}

impl Clone for Slot {
    fn clone(&self) -> Slot {
        Slot { body: self.body.as_ref().map(|body| body.boxed_clone()), places: self.places.clone(), ..*self }
    }
}

impl fmt::Debug for Slot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.body {
            Some(body) => body.fmt(f),
            None => f.write_str("down"),
        }
    }
}
