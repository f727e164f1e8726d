//! Set-up code that waits, and what becomes of the loop's other business meanwhile.

mod scheduler_world;

use std::cell::{Cell, RefCell};
use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, SocketAddr, TcpListener as StdListener};
use std::thread;

use embedded_io::{Read, ReadReady, Write};
use ptk_core::Blocking;
use ptk_core::framing::{Delimited, LengthPrefixed};
use ptk_core::prelude::*;
use ptk_linux::Linux;
use scheduler_world::{connection, ms, open_loop, settle, start_all, step, steps};

const LINES: Delimited<'static> = Delimited::new(b"\n", 16);

#[test]
fn a_read_waits_for_data_and_a_write_for_room() {
    let mut event_loop = open_loop();
    let (client, server) = connection(&mut event_loop);
    event_loop.cx().try_send(server, b"hello").unwrap();
    let mut stream = Blocking::new(event_loop.cx(), client);
    let mut bytes = [0; 16];
    assert_eq!((stream.read(&mut bytes), &bytes[..5]), (Ok(5), &b"hello"[..]));
    assert_eq!((stream.read(&mut []), stream.write(b""), stream.flush()), (Ok(0), Ok(0), Ok(())));
    assert_eq!(stream.read_ready(), Ok(false));
    let deadline = stream.cx().now() + ms(50);
    stream.set_deadline(Some(deadline));
    assert_eq!(stream.read(&mut bytes), Err(Error::TimedOut));
    assert_eq!(stream.cx().now(), deadline);
    stream.set_deadline(None);
    assert_eq!(stream.read(&mut bytes), Err(Error::Deadlock), "nobody will ever send");
    // Fill it up, and see the rest wait for the peer.
    stream.set_deadline(Some(deadline + ms(50)));
    let mut sent = 0;
    let full = loop {
        match stream.write(&[7; 1000]) {
            Ok(count) => sent += count,
            Err(error) => break error,
        }
    };
    assert_eq!((full, sent > 0), (Error::TimedOut, true));
    event_loop.cx().abort(server).unwrap();
    let mut stream = Blocking::new(event_loop.cx(), client);
    assert_eq!(stream.read(&mut bytes), Err(Error::ConnectionReset));
}

#[test]
fn the_end_of_the_stream_is_read_as_nothing() {
    let mut event_loop = open_loop();
    let (client, server) = connection(&mut event_loop);
    event_loop.cx().close(server).unwrap();
    let mut stream = Blocking::new(event_loop.cx(), client);
    assert_eq!((stream.read(&mut [0; 4]), stream.read_ready(), stream.read(&mut [0; 4])), (Ok(0), Ok(true), Ok(0)));
}

#[test]
fn a_connect_that_fails_leaves_no_socket_behind() {
    let mut event_loop = open_loop();
    let refused = Blocking::connect(event_loop.cx(), scheduler_world::port(1), None);
    assert_eq!(refused.err(), Some(Error::ConnectionRefused));
    assert_eq!(event_loop.tables().sockets.used, 0);
    let listener = event_loop.cx().listen(scheduler_world::port(1)).unwrap();
    let stream = Blocking::connect(event_loop.cx(), scheduler_world::port(1), None).unwrap();
    let client = stream.socket();
    let server = event_loop.cx().block_on(None, |cx| cx.accept(listener)).unwrap();
    event_loop.cx().try_send(server, b"x").unwrap();
    assert_eq!(Blocking::new(event_loop.cx(), client).read(&mut [0; 4]), Ok(1));
}

