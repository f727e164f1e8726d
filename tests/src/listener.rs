//! Behaviours 25 to 32: listeners, and what is left when something runs out.

use core::cell::{Cell, RefCell};
use core::task::Poll;
use std::net::SocketAddr;

use ptk_core::prelude::*;

use crate::actors::{Dial, Pause, Reader, Receiver, Take};
use crate::backend::Backend;
use crate::stage::{SILENCE, Stage};

/// Connects `count` sockets, each of which sends its number; nobody accepts yet.
fn connect_and_send<B: Backend, const N: usize>(stage: &mut Stage<B, N>, to: SocketAddr, count: u8) -> Vec<TcpSocket> {
    (0..count)
        .map(|number| {
            let mut dial = Dial::to(to);
            stage.play(&mut [&mut dial]);
            stage.send(dial.socket, &[number]);
            dial.socket
        })
        .collect()
}

/// Accepts so many connections.
struct Acceptor<'a> {
    pt: Pt,
    listener: TcpListener,
    wanted: usize,
    socket: TcpSocket,
    taken: &'a RefCell<Vec<TcpSocket>>,
}

impl<'a> Acceptor<'a> {
    fn new(listener: TcpListener, wanted: usize, taken: &'a RefCell<Vec<TcpSocket>>) -> Self {
        Acceptor { pt: Pt::new(), listener, wanted, socket: TcpSocket::NONE, taken }
    }
}

impl<P: Platform> Protothread<P> for Acceptor<'_> {
    type Output = Result<(), Error>;

    #[protothread]
    fn run(&mut self, cx: &mut Cx<'_, P>, _: &mut ()) -> Result<(), Error> {
        while self.taken.borrow().len() < self.wanted {
            self.socket = wait!(cx.accept(self.listener))?;
            cx.detach(self.socket)?;
            self.taken.borrow_mut().push(self.socket);
        }
        Ok(())
    }
}

/// The numbers that the accepted connections sent, in order.
fn numbers<B: Backend, const N: usize>(stage: &mut Stage<B, N>, sockets: &[TcpSocket]) -> Vec<u8> {
    let mut numbers = Vec::new();
    for socket in sockets {
        let mut number = Number { pt: Pt::new(), socket: *socket, buffer: Buffer::new() };
        stage.play(&mut [&mut number]);
        numbers.extend(number.buffer.readable());
    }
    numbers.sort_unstable();
    numbers
}

/// Receives one byte.
struct Number {
    pt: Pt,
    socket: TcpSocket,
    buffer: Buffer<4>,
}

impl<P: Platform> Protothread<P> for Number {
    type Output = Result<(), Error>;

    #[protothread]
    fn run(&mut self, cx: &mut Cx<'_, P>, _: &mut ()) -> Result<(), Error> {
        wait!(cx.recv_exact(self.socket, &mut self.buffer, 1))
    }
}

/// 25. N queued connections are all accepted.
pub(crate) fn all_queued_connections_are_accepted<B: Backend>() {
    const COUNT: u8 = 50;
    let expected: Vec<u8> = (0..COUNT).collect();
    let mut stage = Stage::<B>::new();
    for by_handler in [false, true] {
        let (listener, address) = stage.listen();
        let clients = connect_and_send(&mut stage, address, COUNT);
        let taken = RefCell::new(Vec::new());
        if by_handler {
            stage.cx().set_handler(listener).expect("nobody waits");
            stage.handle(|cx, handle, event| {
                assert_eq!((Some(handle), event), (listener.handle(), Event::Readable));
                // Not all at once: it is told again while somebody is left.
                for _ in 0..7 {
                    match cx.try_accept(listener) {
                        Ok(socket) => taken.borrow_mut().push(socket),
                        Err(Error::WouldBlock) => break,
                        Err(error) => return Err(error),
                    }
                }
                if taken.borrow().len() == COUNT.into() {
                    cx.stop();
                }
                Ok(())
            });
        } else {
            let mut acceptor = Acceptor::new(listener, COUNT.into(), &taken);
            stage.play(&mut [&mut acceptor]);
        }
        let taken = taken.into_inner();
        assert_eq!(numbers(&mut stage, &taken), expected);
        assert_eq!(stage.cx().try_accept(listener), Err(Error::WouldBlock));
        for socket in clients.into_iter().chain(taken) {
            stage.cx().close(socket).expect("it is open");
        }
        stage.cx().close(listener).expect("it is open");
    }
}

