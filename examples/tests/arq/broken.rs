//! Variants with a mistake: each is found, shrunk, and repeated by the command that the failure names.

use ptk_core::Duration;
use ptk_examples::arq::Variant;
use ptk_mock::{Choice, Failure, Label, Link, Scenario};

use super::worlds::transfer;

/// Finds the mistake within so many seeds.
fn find(scenario: &Scenario, seeds: u64) -> Box<Failure> {
    let failure = scenario.check(0..seeds).expect_err("there is a mistake");
    repeat(scenario, &failure);
    failure
}

/// Runs the course again that the failure's command names.
fn repeat(scenario: &Scenario, failure: &Failure) {
    let request = failure.command.split('\'').nth(1);
    let again = scenario.replay(request.expect("the command says what to run")).expect("the same course");
    let (now, then) = ((again.hash, &again.property, &again.tape), (failure.hash, &failure.property, &failure.tape));
    assert_eq!(now, then);
}

#[test]
fn numbers_that_are_too_short_are_found() {
    let failure = find(&transfer(Variant::ShortNumbers), 500);
    assert!(failure.tape.0.len() < failure.unshrunk, "{failure}");
}

#[test]
fn numbers_that_are_too_short_do_no_harm_where_nothing_is_late() {
    let link = Link::fixed(Duration::from_micros(200)).loss_ppm(100_000).duplicate_ppm(100_000);
    transfer(Variant::ShortNumbers).link("sender", "receiver", link).test(0..500);
}

#[test]
fn a_duplicate_that_is_handed_up_again_is_found() {
    let failure = find(&transfer(Variant::Duplicates), 20);
    assert_eq!(failure.tape.0.len(), 1, "{failure}");
}

#[test]
fn a_first_message_that_is_never_repeated_is_found() {
    let failure = find(&transfer(Variant::OffByOne), 20);
    assert_eq!(failure.property, "all messages are there");
    assert_eq!(failure.tape.0.len(), 1, "{failure}");
}

#[test]
fn a_checksum_that_nobody_looks_at_is_found() {
    let failure = find(&transfer(Variant::Unchecked), 500);
    let is_spoilt = |choice: &Choice| [Label::Corrupt, Label::Truncate].contains(&choice.label);
    assert!(failure.tape.0.iter().any(is_spoilt), "{failure}");
}