#[test]
fn tasks_and_timers_stand_still_while_set_up_code_waits_and_miss_nothing() {
    let mut event_loop = open_loop();
    let (client, server) = connection(&mut event_loop);
    let listener = event_loop.cx().listen(scheduler_world::port(2)).unwrap();
    let timer = event_loop.cx().timer().unwrap();
    let (got, expired, resumes) = (RefCell::new(Buffer::<8>::new()), Cell::new(None), Cell::new(0));
    let reader = step(|cx| {
        resumes.set(resumes.get() + 1);
        cx.recv(server, &mut got.borrow_mut()).map(|received| received.map(|_| ()))
    });
    let waiter = step(|cx| {
        let result = cx.expired(timer).map(|count| count.map(|_| ()));
        if result.is_ready() {
            expired.set(Some(cx.now()));
        }
        result
    });
    let mut set = steps([reader, waiter]);
    start_all(&mut event_loop, 2);
    event_loop.turn_now(&mut set).unwrap();
    let start = event_loop.cx().now();
    event_loop.cx().start_timer(timer, ms(5)).unwrap();
    event_loop.cx().try_send(client, b"data").unwrap();
    let accepted = event_loop.cx().block_on(Some(start + ms(20)), |cx| cx.accept(listener));
    assert_eq!((accepted, resumes.get(), expired.get()), (Err(Error::TimedOut), 1, None));
    assert_eq!(event_loop.next_deadline(), Some(Instant::ORIGIN), "there is something to do");
    settle(&mut event_loop, &mut set);
    assert_eq!((got.borrow().readable(), expired.get()), (&b"data"[..], Some(start + ms(20))));
}

#[test]
fn a_task_or_a_handler_must_not_hold_up_the_others() {
    let mut event_loop = open_loop();
    let timer = event_loop.cx().timer().unwrap();
    event_loop.cx().set_handler(timer).unwrap();
    event_loop.cx().start_timer(timer, ms(1)).unwrap();
    let task = step(|cx| {
        assert_eq!(cx.block_on::<()>(None, |_| Poll::Pending), Err(Error::InvalidArgument));
        Poll::Ready(Ok(()))
    });
    let mut set = steps([task]).on_event(|cx, handle, _| {
        assert_eq!(cx.block_on::<()>(None, |_| Poll::Pending), Err(Error::InvalidArgument));
        assert!(handle.kind() == ptk_core::Kind::Timer);
        cx.close(timer)
    });
    event_loop.run(&mut set).unwrap();
    assert_eq!((event_loop.counters().events, event_loop.counters().failed_handlers), (1, 0));
    let mut closed = EventLoop::<_, 1>::new(0, ptk_mock::Mock::new());
    assert_eq!(closed.cx().block_on::<()>(None, |_| Poll::Pending), Err(Error::NotOpen));
}

#[test]
fn set_up_code_talks_to_a_peer_on_linux() {
    let peer = StdListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let address: SocketAddr = peer.local_addr().unwrap();
    let echo = thread::spawn(move || {
        let (mut stream, _) = peer.accept().unwrap();
        let mut bytes = vec![0; 300_000];
        stream.read_exact(&mut bytes).unwrap();
        stream.write_all(&bytes).unwrap();
    });
    let mut event_loop = EventLoop::<_, 0, 1>::new(0, Linux::new());
    event_loop.open().unwrap();
    let mut cx = event_loop.cx();
    let deadline = cx.now() + Duration::from_secs(30);
    let mut stream = Blocking::connect(cx, address, Some(deadline)).unwrap();
    let data: Vec<u8> = (0..300_000u32).map(|n| n as u8).collect();
    stream.write_all(&data).unwrap();
    let mut answer = vec![0; data.len()];
    stream.read_exact(&mut answer).unwrap();
    assert!(answer == data);
    assert_eq!((stream.read(&mut [0]), stream.read_ready()), (Ok(0), Ok(true)));
    echo.join().unwrap();
}

#[test]
fn a_read_gives_up_at_its_deadline_on_linux() {
    let peer = StdListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let mut event_loop = EventLoop::<_, 0, 1>::new(0, Linux::new());
    event_loop.open().unwrap();
    let mut stream = Blocking::connect(event_loop.cx(), peer.local_addr().unwrap(), None).unwrap();
    assert_eq!(stream.read_ready(), Ok(false));
    let deadline = stream.cx().now() + ms(20);
    stream.set_deadline(Some(deadline));
    assert_eq!(stream.read(&mut [0]), Err(Error::TimedOut));
    assert!(stream.cx().now() >= deadline);
}

