//! Bytes, windows and readiness.

mod harness;

use harness::*;
use ptk_core::{Error, Half, Options, Platform, Rest, SocketOption, Until};

#[test]
fn bytes_arrive_whole_and_in_order() {
    let mut mock = open();
    let (mut near, mut far) = ends(&mut mock);
    send(&mut mock, &mut near, b"one ");
    send(&mut mock, &mut near, b"two");
    send(&mut mock, &mut far, b"back");
    assert_eq!(receive(&mut mock, &mut far), Ok(b"one two".to_vec()));
    assert_eq!(receive(&mut mock, &mut near), Ok(b"back".to_vec()));
}

#[test]
fn a_receive_says_whether_it_drained_the_socket() {
    let mut mock = open();
    let (mut near, mut far) = ends(&mut mock);
    send(&mut mock, &mut near, b"abcd");
    assert_eq!(receive_up_to(&mut mock, &mut far, 3), Ok((b"abc".to_vec(), Rest::MaybeMore)));
    assert_eq!(receive_up_to(&mut mock, &mut far, 3), Ok((b"d".to_vec(), Rest::Drained)));
    assert_eq!(receive_up_to(&mut mock, &mut far, 3), Err(Error::WouldBlock));
}

#[test]
fn an_end_behind_the_data_means_that_there_is_more() {
    let mut mock = open();
    let (mut near, mut far) = ends(&mut mock);
    send(&mut mock, &mut near, b"last");
    assert_eq!(mock.shutdown(&mut near, Half::Write), Ok(()));
    assert_eq!(receive_up_to(&mut mock, &mut far, 9), Ok((b"last".to_vec(), Rest::MaybeMore)));
    assert_eq!(receive(&mut mock, &mut far), Ok(vec![]));
}

#[test]
fn an_accepted_socket_reports_first_when_something_arrives() {
    let mut mock = open();
    let (mut near, _far) = ends(&mut mock);
    assert_eq!(poll(&mut mock), []);
    send(&mut mock, &mut near, b"x");
    assert_eq!(poll(&mut mock), [Report::Socket(ACCEPTED, READ)]);
}

#[test]
fn data_are_reported_once_until_the_socket_was_found_empty() {
    let mut mock = open();
    let (mut near, mut far) = ends(&mut mock);
    send(&mut mock, &mut near, b"ab");
    assert_eq!(poll(&mut mock), [Report::Socket(ACCEPTED, READ)]);
    send(&mut mock, &mut near, b"cd");
    assert_eq!(poll(&mut mock), [], "the core knows already");
    assert_eq!(receive_up_to(&mut mock, &mut far, 2), Ok((b"ab".to_vec(), Rest::MaybeMore)));
    assert_eq!(poll(&mut mock), [], "the core was told that there may be more");
    assert_eq!(receive_up_to(&mut mock, &mut far, 9), Ok((b"cd".to_vec(), Rest::Drained)));
    send(&mut mock, &mut near, b"ef");
    assert_eq!(poll(&mut mock), [Report::Socket(ACCEPTED, READ)]);
}

#[test]
fn what_was_received_before_the_report_is_not_reported() {
    let mut mock = open();
    let (mut near, mut far) = ends(&mut mock);
    send(&mut mock, &mut near, b"x");
    assert_eq!(receive_up_to(&mut mock, &mut far, 9), Ok((b"x".to_vec(), Rest::Drained)));
    assert_eq!(wait(&mut mock, Until::Event), Err(Error::Deadlock));
    send(&mut mock, &mut near, b"y");
    assert_eq!(wait(&mut mock, Until::Event), Ok(vec![Report::Socket(ACCEPTED, READ)]));
}

