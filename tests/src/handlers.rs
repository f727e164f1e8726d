//! Behaviours 20, 21 and 60: handlers that come, go and fail.

use ptk_core::Handle;
use ptk_core::prelude::*;

use crate::actors::{Pause, pattern};
use crate::backend::Backend;
use crate::stage::{SILENCE, Stage};

/// 20. A handler removed inside a callback hears nothing more.
pub(crate) fn a_handler_removed_in_a_callback_hears_nothing_more<B: Backend>() {
    let mut stage = Stage::<B>::new();
    // Data, the end and room to send come in one batch: three events, of which only the first is heard.
    let (near, far) = stage.pair();
    stage.send(far, b"data");
    stage.cx().shutdown(far, Half::Write).expect("it is up");
    stage.cx().set_handler(near).expect("nobody waits");
    let mut heard = Vec::new();
    let mut pause = Pause::of(SILENCE);
    stage.play_with(&mut [&mut pause], |cx, handle, event| {
        heard.push(event);
        let near = TcpSocket::from_handle(handle).expect("it is a socket");
        cx.remove_handler(near)
    });
    assert_eq!(heard, [Event::Readable]);
    stage.cx().close(near).expect("it is open");

    // One removes the other's, whichever comes first: sockets, timers and sources, all due at once.
    let (near, far) = stage.pair_with_handlers();
    let (other_near, other_far) = stage.pair_with_handlers();
    let mut cx = stage.cx();
    let timers = [cx.timer(), cx.timer()].map(|timer| timer.expect("a timer is left"));
    let sources = [cx.event_source(), cx.event_source()].map(|source| source.expect("a source is left"));
    for index in 0..2 {
        cx.set_handler(timers[index]).expect("nobody waits");
        cx.start_timer(timers[index], Duration::ZERO).expect("it is open");
        cx.set_handler(sources[index]).expect("nobody waits");
        cx.raise(sources[index], 0).expect("it is open");
    }
    stage.send(far, b"x");
    stage.send(other_far, b"x");
    let mut heard = Vec::new();
    let mut pause = Pause::of(SILENCE);
    stage.play_with(&mut [&mut pause], |cx, handle, _| {
        heard.push(handle);
        if let Some(socket) = TcpSocket::from_handle(handle) {
            cx.remove_handler(near)?;
            assert!([near, other_near].contains(&socket));
            return cx.remove_handler(other_near);
        }
        if Timer::from_handle(handle).is_some() {
            cx.remove_handler(timers[0])?;
            return cx.remove_handler(timers[1]);
        }
        cx.remove_handler(sources[0])?;
        cx.remove_handler(sources[1])
    });
    assert_eq!(heard.len(), 3, "one socket, one timer, one source: {heard:?}");
    assert_eq!(stage.event_loop.counters().failed_handlers, 0);
}

/// 21. Handler removed and set again: no byte lost.
pub(crate) fn a_handler_set_again_loses_no_byte<B: Backend>() {
    let mut stage = Stage::<B>::new();
    let (near, far) = stage.pair();
    stage.cx().set_handler(near).expect("nobody waits");
    let (mut sent, mut received) = (0_u64, 0_u64);
    let mut receive = |cx: &mut Cx<'_, B::Platform>, handle: Handle, event: Event, most: usize| {
        assert_eq!(Some(handle), near.handle());
        let mut buffer = [0; 16];
        if event == Event::Readable {
            let count = cx.try_recv(near, &mut buffer[..most])?;
            for byte in &buffer[..count] {
                assert_eq!(*byte, pattern(3, received));
                received += 1;
            }
        }
        Ok::<u64, Error>(received)
    };
    for round in 0..50 {
        let chunk: Vec<u8> = (sent..sent + 11).map(|at| pattern(3, at)).collect();
        stage.send(far, &chunk);
        sent += 11;
        match round % 5 {
            // Removed before the loop could tell of the data, and set before or after it has seen them.
            0 => {
                stage.cx().remove_handler(near).expect("it has one");
                stage.idle(Duration::from_millis(2));
                stage.cx().set_handler(near).expect("nobody waits");
            }
            1 => {
                stage.cx().remove_handler(near).expect("it has one");
                stage.cx().set_handler(near).expect("nobody waits");
            }
            // Removed and set in the callback, with some taken, or none.
            2 | 3 => {
                let most = if round % 5 == 2 { 4 } else { 0 };
                stage.handle(|cx, handle, event| {
                    receive(cx, handle, event, most)?;
                    if event == Event::Readable {
                        cx.remove_handler(near)?;
                        cx.set_handler(near)?;
                        cx.stop();
                    }
                    Ok(())
                });
            }
            // Removed in the callback with some taken, while more comes, and set again later.
            _ => {
                stage.handle(|cx, handle, event| {
                    receive(cx, handle, event, 4)?;
                    if event == Event::Readable {
                        cx.remove_handler(near)?;
                        cx.stop();
                    }
                    Ok(())
                });
                let chunk: Vec<u8> = (sent..sent + 3).map(|at| pattern(3, at)).collect();
                stage.send(far, &chunk);
                sent += 3;
                stage.idle(Duration::from_millis(2));
                stage.cx().set_handler(near).expect("nobody waits");
            }
        }
        if round % 7 == 0 {
            stage.handle(|cx, handle, event| {
                if receive(cx, handle, event, 16)? == sent {
                    cx.stop();
                }
                Ok(())
            });
        }
    }
    stage.cx().shutdown(far, Half::Write).expect("it is up");
    stage.handle(|cx, handle, event| {
        if receive(cx, handle, event, 16)? == sent {
            cx.stop();
        }
        Ok(())
    });
    assert_eq!(received, sent);
}