#[test]
fn frames_are_received_whole_and_the_end_between_them_is_told_from_the_end_within_one() {
    const DNS: LengthPrefixed = LengthPrefixed::u16_be().max(16);
    let mut event_loop = open_loop();
    let (client, server) = connection(&mut event_loop);
    let mut buffer = Buffer::<8>::new();
    let mut cx = event_loop.cx();
    // Two frames and the beginning of a third, in three pieces.
    for piece in [&[0, 2, 7][..], &[8, 0], &[1, 9, 0]] {
        cx.try_send(server, piece).unwrap();
        if piece.len() == 3 && piece[2] == 7 {
            let at_once = cx.block_on(Some(Instant::ORIGIN), |cx| cx.recv_frame(client, &mut buffer, &DNS));
            assert_eq!(at_once, Err(Error::TimedOut));
        }
    }
    assert_eq!(cx.block_on(None, |cx| cx.recv_frame(client, &mut buffer, &DNS)), Ok(4));
    assert_eq!(cx.recv_frame(client, &mut buffer, &DNS), Poll::Ready(Ok(4)), "until it is consumed");
    assert_eq!(&buffer.readable()[..4], [0, 2, 7, 8]);
    buffer.consume(4);
    assert_eq!(cx.block_on(None, |cx| cx.recv_frame(client, &mut buffer, &DNS)), Ok(3));
    buffer.consume(3);
    cx.close(server).unwrap();
    assert_eq!(cx.block_on(None, |cx| cx.recv_frame(client, &mut buffer, &DNS)), Err(Error::UnexpectedEnd));
    buffer.clear();
    assert_eq!(cx.block_on(None, |cx| cx.recv_frame(client, &mut buffer, &DNS)), Ok(0));
    // What can never be whole in this buffer.
    buffer.put_slice(&[0, 7]).unwrap();
    assert_eq!(cx.recv_frame(client, &mut buffer, &DNS), Poll::Ready(Err(Error::MessageTooLarge)));
    buffer.clear();
    buffer.put_slice(b"no end..").unwrap();
    assert_eq!(cx.recv_frame(client, &mut buffer, &LINES), Poll::Ready(Err(Error::MessageTooLarge)));
    assert_eq!(buffer.readable(), b"no end..");
}

#[test]
fn whether_there_is_something_to_read_is_asked_of_the_platform() {
    let mut event_loop = open_loop();
    let (client, server) = connection(&mut event_loop);
    event_loop.cx().try_send(server, b"x").unwrap();
    let mut stream = Blocking::new(event_loop.cx(), client);
    let arrived = (0..10).any(|_| {
        stream.cx().platform().mock.advance(ms(1));
        stream.read_ready() == Ok(true)
    });
    assert!(arrived, "nobody has waited");
    assert_eq!((stream.read(&mut [0; 4]), stream.read_ready()), (Ok(1), Ok(false)));
    let mut closed = EventLoop::<_, 1>::new(0, ptk_mock::Mock::new());
    assert_eq!(Blocking::new(closed.cx(), TcpSocket::NONE).read_ready(), Err(Error::NotOpen));
}

#[test]
fn a_frame_is_ready_with_its_last_byte_and_of_a_closed_socket_there_is_none() {
    let mut event_loop = open_loop();
    let (client, server) = connection(&mut event_loop);
    let mut buffer = Buffer::<8>::new();
    let mut cx = event_loop.cx();
    let deadline = Some(cx.now() + ms(1000));
    for piece in [&b"li"[..], b"ne\n"] {
        cx.try_send(server, piece).unwrap();
    }
    assert_eq!(cx.block_on(deadline, |cx| cx.recv_frame(client, &mut buffer, &LINES)), Ok(5), "nothing is behind it");
    cx.close(client).unwrap();
    assert_eq!(cx.recv_frame(client, &mut buffer, &LINES), Poll::Ready(Err(Error::InvalidHandle)));
    assert_eq!(cx.recv_until(client, &mut buffer, b"\n"), Poll::Ready(Err(Error::InvalidHandle)));
}