/// 26. A late accept works.
pub(crate) fn a_late_accept_finds_the_connection_and_its_data<B: Backend>() {
    let mut stage = Stage::<B>::new();
    // The loop has long told that somebody is there.
    let (listener, address) = stage.listen();
    let clients = connect_and_send(&mut stage, address, 1);
    stage.idle(SILENCE);
    let mut take = Take::from(listener);
    stage.play(&mut [&mut take]);
    assert_eq!(numbers(&mut stage, &[take.socket]), [0]);
    // The client has said all and gone before.
    stage.cx().close(take.socket).expect("it is open");
    stage.cx().close(clients[0]).expect("it is open");
    let clients = connect_and_send(&mut stage, address, 1);
    stage.cx().close(clients[0]).expect("it is open");
    stage.idle(SILENCE);
    let mut take = Take::from(listener);
    stage.play(&mut [&mut take]);
    let mut reader = Reader::of(take.socket);
    stage.play(&mut [&mut reader]);
    assert_eq!((&reader.heard[..], reader.end[0]), (&[0][..], Some(Ok(0))));
    // A handler that comes late is told all the same.
    connect_and_send(&mut stage, address, 1);
    stage.idle(SILENCE);
    stage.cx().set_handler(listener).expect("nobody waits");
    let heard = stage.hear_until(|heard| !heard.is_empty());
    assert_eq!(heard, [(listener.handle().expect("it is open"), Event::Readable)]);
    assert!(stage.cx().try_accept(listener).is_ok());
}

/// 27. bind reports address in use and address not available.
pub(crate) fn bind_tells_what_is_wrong_with_the_address<B: Backend>() {
    let mut stage = Stage::<B>::new();
    let shared = Options { reuse: ptk_core::Reuse::Port, ..Options::DEFAULT };
    let foreign: [SocketAddr; 2] =
        ["192.0.2.1:0", "[2001:db8::1]:0"].map(|address| address.parse().expect("it is an address"));
    for address in [stage.backend.v4(), stage.backend.v6()] {
        let (listener, address) = stage.listen_at(address, &Options::DEFAULT);
        let open = stage.open_sockets();
        assert_eq!(stage.cx().listen(address), Err(Error::AddressInUse));
        assert_eq!(stage.cx().listen_with(address, &shared), Err(Error::AddressInUse), "the other does not share");
        for foreign in foreign {
            assert_eq!(stage.cx().listen(foreign), Err(Error::AddressNotAvailable));
        }
        assert_eq!(stage.open_sockets(), open);
        // The first listener is not disturbed.
        let (mut dial, mut take) = (Dial::to(address), Take::from(listener));
        stage.play(&mut [&mut dial, &mut take]);
        // When it is closed the address is free again, for those that share it even twice.
        stage.cx().close(listener).expect("it is open");
        for socket in [dial.socket, take.socket] {
            stage.cx().close(socket).expect("it is open");
        }
        let (first, _) = stage.listen_at(address, &shared);
        let (second, _) = stage.listen_at(address, &shared);
        assert_ne!(first, second);
    }
}

/// 28. Closing the listener leaves accepted sockets alive.
pub(crate) fn accepted_sockets_outlive_their_listener<B: Backend>() {
    let mut stage = Stage::<B>::new();
    let (listener, address) = stage.listen();
    let clients = connect_and_send(&mut stage, address, 3);
    let taken = RefCell::new(Vec::new());
    let mut acceptor = Acceptor::new(listener, 3, &taken);
    stage.play(&mut [&mut acceptor]);
    let taken = taken.into_inner();
    // One more protothread waits for somebody, and is told that nobody comes.
    let (mut waiter, mut closer) = (Take::from(listener), CloseLater { pt: Pt::new(), listener });
    let results = stage.try_play(&mut [&mut waiter, &mut closer], |_, _, _| Ok(()));
    assert_eq!(results, [Some(Err(Error::InvalidHandle)), Some(Ok(()))]);
    assert_eq!(numbers(&mut stage, &taken), [0, 1, 2]);
    for (client, accepted) in clients.into_iter().zip(taken) {
        let mut sender = crate::actors::Sender::new(accepted, 4, 100_000);
        let mut receiver = Receiver::exactly(client, 4, 100_000);
        stage.play(&mut [&mut sender, &mut receiver]);
    }
    let mut dial = Dial::to(address);
    assert_eq!(stage.try_play(&mut [&mut dial], |_, _, _| Ok(())), [Some(Err(Error::ConnectionRefused))]);
}

/// Closes a listener when others have begun to wait.
struct CloseLater {
    pt: Pt,
    listener: TcpListener,
}