/// 60. One handler's error does not drop the rest; setting a handler twice and removing an unknown one give codes.
pub(crate) fn an_error_of_one_handler_does_not_drop_the_rest<B: Backend>() {
    let mut stage = Stage::<B>::new();
    let mut handles = Vec::new();
    let mut far_ends = Vec::new();
    for index in 0..4 {
        let (near, far) = stage.pair();
        stage.cx().set_handler(near).expect("nobody waits");
        far_ends.push(far);
        let mut cx = stage.cx();
        let (timer, source) = (cx.timer().expect("a timer is left"), cx.event_source().expect("a source is left"));
        cx.set_handler(timer).expect("nobody waits");
        cx.set_handler(source).expect("nobody waits");
        handles.extend([near.handle(), timer.handle(), source.handle()].map(|handle| handle.expect("it is open")));
        assert_eq!(handles.len(), 3 * (index + 1));
    }
    stage.hear(SILENCE);
    // All are due in one turn, and each fails.
    for handle in &handles {
        let mut cx = stage.cx();
        if let Some(timer) = Timer::from_handle(*handle) {
            cx.start_timer(timer, Duration::ZERO).expect("it is open");
        } else if let Some(source) = EventSource::from_handle(*handle) {
            cx.raise(source, 0).expect("it is open");
        }
    }
    for far in far_ends {
        stage.send(far, b"x");
    }
    let failed = stage.event_loop.counters().failed_handlers;
    let mut heard = Vec::new();
    stage.handle(|cx, handle, event| {
        heard.push(handle);
        if let Some(socket) = TcpSocket::from_handle(handle) {
            assert_eq!((event, cx.try_recv(socket, &mut [0; 8])), (Event::Readable, Ok(1)));
        }
        if heard.len() == handles.len() {
            cx.stop();
        }
        Err(Error::Protocol)
    });
    heard.sort_unstable();
    let mut expected = handles.clone();
    expected.sort_unstable();
    assert_eq!(heard, expected);
    let failed = stage.event_loop.counters().failed_handlers - failed;
    assert_eq!(failed, handles.len() as u64);
    assert_eq!(stage.event_loop.last_error(), Some(Error::Protocol));
    stage.idle(SILENCE);

    // The codes.
    for handle in handles {
        let mut cx = stage.cx();
        macro_rules! check {
            ($kind:ident) => {
                if let Some(handle) = $kind::from_handle(handle) {
                    assert_eq!(cx.set_handler(handle), Err(Error::Busy));
                    assert_eq!(cx.remove_handler(handle), Ok(()));
                    assert_eq!(cx.remove_handler(handle), Err(Error::InvalidArgument));
                    assert_eq!(cx.set_handler(handle), Ok(()));
                    assert_eq!(cx.close(handle), Ok(()));
                    assert_eq!(cx.set_handler(handle), Err(Error::InvalidHandle));
                    assert_eq!(cx.remove_handler(handle), Err(Error::InvalidHandle));
                    assert_eq!(cx.set_handler($kind::NONE), Err(Error::InvalidHandle));
                    assert_eq!(cx.remove_handler($kind::NONE), Err(Error::InvalidHandle));
                }
            };
        }
        check!(TcpSocket);
        check!(Timer);
        check!(EventSource);
    }
    // Who waits is not pushed aside, and who comes to a handler's place is told.
    let (near, _far) = stage.pair();
    let mut waiter = crate::actors::Reader::of(near);
    let mut second = crate::actors::Reader::of(near);
    let mut setter = SetLater { pt: Pt::new(), socket: near, outcome: None };
    let mut end = Pause::of(SILENCE);
    let mut stopper = Stopper { pt: Pt::new(), pause: &mut end };
    stage.play(&mut [&mut waiter, &mut setter, &mut stopper]);
    assert_eq!(setter.outcome, Some(Err(Error::Busy)));
    stage.cx().set_handler(near).expect("nobody waits any more");
    stage.play(&mut [&mut second]);
    assert_eq!(second.end[0], Some(Err(Error::Busy)));
}

/// Sets a handler when others have begun to wait.
struct SetLater {
    pt: Pt,
    socket: TcpSocket,
    outcome: Option<Result<(), Error>>,
}

impl<P: Platform> Protothread<P> for SetLater {
    type Output = ();

    #[protothread]
    fn run(&mut self, cx: &mut Cx<'_, P>, _: &mut ()) {
        yield_now!();
        self.outcome = Some(cx.set_handler(self.socket));
    }
}

/// Stops the loop after a pause.
struct Stopper<'a> {
    pt: Pt,
    pause: &'a mut Pause,
}

impl<P: Platform> Protothread<P> for Stopper<'_> {
    type Output = ();

    #[protothread]
    fn run(&mut self, cx: &mut Cx<'_, P>, shared: &mut ()) {
        wait!(self.pause.run(cx, shared));
        cx.stop();
    }
}
