//! Looking at what a receive would get.

mod harness;

use harness::*;
use ptk_core::{Error, Half, Platform};
use ptk_mock::{Mock, Socket};

fn peek(mock: &mut Mock, socket: &mut Socket, limit: usize) -> Result<Vec<u8>, Error> {
    let mut buffer = vec![0; limit];
    let count = mock.peek(socket, &mut buffer)?;
    buffer.truncate(count);
    Ok(buffer)
}

#[test]
fn a_peek_leaves_what_it_gives() {
    let mut mock = open();
    let (mut near, mut far) = ends(&mut mock);
    send(&mut mock, &mut near, b"hello");
    let before = hash(&mock);
    assert_eq!(peek(&mut mock, &mut far, 3), Ok(b"hel".to_vec()));
    assert_eq!(peek(&mut mock, &mut far, 16), Ok(b"hello".to_vec()));
    assert_eq!(hash(&mock), before);
    assert_eq!(receive_up_to(&mut mock, &mut far, 2).map(|it| it.0), Ok(b"he".to_vec()));
    assert_eq!(peek(&mut mock, &mut far, 16), Ok(b"llo".to_vec()));
    assert_eq!(receive(&mut mock, &mut far), Ok(b"llo".to_vec()));
}

#[test]
fn a_peek_at_nothing_is_announced_when_something_comes() {
    let mut mock = open();
    let (mut near, mut far) = ends(&mut mock);
    send(&mut mock, &mut near, b"x");
    assert_eq!(poll(&mut mock), [Report::Socket(ACCEPTED, READ)]);
    assert_eq!(receive_up_to(&mut mock, &mut far, 1).map(|it| it.0), Ok(b"x".to_vec()));
    assert_eq!(peek(&mut mock, &mut far, 1), Err(Error::WouldBlock));
    send(&mut mock, &mut near, b"y");
    assert_eq!(poll(&mut mock), [Report::Socket(ACCEPTED, READ)]);
    assert_eq!(peek(&mut mock, &mut far, 1), Ok(b"y".to_vec()));
}

#[test]
fn a_peek_sees_the_end_and_takes_the_error_of_a_reset() {
    let mut mock = open();
    let (mut near, mut far) = ends(&mut mock);
    send(&mut mock, &mut near, b"x");
    assert_eq!(mock.shutdown(&mut near, Half::Write), Ok(()));
    assert_eq!(peek(&mut mock, &mut far, 4), Ok(b"x".to_vec()));
    assert_eq!(receive(&mut mock, &mut far), Ok(b"x".to_vec()));
    assert_eq!(peek(&mut mock, &mut far, 4), Ok(vec![]));
    assert_eq!(peek(&mut mock, &mut far, 4), Ok(vec![]));

    let mut mock = open();
    let (mut near, mut far) = ends(&mut mock);
    send(&mut mock, &mut near, b"x");
    abort(&mut mock, near);
    assert_eq!(peek(&mut mock, &mut far, 4), Ok(b"x".to_vec()), "data come before the reset");
    assert_eq!(receive(&mut mock, &mut far), Ok(b"x".to_vec()));
    assert_eq!(peek(&mut mock, &mut far, 4), Err(Error::ConnectionReset));
    assert_eq!(receive(&mut mock, &mut far), Ok(vec![]));
}

#[test]
fn a_peek_into_nothing_has_no_meaning() {
    let mut mock = open();
    let (mut near, mut far) = ends(&mut mock);
    send(&mut mock, &mut near, b"x");
    assert_eq!(peek(&mut mock, &mut far, 0), Err(Error::InvalidArgument));
}
