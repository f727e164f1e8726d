//! The clock and `wait`.

mod harness;

use harness::*;
use ptk_core::{Duration, Error, Instant, Options, Platform, Until};
use ptk_mock::Mock;

fn seconds(n: u64) -> Instant {
    Instant::ORIGIN + Duration::from_secs(n)
}

#[test]
fn time_jumps_to_the_deadline_and_never_back() {
    let mut mock = open();
    assert_eq!(wait(&mut mock, Until::Deadline(seconds(60))), Ok(vec![Report::Alarm]));
    assert_eq!(mock.now(), seconds(60));
    assert_eq!(wait(&mut mock, Until::Deadline(seconds(5))), Ok(vec![Report::Alarm]));
    assert_eq!(mock.now(), seconds(60));
}

#[test]
fn time_stands_still_while_there_is_something_to_report() {
    let mut mock = open();
    let (_listener, address) = listen(&mut mock, &Options::DEFAULT);
    let _client = mock.open_stream(address, &Options::DEFAULT, CLIENT);
    let reports = wait(&mut mock, Until::Deadline(seconds(60)));
    assert_eq!(reports, Ok(vec![Report::Socket(CLIENT, WRITE), Report::Socket(SERVER, READ)]));
    assert_eq!(mock.now(), Instant::ORIGIN);
}

#[test]
fn without_leave_to_wait_it_reports_nothing_and_no_time_passes() {
    let mut mock = open();
    assert_eq!(wait(&mut mock, Until::Now), Ok(vec![]));
    assert_eq!(mock.now(), Instant::ORIGIN);
}

#[test]
fn a_stall_is_noticed_by_the_next_wait() {
    let mut mock = open();
    mock.advance(Duration::from_secs(90));
    assert_eq!(mock.now(), seconds(90));
    assert_eq!(wait(&mut mock, Until::Deadline(seconds(60))), Ok(vec![Report::Alarm]));
    assert_eq!(mock.now(), seconds(90));
}

#[test]
fn after_a_stall_the_alarm_comes_together_with_the_sockets() {
    let mut mock = open();
    let (_listener, address) = listen(&mut mock, &Options::DEFAULT);
    let _client = mock.open_stream(address, &Options::DEFAULT, CLIENT);
    mock.advance(Duration::from_secs(90));
    let reports = wait(&mut mock, Until::Deadline(seconds(60)));
    assert_eq!(reports, Ok(vec![Report::Socket(CLIENT, WRITE), Report::Socket(SERVER, READ), Report::Alarm]));
}

#[test]
fn time_saturates_at_its_end() {
    let mut mock = open();
    mock.advance(Duration::MAX);
    mock.advance(Duration::MAX);
    assert_eq!(mock.now(), Instant::MAX);
}

#[test]
fn deadlock_is_reported() {
    let mut mock = open();
    let (_near, _far) = ends(&mut mock);
    assert_eq!(wait(&mut mock, Until::Event), Err(Error::Deadlock));
    assert_eq!(wait(&mut mock, Until::Event), Err(Error::Deadlock));
    assert_eq!(mock.now(), Instant::ORIGIN);
}

#[test]
fn a_deadline_that_never_comes_is_none() {
    let mut mock = open();
    assert_eq!(wait(&mut mock, Until::Deadline(Instant::MAX)), Err(Error::Deadlock));
    assert_eq!(mock.now(), Instant::ORIGIN);
}

#[test]
fn a_mock_is_opened_once_and_before_all_else() {
    let mut mock = Mock::new();
    assert_eq!(wait(&mut mock, Until::Now), Err(Error::NotOpen));
    assert_eq!(mock.open_stream(at("127.0.0.1:1"), &Options::DEFAULT, CLIENT), Err(Error::NotOpen));
    assert_eq!(mock.open_listener(at("127.0.0.1:0"), &Options::DEFAULT, SERVER), Err(Error::NotOpen));
    assert_eq!(mock.open(), Ok(()));
    assert_eq!(mock.open(), Err(Error::Busy));
    assert_eq!(wait(&mut mock, Until::Now), Ok(vec![]));
}

#[test]
fn a_wait_reports_a_bounded_batch_and_the_next_one_the_rest() {
    let mut mock = open();
    let (_listener, address) = listen(&mut mock, &Options::DEFAULT);
    let clients: Vec<_> =
        (10..110).map(|n| mock.open_stream(address, &Options::DEFAULT, token(n)).expect("room for all")).collect();
    let mut reports = wait(&mut mock, Until::Event).expect("there is news");
    assert_eq!(reports.len(), 64);
    reports.extend(wait(&mut mock, Until::Event).expect("there is more news"));
    assert_eq!(wait(&mut mock, Until::Event), Err(Error::Deadlock));
    let heard: Vec<_> = reports.iter().filter(|report| **report != Report::Socket(SERVER, READ)).collect();
    let expected: Vec<_> = (10..110).map(|n| Report::Socket(token(n), WRITE)).collect();
    assert!(heard.into_iter().eq(&expected), "in the order in which they became ready, each once");
    assert_eq!(reports.len(), clients.len() + 1);
}
