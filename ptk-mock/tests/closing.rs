//! Ends, resets and what they leave behind.

mod harness;

use harness::*;
use ptk_core::{Error, Half, Options, Platform, Rest, Until};

#[test]
fn after_a_half_close_the_other_direction_still_works() {
    let mut mock = open();
    let (mut near, mut far) = ends(&mut mock);
    send(&mut mock, &mut near, b"question");
    assert_eq!(mock.shutdown(&mut near, Half::Write), Ok(()));
    assert_eq!(poll(&mut mock), [Report::Socket(ACCEPTED, READ.with(HANGUP))]);
    assert_eq!(receive(&mut mock, &mut far), Ok(b"question".to_vec()));
    assert_eq!(receive(&mut mock, &mut far), Ok(vec![]));
    send(&mut mock, &mut far, b"answer");
    assert_eq!(mock.shutdown(&mut far, Half::Write), Ok(()));
    assert_eq!(receive(&mut mock, &mut near), Ok(b"answer".to_vec()));
    assert_eq!(receive(&mut mock, &mut near), Ok(vec![]));
    assert_eq!(receive(&mut mock, &mut near), Ok(vec![]), "the end stays");
}

#[test]
fn an_end_that_comes_later_is_announced() {
    let mut mock = open();
    let (mut near, mut far) = ends(&mut mock);
    assert!(is_drained(&mut mock, &mut far));
    assert_eq!(mock.shutdown(&mut near, Half::Write), Ok(()));
    assert_eq!(poll(&mut mock), [Report::Socket(ACCEPTED, READ.with(HANGUP))]);
    assert_eq!(receive(&mut mock, &mut far), Ok(vec![]));
}

#[test]
fn an_end_behind_data_that_the_core_knows_of_is_announced_as_a_hangup() {
    let mut mock = open();
    let (mut near, _far) = ends(&mut mock);
    send(&mut mock, &mut near, b"x");
    assert_eq!(poll(&mut mock), [Report::Socket(ACCEPTED, READ)]);
    close(&mut mock, near);
    assert_eq!(poll(&mut mock), [Report::Socket(ACCEPTED, HANGUP)]);
}

#[test]
fn a_send_after_the_own_end_is_an_error() {
    let mut mock = open();
    let (mut near, _far) = ends(&mut mock);
    assert_eq!(mock.shutdown(&mut near, Half::Write), Ok(()));
    assert_eq!(mock.send(&mut near, b"x"), Err(Error::ConnectionReset));
}

#[test]
fn a_sender_that_waits_hears_of_the_own_end() {
    let mut mock = open();
    let (_listener, mut near, _far) = connection(&mut mock, &buffers(4, 0), &buffers(0, 4));
    assert_eq!(mock.send(&mut near, b"0123456789"), Ok(8));
    poll(&mut mock);
    assert_eq!(mock.shutdown(&mut near, Half::Write), Ok(()));
    assert_eq!(poll(&mut mock), [Report::Socket(CLIENT, WRITE)]);
    assert_eq!(mock.send(&mut near, b"x"), Err(Error::ConnectionReset));
}

#[test]
fn what_is_queued_goes_out_before_the_end() {
    let mut mock = open();
    let (_listener, mut near, mut far) = connection(&mut mock, &buffers(8, 0), &buffers(0, 4));
    send(&mut mock, &mut near, b"0123456789");
    assert_eq!(mock.shutdown(&mut near, Half::Write), Ok(()));
    for expected in [&b"0123"[..], b"4567", b"89", b"", b""] {
        assert_eq!(receive(&mut mock, &mut far), Ok(expected.to_vec()));
    }
}

#[test]
fn a_graceful_close_still_sends_what_was_accepted() {
    let mut mock = open();
    let (_listener, mut near, mut far) = connection(&mut mock, &buffers(8, 0), &buffers(0, 4));
    send(&mut mock, &mut near, b"0123456789");
    close(&mut mock, near);
    assert_eq!(mock.open_sockets(), 2, "what lingers is no open socket");
    for expected in [&b"0123"[..], b"4567", b"89", b"", b""] {
        assert_eq!(receive(&mut mock, &mut far), Ok(expected.to_vec()));
    }
}

#[test]
fn both_sides_may_end_at_once() {
    let mut mock = open();
    let (_listener, mut near, mut far) = connection(&mut mock, &buffers(4, 4), &buffers(4, 4));
    send(&mut mock, &mut near, b"from nea");
    send(&mut mock, &mut far, b"from far");
    assert_eq!(mock.shutdown(&mut near, Half::Write), Ok(()));
    assert_eq!(mock.shutdown(&mut far, Half::Write), Ok(()));
    for (near_gets, far_gets) in [(&b"from"[..], &b"from"[..]), (b" far", b" nea"), (b"", b""), (b"", b"")] {
        assert_eq!(receive(&mut mock, &mut near), Ok(near_gets.to_vec()));
        assert_eq!(receive(&mut mock, &mut far), Ok(far_gets.to_vec()));
    }
}

