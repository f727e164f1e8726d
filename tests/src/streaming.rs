//! Behaviours 9 to 11, 16, 17, 22 and 23: bytes on their way, in order and fairly.

use core::cell::Cell;

use ptk_core::prelude::*;

use crate::actors::{Echo, Pause, Receiver, Sender, Take, pattern};
use crate::backend::Backend;
use crate::stage::{SILENCE, Stage};

/// Buffers so small that every large send is accepted in part.
const SMALL: Options = Options { send_buffer: 4096, receive_buffer: 4096, ..Options::DEFAULT };

/// 9. Echo of 1 byte to 1 MiB is byte-exact.
pub(crate) fn an_echo_is_byte_exact_at_every_size<B: Backend>() {
    const SIZES: [u64; 19] = [
        1,
        2,
        3,
        7,
        64,
        255,
        256,
        1023,
        1460,
        1461,
        4095,
        4096,
        4097,
        16_384,
        65_535,
        65_536,
        65_537,
        300_001,
        1 << 20,
    ];
    let mut stage = Stage::<B>::new();
    for address in [stage.backend.v4(), stage.backend.v6()] {
        let (near, far) = stage.pair_at(address, &Options::DEFAULT);
        for (seed, size) in SIZES.into_iter().enumerate() {
            let seed = seed as u8;
            let (mut sender, mut receiver) = (Sender::new(near, seed, size), Receiver::exactly(near, seed, size));
            let mut echo = Echo::on(far);
            // An echo never ends by itself: it is cancelled when both others are done.
            let done = Cell::new(0);
            let (mut sent, mut received) = (Counted::new(&mut sender, &done), Counted::new(&mut receiver, &done));
            let mut stop = StopAt { pt: Pt::new(), done: &done, count: 2 };
            stage.play(&mut [&mut echo, &mut sent, &mut received, &mut stop]);
            assert_eq!(receiver.received, size);
        }
        // Nothing is left over.
        assert_eq!(stage.cx().try_recv(near, &mut [0; 8]), Err(Error::WouldBlock));
        for socket in [near, far] {
            stage.cx().close(socket).expect("it is open");
        }
    }
}

/// Runs another protothread and counts it when it is done.
struct Counted<'a, T> {
    pt: Pt,
    body: &'a mut T,
    done: &'a Cell<u32>,
}

impl<'a, T> Counted<'a, T> {
    fn new(body: &'a mut T, done: &'a Cell<u32>) -> Self {
        Counted { pt: Pt::new(), body, done }
    }
}

impl<P: Platform, T: Protothread<P, Output = Result<(), Error>>> Protothread<P> for Counted<'_, T> {
    type Output = Result<(), Error>;

    #[protothread]
    fn run(&mut self, cx: &mut Cx<'_, P>, shared: &mut ()) -> Result<(), Error> {
        wait!(self.body.run(cx, shared))?;
        self.done.set(self.done.get() + 1);
        Ok(())
    }
}

/// Stops the loop when so many others are done.
struct StopAt<'a> {
    pt: Pt,
    done: &'a Cell<u32>,
    count: u32,
}

impl<P: Platform> Protothread<P> for StopAt<'_> {
    type Output = ();

    #[protothread]
    fn run(&mut self, cx: &mut Cx<'_, P>, _: &mut ()) {
        while self.done.get() < self.count {
            yield_now!();
        }
        cx.stop();
    }
}

