//! Readiness: from levels, which the kernel's tables have, to edges, which the platform's contract wants.
//!
//! ```text
//!                the level rises above what the core believes
//!   quiet  ------------------------------------------------->  queued
//!          <-------------------------------------------------
//!                wait reports the difference; the core believes it
//! ```
//!
//! What the core believes grows by what is reported, and shrinks when a call tells it that something is not ready. So
//! an event is reported when the contract demands one, and never otherwise.

use std::collections::VecDeque;

use ptk_core::Readiness;

use super::{EndpointId, ListenerId, StreamId};

/// Something that can become ready.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(crate) enum Source {
    /// A listener.
    Listener(ListenerId),
    /// One end of a connection.
    Stream(StreamId),
    /// A datagram socket.
    Endpoint(EndpointId),
}

/// What the core has been told about one source.
#[derive(Clone, Hash, Debug)]
pub(crate) struct Signal {
    believed: Readiness,
    queued: bool,
}

impl Signal {
    /// A source of which the core believes that it is ready for `believed`.
    pub(crate) const fn new(believed: Readiness) -> Signal {
        Signal { believed, queued: false }
    }

    /// A call told the core that the source is not ready for `what`.
    pub(crate) fn deny(&mut self, what: Readiness) {
        self.believed = self.believed.without(what);
    }

    /// Whether the core was told of `what`.
    pub(crate) const fn believes(&self, what: Readiness) -> bool {
        self.believed.has(what)
    }

    /// The source's readiness is `level` now.
    pub(crate) fn update(&mut self, level: Readiness, source: Source, queue: &mut ReadyQueue) {
        if !self.queued && !level.without(self.believed).is_none() {
            self.queued = true;
            queue.0.push_back(source);
        }
    }

    /// The source has left the queue with the readiness `level`: what there is to report. That may be nothing, since calls
    /// may have found out meanwhile.
    pub(crate) fn report(&mut self, level: Readiness) -> Readiness {
        self.queued = false;
        let news = level.without(self.believed);
        self.believed = self.believed.with(level);
        news
    }

    /// The source is gone: nothing is reported for it any more.
    pub(crate) fn forget(&self, source: Source, queue: &mut ReadyQueue) {
        if self.queued {
            queue.0.retain(|&queued| queued != source);
        }
    }
}

/// The sources that have something to report, each once, first in first out.
#[derive(Clone, Hash, Debug)]
pub(crate) struct ReadyQueue(VecDeque<Source>);

impl ReadyQueue {
    /// Nothing to report.
    pub(crate) const fn new() -> ReadyQueue {
        ReadyQueue(VecDeque::new())
    }

    /// How many sources have something to report.
    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    /// Takes out the source at `place`; that at 0 has waited longest.
    pub(crate) fn take(&mut self, place: usize) -> Option<Source> {
        self.0.remove(place)
    }
}

#[cfg(test)]
mod tests {
    use ptk_core::Readiness;

    use super::super::StreamId;
    use super::{ReadyQueue, Signal, Source};

    const SOURCE: Source = Source::Stream(StreamId(3));

    #[test]
    fn a_source_stands_in_the_queue_once_however_often_it_changes() {
        let (mut queue, mut signal) = (ReadyQueue::new(), Signal::new(Readiness::NONE));
        signal.update(Readiness::READ, SOURCE, &mut queue);
        signal.update(Readiness::ALL, SOURCE, &mut queue);
        assert_eq!((queue.take(0), queue.take(0)), (Some(SOURCE), None));
        assert_eq!(signal.report(Readiness::ALL), Readiness::ALL);
    }

    #[test]
    fn what_the_core_believes_is_no_news_until_a_call_denies_it() {
        let (mut queue, mut signal) = (ReadyQueue::new(), Signal::new(Readiness::WRITE));
        signal.update(Readiness::WRITE, SOURCE, &mut queue);
        assert_eq!(queue.take(0), None);
        signal.deny(Readiness::WRITE);
        signal.update(Readiness::WRITE, SOURCE, &mut queue);
        assert_eq!(queue.take(0), Some(SOURCE));
        assert_eq!(signal.report(Readiness::WRITE), Readiness::WRITE);
    }

    #[test]
    fn a_source_that_is_gone_leaves_the_queue() {
        let (mut queue, mut signal) = (ReadyQueue::new(), Signal::new(Readiness::NONE));
        signal.update(Readiness::READ, SOURCE, &mut queue);
        signal.forget(SOURCE, &mut queue);
        assert_eq!(queue.take(0), None);
    }
}
