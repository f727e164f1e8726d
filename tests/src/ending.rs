//! Behaviours 12 to 15, 18, 19 and 24: how connections end.

use ptk_core::Handle;
use ptk_core::prelude::*;

use crate::actors::{Pause, Reader};
use crate::backend::Backend;
use crate::stage::{SILENCE, Stage};

const END: [Option<Result<usize, Error>>; 2] = [Some(Ok(0)), Some(Ok(0))];

/// How often `event` was told about `socket`.
fn count(heard: &[(Handle, Event)], socket: TcpSocket, event: Event) -> usize {
    heard.iter().filter(|told| **told == (socket.handle().expect("it is open"), event)).count()
}

/// All data that came, all events, and what the last receive said.
type Taken = (Vec<u8>, Vec<(Handle, Event)>, Result<usize, Error>);

/// Gives the loop events for `socket` until nothing more comes, and takes all data at each.
fn take_all<B: Backend>(stage: &mut Stage<B>, socket: TcpSocket, piece: usize) -> Taken {
    let (mut bytes, mut events, mut last) = (Vec::new(), Vec::new(), Err(Error::WouldBlock));
    let mut pause = Pause::of(SILENCE);
    stage.play_with(&mut [&mut pause], |cx, handle, event| {
        events.push((handle, event));
        let mut buffer = [0; 64];
        if event != Event::Readable {
            return Ok(());
        }
        loop {
            match cx.try_recv(socket, &mut buffer[..piece]) {
                Ok(count) if count > 0 => bytes.extend_from_slice(&buffer[..count]),
                end => {
                    if end != Err(Error::WouldBlock) {
                        last = end;
                    }
                    break;
                }
            }
        }
        Ok(())
    });
    (bytes, events, last)
}

/// 12. Data and FIN together: data, then end of stream.
pub(crate) fn data_and_end_together_are_data_then_the_end<B: Backend>() {
    let mut stage = Stage::<B>::new();
    for close in [false, true] {
        // Both are there before anybody reads.
        let (near, far) = stage.pair();
        stage.send(far, b"last words");
        finish(&mut stage, far, close);
        stage.idle(SILENCE);
        let mut reader = Reader::of(near);
        stage.play(&mut [&mut reader]);
        assert_eq!((&reader.heard[..], reader.end), (&b"last words"[..], END));

        // Both come while somebody waits.
        let (near, far) = stage.pair();
        let mut reader = Reader::of(near);
        let mut speaker = Speaker { pt: Pt::new(), socket: far, close };
        stage.play(&mut [&mut reader, &mut speaker]);
        assert_eq!((&reader.heard[..], reader.end), (&b"last words"[..], END));

        // A handler: in one piece, in pieces that just fit, and byte by byte.
        for piece in [64, 10, 5, 1] {
            let (near, far) = stage.pair();
            stage.cx().set_handler(near).expect("nobody waits");
            stage.hear(SILENCE);
            stage.send(far, b"last words");
            finish(&mut stage, far, close);
            let (bytes, events, end) = take_all(&mut stage, near, piece);
            assert_eq!((&bytes[..], end), (&b"last words"[..], Ok(0)), "{piece} at a time: {events:?}");
            assert_eq!(count(&events, near, Event::Disconnected), 1, "{events:?}");
            let first = events.iter().position(|(_, event)| *event == Event::Disconnected);
            assert!(first > Some(0), "data come before the end: {events:?}");
        }
    }
}

fn finish<B: Backend>(stage: &mut Stage<B>, socket: TcpSocket, close: bool) {
    let mut cx = stage.cx();
    let done = if close { cx.close(socket) } else { cx.shutdown(socket, Half::Write) };
    done.expect("it is up");
}

/// Says its last words and ends.
struct Speaker {
    pt: Pt,
    socket: TcpSocket,
    close: bool,
}

impl<P: Platform> Protothread<P> for Speaker {
    type Output = Result<(), Error>;

    #[protothread]
    fn run(&mut self, cx: &mut Cx<'_, P>, _: &mut ()) -> Result<(), Error> {
        yield_now!();
        cx.try_send(self.socket, b"last words")?;
        if self.close { cx.close(self.socket) } else { cx.shutdown(self.socket, Half::Write) }
    }
}

/// Ends a connection after a while.
struct EndAfter {
    pt: PtTimed,
    socket: TcpSocket,
    time: Duration,
    abort: bool,
}

impl<P: Platform> Protothread<P> for EndAfter {
    type Output = Result<(), Error>;

    #[protothread]
    fn run(&mut self, cx: &mut Cx<'_, P>, _: &mut ()) -> Result<(), Error> {
        wait!(sleep!(self.time));
        if self.abort { cx.abort(self.socket) } else { cx.shutdown(self.socket, Half::Write) }
    }
}

