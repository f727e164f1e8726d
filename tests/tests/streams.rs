//! What streams can do besides moving bytes, on every backend.

#[macro_use]
mod every_backend;

use ptk_core::prelude::*;
use ptk_core::{Keepalive, Reuse};
use ptk_tests::Backend;
use ptk_tests::actors::{Dial, Pause, Reader, Receiver, Take, pattern};
use ptk_tests::stage::{SILENCE, Stage};

on_every_backend! {
    an_exact_receive_gives_what_was_asked_for_whatever_the_pieces,
    an_exact_receive_tells_of_an_early_end_and_of_too_small_a_buffer,
    a_delimiter_is_found_wherever_the_stream_is_split,
    a_delimiter_that_does_not_come_is_an_error,
    what_was_peeked_is_received_all_the_same,
    a_peek_waits_for_data_and_sees_the_end,
    a_peek_at_a_reset_does_not_make_it_a_clean_end,
    a_closed_receiving_half_leaves_the_other_working,
    a_drain_ends_when_the_peer_has_taken_everything,
    a_drain_throws_away_what_the_peer_still_sends,
    a_drain_from_a_peer_that_never_ends_is_given_up_and_aborted,
    a_drain_tells_of_a_reset_and_closes_all_the_same,
    settings_are_taken_before_and_after_the_connect,
    a_port_is_shared_by_those_who_ask_for_it,
    both_ends_agree_on_their_addresses,
    a_backlog_holds_as_many_as_it_says,
}

/// Sends pieces, each when the loop has had turns enough for the one before to arrive.
struct Pieces {
    pt: PtTimed,
    socket: TcpSocket,
    pieces: Vec<Vec<u8>>,
    next: usize,
    /// Whether the stream ends behind them.
    end: bool,
}

impl Pieces {
    fn new(socket: TcpSocket, pieces: &[&[u8]]) -> Self {
        let pieces = pieces.iter().filter(|piece| !piece.is_empty()).map(|piece| piece.to_vec()).collect();
        Pieces { pt: PtTimed::new(), socket, pieces, next: 0, end: false }
    }
}

impl<P: Platform> Protothread<P> for Pieces {
    type Output = Result<(), Error>;

    #[protothread]
    fn run(&mut self, cx: &mut Cx<'_, P>, _: &mut ()) -> Result<(), Error> {
        while self.next < self.pieces.len() {
            let piece = &self.pieces[self.next];
            assert_eq!(cx.try_send(self.socket, piece), Ok(piece.len()));
            self.next += 1;
            wait!(sleep!(Duration::from_millis(2)));
        }
        if self.end { cx.shutdown(self.socket, Half::Write) } else { Ok(()) }
    }
}

/// How a receive knows that it has enough.
#[derive(Clone, Copy, Debug)]
enum Enough {
    Exactly(usize),
    Until(&'static [u8]),
}

impl Enough {
    fn recv<P: Platform>(self, cx: &mut Cx<'_, P>, socket: TcpSocket, buffer: &mut Buf) -> Poll<Result<usize, Error>> {
        match self {
            Enough::Exactly(count) => cx.recv_exact(socket, buffer, count).map_ok(|()| count),
            Enough::Until(delimiter) => cx.recv_until(socket, buffer, delimiter),
        }
    }
}

/// Receives until it is enough.
struct Wants {
    pt: Pt,
    socket: TcpSocket,
    enough: Enough,
    buffer: Buffer<32>,
    result: Option<Result<usize, Error>>,
}

impl Wants {
    fn new(socket: TcpSocket, enough: Enough) -> Self {
        Wants { pt: Pt::new(), socket, enough, buffer: Buffer::new(), result: None }
    }
}

impl<P: Platform> Protothread<P> for Wants {
    type Output = ();

