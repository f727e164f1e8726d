//! All that can happen to the machines and their clients, within limits: all orders, a crash at any time, a loss, a
//! duplicate, timeouts that come before answers do.

use ptk_core::Duration;
use ptk_examples::replicas::Variant;
use ptk_examples::replicas::client::Limits;
use ptk_examples::replicas::replica::Role;
use ptk_mock::{Explorer, Scenario};

use super::worlds::{Wants, register, role};

/// One write and two reads. The reader has more patience, so that it still reads when the writer has turned to the backup.
const WANTS: Wants = [
    Limits { requests: 1, patience: Duration::from_millis(10), attempts: 2 },
    Limits { requests: 2, patience: Duration::from_millis(15), attempts: 3 },
];

fn scenario(variant: Variant) -> Scenario {
    register(variant, WANTS)
}

/// A machine, or the clients, lose their power at any time, for good.
fn with_a_crash(variant: Variant) -> Explorer {
    scenario(variant).explore().crashes(1).restarts(0).reorderings(1).time_steps(1)
}

/// A datagram is lost, and one comes twice, the second time whenever it likes.
fn with_loss_and_duplicates(variant: Variant) -> Explorer {
    scenario(variant).explore().drops(1).duplicates(1).reorderings(0).time_steps(1)
}

/// The network is slower than anybody's patience.
fn with_a_slow_network(variant: Variant) -> Explorer {
    scenario(variant).explore().reorderings(0).time_steps(3)
}

#[test]
fn it_is_a_register_in_every_state() {
    for explorer in [with_a_crash, with_loss_and_duplicates, with_a_slow_network] {
        let exploration = explorer(Variant::Correct).test();
        println!("{exploration}");
        assert!(exploration.complete && exploration.unique > 1_000, "{exploration}");
    }
}

#[test]
fn each_machine_is_alone_in_some_state() {
    for machine in ["first", "second"] {
        let explorer = scenario(Variant::Correct)
            .sometimes("it is alone", move |world| role(world, machine) == Some(Role::Alone))
            .explore();
        explorer.reorderings(0).time_steps(2).test();
    }
}

/// Finds a shortest way to what is no register, of so many actions.
fn find(explorer: &Explorer, length: usize) {
    let found = explorer.run().expect_err("there is a mistake");
    println!("{found}");
    assert_eq!((&*found.failure.property, found.path.len()), ("it is a register", length), "{found}");
    explorer.replay(&found).expect("the same way leads there again");
}

#[test]
fn an_answer_before_the_backup_has_the_value_is_found() {
    find(&with_a_crash(Variant::EarlyAnswer), 10);
}

#[test]
fn reads_without_the_backup_are_found() {
    find(&with_loss_and_duplicates(Variant::LocalReads), 10);
}

#[test]
fn an_answer_that_is_taken_for_another_one_is_found() {
    find(&with_loss_and_duplicates(Variant::AnyAnswer), 13);
}