/// 13. FIN later: one end of stream.
pub(crate) fn an_end_that_comes_later_is_told_once<B: Backend>() {
    let mut stage = Stage::<B>::new();
    let (near, far) = stage.pair();
    stage.send(far, b"data");
    let mut reader = Reader::of(near);
    let mut end = EndAfter { pt: PtTimed::new(), socket: far, time: SILENCE, abort: false };
    let before = stage.event_loop.counters().polls;
    stage.play(&mut [&mut reader, &mut end]);
    assert_eq!((&reader.heard[..], reader.end), (&b"data"[..], END));
    let polls = stage.event_loop.counters().polls - before;
    assert!(polls <= 8, "{polls} polls for data and an end");

    let (near, far) = stage.pair_with_handlers();
    stage.send(far, b"data");
    let (bytes, events, end) = take_all(&mut stage, near, 64);
    assert_eq!((&bytes[..], end), (&b"data"[..], Err(Error::WouldBlock)));
    assert_eq!(count(&events, near, Event::Disconnected), 0, "{events:?}");
    stage.cx().shutdown(far, Half::Write).expect("it is up");
    let (bytes, events, end) = take_all(&mut stage, near, 64);
    assert_eq!((&bytes[..], end), (&b""[..], Ok(0)));
    assert_eq!(count(&events, near, Event::Disconnected), 1, "{events:?}");
    assert_eq!(count(&events, near, Event::Readable), 1, "{events:?}");
    // It is over, and nobody is told so again.
    assert_eq!(stage.cx().try_recv(near, &mut [0]), Ok(0));
    let turns = stage.idle(SILENCE);
    assert!(turns < 20, "{turns} turns in which nothing happened");
}

/// 14. RST: buffered data first, then `ConnectionReset`.
pub(crate) fn a_reset_comes_after_the_data_before_it<B: Backend>() {
    let reset = Some(Err(Error::ConnectionReset));
    let mut stage = Stage::<B>::new();
    // Both are there before anybody reads.
    let (near, far) = stage.pair();
    stage.send(far, b"last words");
    stage.cx().abort(far).expect("it is open");
    stage.idle(SILENCE);
    let mut reader = Reader::of(near);
    stage.play(&mut [&mut reader]);
    assert_eq!((&reader.heard[..], reader.end[0]), (&b"last words"[..], reset));
    assert!(matches!(reader.end[1], Some(Ok(0) | Err(_))), "no wait for what cannot come: {:?}", reader.end[1]);
    // The reset comes while somebody waits.
    let (near, far) = stage.pair();
    stage.send(far, b"data");
    let mut reader = Reader::of(near);
    let mut end = EndAfter { pt: PtTimed::new(), socket: far, time: SILENCE, abort: true };
    stage.play(&mut [&mut reader, &mut end]);
    assert_eq!((&reader.heard[..], reader.end[0]), (&b"data"[..], reset));
    // A handler, whatever its pieces.
    for piece in [64, 10, 3] {
        let (near, far) = stage.pair();
        stage.cx().set_handler(near).expect("nobody waits");
        stage.hear(SILENCE);
        stage.send(far, b"last words");
        stage.cx().abort(far).expect("it is open");
        let (bytes, events, end) = take_all(&mut stage, near, piece);
        assert_eq!((&bytes[..], end), (&b"last words"[..], Err(Error::ConnectionReset)), "{piece}: {events:?}");
        assert_eq!(count(&events, near, Event::Disconnected), 1, "{events:?}");
        let turns = stage.idle(SILENCE);
        assert!(turns < 20, "{turns} turns in which nothing happened");
    }
}

/// Sends until it fails.
struct Persistent {
    pt: PtTimed,
    socket: TcpSocket,
    buffer: Buffer<16>,
    sends: u32,
    error: Option<Error>,
}

impl<P: Platform> Protothread<P> for Persistent {
    type Output = ();

    #[protothread]
    fn run(&mut self, cx: &mut Cx<'_, P>, _: &mut ()) {
        while self.error.is_none() && self.sends < 1000 {
            self.buffer.clear();
            self.buffer.put_u64_be(7).expect("it has room");
            let sent = wait!(cx.send_all(self.socket, &mut self.buffer));
            self.error = sent.err();
            self.sends += 1;
            wait!(sleep!(Duration::from_millis(1)));
        }
    }
}

/// 15. Send to a closed peer: an error, never a signal.
pub(crate) fn a_send_to_a_closed_peer_is_an_error_and_no_signal<B: Backend>() {
    let signals = B::broken_pipes();
    let mut stage = Stage::<B>::new();
    for abort in [false, true] {
        let (near, far) = stage.pair();
        let mut cx = stage.cx();
        if abort { cx.abort(far) } else { cx.close(far) }.expect("it is open");
        let mut persistent =
            Persistent { pt: PtTimed::new(), socket: near, buffer: Buffer::new(), sends: 0, error: None };
        stage.play(&mut [&mut persistent]);
        assert_eq!(persistent.error, Some(Error::ConnectionReset), "after {} sends", persistent.sends);
        // And again, when everybody knows.
        for _ in 0..3 {
            assert_eq!(stage.cx().try_send(near, b"x"), Err(Error::ConnectionReset));
        }
        stage.cx().close(near).expect("it is open");
    }
    assert_eq!(B::broken_pipes(), signals);
}