#[test]
fn a_full_window_blocks_the_sender_and_reports_when_there_is_room() {
    let mut mock = open();
    let (_listener, mut near, mut far) = connection(&mut mock, &buffers(100, 0), &buffers(0, 50));
    assert_eq!(mock.send(&mut near, &[7; 1000]), Ok(150), "what the two buffers hold");
    assert_eq!(mock.send(&mut near, &[7]), Err(Error::WouldBlock));
    assert_eq!(poll(&mut mock), [Report::Socket(ACCEPTED, READ)]);
    assert_eq!(wait(&mut mock, Until::Event), Err(Error::Deadlock));

    assert_eq!(receive_up_to(&mut mock, &mut far, 1), Ok((vec![7], Rest::MaybeMore)));
    assert_eq!(poll(&mut mock), [Report::Socket(CLIENT, WRITE)]);
    assert_eq!(mock.send(&mut near, &[7; 9]), Ok(1));
}

#[test]
fn a_partial_send_alone_is_enough_for_the_report() {
    let mut mock = open();
    let (_listener, mut near, mut far) = connection(&mut mock, &buffers(4, 0), &buffers(0, 4));
    assert_eq!(mock.send(&mut near, b"0123456789"), Ok(8));
    assert_eq!(receive(&mut mock, &mut far), Ok(b"0123".to_vec()));
    assert_eq!(poll(&mut mock), [Report::Socket(ACCEPTED, READ), Report::Socket(CLIENT, WRITE)]);
}

#[test]
fn a_send_that_fits_exactly_leaves_the_sender_ready() {
    let mut mock = open();
    let (_listener, mut near, mut far) = connection(&mut mock, &buffers(4, 0), &buffers(0, 4));
    assert_eq!(mock.send(&mut near, b"01234567"), Ok(8));
    assert_eq!(receive(&mut mock, &mut far), Ok(b"0123".to_vec()));
    assert_eq!(poll(&mut mock), [Report::Socket(ACCEPTED, READ)], "the sender was never told that it is not ready");
    assert_eq!(mock.send(&mut near, b"89"), Ok(2));
}

#[test]
fn the_default_windows_hold_64_kib_on_each_side() {
    let mut mock = open();
    let (mut near, mut far) = ends(&mut mock);
    let plenty = vec![1; 1 << 20];
    assert_eq!(mock.send(&mut near, &plenty), Ok(2 * 65_536));
    assert_eq!(receive_up_to(&mut mock, &mut far, 1 << 20).map(|(bytes, _)| bytes.len()), Ok(65_536));
}

#[test]
fn larger_buffers_take_effect_on_an_open_connection() {
    let mut mock = open();
    let (_listener, mut near, _far) = connection(&mut mock, &buffers(4, 0), &buffers(0, 4));
    assert_eq!(mock.send(&mut near, b"0123456789"), Ok(8));
    poll(&mut mock);
    assert_eq!(mock.set_option(&mut near, SocketOption::SendBuffer(6)), Ok(()));
    assert_eq!(poll(&mut mock), [Report::Socket(CLIENT, WRITE)]);
    assert_eq!(mock.send(&mut near, b"89"), Ok(2));
}

#[test]
fn a_larger_receive_buffer_lets_the_peer_go_on() {
    let mut mock = open();
    let (_listener, mut near, mut far) = connection(&mut mock, &buffers(4, 0), &buffers(0, 4));
    assert_eq!(mock.send(&mut near, b"0123456789"), Ok(8));
    poll(&mut mock);
    assert_eq!(mock.set_option(&mut far, SocketOption::ReceiveBuffer(16)), Ok(()));
    assert_eq!(poll(&mut mock), [Report::Socket(CLIENT, WRITE)]);
    assert_eq!(receive(&mut mock, &mut far), Ok(b"01234567".to_vec()));
}

#[test]
fn empty_buffers_are_refused() {
    let mut mock = open();
    let (mut near, mut far) = ends(&mut mock);
    assert_eq!(mock.send(&mut near, b""), Err(Error::InvalidArgument));
    assert_eq!(receive_up_to(&mut mock, &mut far, 0), Err(Error::InvalidArgument));
}