/// 10. Partial writes resume in order.
pub(crate) fn partial_writes_resume_in_order<B: Backend>() {
    const TOTAL: u64 = 400_000;
    let mut stage = Stage::<B>::new();
    // A protothread that sends to one who begins to listen late.
    let (near, far) = stage.pair_with(&SMALL);
    let (mut sender, mut receiver) = (Sender::new(near, 1, TOTAL), Receiver::exactly(far, 1, TOTAL).after(SILENCE));
    stage.play(&mut [&mut sender, &mut receiver]);
    assert!(sender.partial > 0, "no send was partial: the case did not come up");
    // A handler that goes on whenever it is told that it may.
    let (near, far) = stage.pair_with(&SMALL);
    stage.cx().set_handler(near).expect("nobody waits");
    let (mut sent, mut blocked, mut resumed) = (0, 0, 0);
    let mut receiver = Receiver::exactly(far, 2, TOTAL).after(SILENCE);
    stage.play_with(&mut [&mut receiver], |cx, handle, event| {
        assert_eq!((Some(handle), event), (near.handle(), Event::Writable));
        resumed += 1;
        while sent < TOTAL {
            let chunk: Vec<u8> = (sent..TOTAL.min(sent + 50_000)).map(|at| pattern(2, at)).collect();
            match cx.try_send(near, &chunk) {
                Ok(count) => sent += count as u64,
                Err(Error::WouldBlock) => {
                    blocked += 1;
                    break;
                }
                Err(error) => return Err(error),
            }
        }
        Ok(())
    });
    assert_eq!((receiver.received, sent), (TOTAL, TOTAL));
    assert!(blocked > 0 && resumed == blocked + 1, "blocked {blocked} times, resumed {resumed} times");
}

/// Sends numbered records, each in a send of its own.
struct Records {
    pt: Pt,
    socket: TcpSocket,
    next: u32,
    buffer: Buffer<64>,
}

const RECORDS: u32 = 5000;

impl<P: Platform> Protothread<P> for Records {
    type Output = Result<(), Error>;

    #[protothread]
    fn run(&mut self, cx: &mut Cx<'_, P>, _: &mut ()) -> Result<(), Error> {
        while self.next < RECORDS {
            self.buffer.put_u32_be(self.next)?;
            self.buffer.put_slice(&[self.next as u8; 60][..self.next as usize % 60])?;
            wait!(cx.send_all(self.socket, &mut self.buffer))?;
            self.next += 1;
        }
        Ok(())
    }
}

/// Receives them, each with one exact receive for its head and one for its body.
struct Checks {
    pt: Pt,
    socket: TcpSocket,
    next: u32,
    buffer: Buffer<64>,
}

impl<P: Platform> Protothread<P> for Checks {
    type Output = Result<(), Error>;

    #[protothread]
    fn run(&mut self, cx: &mut Cx<'_, P>, _: &mut ()) -> Result<(), Error> {
        while self.next < RECORDS {
            wait!(cx.recv_exact(self.socket, &mut self.buffer, 4 + self.next as usize % 60))?;
            assert_eq!(self.buffer.get_u32_be()?, self.next);
            let body = self.next as usize % 60;
            assert!(self.buffer.readable()[..body].iter().all(|byte| *byte == self.next as u8));
            self.buffer.consume(body);
            self.next += 1;
        }
        Ok(())
    }
}

/// 11. Many sends keep their order.
pub(crate) fn many_sends_keep_their_order<B: Backend>() {
    let mut stage = Stage::<B>::new();
    for options in [Options::DEFAULT, Options { nodelay: true, ..SMALL }] {
        let (near, far) = stage.pair_with(&options);
        let mut records = Records { pt: Pt::new(), socket: near, next: 0, buffer: Buffer::new() };
        let mut checks = Checks { pt: Pt::new(), socket: far, next: 0, buffer: Buffer::new() };
        stage.play(&mut [&mut records, &mut checks]);
        assert_eq!(checks.next, RECORDS);
    }
}