/// 18. A second shutdown is an error, not a crash.
pub(crate) fn a_second_shutdown_is_an_error<B: Backend>() {
    let gone = Err(Error::NotConnected);
    let mut stage = Stage::<B>::new();
    let (near, far) = stage.pair();
    assert_eq!(stage.cx().shutdown(near, Half::Write), Ok(()));
    assert_eq!(stage.cx().shutdown(near, Half::Write), gone);
    assert_eq!(stage.cx().shutdown(near, Half::Both), gone, "half of it is shut down");
    assert_eq!(stage.cx().shutdown(near, Half::Read), Ok(()));
    assert_eq!(stage.cx().shutdown(near, Half::Read), gone);
    // The other side, which has seen the end, and then everything ended.
    assert_eq!(stage.cx().shutdown(far, Half::Write), Ok(()));
    assert_eq!(stage.cx().shutdown(far, Half::Write), gone);
    stage.idle(SILENCE);
    assert_eq!(stage.cx().shutdown(far, Half::Write), gone);
    let (near, far) = stage.pair();
    assert_eq!(stage.cx().shutdown(near, Half::Both), Ok(()));
    assert_eq!(stage.cx().shutdown(near, Half::Both), gone);
    stage.cx().close(near).expect("it is open");
    stage.cx().close(far).expect("it is open");
    assert_eq!(stage.cx().shutdown(far, Half::Both), Err(Error::InvalidHandle));
    // One that the peer has reset.
    let (near, far) = stage.pair();
    stage.cx().abort(far).expect("it is open");
    let mut reader = Reader::of(near);
    stage.play(&mut [&mut reader]);
    assert_eq!(stage.cx().shutdown(near, Half::Write), gone);
}

/// Ends its side at once and then waits for the other's end.
struct Leaver {
    pt: Pt,
    socket: TcpSocket,
    buffer: Buffer<64>,
    heard: Vec<u8>,
}

impl Leaver {
    fn new(socket: TcpSocket) -> Self {
        Leaver { pt: Pt::new(), socket, buffer: Buffer::new(), heard: Vec::new() }
    }
}

impl<P: Platform> Protothread<P> for Leaver {
    type Output = Result<(), Error>;

    #[protothread]
    fn run(&mut self, cx: &mut Cx<'_, P>, _: &mut ()) -> Result<(), Error> {
        self.buffer.put_slice(b"bye")?;
        wait!(cx.send_all(self.socket, &mut self.buffer))?;
        cx.shutdown(self.socket, Half::Write)?;
        while wait!(cx.recv(self.socket, &mut self.buffer))? != 0 {
            self.heard.extend(self.buffer.readable());
            self.buffer.clear();
        }
        cx.close(self.socket)
    }
}

/// 19. Simultaneous shutdown completes on both sides.
pub(crate) fn a_simultaneous_shutdown_completes_on_both_sides<B: Backend>() {
    let mut stage = Stage::<B>::new();
    let open = stage.open_sockets();
    for _ in 0..20 {
        let (near, far) = stage.pair();
        let (mut one, mut other) = (Leaver::new(near), Leaver::new(far));
        stage.play(&mut [&mut one, &mut other]);
        assert_eq!((&one.heard[..], &other.heard[..]), (&b"bye"[..], &b"bye"[..]));
    }
    // Both halves at once, told to handlers.
    let (near, far) = stage.pair_with_handlers();
    for socket in [near, far] {
        stage.cx().shutdown(socket, Half::Write).expect("it is up");
    }
    let heard =
        stage.hear_until(|heard| [near, far].iter().all(|socket| count(heard, *socket, Event::Disconnected) > 0));
    for socket in [near, far] {
        assert_eq!(count(&heard, socket, Event::Disconnected), 1);
        assert_eq!(stage.cx().try_recv(socket, &mut [0]), Ok(0));
        stage.cx().close(socket).expect("it is open");
    }
    assert_eq!(stage.open_sockets(), open);
}

/// 24. An abort sends RST.
pub(crate) fn an_abort_resets_the_connection<B: Backend>() {
    let mut stage = Stage::<B>::new();
    // With nothing on the way in either direction, with unread data, and with unsent data.
    for (to_far, to_near) in [(false, false), (true, false), (false, true), (true, true)] {
        let (near, far) = stage.pair();
        if to_far {
            stage.send(near, b"to far");
        }
        if to_near {
            stage.send(far, b"to near");
        }
        let mut reader = Reader::of(near);
        let mut end = EndAfter { pt: PtTimed::new(), socket: far, time: Duration::from_millis(2), abort: true };
        stage.play(&mut [&mut reader, &mut end]);
        assert_eq!(reader.end[0], Some(Err(Error::ConnectionReset)), "{to_far} {to_near}");
        assert_eq!(stage.cx().abort(far), Err(Error::InvalidHandle), "it is closed");
        stage.cx().close(near).expect("it is open");
    }
}