#[test]
fn the_socket_of_nothing_is_refused_everywhere() {
    let mut mock = open();
    let mut closed = ptk_mock::Mock::CLOSED;
    assert_eq!(mock.send(&mut closed, b"x"), Err(Error::InvalidHandle));
    assert_eq!(receive(&mut mock, &mut closed), Err(Error::InvalidHandle));
    assert_eq!(mock.accept(&mut closed, &Options::DEFAULT, ACCEPTED), Err(Error::InvalidHandle));
    assert_eq!(mock.finish_connect(&mut closed), Err(Error::InvalidHandle));
    assert_eq!(mock.shutdown(&mut closed, Half::Both), Err(Error::InvalidHandle));
    assert_eq!(mock.set_option(&mut closed, SocketOption::Nodelay(true)), Err(Error::InvalidHandle));
    assert_eq!(mock.local_address(&closed), Err(Error::InvalidHandle));
    close(&mut mock, closed);
    assert_eq!(mock.open_sockets(), 0);
}

#[test]
fn a_socket_that_was_closed_names_nothing_any_more_not_even_its_successor() {
    let mut mock = open();
    let (listener, near, _far) = connection(&mut mock, &Options::DEFAULT, &Options::DEFAULT);
    let address = mock.local_address(&listener).expect("it is open");
    let mut stale = near.clone();
    close(&mut mock, near);
    assert_eq!(mock.send(&mut stale, b"x"), Err(Error::InvalidHandle));
    let mut successor = mock.open_stream(address, &Options::DEFAULT, token(9)).expect("descriptors are left");
    assert_eq!(mock.send(&mut stale, b"x"), Err(Error::InvalidHandle));
    close(&mut mock, stale);
    assert_eq!(mock.open_sockets(), 3);
    send(&mut mock, &mut successor, b"alive");
}

#[test]
fn a_listener_that_was_closed_names_nothing_any_more_not_even_its_successor() {
    let mut mock = open();
    let (listener, address) = listen(&mut mock, &Options::DEFAULT);
    let mut stale = listener.clone();
    close(&mut mock, listener);
    let _successor = mock.open_listener(address, &Options::DEFAULT, token(9)).expect("the port is free");
    assert_eq!(mock.accept(&mut stale, &Options::DEFAULT, ACCEPTED), Err(Error::InvalidHandle));
    close(&mut mock, stale);
    assert_eq!(mock.open_sockets(), 1);
}

/// A mebibyte through windows of a few bytes, with calls made only when an event or an answer allows it: a lost event shows as a
/// deadlock.
#[test]
fn events_alone_carry_a_mebibyte_through_tiny_windows() {
    const SIZE: usize = 1 << 20;
    let mut mock = open();
    let (_listener, mut near, mut far) = connection(&mut mock, &buffers(17, 0), &buffers(0, 23));
    let byte = |position: usize| (position * 31 / 7) as u8;
    let (mut sent, mut received, mut step) = (0, 0, 0_usize);
    let (mut may_send, mut may_receive) = (true, false);
    while received < SIZE {
        step += 1;
        if may_send && sent < SIZE {
            let data: Vec<u8> = (sent..SIZE.min(sent + 1 + step * 13 % 50)).map(byte).collect();
            match mock.send(&mut near, &data) {
                Ok(count) => {
                    sent += count;
                    may_send = count == data.len();
                }
                Err(error) => {
                    assert_eq!(error, Error::WouldBlock);
                    may_send = false;
                }
            }
        }
        if may_receive {
            match receive_up_to(&mut mock, &mut far, 1 + step * 7 % 40) {
                Ok((bytes, rest)) => {
                    assert!(bytes.iter().enumerate().all(|(i, b)| *b == byte(received + i)));
                    received += bytes.len();
                    may_receive = rest == Rest::MaybeMore;
                }
                Err(error) => {
                    assert_eq!(error, Error::WouldBlock);
                    may_receive = false;
                }
            }
        }
        let until = if may_receive || (may_send && sent < SIZE) { Until::Now } else { Until::Event };
        if received == SIZE {
            break;
        }
        for report in wait(&mut mock, until).expect("no event is lost") {
            match report {
                Report::Socket(CLIENT, readiness) => may_send |= readiness.has(WRITE),
                Report::Socket(ACCEPTED, readiness) => may_receive |= readiness.has(READ),
                other => panic!("nothing else happens: {other:?}"),
            }
        }
    }
    assert_eq!(sent, SIZE);
}