impl<P: Platform> Protothread<P> for CloseLater {
    type Output = Result<(), Error>;

    #[protothread]
    fn run(&mut self, cx: &mut Cx<'_, P>, _: &mut ()) -> Result<(), Error> {
        yield_now!();
        cx.close(self.listener)
    }
}

/// Clients of [`goes_on_when_there_is_room`]; with the listener and the sockets that are accepted before there is no room
/// left, they make [`ROOM`].
const CLIENTS: usize = 6;

/// The sockets for which there is room.
const ROOM: usize = 1 + CLIENTS + 2;

/// Closes accepted sockets, one by one, each after a pause in which nothing may happen, and sees that each makes room for
/// one more.
struct Closer<'a> {
    pt: PtTimed,
    taken: &'a RefCell<Vec<TcpSocket>>,
    closed: usize,
    yields: u32,
    /// How many were accepted before each close, and soon after it.
    seen: Vec<(usize, usize)>,
}

/// Longer than any pause of accepting, so that it is tried again a few times.
const FAMINE: Duration = Duration::from_millis(350);

impl Closer<'_> {
    fn count(&self) -> usize {
        self.taken.borrow().len()
    }

    fn close_one<P: Platform>(&mut self, cx: &mut Cx<'_, P>) -> Result<(), Error> {
        let socket = self.taken.borrow()[self.closed];
        self.closed += 1;
        cx.close(socket)
    }
}

impl<P: Platform> Protothread<P> for Closer<'_> {
    type Output = Result<(), Error>;

    #[protothread]
    fn run(&mut self, cx: &mut Cx<'_, P>, _: &mut ()) -> Result<(), Error> {
        while self.closed + 2 < CLIENTS {
            wait!(sleep!(if self.closed < 2 { FAMINE } else { Duration::ZERO }));
            self.seen.push((self.count(), 0));
            self.close_one(cx)?;
            self.yields = 0;
            while self.yields < 4 {
                self.yields += 1;
                yield_now!();
            }
            let count = self.count();
            self.seen.last_mut().expect("it was just pushed").1 = count;
        }
        cx.stop();
        Ok(())
    }
}

/// More clients than there is room for: the first are accepted, the others wait without a spin, and each close lets one
/// more in. `refusal` is what an accept says that cannot wait.
fn goes_on_when_there_is_room<B: Backend, const N: usize>(
    mut new_stage: impl FnMut() -> Stage<B, N>,
    refusal: impl Fn(Error) -> bool,
) {
    let expected: Vec<(usize, usize)> = (2..CLIENTS).map(|count| (count, count + 1)).collect();
    for by_handler in [false, true] {
        let mut stage = new_stage();
        let (listener, address) = stage.listen();
        let clients = connect_and_send(&mut stage, address, CLIENTS as u8);
        let taken = RefCell::new(Vec::new());
        let mut acceptor = Acceptor::new(listener, CLIENTS + 1, &taken);
        let mut closer = Closer { pt: PtTimed::new(), taken: &taken, closed: 0, yields: 0, seen: Vec::new() };
        let (before, start) = (stage.event_loop.counters(), stage.now());
        let mut refusals = 0;
        if by_handler {
            stage.cx().set_handler(listener).expect("nobody waits");
            stage.play_with(&mut [&mut closer], |cx, handle, event| {
                assert_eq!((Some(handle), event), (listener.handle(), Event::Readable));
                loop {
                    match cx.try_accept(listener) {
                        Ok(socket) => taken.borrow_mut().push(socket),
                        Err(Error::WouldBlock) => return Ok(()),
                        Err(error) if refusal(error) => {
                            refusals += 1;
                            return Ok(());
                        }
                        Err(error) => panic!("accepting failed: {error}"),
                    }
                }
            });
        } else {
            stage.play(&mut [&mut acceptor, &mut closer]);
        }
        let after = stage.event_loop.counters();
        assert_eq!(closer.seen, expected, "by handler: {by_handler}");
        // Two famines, each with a few tries, and four closes with a few turns each.
        let turns = after.turns - before.turns;
        assert!(turns < 80, "{turns} turns in {:?}", stage.now() - start);
        assert!(after.polls - before.polls < 100, "{} polls", after.polls - before.polls);
        assert!(refusals < 40, "{refusals} refusals");
        for number in 0..CLIENTS - closer.closed {
            let socket = taken.borrow()[closer.closed + number];
            assert_eq!(numbers(&mut stage, &[socket]).len(), 1, "its connection is as good as any");
        }
        drop(clients);
    }
}