    #[protothread]
    fn run(&mut self, cx: &mut Cx<'_, P>, _: &mut ()) {
        self.result = Some(wait!(self.enough.recv(cx, self.socket, &mut self.buffer)));
    }
}

/// A connection on which every send is a segment.
fn prompt_pair<B: Backend>(stage: &mut Stage<B>) -> (TcpSocket, TcpSocket) {
    stage.pair_with(&Options { nodelay: true, ..Options::DEFAULT })
}

fn an_exact_receive_gives_what_was_asked_for_whatever_the_pieces<B: Backend>() {
    const TEXT: &[u8] = b"0123456789abcdef";
    let mut stage = Stage::<B>::new();
    let (near, far) = prompt_pair(&mut stage);
    for count in [1, 7, 16] {
        for split in 0..=TEXT.len() {
            let (front, back) = TEXT.split_at(split);
            let mut wants = Wants::new(near, Enough::Exactly(count));
            let mut pieces = Pieces::new(far, &[front, back]);
            stage.play(&mut [&mut wants, &mut pieces]);
            assert_eq!(wants.result, Some(Ok(count)), "split at {split}");
            // The buffer may have more; the rest is still in the stream.
            let mut rest = Wants { pt: Pt::new(), enough: Enough::Exactly(TEXT.len()), result: None, ..wants };
            assert!(rest.buffer.len() >= count && TEXT.starts_with(rest.buffer.readable()));
            stage.play(&mut [&mut rest]);
            assert_eq!((rest.result, rest.buffer.readable()), (Some(Ok(TEXT.len())), TEXT));
            // What is there already is enough, and nothing is received.
            let mut again = Wants { pt: Pt::new(), enough: Enough::Exactly(count), result: None, ..rest };
            stage.play(&mut [&mut again]);
            assert_eq!((again.result, again.buffer.readable()), (Some(Ok(count)), TEXT));
        }
    }
    let mut nothing = Wants::new(near, Enough::Exactly(0));
    stage.play(&mut [&mut nothing]);
    assert_eq!(nothing.result, Some(Ok(0)));
}

fn an_exact_receive_tells_of_an_early_end_and_of_too_small_a_buffer<B: Backend>() {
    let mut stage = Stage::<B>::new();
    let (near, far) = stage.pair();
    let mut large = Wants::new(near, Enough::Exactly(33));
    stage.play(&mut [&mut large]);
    assert_eq!(large.result, Some(Err(Error::BufferFull)));
    let mut wants = Wants::new(near, Enough::Exactly(8));
    let mut pieces = Pieces { end: true, ..Pieces::new(far, &[b"sev", b"en"]) };
    stage.play(&mut [&mut wants, &mut pieces]);
    assert_eq!((wants.result, wants.buffer.readable()), (Some(Err(Error::UnexpectedEnd)), &b"seven"[..]));
    stage.cx().close(near).expect("it is open");
    for count in [0, 8, 33] {
        let mut stale = Wants::new(near, Enough::Exactly(count));
        stage.play(&mut [&mut stale]);
        assert_eq!(stale.result, Some(Err(Error::InvalidHandle)), "{count}");
    }
}

fn a_delimiter_is_found_wherever_the_stream_is_split<B: Backend>() {
    // Beginnings of the delimiter come before it.
    const TEXT: &[u8] = b"a\r\nb\r\n\rc\r\r\n\r\nrest";
    const DELIMITER: &[u8] = b"\r\n\r\n";
    let end = TEXT.len() - b"rest".len();
    let mut stage = Stage::<B>::new();
    let (near, far) = prompt_pair(&mut stage);
    let mut check = |pieces: &[&[u8]]| {
        let mut wants = Wants::new(near, Enough::Until(DELIMITER));
        let mut sender = Pieces::new(far, pieces);
        stage.play(&mut [&mut wants, &mut sender]);
        assert_eq!(wants.result, Some(Ok(end)), "{pieces:?}");
        assert!(wants.buffer.len() >= end && TEXT.starts_with(wants.buffer.readable()));
        // What came behind it is not lost.
        wants.buffer.consume(end);
        let mut rest = Wants { pt: Pt::new(), enough: Enough::Exactly(4), result: None, ..wants };
        stage.play(&mut [&mut rest]);
        assert_eq!((rest.result, rest.buffer.readable()), (Some(Ok(4)), &b"rest"[..]));
    };
    for split in 0..=TEXT.len() {
        let (front, back) = TEXT.split_at(split);
        check(&[front, back]);
        for second in split..=end.min(split + 4) {
            check(&[front, &TEXT[split..second], &TEXT[second..]]);
        }
    }
    let bytes: Vec<&[u8]> = TEXT.chunks(1).collect();
    check(&bytes);
    // One that is there already is found without another receive.
    let mut wants = Wants::new(near, Enough::Until(b"x"));
    wants.buffer.put_slice(b"yyxz").expect("it has room");
    stage.play(&mut [&mut wants]);
    assert_eq!((wants.result, wants.buffer.readable()), (Some(Ok(3)), &b"yyxz"[..]));
}

fn a_delimiter_that_does_not_come_is_an_error<B: Backend>() {
    let mut stage = Stage::<B>::new();
    let (near, far) = stage.pair();
    let mut empty = Wants::new(near, Enough::Until(b""));
    stage.play(&mut [&mut empty]);
    assert_eq!(empty.result, Some(Err(Error::InvalidArgument)));
    let mut wants = Wants::new(near, Enough::Until(b"\n"));
    let mut pieces = Pieces::new(far, &[&[b'x'; 20], &[b'y'; 20]]);
    stage.play(&mut [&mut wants, &mut pieces]);
    assert_eq!((wants.result, wants.buffer.len()), (Some(Err(Error::BufferFull)), 32));
    // The rest is still in the stream, and then its end.
    let mut wants = Wants::new(near, Enough::Until(b"\n"));
    let mut pieces = Pieces { end: true, ..Pieces::new(far, &[]) };
    stage.play(&mut [&mut wants, &mut pieces]);
    assert_eq!((wants.result, wants.buffer.readable()), (Some(Err(Error::UnexpectedEnd)), &[b'y'; 8][..]));
}

/// Peeks, and peeks again.
struct Peeker {
    pt: Pt,
    socket: TcpSocket,
    seen: [u8; 8],
    first: Option<Result<usize, Error>>,
    second: Option<Result<usize, Error>>,
}

impl Peeker {
    fn at(socket: TcpSocket) -> Self {
        Peeker { pt: Pt::new(), socket, seen: [0; 8], first: None, second: None }
    }
}

impl<P: Platform> Protothread<P> for Peeker {
    type Output = ();