#[test]
fn a_second_shutdown_is_harmless_and_on_a_connection_that_is_gone_an_error() {
    let mut mock = open();
    let (mut near, mut far) = ends(&mut mock);
    assert_eq!(mock.shutdown(&mut near, Half::Write), Ok(()));
    assert_eq!(mock.shutdown(&mut near, Half::Write), Ok(()));
    assert_eq!(mock.shutdown(&mut far, Half::Write), Ok(()));
    for socket in [&mut near, &mut far] {
        assert_eq!(mock.shutdown(socket, Half::Write), Err(Error::NotConnected));
        assert_eq!(mock.peer_address(socket), Err(Error::NotConnected));
        assert_eq!(receive(&mut mock, socket), Ok(vec![]));
    }
}

#[test]
fn after_the_end_of_reading_what_has_arrived_is_kept_and_the_end_is_behind_it() {
    let mut mock = open();
    let (_listener, mut near, mut far) = connection(&mut mock, &buffers(4, 0), &buffers(0, 4));
    assert_eq!(mock.send(&mut near, b"0123456789"), Ok(8));
    assert_eq!(mock.shutdown(&mut far, Half::Read), Ok(()));
    assert_eq!(receive(&mut mock, &mut far), Ok(b"0123".to_vec()));
    assert_eq!(receive(&mut mock, &mut far), Ok(b"4567".to_vec()));
    assert_eq!(receive(&mut mock, &mut far), Ok(vec![]), "the end, and not that it would block");
    send(&mut mock, &mut far, b"still");
    assert_eq!(receive(&mut mock, &mut near), Ok(b"still".to_vec()));
}

#[test]
fn what_nobody_reads_after_the_end_of_reading_makes_a_close_a_reset() {
    let mut mock = open();
    let (mut near, mut far) = ends(&mut mock);
    assert_eq!(mock.shutdown(&mut far, Half::Read), Ok(()));
    send(&mut mock, &mut near, b"x");
    close(&mut mock, far);
    assert_eq!(receive(&mut mock, &mut near), Err(Error::ConnectionReset));
}

#[test]
fn a_receiver_that_waits_hears_of_its_own_end_of_reading() {
    let mut mock = open();
    let (_near, mut far) = ends(&mut mock);
    assert!(is_drained(&mut mock, &mut far));
    assert_eq!(mock.shutdown(&mut far, Half::Read), Ok(()));
    assert_eq!(poll(&mut mock), [Report::Socket(ACCEPTED, READ)]);
}

#[test]
fn close_with_unread_data_resets_the_peer() {
    let mut mock = open();
    let (mut near, far) = ends(&mut mock);
    send(&mut mock, &mut near, b"never read");
    assert!(is_drained(&mut mock, &mut near));
    poll(&mut mock);
    close(&mut mock, far);
    assert_eq!(poll(&mut mock), [Report::Socket(CLIENT, READ.with(HANGUP))]);
    assert_eq!(receive(&mut mock, &mut near), Err(Error::ConnectionReset));
}

#[test]
fn after_a_reset_come_the_data_then_the_error_once_then_the_end() {
    let mut mock = open();
    let (mut near, mut far) = ends(&mut mock);
    send(&mut mock, &mut near, b"before");
    abort(&mut mock, near);
    assert_eq!(receive_up_to(&mut mock, &mut far, 3), Ok((b"bef".to_vec(), Rest::MaybeMore)));
    assert_eq!(receive_up_to(&mut mock, &mut far, 3), Ok((b"ore".to_vec(), Rest::MaybeMore)));
    assert_eq!(receive(&mut mock, &mut far), Err(Error::ConnectionReset));
    assert_eq!(receive(&mut mock, &mut far), Ok(vec![]));
    assert_eq!(mock.send(&mut far, b"x"), Err(Error::ConnectionReset));
    assert_eq!(mock.shutdown(&mut far, Half::Both), Err(Error::NotConnected));
}

#[test]
fn a_reset_loses_what_was_sent_and_had_not_arrived() {
    let mut mock = open();
    let (_listener, mut near, mut far) = connection(&mut mock, &buffers(8, 0), &buffers(0, 4));
    send(&mut mock, &mut near, b"0123456789");
    abort(&mut mock, near);
    assert_eq!(receive(&mut mock, &mut far), Ok(b"0123".to_vec()));
    assert_eq!(receive(&mut mock, &mut far), Err(Error::ConnectionReset));
}

#[test]
fn a_send_that_meets_the_reset_takes_it() {
    let mut mock = open();
    let (near, mut far) = ends(&mut mock);
    abort(&mut mock, near);
    assert_eq!(mock.send(&mut far, b"x"), Err(Error::ConnectionReset));
    assert_eq!(mock.send(&mut far, b"x"), Err(Error::ConnectionReset));
    assert_eq!(receive(&mut mock, &mut far), Ok(vec![]));
}