/// 29. Out of descriptors: no spin, and it recovers after a close.
pub(crate) fn without_descriptors_accepting_pauses_and_recovers<B: Backend>() {
    B::isolated("without_descriptors_accepting_pauses_and_recovers", || {
        goes_on_when_there_is_room(|| Stage::<B, 64>::scarce(ROOM), |error| error == Error::TooManyDescriptors);
        // Who connects is told at once.
        let mut stage = Stage::<B, 64>::scarce(3);
        let (_listener, address) = stage.listen();
        let (mut first, mut second, mut third) = (Dial::to(address), Dial::to(address), Dial::to(address));
        let results = stage.try_play(&mut [&mut first, &mut second, &mut third], |_, _, _| Ok(()));
        assert_eq!(results, [Some(Ok(())), Some(Ok(())), Some(Err(Error::TooManyDescriptors))]);
        assert_eq!(stage.open_sockets(), 3, "the handle of a failed connect is closed");
        stage.cx().close(first.socket).expect("it is open");
        let mut third = Dial::to(address);
        stage.play(&mut [&mut third]);
    });
}

/// 30. RST before accept does not stop the listener.
pub(crate) fn a_reset_before_the_accept_does_not_stop_the_listener<B: Backend>() {
    let mut stage = Stage::<B>::new();
    let (listener, address) = stage.listen();
    for live in [1, 2] {
        // Dead ones before, between and behind.
        let mut clients = Vec::new();
        for index in 0..live * 2 + 1 {
            let mut dial = Dial::to(address);
            stage.play(&mut [&mut dial]);
            if index % 2 == 0 {
                stage.cx().abort(dial.socket).expect("it is open");
            } else {
                stage.send(dial.socket, b"alive");
                stage.cx().shutdown(dial.socket, Half::Write).expect("it is up");
                clients.push(dial.socket);
            }
        }
        stage.idle(SILENCE);
        let mut heard = Vec::new();
        while heard.iter().filter(|end| **end == Some(Ok(0))).count() < live {
            let mut take = Take::from(listener);
            stage.play(&mut [&mut take]);
            let mut reader = Reader::of(take.socket);
            stage.play(&mut [&mut reader]);
            assert_eq!(reader.heard == b"alive", reader.end[0] == Some(Ok(0)), "{:?} {:?}", reader.heard, reader.end);
            heard.push(reader.end[0]);
            stage.cx().close(take.socket).expect("it is open");
        }
        // The backend may hand the dead ones out or skip them.
        let dead = heard.iter().filter(|end| **end == Some(Err(Error::ConnectionReset))).count();
        assert_eq!(dead + live, heard.len(), "{heard:?}");
        while let Ok(socket) = stage.cx().try_accept(listener) {
            stage.cx().close(socket).expect("it is open");
        }
        assert_eq!(stage.cx().try_accept(listener), Err(Error::WouldBlock));
    }
}

/// 31. Handle table full: backpressure, then it goes on.
pub(crate) fn a_full_table_holds_newcomers_back_and_goes_on<B: Backend>() {
    let is_full = |error| matches!(error, Error::TableFull { capacity, .. } if capacity as usize == ROOM);
    goes_on_when_there_is_room(Stage::<B, ROOM>::new, is_full);
    // Who connects or listens is told at once.
    let mut stage = Stage::<B, ROOM>::new();
    let (_listener, address) = stage.listen();
    for _ in 1..ROOM {
        assert!(stage.cx().tcp_socket(&Options::DEFAULT).is_ok());
    }
    let mut dial = Dial::to(address);
    let results = stage.try_play(&mut [&mut dial], |_, _, _| Ok(()));
    assert!(matches!(results[..], [Some(Err(Error::TableFull { capacity: 9, .. }))]), "{results:?}");
    assert!(matches!(stage.cx().tcp_socket(&Options::DEFAULT), Err(Error::TableFull { .. })));
    assert!(matches!(stage.cx().listen(address), Err(Error::TableFull { .. })));
}

/// Waits in line for connections, and writes its number down for each.
struct InLine<'a> {
    pt: Pt,
    listener: TcpListener,
    number: usize,
    socket: TcpSocket,
    served: &'a RefCell<Vec<usize>>,
}

impl<P: Platform> Protothread<P> for InLine<'_> {
    type Output = Result<(), Error>;

    #[protothread]
    fn run(&mut self, cx: &mut Cx<'_, P>, _: &mut ()) -> Result<(), Error> {
        loop {
            self.socket = wait!(cx.accept(self.listener))?;
            self.served.borrow_mut().push(self.number);
            // Its work with the connection takes a while, and then it goes to the end of the line.
            yield_now!();
            cx.close(self.socket)?;
        }
    }
}