    #[protothread]
    fn run(&mut self, cx: &mut Cx<'_, P>, _: &mut ()) {
        self.first = Some(wait!(cx.peek(self.socket, &mut self.seen[..3])));
        self.second = Some(wait!(cx.peek(self.socket, &mut self.seen)));
    }
}

fn what_was_peeked_is_received_all_the_same<B: Backend>() {
    let mut stage = Stage::<B>::new();
    let (near, far) = stage.pair();
    stage.send(far, b"hello");
    let mut peeker = Peeker::at(near);
    stage.play(&mut [&mut peeker]);
    assert_eq!((peeker.first, peeker.second), (Some(Ok(3)), Some(Ok(5))));
    assert_eq!(&peeker.seen[..5], b"hello");
    assert_eq!(stage.cx().peek(near, &mut []), Poll::Ready(Err(Error::InvalidArgument)));
    let mut wants = Wants::new(near, Enough::Exactly(5));
    stage.play(&mut [&mut wants]);
    assert_eq!(wants.buffer.readable(), b"hello");
    assert_eq!(stage.cx().try_recv(near, &mut [0; 8]), Err(Error::WouldBlock));
    // A handler that only looks is told again.
    stage.cx().set_handler(near).expect("nobody waits");
    stage.hear(SILENCE);
    stage.send(far, b"more");
    let (mut looks, mut taken) = (0, 0);
    stage.handle(|cx, _, event| {
        assert_eq!(event, Event::Readable);
        if looks < 5 {
            looks += 1;
            assert_eq!(cx.peek(near, &mut [0; 2]), Poll::Ready(Ok(2)));
        } else {
            taken = cx.try_recv(near, &mut [0; 8])?;
            cx.stop();
        }
        Ok(())
    });
    assert_eq!((looks, taken), (5, 4));
}

fn a_peek_waits_for_data_and_sees_the_end<B: Backend>() {
    let mut stage = Stage::<B>::new();
    let (near, far) = stage.pair();
    let (mut peeker, mut pieces) = (Peeker::at(near), Pieces::new(far, &[b"x"]));
    stage.play(&mut [&mut peeker, &mut pieces]);
    assert_eq!((peeker.first, peeker.second, peeker.seen[0]), (Some(Ok(1)), Some(Ok(1)), b'x'));
    // The end is behind the data, and stays.
    stage.cx().shutdown(far, Half::Write).expect("it is up");
    let mut wants = Wants::new(near, Enough::Exactly(1));
    stage.play(&mut [&mut wants]);
    let mut peeker = Peeker::at(near);
    stage.play(&mut [&mut peeker]);
    assert_eq!((peeker.first, peeker.second), (Some(Ok(0)), Some(Ok(0))));
    let mut reader = Reader::of(near);
    stage.play(&mut [&mut reader]);
    assert_eq!(reader.end, [Some(Ok(0)); 2]);
    // Not before there is a connection, and not after it.
    let early = stage.cx().tcp_socket(&Options::DEFAULT).expect("a socket is left");
    assert_eq!(stage.cx().peek(early, &mut [0]), Poll::Ready(Err(Error::NotConnected)));
    stage.cx().close(near).expect("it is open");
    assert_eq!(stage.cx().peek(near, &mut [0]), Poll::Ready(Err(Error::InvalidHandle)));
}

fn a_peek_at_a_reset_does_not_make_it_a_clean_end<B: Backend>() {
    let mut stage = Stage::<B>::new();
    let (near, far) = stage.pair();
    stage.send(far, b"last words");
    stage.cx().abort(far).expect("it is open");
    stage.idle(SILENCE);
    let mut peeker = Peeker::at(near);
    stage.play(&mut [&mut peeker]);
    assert_eq!((peeker.first, peeker.second), (Some(Ok(3)), Some(Ok(8))));
    let mut wants = Wants::new(near, Enough::Exactly(10));
    stage.play(&mut [&mut wants]);
    assert_eq!(wants.buffer.readable(), b"last words");
    let mut peeker = Peeker::at(near);
    stage.play(&mut [&mut peeker]);
    assert_eq!((peeker.first, peeker.second), (Some(Err(Error::ConnectionReset)), Some(Err(Error::ConnectionReset))));
    let mut reader = Reader::of(near);
    stage.play(&mut [&mut reader]);
    assert_eq!((&reader.heard[..], reader.end[0]), (&b""[..], Some(Err(Error::ConnectionReset))));
}

fn a_closed_receiving_half_leaves_the_other_working<B: Backend>() {
    let mut stage = Stage::<B>::new();
    let (near, far) = stage.pair();
    stage.cx().shutdown(near, Half::Read).expect("it is up");
    assert_eq!(stage.cx().try_recv(near, &mut [0]), Err(Error::NotConnected));
    assert_eq!(stage.cx().peek(near, &mut [0]), Poll::Ready(Err(Error::NotConnected)));
    stage.send(near, b"one way");
    stage.cx().shutdown(near, Half::Write).expect("this half is not over yet");
    let mut reader = Reader::of(far);
    stage.play(&mut [&mut reader]);
    assert_eq!((&reader.heard[..], reader.end[0]), (&b"one way"[..], Some(Ok(0))));
}

/// How long a farewell may take to a peer that ends it, and to one that does not.
const PATIENCE: Duration = Duration::from_secs(20);
const IMPATIENCE: Duration = Duration::from_millis(40);

/// Drains a connection, and aborts it if that takes too long.
struct Farewell {
    pt: PtTimed,
    socket: TcpSocket,
    patience: Duration,
    result: Option<Result<Result<(), Error>, TimedOut>>,
    was_open: bool,
}

impl Farewell {
    fn to(socket: TcpSocket) -> Self {
        Farewell { pt: PtTimed::new(), socket, patience: PATIENCE, result: None, was_open: false }
    }
}

impl<P: Platform> Protothread<P> for Farewell {
    type Output = Result<(), Error>;