#[test]
fn a_reset_wakes_a_sender_that_waits() {
    let mut mock = open();
    let (_listener, mut near, far) = connection(&mut mock, &buffers(4, 0), &buffers(0, 4));
    assert_eq!(mock.send(&mut near, b"0123456789"), Ok(8));
    assert!(is_drained(&mut mock, &mut near));
    poll(&mut mock);
    abort(&mut mock, far);
    assert_eq!(poll(&mut mock), [Report::Socket(CLIENT, READ.with(WRITE).with(HANGUP))]);
    assert_eq!(mock.send(&mut near, b"x"), Err(Error::ConnectionReset));
}

#[test]
fn a_send_to_a_peer_that_closed_is_accepted_once_and_then_an_error() {
    let mut mock = open();
    let (near, mut far) = ends(&mut mock);
    close(&mut mock, near);
    assert_eq!(mock.send(&mut far, b"into the void"), Ok(13));
    assert_eq!(mock.send(&mut far, b"x"), Err(Error::ConnectionReset));
    assert_eq!(receive(&mut mock, &mut far), Ok(vec![]), "the end had arrived before the reset");
}

#[test]
fn a_peer_that_closed_while_it_still_sends_answers_data_with_a_reset() {
    let mut mock = open();
    let (_listener, mut near, mut far) = connection(&mut mock, &buffers(8, 0), &buffers(0, 4));
    send(&mut mock, &mut near, b"0123456789");
    close(&mut mock, near);
    assert_eq!(mock.send(&mut far, b"too late"), Ok(8));
    assert_eq!(receive(&mut mock, &mut far), Ok(b"0123".to_vec()));
    assert_eq!(receive(&mut mock, &mut far), Err(Error::ConnectionReset));
}

#[test]
fn an_end_towards_a_peer_that_closed_is_no_error() {
    let mut mock = open();
    let (near, mut far) = ends(&mut mock);
    close(&mut mock, near);
    assert_eq!(mock.shutdown(&mut far, Half::Write), Ok(()));
    assert_eq!(receive(&mut mock, &mut far), Ok(vec![]));
    assert_eq!(mock.shutdown(&mut far, Half::Write), Err(Error::NotConnected));
}

#[test]
fn a_closed_socket_reports_nothing_even_if_something_was_due() {
    let mut mock = open();
    let (mut near, far) = ends(&mut mock);
    send(&mut mock, &mut near, b"x");
    abort(&mut mock, far);
    abort(&mut mock, near);
    assert_eq!(wait(&mut mock, Until::Event), Err(Error::Deadlock));
}

#[test]
fn a_socket_that_lingers_reports_nothing() {
    let mut mock = open();
    let (_listener, mut near, mut far) = connection(&mut mock, &buffers(4, 0), &buffers(0, 4));
    assert_eq!(mock.send(&mut near, b"0123456789"), Ok(8));
    close(&mut mock, near);
    assert_eq!(poll(&mut mock), [Report::Socket(ACCEPTED, READ)]);
    assert_eq!(receive(&mut mock, &mut far), Ok(b"0123".to_vec()));
    assert_eq!(poll(&mut mock), [Report::Socket(ACCEPTED, HANGUP)], "the sender has room, but nobody to tell");
    assert_eq!(receive(&mut mock, &mut far), Ok(b"4567".to_vec()));
    assert_eq!(receive(&mut mock, &mut far), Ok(vec![]));
}

#[test]
fn what_was_due_when_a_socket_began_to_linger_is_not_reported() {
    let mut mock = open();
    let (_listener, mut near, mut far) = connection(&mut mock, &buffers(4, 0), &buffers(0, 4));
    assert_eq!(mock.send(&mut near, b"0123456789"), Ok(8));
    assert_eq!(mock.shutdown(&mut far, Half::Write), Ok(()));
    close(&mut mock, near);
    assert_eq!(poll(&mut mock), [Report::Socket(ACCEPTED, READ)]);
    assert_eq!(receive(&mut mock, &mut far), Ok(b"0123".to_vec()));
}

#[test]
fn a_successor_in_the_same_slot_hears_nothing_of_its_predecessor() {
    let mut mock = open();
    let (listener, mut near, far) = connection(&mut mock, &Options::DEFAULT, &Options::DEFAULT);
    let address = mock.local_address(&listener).expect("it is open");
    send(&mut mock, &mut near, b"x");
    abort(&mut mock, far);
    let _next = mock.open_stream(address, &Options::DEFAULT, token(9)).expect("descriptors are left");
    let reports = poll(&mut mock);
    assert!(!reports.iter().any(|report| matches!(report, Report::Socket(ACCEPTED, _))), "{reports:?}");
    assert!(reports.contains(&Report::Socket(token(9), WRITE)));
}

#[test]
fn data_for_an_end_that_shut_both_halves_are_answered_by_a_reset() {
    let mut mock = open();
    let (mut near, mut far) = ends(&mut mock);
    assert_eq!(mock.shutdown(&mut near, Half::Both), Ok(()));
    assert_eq!(receive(&mut mock, &mut far), Ok(vec![]));
    send(&mut mock, &mut far, b"x");
    assert_eq!(mock.send(&mut far, b"x"), Err(Error::ConnectionReset));
    for socket in [&near, &far] {
        assert_eq!(mock.peer_address(socket), Err(Error::NotConnected));
    }
}
