//! Lookups share the slots of a loop, and give them back however they end.

mod dns_messages;
mod dns_world;

use dns_messages::Query;
use dns_world::{Act, BOTH, Loop, Outcome, Stage, Step, both, found, silent, stage};
use ptk_core::WaitingFor;
use ptk_core::prelude::*;
use ptk_mock::Mock;

/// Answers after so many milliseconds, with addresses that hold no time at all.
fn late(millis: u64, query: &Query) -> Vec<Act> {
    vec![Act::Late(millis, query.reply().addresses(0, &BOTH).bytes())]
}

/// When the steps of each client ended.
fn times(log: &[Vec<(Outcome, u64)>]) -> Vec<Vec<u64>> {
    log.iter().map(|log| log.iter().map(|(_, at)| *at).collect()).collect()
}

#[test]
fn a_lookup_that_is_given_up_leaves_nothing_behind() {
    let mut stage: Stage<1> = Stage::new(silent);
    let steps = [Step::Try("a.example", 10), Step::Beside("a.example", 10), Step::Try("a.example", 10)];
    let log = stage.run(&[&steps]);
    assert_eq!(log[0], [(Outcome::TimedOut, 10), (Outcome::Slept, 20), (Outcome::TimedOut, 30)]);
}

#[test]
fn a_cancelled_task_frees_its_slot_for_the_next() {
    let mut stage: Stage<1> = Stage::new(|server, n, query| match query.name.as_str() {
        "silent.example" => vec![],
        _ => both(server, n, query),
    });
    stage.app.clients[0].steps = vec![Step::Resolve("silent.example.")];
    stage.app.clients[1].steps = vec![Step::Resolve("b.example.")];
    for _ in 0..10 {
        stage.event_loop.turn_now(&mut stage.app).expect("the loop turns");
    }
    assert_eq!(stage.event_loop.tables().lookups.used, 1);
    let mut waiting = Vec::new();
    stage.event_loop.list_tasks(&stage.app, |report| waiting.push((report.task, report.waits[0])));
    let (first, second) = (waiting[4].0, waiting[5].1);
    assert_eq!(second, Some(WaitingFor::LookupRoom));
    stage.event_loop.cx().cancel(first).expect("it runs");
    stage.app.clients[0].done = true;
    let log = stage.run(&[&[], &[Step::Resolve("b.example.")]]);
    assert_eq!(log[1], [(found(&BOTH), 0)]);
}

#[test]
fn two_lookups_race_and_the_loser_is_gone() {
    let mut stage = stage(|server, n, query| match query.name.as_str() {
        "slow.example" => vec![],
        _ => both(server, n, query),
    });
    let log = stage.run(&[&[Step::Race("slow.example.", "fast.example."), Step::Race("x.example.", "x.example.")]]);
    assert_eq!(log[0], [(found(&BOTH), 0), (found(&BOTH), 0)]);
}

#[test]
fn more_tasks_than_slots_are_served_first_come_first_served() {
    let mut stage: Stage<1> = Stage::new(|_, _, query| late(10, query));
    let twice = [Step::Resolve("a.example."), Step::Resolve("b.example.")];
    let log = stage.run(&[&twice, &twice, &twice]);
    assert_eq!(times(&log), [[10, 40], [20, 50], [30, 60]]);
}

#[test]
fn who_begins_again_does_not_overtake_who_was_woken() {
    let mut stage: Stage<1> = Stage::new(|_, _, query| late(10, query));
    let twice = [Step::Resolve("a.example."), Step::Resolve("b.example.")];
    let log = stage.run(&[&twice, &twice]);
    assert_eq!(times(&log[..2]), [[10, 30], [20, 40]]);
}

#[test]
fn a_task_that_waits_for_a_slot_can_give_up_and_the_next_gets_it() {
    let mut stage: Stage<1> = Stage::new(|_, _, query| late(100, query));
    let log =
        stage.run(&[&[Step::Resolve("a.example.")], &[Step::Try("b.example.", 50)], &[Step::Resolve("c.example.")]]);
    assert_eq!(log[1], [(Outcome::TimedOut, 50)]);
    assert_eq!((log[0][0].1, log[2][0].1), (100, 200));
}

// --- What everything in a loop must keep

#[test]
fn a_loop_with_lookups_is_plain_data() {
    fn is_plain_data<T: Clone + std::hash::Hash + std::fmt::Debug + Send>() {}
    is_plain_data::<Loop<2>>();
}

#[test]
fn what_is_always_ready_gives_the_other_tasks_their_turn() {
    #[derive(Clone, Hash, Debug)]
    struct Greedy {
        pt: Pt,
        rounds: u32,
    }
    impl Protothread<Mock> for Greedy {
        type Output = Result<(), Error>;
        #[protothread]
        fn run(&mut self, cx: &mut Cx<'_, Mock>, _: &mut ()) -> Result<(), Error> {
            while self.rounds > 0 {
                self.rounds -= 1;
                wait!(cx.resolve("192.0.2.1"))?;
            }
            Ok(())
        }
    }
    #[derive(TaskSet)]
    #[task(platform = Mock)]
    struct Set {
        greedy: Greedy,
    }
    let mut event_loop: EventLoop<Mock, 1> = EventLoop::new(1, Mock::new());
    event_loop.open().expect("it was not open");
    let mut set = Set { greedy: Greedy { pt: Pt::new(), rounds: 640 } };
    event_loop.run(&mut set).expect("the loop turns");
    assert!(event_loop.counters().turns >= 10, "{:?}", event_loop.counters());
}