/// 16. After a half-close the other direction still works.
pub(crate) fn after_a_half_close_the_other_direction_works<B: Backend>() {
    const TOTAL: u64 = 150_000;
    let mut stage = Stage::<B>::new();
    let (near, far) = stage.pair();
    stage.send(near, &[pattern(1, 0)]);
    stage.cx().shutdown(near, Half::Write).expect("it is up");
    let mut far_reader = Receiver::to_the_end(far, 1);
    stage.play(&mut [&mut far_reader]);
    assert!(far_reader.ended && far_reader.received == 1);
    let (mut sender, mut receiver) = (Sender::new(far, 2, TOTAL), Receiver::exactly(near, 2, TOTAL));
    stage.play(&mut [&mut sender, &mut receiver]);
    assert_eq!(stage.cx().try_send(near, b"x"), Err(Error::NotConnected), "that half is over");
    stage.cx().shutdown(far, Half::Write).expect("this half is not over yet");
    let mut end = Receiver::to_the_end(near, 0);
    stage.play(&mut [&mut end]);
    assert!(end.ended && end.received == 0);
}

/// 17. shutdown(write) sends what is queued first.
pub(crate) fn a_shutdown_sends_what_is_queued_first<B: Backend>() {
    let mut stage = Stage::<B>::new();
    for options in [SMALL, Options::DEFAULT] {
        let (near, far) = stage.pair_with(&options);
        let sent = stage.fill(near, 5);
        stage.cx().shutdown(near, Half::Write).expect("it is up");
        let mut receiver = Receiver::to_the_end(far, 5);
        stage.play(&mut [&mut receiver]);
        assert_eq!((receiver.received, receiver.ended), (sent, true));
    }
    // The same for a close.
    let (near, far) = stage.pair_with(&SMALL);
    let sent = stage.fill(near, 6);
    stage.cx().close(near).expect("it is open");
    let mut receiver = Receiver::to_the_end(far, 6);
    stage.play(&mut [&mut receiver]);
    assert_eq!((receiver.received, receiver.ended), (sent, true));
}

/// Sends as fast as it can, for ever.
struct Hose {
    pt: Pt,
    socket: TcpSocket,
    buffer: Box<Buffer<32_768>>,
}

impl<P: Platform> Protothread<P> for Hose {
    type Output = Result<(), Error>;

    #[protothread]
    fn run(&mut self, cx: &mut Cx<'_, P>, _: &mut ()) -> Result<(), Error> {
        loop {
            let room = self.buffer.writable().len();
            self.buffer.commit(room);
            wait!(cx.send(self.socket, &mut self.buffer))?;
        }
    }
}

/// Receives for ever, in small pieces, and counts them.
struct Drain<'a> {
    pt: Pt,
    socket: TcpSocket,
    buffer: Buffer<8>,
    pieces: &'a Cell<u32>,
}

impl<P: Platform> Protothread<P> for Drain<'_> {
    type Output = Result<(), Error>;

    #[protothread]
    fn run(&mut self, cx: &mut Cx<'_, P>, _: &mut ()) -> Result<(), Error> {
        loop {
            let count = wait!(cx.recv(self.socket, &mut self.buffer))?;
            assert_ne!(count, 0, "the hose is never turned off");
            self.buffer.clear();
            self.pieces.set(self.pieces.get() + 1);
        }
    }
}

/// Sends a byte and waits for its echo, again and again, and notes how much the drain took meanwhile.
struct Pings<'a> {
    pt: Pt,
    socket: TcpSocket,
    buffer: Buffer<8>,
    rounds: u32,
    pieces: &'a Cell<u32>,
    /// The most pieces that came between two steps.
    most: u32,
    total: u32,
}

const ROUNDS: u32 = 200;

impl<P: Platform> Protothread<P> for Pings<'_> {
    type Output = Result<(), Error>;

    #[protothread]
    fn run(&mut self, cx: &mut Cx<'_, P>, _: &mut ()) -> Result<(), Error> {
        // The flood has to be on its way.
        while self.pieces.get() == 0 {
            yield_now!();
        }
        while self.rounds < ROUNDS {
            self.pieces.set(0);
            self.buffer.put_u8(self.rounds as u8)?;
            wait!(cx.send_all(self.socket, &mut self.buffer))?;
            wait!(cx.recv_exact(self.socket, &mut self.buffer, 1))?;
            assert_eq!(self.buffer.get_u8()?, self.rounds as u8);
            self.most = self.most.max(self.pieces.get());
            self.total += self.pieces.get();
            self.rounds += 1;
        }
        cx.stop();
        Ok(())
    }
}