    #[protothread]
    fn run(&mut self, cx: &mut Cx<'_, P>, _: &mut ()) -> Result<(), Error> {
        let drained = wait!(cx.drain(self.socket), timeout = self.patience);
        self.result = Some(drained);
        if drained == Err(TimedOut) {
            self.was_open = cx.local_address(self.socket).is_ok();
            cx.abort(self.socket)?;
        }
        Ok(())
    }
}

/// Reads to the end of the stream, and then ends its own side.
struct Polite {
    pt: Pt,
    socket: TcpSocket,
    receiver: Receiver,
}

impl<P: Platform> Protothread<P> for Polite {
    type Output = Result<(), Error>;

    #[protothread]
    fn run(&mut self, cx: &mut Cx<'_, P>, shared: &mut ()) -> Result<(), Error> {
        wait!(self.receiver.run(cx, shared))?;
        cx.close(self.socket)
    }
}

fn a_drain_ends_when_the_peer_has_taken_everything<B: Backend>() {
    let mut stage = Stage::<B>::new();
    let small = Options { send_buffer: 4096, receive_buffer: 4096, ..Options::DEFAULT };
    for options in [Options::DEFAULT, small] {
        let (near, far) = stage.pair_with(&options);
        let sent = stage.fill(near, 5);
        let open = stage.open_sockets();
        let mut farewell = Farewell::to(near);
        // It begins late: nothing ends before it has everything.
        let receiver = Receiver::to_the_end(far, 5).after(Duration::from_millis(10));
        let mut polite = Polite { pt: Pt::new(), socket: far, receiver };
        stage.play(&mut [&mut farewell, &mut polite]);
        assert_eq!(farewell.result, Some(Ok(Ok(()))));
        assert_eq!((polite.receiver.received, polite.receiver.ended), (sent, true));
        assert_eq!(stage.open_sockets(), open - 2, "both are closed");
        assert_eq!(stage.cx().local_address(near), Err(Error::InvalidHandle));
    }
    // A half that is shut down already is no error.
    let (near, far) = stage.pair();
    stage.cx().shutdown(near, Half::Write).expect("it is up");
    let mut farewell = Farewell::to(near);
    let mut polite = Polite { pt: Pt::new(), socket: far, receiver: Receiver::to_the_end(far, 5) };
    stage.play(&mut [&mut farewell, &mut polite]);
    assert_eq!(farewell.result, Some(Ok(Ok(()))));
    // There is nothing to drain where there is no connection.
    let early = stage.cx().tcp_socket(&Options::DEFAULT).expect("a socket is left");
    for (socket, error) in [(early, Error::NotConnected), (near, Error::InvalidHandle)] {
        let mut farewell = Farewell::to(socket);
        stage.play(&mut [&mut farewell]);
        assert_eq!(farewell.result, Some(Ok(Err(error))));
    }
}

fn a_drain_throws_away_what_the_peer_still_sends<B: Backend>() {
    let mut stage = Stage::<B>::new();
    let (near, far) = stage.pair();
    let chunk: Vec<u8> = (0..10_000).map(|at| pattern(1, at)).collect();
    stage.send(far, &chunk);
    let mut farewell = Farewell::to(near);
    let mut last = Pieces { end: true, ..Pieces::new(far, &[&chunk, b"and", b"so on"]) };
    stage.play(&mut [&mut farewell, &mut last]);
    assert_eq!(farewell.result, Some(Ok(Ok(()))));
    let mut reader = Reader::of(far);
    stage.play(&mut [&mut reader]);
    assert_eq!(reader.end[0], Some(Ok(0)), "an end in order, and no reset");
}

fn a_drain_from_a_peer_that_never_ends_is_given_up_and_aborted<B: Backend>() {
    let mut stage = Stage::<B>::new();
    let (near, far) = stage.pair();
    stage.send(near, b"bye");
    let open = stage.open_sockets();
    let before = stage.now();
    let mut farewell = Farewell { patience: IMPATIENCE, ..Farewell::to(near) };
    let mut reader = Reader::of(far);
    let mut chatter = Pieces::new(far, &[b"never", b"ending"]);
    stage.play(&mut [&mut farewell, &mut chatter]);
    assert_eq!((farewell.result, farewell.was_open), (Some(Err(TimedOut)), true));
    let took = stage.now() - before;
    assert!(took >= IMPATIENCE, "given up after {took:?}");
    assert_eq!(stage.open_sockets(), open - 1, "the abort has closed it");
    // The peer has the data, and then the reset or the end that was on its way before it.
    stage.play(&mut [&mut reader]);
    assert_eq!(reader.heard, b"bye");
    assert!(matches!(reader.end[0], Some(Ok(0) | Err(Error::ConnectionReset))), "{:?}", reader.end);
    let late = [(); 2].map(|()| {
        let sent = stage.cx().try_send(far, b"anybody?");
        stage.idle(SILENCE);
        sent
    });
    assert_eq!(late[1], Err(Error::ConnectionReset), "{late:?}");
}

fn a_drain_tells_of_a_reset_and_closes_all_the_same<B: Backend>() {
    let mut stage = Stage::<B>::new();
    let (near, far) = stage.pair();
    stage.send(near, b"never read");
    stage.cx().abort(far).expect("it is open");
    stage.idle(SILENCE);
    let open = stage.open_sockets();
    let mut farewell = Farewell::to(near);
    stage.play(&mut [&mut farewell]);
    let drained = farewell.result.expect("it has ended");
    assert!(matches!(drained, Ok(Err(Error::ConnectionReset | Error::NotConnected))), "{drained:?}");
    // Where it could not even be shut down, it is the author's to close.
    if drained == Ok(Err(Error::NotConnected)) {
        stage.cx().close(near).expect("it is open");
    }
    assert_eq!(stage.open_sockets(), open - 1);
    // While it drains.
    let (near, far) = stage.pair();
    let mut farewell = Farewell::to(near);
    let mut abort = AbortAfter { pt: PtTimed::new(), socket: far };
    let open = stage.open_sockets();
    stage.play(&mut [&mut farewell, &mut abort]);
    assert_eq!(farewell.result, Some(Ok(Err(Error::ConnectionReset))));
    assert_eq!(stage.open_sockets(), open - 2);
}

struct AbortAfter {
    pt: PtTimed,
    socket: TcpSocket,
}

impl<P: Platform> Protothread<P> for AbortAfter {
    type Output = Result<(), Error>;