/// Waits in line for a short time only.
struct Impatient {
    pt: PtTimed,
    listener: TcpListener,
    outcome: Option<Result<Result<TcpSocket, Error>, TimedOut>>,
}

impl<P: Platform> Protothread<P> for Impatient {
    type Output = ();

    #[protothread]
    fn run(&mut self, cx: &mut Cx<'_, P>, _: &mut ()) {
        let outcome = wait!(cx.accept(self.listener), timeout = Duration::from_millis(5));
        self.outcome = Some(outcome);
    }
}

/// Connects, several at a time, each batch when the one before was served.
struct Batches<'a> {
    pt: PtTimed,
    peer: SocketAddr,
    sizes: &'static [usize],
    sockets: [TcpSocket; 8],
    next: usize,
    batch: usize,
    expected: usize,
    served: &'a RefCell<Vec<usize>>,
    ready: &'a Cell<bool>,
}

impl<P: Platform> Protothread<P> for Batches<'_> {
    type Output = Result<(), Error>;

    #[protothread]
    fn run(&mut self, cx: &mut Cx<'_, P>, _: &mut ()) -> Result<(), Error> {
        // The impatient one has to give up first.
        wait!(sleep!(SILENCE));
        self.ready.set(true);
        while self.batch < self.sizes.len() {
            self.expected += self.sizes[self.batch];
            self.next = 0;
            // Begun together, so that they are in the backlog together.
            while self.next < self.sizes[self.batch] {
                self.sockets[self.next] = cx.tcp_socket(&Options::DEFAULT)?;
                let begun = cx.connect_on(self.sockets[self.next], self.peer);
                assert_eq!(begun, Poll::Pending);
                wait!(cx.connect_on(self.sockets[self.next], self.peer))?;
                self.next += 1;
            }
            while self.served.borrow().len() < self.expected {
                wait!(sleep!(Duration::from_micros(200)));
            }
            while self.next > 0 {
                self.next -= 1;
                cx.close(self.sockets[self.next])?;
            }
            self.batch += 1;
        }
        cx.stop();
        Ok(())
    }
}

/// 32. Many protothreads wait on one listener: woken one at a time, first come first served.
pub(crate) fn waiting_protothreads_are_served_one_at_a_time_in_order<B: Backend>() {
    const WAITERS: usize = 12;
    const SIZES: &[usize] = &[1, 1, 1, 1, 3, 1, 5, 1, 1, 2, 1, 1, 7, 1, 1, 8, 1, 1];
    let mut stage = Stage::<B>::new();
    let (listener, address) = stage.listen();
    let (served, ready) = (RefCell::new(Vec::new()), Cell::new(false));
    let mut waiters: Vec<InLine<'_>> = (0..WAITERS)
        .map(|number| InLine { pt: Pt::new(), listener, number, socket: TcpSocket::NONE, served: &served })
        .collect();
    // It waits in front of all others, and gives up: nobody is served in its place by mistake, and nobody forgotten.
    let mut impatient = Impatient { pt: PtTimed::new(), listener, outcome: None };
    let mut batches = Batches {
        pt: PtTimed::new(),
        peer: address,
        sizes: SIZES,
        sockets: [TcpSocket::NONE; 8],
        next: 0,
        batch: 0,
        expected: 0,
        served: &served,
        ready: &ready,
    };
    let mut cast: Vec<&mut dyn ptk_core::DynTask<B::Platform>> = vec![&mut impatient];
    for waiter in &mut waiters {
        cast.push(waiter);
    }
    let mut pause = Pause::of(Duration::ZERO);
    cast.push(&mut pause);
    cast.push(&mut batches);
    let before = stage.event_loop.counters();
    stage.play(&mut cast);
    let after = stage.event_loop.counters();
    assert!(ready.get());
    assert_eq!(impatient.outcome, Some(Err(TimedOut)));
    let connections: usize = SIZES.iter().sum();
    let expected: Vec<usize> = (0..WAITERS).cycle().take(connections).collect();
    assert_eq!(*served.borrow(), expected);
    // Each who was served looks whether somebody is left for the next, who may find that nobody is.
    let spurious = after.spurious_wakes - before.spurious_wakes;
    assert!(spurious <= 2 * connections as u64, "{spurious} wakes for nothing with {connections} connections");
}