/// How many pieces of a flood a round trip may have to wait for: it takes a handful of turns, and a task may take 64 pieces
/// a turn.
const FAIR: u32 = 64 * 12;

fn ping_beside_a_flood<B: Backend>(
    stage: &mut Stage<B>,
    flooded: TcpSocket,
    hose: Option<TcpSocket>,
    by_handler: bool,
) {
    let (near, far) = stage.pair();
    let pieces = Cell::new(0);
    let mut pings =
        Pings { pt: Pt::new(), socket: near, buffer: Buffer::new(), rounds: 0, pieces: &pieces, most: 0, total: 0 };
    let mut echo = Echo::on(far);
    let mut drain = Drain { pt: Pt::new(), socket: flooded, buffer: Buffer::new(), pieces: &pieces };
    let mut idle = Pause::of(Duration::MAX);
    let mut source = hose.map(|socket| Hose { pt: Pt::new(), socket, buffer: Box::default() });
    let mut cast: Vec<&mut dyn ptk_core::DynTask<B::Platform>> = Vec::new();
    match &mut source {
        Some(hose) => cast.push(hose),
        None => cast.push(&mut idle),
    }
    if by_handler {
        stage.cx().set_handler(flooded).expect("nobody waits");
    } else {
        cast.push(&mut drain);
    }
    cast.push(&mut echo);
    cast.push(&mut pings);
    stage.play_with(&mut cast, |cx, handle, _| {
        assert_eq!(Some(handle), flooded.handle());
        // As greedy as can be.
        while cx.try_recv(flooded, &mut [0; 8]).is_ok() {
            pieces.set(pieces.get() + 1);
        }
        Ok(())
    });
    assert_eq!(pings.rounds, ROUNDS);
    assert!(pings.most <= FAIR, "{} pieces came first (handler: {by_handler})", pings.most);
    assert!(pings.total > ROUNDS, "there was no flood: {} pieces in {ROUNDS} rounds", pings.total);
    for socket in [near, far, flooded] {
        stage.cx().close(socket).expect("it is open");
    }
}

/// 22. A fast sender cannot starve a second socket.
pub(crate) fn a_fast_sender_cannot_starve_another_socket<B: Backend>() {
    let mut stage = Stage::<B>::new();
    for by_handler in [false, true] {
        let (hose, flooded) = stage.pair();
        ping_beside_a_flood(&mut stage, flooded, Some(hose), by_handler);
        // From outside, it is faster than any loop can drain it in such small pieces.
        let (listener, address) = stage.listen();
        if B::flood(address) {
            let mut take = Take::from(listener);
            stage.play(&mut [&mut take]);
            ping_beside_a_flood(&mut stage, take.socket, None, by_handler);
        }
    }
}

/// Receives so many bytes, urgent ones not counted.
struct Words {
    pt: Pt,
    socket: TcpSocket,
    buffer: Buffer<64>,
    wanted: usize,
    heard: Vec<u8>,
}

impl Words {
    fn new(socket: TcpSocket, wanted: usize) -> Self {
        Words { pt: Pt::new(), socket, buffer: Buffer::new(), wanted, heard: Vec::new() }
    }
}

impl<P: Platform> Protothread<P> for Words {
    type Output = Result<(), Error>;

    #[protothread]
    fn run(&mut self, cx: &mut Cx<'_, P>, _: &mut ()) -> Result<(), Error> {
        while self.heard.len() < self.wanted {
            wait!(cx.recv(self.socket, &mut self.buffer))?;
            self.heard.extend(ordinary(self.buffer.readable()));
            self.buffer.clear();
        }
        Ok(())
    }
}

/// What the tests send as urgent data, and nothing else.
const URGENT: u8 = 0xff;

