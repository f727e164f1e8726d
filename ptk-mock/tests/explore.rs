//! All states of small worlds.

#[path = "explore/pair.rs"]
mod pair;
#[path = "explore/register.rs"]
mod register;

use pair::{complete_datagrams, connection, ordered_datagrams, ticker};
use ptk_mock::{Action, Faults, Label};
use register::{make_writer, register, server, writer};

#[test]
fn a_race_is_found_by_the_shortest_way() {
    let found = register(false, 2, 2).explore().run().expect_err("a late repetition sets it back");
    assert_eq!((found.path.len(), found.failure.property.as_str()), (6, "what was acknowledged stays"), "{found}");
    let found = register(false, 2, 2).explore().duplicates(1).run().expect_err("a copy sets it back");
    assert_eq!(found.path.len(), 5, "{found}");
    let text = found.to_string();
    assert!(text.contains(r#"1. duplicate writer -> server: datagram "\x01""#), "{text}");
}

#[test]
fn the_mended_protocol_is_explored_completely_with_the_same_counts_everywhere() {
    for threads in [1, 2] {
        let exploration = register(true, 2, 3).explore().drops(1).duplicates(1).threads(threads).test();
        assert!(exploration.complete);
        assert_eq!((exploration.unique, exploration.generated, exploration.depth), (847, 3103, 13), "{exploration}");
    }
}

#[test]
fn ways_that_differ_in_their_order_alone_lead_to_one_state() {
    let one = register(true, 1, 1).explore().test();
    let two = register(true, 1, 1).node_sized::<_, 1, 1, 0, 0, 0>("other", make_writer(1, 1)).explore().test();
    assert!(two.unique < two.generated, "{two}");
    // Two writers that know nothing of each other: at most each state of the one with each of the other.
    assert!(two.unique <= one.unique * one.unique * 2, "{one}; {two}");
}

#[test]
fn a_counterexample_can_be_run_again_and_is_the_same_with_any_number_of_threads() {
    let explorer = register(false, 2, 2).explore().duplicates(1).drops(1);
    let found = explorer.clone().threads(1).run().expect_err("it is set back");
    let again = explorer.clone().threads(2).run().expect_err("it is set back");
    assert_eq!(found.path, again.path);
    let failure = explorer.replay(&found).expect("it fails again");
    assert_eq!((&failure.property, &failure.detail), (&found.failure.property, &found.failure.detail));
    assert_eq!(failure.recording.records, found.failure.recording.records);
    assert!(failure.recording.records.len() > found.path.len());
    let mended = register(true, 2, 2).explore().duplicates(1).drops(1);
    assert_eq!(mended.replay(&found).err().as_deref(), Some("everything holds"));
}

#[test]
fn no_more_is_lost_than_is_allowed() {
    complete_datagrams().explore().test();
    let found = complete_datagrams().explore().drops(1).run().expect_err("one is missing");
    let drops = found.path.iter().filter(|step| matches!(step.action, Action::Drop { .. })).count();
    assert_eq!((drops, found.path.len()), (1, 2), "{found}");
}

#[test]
fn no_more_is_reordered_than_is_allowed() {
    assert!(ordered_datagrams().explore().reorderings(0).test().complete);
    let found = ordered_datagrams().explore().reorderings(1).run().expect_err("one overtakes the other");
    assert_eq!(found.path.len(), 1, "{found}");
}

#[test]
fn no_more_time_passes_than_is_allowed() {
    let timed_out = || register(true, 1, 1).sometimes("never", |_| false);
    let unlimited = timed_out().explore().run().expect_err("it is never so");
    assert!(unlimited.path.is_empty() && unlimited.exploration.complete);
    let passes = register(true, 1, 2).explore().time_steps(0).test();
    assert!(passes.unique < register(true, 1, 2).explore().time_steps(1).test().unique);
}

#[test]
fn the_same_a_while_later_is_the_same() {
    let exploration = ticker().explore().states(100).test();
    assert!(exploration.complete && exploration.unique == 1, "{exploration}");
}

#[test]
fn what_is_cut_short_says_so() {
    let all = register(true, 2, 2).explore().test();
    let shallow = register(true, 2, 2).explore().depth(3).test();
    assert_eq!((shallow.depth, shallow.complete), (3, false));
    let few = register(true, 2, 2).explore().states(10).test();
    assert!(!few.complete && few.unique < all.unique, "{few}");
}

#[test]
fn nodes_crash_and_start_again_as_often_as_is_allowed() {
    let crashes = || register(true, 1, 1).always("none crashes", |world| world.is_up("server"));
    crashes().explore().test();
    crashes().explore().crashes(1).run().expect_err("the server crashes");
    assert!(register(true, 1, 1).explore().crashes(1).restarts(0).test().complete);
    let found = register(true, 1, 1).explore().crashes(1).run().expect_err("what it kept in memory is gone");
    let kinds: Vec<_> = found.path.iter().map(|step| std::mem::discriminant(&step.action)).collect();
    assert_eq!(kinds.len(), 4, "{found}");
    assert!(matches!(found.path[3].action, Action::Restart { .. } | Action::Deliver { .. }), "{found}");
}

#[test]
fn a_register_starts_at_nothing() {
    let world = register(true, 1, 1).world(0);
    assert_eq!((server(&world), writer(&world, "writer")), (0, 0));
}

#[test]
fn segments_of_a_connection_stay_in_order() {
    let exploration = connection(true).explore().test();
    assert!(exploration.complete && exploration.unique > 10, "{exploration}");
}

#[test]
fn what_a_node_is_asked_is_explored_too() {
    let short_reads = Faults::NONE.rate(Label::ShortReceive, 1);
    assert!(connection(true).explore().faults(short_reads).choices(2).test().complete);
    let found = connection(false).explore().faults(short_reads).run().expect_err("a word is torn");
    assert_eq!(found.path.iter().map(|step| step.choices.len()).sum::<usize>(), 1, "{found}");
    assert!(connection(false).explore().faults(short_reads).choices(0).test().complete);
}

#[test]
fn all_answers_of_one_world_are_tried_and_a_short_read_is_found() {
    let short_reads = Faults::NONE.rate(Label::ShortReceive, 1);
    let exhausted = connection(true).faults(short_reads).exhaust(100_000).expect("it holds");
    assert_eq!((exhausted.complete, exhausted.runs, exhausted.deviations), (true, 4, 2), "{exhausted}");
    let failure = connection(false).faults(short_reads).exhaust(100_000).expect_err("a word is torn");
    assert_eq!(failure.tape.0.len(), 1, "{failure}");
    let cut = connection(true).faults(short_reads).exhaust(2).expect("it holds");
    assert!(!cut.complete && cut.runs == 2, "{cut}");
}
