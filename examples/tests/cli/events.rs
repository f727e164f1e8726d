//! `events`.

use super::process::run;

#[test]
fn no_event_is_lost_and_it_ends_by_itself() {
    let ended = run("events", &[]);
    assert_eq!((ended.code, ended.stderr.len()), (Some(0), 0), "{ended:?}");
    let last = ended.stdout.last().unwrap();
    assert!(last.starts_with("events=1000000 deliveries="), "{last}");
}