    #[protothread]
    fn run(&mut self, cx: &mut Cx<'_, P>, _: &mut ()) -> Result<(), Error> {
        wait!(sleep!(Duration::from_millis(3)));
        cx.abort(self.socket)
    }
}

fn settings_are_taken_before_and_after_the_connect<B: Backend>() {
    let keepalive = Keepalive { idle: Duration::from_secs(30), interval: Duration::from_secs(5), probes: 4 };
    let mut stage = Stage::<B>::new();
    let (listener, address) = stage.listen();
    let socket = stage.cx().tcp_socket(&Options::DEFAULT).expect("a socket is left");
    // What a socket remembers, and what it cannot have yet.
    assert_eq!(stage.cx().set_nodelay(socket, true), Ok(()));
    assert_eq!(stage.cx().set_receive_buffer(socket, 8192), Ok(()));
    assert_eq!(stage.cx().set_send_buffer(socket, 8192), Ok(()));
    assert_eq!(stage.cx().set_keepalive(socket, Some(keepalive)), Err(Error::NotConnected));
    assert_eq!(stage.cx().set_user_timeout(socket, Duration::from_secs(30)), Err(Error::NotConnected));
    assert_eq!(stage.cx().set_hop_limit(socket, 3), Err(Error::NotConnected));
    assert!(stage.cx().connect_on(socket, address).is_pending());
    let mut take = Take::from(listener);
    stage.play(&mut [&mut take]);
    stage.idle(SILENCE);
    assert_eq!(stage.cx().connect_on(socket, address), Poll::Ready(Ok(())));
    // The connection has them: a small send buffer takes less at once.
    let few = stage.fill(socket, 1);
    let (wide, _) = stage.pair();
    let many = stage.fill(wide, 1);
    assert!(few < many, "{few} and {many} bytes were accepted");
    // All of them on an open connection.
    assert_eq!(stage.cx().set_nodelay(socket, false), Ok(()));
    assert_eq!(stage.cx().set_receive_buffer(socket, 16_384), Ok(()));
    assert_eq!(stage.cx().set_send_buffer(socket, 16_384), Ok(()));
    for setting in [Some(keepalive), None] {
        assert_eq!(stage.cx().set_keepalive(socket, setting), Ok(()));
    }
    for timeout in [Duration::from_secs(30), Duration::ZERO] {
        assert_eq!(stage.cx().set_user_timeout(socket, timeout), Ok(()));
    }
    assert_eq!(stage.cx().set_hop_limit(socket, 3), Ok(()));
    assert_eq!(stage.cx().set_hop_limit(socket, 0), Err(Error::InvalidArgument));
    // A UDP socket has buffers and hops as well.
    let (udp, _) = stage.udp();
    assert_eq!(stage.cx().set_receive_buffer(udp, 16_384), Ok(()));
    assert_eq!(stage.cx().set_send_buffer(udp, 16_384), Ok(()));
    assert_eq!(stage.cx().set_hop_limit(udp, 3), Ok(()));
    assert_eq!(stage.cx().set_hop_limit(udp, 0), Err(Error::InvalidArgument));
    // The stream is as good as before.
    let mut receiver = Receiver::exactly(take.socket, 1, few);
    stage.play(&mut [&mut receiver]);
    stage.cx().close(socket).expect("it is open");
    assert_eq!(stage.cx().set_keepalive(socket, None), Err(Error::InvalidHandle));
    assert_eq!(stage.cx().set_user_timeout(socket, Duration::ZERO), Err(Error::InvalidHandle));
    assert_eq!(stage.cx().set_receive_buffer(socket, 1), Err(Error::InvalidHandle));
    let timer = stage.cx().timer().expect("a timer is left");
    assert_eq!(stage.cx().set_receive_buffer(timer, 1), Err(Error::NotSupported));
}

fn a_port_is_shared_by_those_who_ask_for_it<B: Backend>() {
    let shared = Options { reuse: Reuse::Port, ..Options::DEFAULT };
    let mut stage = Stage::<B>::new();
    let address = stage.backend.v4();
    let (first, address) = stage.listen_at(address, &shared);
    let (second, same) = stage.listen_at(address, &shared);
    assert_eq!(same, address);
    assert_eq!(stage.cx().listen(address), Err(Error::AddressInUse), "who does not ask does not share");
    // Every connection reaches one of them, whichever it is.
    let clients: Vec<_> = (0..20)
        .map(|_| {
            let mut dial = Dial::to(address);
            stage.play(&mut [&mut dial]);
            dial.socket
        })
        .collect();
    stage.idle(SILENCE);
    let mut accepted = 0;
    for listener in [first, second] {
        while let Ok(socket) = stage.cx().try_accept(listener) {
            accepted += 1;
            stage.cx().close(socket).expect("it is open");
        }
    }
    assert_eq!(accepted, clients.len());
    // UDP likewise: each datagram reaches one.
    let address = stage.backend.v4();
    let (one, address) = stage.udp_at(address, &shared);
    let (other, _) = stage.udp_at(address, &shared);
    assert_eq!(stage.cx().udp_socket(address), Err(Error::AddressInUse));
    for number in 0..20 {
        let (sender, _) = stage.udp();
        stage.send_to(sender, &[number], address);
        stage.cx().close(sender).expect("it is open");
    }
    assert_eq!(stage.receive_all(one).len() + stage.receive_all(other).len(), 20);
    // One that did not ask for it keeps others out.
    let (private, address) = stage.udp();
    assert_eq!(stage.cx().udp_socket_with(address, &shared), Err(Error::AddressInUse));
    stage.cx().close(private).expect("it is open");
}

fn both_ends_agree_on_their_addresses<B: Backend>() {
    let mut stage = Stage::<B>::new();
    for address in [stage.backend.v4(), stage.backend.v6()] {
        let (listener, address) = stage.listen_at(address, &Options::DEFAULT);
        assert_ne!(address.port(), 0);
        assert_eq!(stage.cx().peer_address(listener), Err(Error::NotConnected));
        let (mut dial, mut take) = (Dial::to(address), Take::from(listener));
        stage.play(&mut [&mut dial, &mut take]);
        let mut cx = stage.cx();
        let near = (cx.local_address(dial.socket), cx.peer_address(dial.socket));
        let far = (cx.local_address(take.socket), cx.peer_address(take.socket));
        assert_eq!(near, (far.1, far.0));
        assert_eq!(near.1, Ok(address));
        assert!(near.0.is_ok_and(|local| local != address));
        cx.close(dial.socket).expect("it is open");
        assert_eq!(cx.peer_address(dial.socket), Err(Error::InvalidHandle));
    }
    let early = stage.cx().tcp_socket(&Options::DEFAULT).expect("a socket is left");
    assert_eq!(stage.cx().local_address(early), Err(Error::NotConnected));
    assert_eq!(stage.cx().peer_address(early), Err(Error::NotConnected));
    let timer = stage.cx().timer().expect("a timer is left");
    assert_eq!(stage.cx().local_address(timer), Err(Error::NotSupported));
}

fn a_backlog_holds_as_many_as_it_says<B: Backend>() {
    let mut stage = Stage::<B>::new();
    for backlog in [1, 4, 20] {
        let address = stage.backend.v4();
        let (listener, address) = stage.listen_at(address, &Options { backlog, ..Options::DEFAULT });
        let attempts = backlog + 5;
        for _ in 0..attempts {
            let socket = stage.cx().tcp_socket(&Options::DEFAULT).expect("a socket is left");
            assert!(stage.cx().connect_on(socket, address).is_pending());
            // One that finds no room says nothing: it tries again later.
            let mut pause = Pause::of(Duration::from_millis(1));
            stage.play(&mut [&mut pause]);
        }
        let mut accepted = 0;
        while let Ok(socket) = stage.cx().try_accept(listener) {
            accepted += 1;
            stage.cx().abort(socket).expect("it is open");
        }
        assert!((backlog..=backlog + 1).contains(&accepted), "{accepted} waited with a backlog of {backlog}");
        stage.cx().close(listener).expect("it is open");
    }
}