/// The bytes that are not urgent. An urgent byte that another overtakes may become one of the others (RFC 6093, 3.2).
fn ordinary(bytes: &[u8]) -> impl Iterator<Item = u8> + '_ {
    bytes.iter().copied().filter(|byte| *byte != URGENT)
}

/// 23. Out-of-band data does not make the loop spin.
pub(crate) fn urgent_data_do_not_make_the_loop_spin<B: Backend>() {
    const ROUNDS: usize = 10;
    let mut stage = Stage::<B>::new();
    let (listener, address) = stage.listen();
    for by_handler in [false, true] {
        let mut peer = B::urgent_peer(stage.cx().platform(), address);
        let mut take = Take::from(listener);
        stage.play(&mut [&mut take]);
        let socket = take.socket;
        // Alone; in the middle of data; and again and again.
        let mut cx = stage.cx();
        peer.send_urgent(cx.platform(), URGENT);
        for _ in 0..ROUNDS {
            peer.send(cx.platform(), b"before ");
            peer.send_urgent(cx.platform(), URGENT);
            peer.send(cx.platform(), b"after ");
        }
        let expected = b"before after ".repeat(ROUNDS);
        let before = stage.turns();
        let heard = if by_handler {
            stage.cx().set_handler(socket).expect("nobody waits");
            hear_words(&mut stage, socket, expected.len())
        } else {
            let mut words = Words::new(socket, expected.len());
            stage.play(&mut [&mut words]);
            words.heard
        };
        assert_eq!(heard, expected, "all that is not urgent");
        let turns = stage.turns() - before;
        assert!(turns < 100, "{turns} turns for thirty pieces");
        // One that comes now, and that nobody takes.
        peer.send_urgent(stage.cx().platform(), URGENT);
        if by_handler {
            stage.cx().remove_handler(socket).expect("it has one");
        }
        let turns = stage.idle(SILENCE);
        assert!(turns < 20, "{turns} turns in which nothing happened");
        // One that comes while somebody waits, which is not what it waits for; and behind it something that is.
        let mut words = Words::new(socket, 2);
        let mut pause = Pause::of(SILENCE);
        peer.send(stage.cx().platform(), b"y");
        peer.send_urgent(stage.cx().platform(), URGENT);
        let before = stage.turns();
        let mut later =
            Later { pt: Pt::new(), pause: &mut pause, then: |platform: &mut B::Platform| peer.send(platform, b"z") };
        stage.play(&mut [&mut words, &mut later]);
        let turns = stage.turns() - before;
        assert!(turns < 20, "{turns} turns for two bytes");
        assert_eq!(words.heard, b"yz");
    }
}

/// Takes all that a handler is told of, until so many bytes were heard.
fn hear_words<B: Backend>(stage: &mut Stage<B>, socket: TcpSocket, wanted: usize) -> Vec<u8> {
    let mut heard = Vec::new();
    stage.handle(|cx, handle, event| {
        assert_eq!(Some(handle), socket.handle());
        let mut chunk = [0; 256];
        if event != Event::Readable {
            return Ok(());
        }
        loop {
            match cx.try_recv(socket, &mut chunk) {
                Ok(count) => heard.extend(ordinary(&chunk[..count])),
                Err(Error::WouldBlock) => break,
                Err(error) => return Err(error),
            }
        }
        if heard.len() == wanted {
            cx.stop();
        }
        Ok(())
    });
    heard
}

/// Does something after a pause.
struct Later<'a, F> {
    pt: Pt,
    pause: &'a mut Pause,
    then: F,
}

impl<P: Platform, F: FnMut(&mut P)> Protothread<P> for Later<'_, F> {
    type Output = ();

    #[protothread]
    fn run(&mut self, cx: &mut Cx<'_, P>, shared: &mut ()) {
        wait!(self.pause.run(cx, shared));
        (self.then)(cx.platform());
    }
}
