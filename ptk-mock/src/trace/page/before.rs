//! What still holds of the records that a page leaves out: without them its lanes would begin in the wrong state.

use std::collections::{BTreeMap, HashSet};

use crate::node_id::NodeId;
use crate::trace::{Record, TraceEvent};

/// What a record says something about; a later record about the same takes its place.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
enum Subject {
    Node(NodeId),
    Pause(NodeId),
    Link(NodeId, NodeId),
    Task(NodeId, usize),
    Flight(u64),
}

/// The last record about each subject, in their order, and the packets that are under way where the rest begins.
pub(super) fn still_holds<'a>(skipped: &'a [Record], rest: &[Record]) -> Vec<&'a Record> {
    let later: HashSet<u64> = rest.iter().filter_map(ended).collect();
    let mut last = BTreeMap::new();
    for (index, record) in skipped.iter().enumerate() {
        if let Some(subject) = subject(&record.event, &later) {
            last.insert(subject, index);
        }
    }
    let mut places: Vec<_> = last.into_values().collect();
    places.sort_unstable();
    places.into_iter().filter_map(|index| skipped.get(index)).collect()
}

fn ended(record: &Record) -> Option<u64> {
    match record.event {
        TraceEvent::Arrived { flight } | TraceEvent::Lost { flight, .. } => Some(flight),
        _ => None,
    }
}

fn subject(event: &TraceEvent, later: &HashSet<u64>) -> Option<Subject> {
    match event {
        TraceEvent::Started { node } | TraceEvent::Crashed { node, .. } => Some(Subject::Node(*node)),
        TraceEvent::Paused { node, .. } => Some(Subject::Pause(*node)),
        TraceEvent::LinkCut { from, to } | TraceEvent::LinkHealed { from, to } => Some(Subject::Link(*from, *to)),
        TraceEvent::Waits { node, task, .. } | TraceEvent::Ended { node, task, .. } => {
            Some(Subject::Task(*node, *task))
        }
        TraceEvent::Sent { flight, .. } if later.contains(flight) => Some(Subject::Flight(*flight)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use ptk_core::Instant;

    use super::*;
    use crate::trace::sample;

    fn record(nanos: u64, event: TraceEvent) -> Record {
        Record { at: Instant::from_nanos(nanos), event }
    }

    #[test]
    fn the_last_word_on_each_node_link_and_task_is_kept_and_what_is_under_way() {
        let (a, b) = (NodeId(0), NodeId(1));
        let ended = |task| TraceEvent::Ended { node: a, task, name: "Task", instance: 0 };
        let sent = |flight| sample::sent(flight, a, b);
        let skipped = [
            record(1, TraceEvent::Started { node: a }),
            record(2, TraceEvent::LinkCut { from: a, to: b }),
            record(3, TraceEvent::LinkCut { from: b, to: a }),
            record(4, ended(0)),
            record(5, TraceEvent::Crashed { node: a, lost_power: false }),
            record(6, TraceEvent::LinkHealed { from: a, to: b }),
            record(7, ended(1)),
            record(8, ended(0)),
            record(9, sent(1)),
            record(10, sent(2)),
            record(11, TraceEvent::Arrived { flight: 1 }),
        ];
        let rest = [record(12, TraceEvent::Arrived { flight: 2 })];
        let times: Vec<_> = still_holds(&skipped, &rest).iter().map(|record| record.at.as_nanos()).collect();
        assert_eq!(times, [3, 5, 6, 7, 8, 10]);
    }
}
