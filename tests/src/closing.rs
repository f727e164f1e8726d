//! Behaviours 56 to 58: what is closed is closed, at once and for ever.

use std::collections::HashSet;

use ptk_core::prelude::*;
use ptk_core::table::{HandleTable, HandleTableView, Vacant};
use ptk_core::{Handle, Kind};

use crate::actors::{Dial, Pause, Reader, Take};
use crate::backend::Backend;
use crate::stage::{EVENTS, SILENCE, Stage};

/// 56. A closes B in the same batch: B hears nothing.
pub(crate) fn what_is_closed_in_a_batch_hears_nothing_more_of_it<B: Backend>() {
    let mut stage = Stage::<B>::new();
    // Four sockets with data and an end, two listeners with somebody to accept, timers and sources: all due in one
    // turn, and the first of each kind that is told closes all others.
    let sockets: Vec<(TcpSocket, TcpSocket)> = (0..4).map(|_| stage.pair_with_handlers()).collect();
    let listeners = [stage.listen(), stage.listen()];
    let mut cx = stage.cx();
    let timers = [(); 3].map(|()| cx.timer().expect("a timer is left"));
    let sources = [(); 3].map(|()| cx.event_source().expect("a source is left"));
    for (timer, source) in timers.iter().zip(&sources) {
        cx.set_handler(*timer).expect("nobody waits");
        cx.set_handler(*source).expect("nobody waits");
    }
    for (listener, _) in listeners {
        stage.cx().set_handler(listener).expect("nobody waits");
    }
    for (near, far) in &sockets {
        stage.cx().remove_handler(*far).expect("it has one");
        stage.send(*far, b"data");
        stage.cx().shutdown(*far, Half::Write).expect("it is up");
        assert!(!near.is_none());
    }
    for (timer, source) in timers.iter().zip(&sources) {
        stage.cx().start_timer(*timer, Duration::ZERO).expect("it is open");
        stage.cx().raise(*source, 1).expect("it is open");
    }
    for (_, address) in listeners {
        let socket = stage.cx().tcp_socket(&Options::DEFAULT).expect("a socket is left");
        assert!(stage.cx().connect_on(socket, address).is_pending());
    }
    let (mut heard, mut closed) = (Vec::new(), HashSet::new());
    let mut pause = Pause::of(SILENCE);
    stage.play_with(&mut [&mut pause], |cx, handle, _| {
        assert!(!closed.contains(&handle), "{handle} was closed, and hears of it");
        heard.push(handle);
        match handle.kind() {
            Kind::TcpSocket => {
                for (near, _) in &sockets {
                    closed.insert(near.handle().expect("it was open"));
                    cx.close(*near)?;
                }
            }
            Kind::TcpListener => {
                for (listener, _) in listeners {
                    closed.insert(listener.handle().expect("it was open"));
                    cx.close(listener)?;
                }
            }
            Kind::Timer => {
                for timer in timers {
                    closed.insert(timer.handle().expect("it was open"));
                    cx.close(timer)?;
                }
            }
            _ => {
                for source in sources {
                    closed.insert(source.handle().expect("it was open"));
                    cx.close(source)?;
                }
            }
        }
        Ok(())
    });
    let mut kinds: Vec<Kind> = heard.iter().map(|handle| handle.kind()).collect();
    kinds.sort_unstable();
    assert_eq!(kinds, [Kind::TcpSocket, Kind::TcpListener, Kind::Timer, Kind::EventSource]);
    assert_eq!(stage.event_loop.counters().failed_handlers, 0);

    // Protothreads: both have data, the first closes the second's, who is told that and nothing else.
    let (near, far) = stage.pair();
    let (other_near, other_far) = stage.pair();
    for socket in [far, other_far] {
        stage.send(socket, b"data");
    }
    let mut closer = ReadAndClose { pt: Pt::new(), socket: near, other: other_near, buffer: Buffer::new() };
    let mut reader = Reader::of(other_near);
    stage.play(&mut [&mut closer, &mut reader]);
    assert_eq!((&reader.heard[..], reader.end[0]), (&b""[..], Some(Err(Error::InvalidHandle))));
}

/// Receives something and closes somebody else's socket.
struct ReadAndClose {
    pt: Pt,
    socket: TcpSocket,
    other: TcpSocket,
    buffer: Buffer<16>,
}

impl<P: Platform> Protothread<P> for ReadAndClose {
    type Output = Result<(), Error>;

    #[protothread]
    fn run(&mut self, cx: &mut Cx<'_, P>, _: &mut ()) -> Result<(), Error> {
        wait!(cx.recv(self.socket, &mut self.buffer))?;
        cx.close(self.other)
    }
}

/// 57. A slot reused in the same batch: the old event is not delivered to the new owner.
pub(crate) fn a_slot_reused_in_a_batch_does_not_inherit_its_events<B: Backend>() {
    let mut stage = Stage::<B>::new();
    let (listener, address) = stage.listen();
    let mut cx = stage.cx();
    let timers = [(); 2].map(|()| cx.timer().expect("a timer is left"));
    let sources = [(); 2].map(|()| cx.event_source().expect("a source is left"));
    let (near, far) = stage.pair_with_handlers();
    let (other_near, other_far) = stage.pair_with_handlers();
    for socket in [far, other_far] {
        stage.cx().remove_handler(socket).expect("it has one");
        stage.send(socket, b"not for you");
    }
    for (timer, source) in timers.iter().zip(&sources) {
        let mut cx = stage.cx();
        cx.set_handler(*timer).expect("nobody waits");
        cx.set_handler(*source).expect("nobody waits");
        cx.start_timer(*timer, Duration::ZERO).expect("it is open");
        cx.raise(*source, 1).expect("it is open");
    }
    // Whoever is told first takes what it has, closes the other and opens a new one of the same kind, which gets the other's slot.
    let mut owners: Vec<(Handle, Vec<Event>)> = Vec::new();
    let mut old = 0;
    let mut pause = Pause::of(SILENCE);
    stage.play_with(&mut [&mut pause], |cx, handle, event| {
        if let Some((_, heard)) = owners.iter_mut().find(|(owner, _)| *owner == handle) {
            heard.push(event);
            return Ok(());
        }
        old += 1;
        let (closed, opened) = if let Some(socket) = TcpSocket::from_handle(handle) {
            let victim = if socket == near { other_near } else { near };
            cx.close(victim)?;
            let opened = cx.tcp_socket(&Options::DEFAULT)?;
            cx.set_handler(opened)?;
            assert!(cx.connect_on(opened, address).is_pending());
            cx.try_recv(socket, &mut [0; 64])?;
            (victim.handle(), opened.handle())
        } else if let Some(timer) = Timer::from_handle(handle) {
            let victim = if timer == timers[0] { timers[1] } else { timers[0] };
            cx.close(victim)?;
            let opened = cx.timer()?;
            cx.set_handler(opened)?;
            cx.start_timer(opened, Duration::from_secs(3600))?;
            (victim.handle(), opened.handle())
        } else {
            let source = EventSource::from_handle(handle).expect("there is no other kind");
            let victim = if source == sources[0] { sources[1] } else { sources[0] };
            cx.close(victim)?;
            let opened = cx.event_source()?;
            cx.set_handler(opened)?;
            (victim.handle(), opened.handle())
        };
        let (closed, opened) = (closed.expect("it was open"), opened.expect("it is open"));
        assert_eq!((closed.kind(), closed.index()), (opened.kind(), opened.index()), "the slot is reused");
        assert_ne!(closed, opened);
        owners.push((opened, Vec::new()));
        Ok(())
    });
    assert_eq!((old, owners.len()), (3, 3), "one of each kind was told: {owners:?}");
    for (owner, heard) in owners {
        let expected: &[Event] = if owner.kind() == Kind::TcpSocket { &[Event::Connected] } else { &[] };
        assert_eq!(heard, expected, "{owner}");
    }
    assert_eq!(stage.event_loop.counters().failed_handlers, 0);

    // Protothreads: the events of a socket that was closed while they were on their way do not wake who waits in its slot.
    let mut take = Take::from(listener);
    stage.play(&mut [&mut take]);
    let (near, far) = stage.pair();
    stage.send(far, b"not for you");
    stage.cx().close(near).expect("it is open");
    let (mut dial, mut take) = (Dial::to(address), Take::from(listener));
    stage.play(&mut [&mut dial, &mut take]);
    assert_eq!(dial.socket.handle().map(Handle::index), near.handle().map(Handle::index));
    let mut reader = Reader::of(dial.socket);
    let mut speaker = SayAndLeave { pt: PtTimed::new(), socket: take.socket };
    stage.play(&mut [&mut reader, &mut speaker]);
    assert_eq!((&reader.heard[..], reader.end[0]), (&b"for you"[..], Some(Ok(0))));
}

/// Says something after a while and ends.
struct SayAndLeave {
    pt: PtTimed,
    socket: TcpSocket,
}

impl<P: Platform> Protothread<P> for SayAndLeave {
    type Output = Result<(), Error>;

    #[protothread]
    fn run(&mut self, cx: &mut Cx<'_, P>, _: &mut ()) -> Result<(), Error> {
        wait!(sleep!(Duration::from_millis(3)));
        cx.try_send(self.socket, b"for you")?;
        cx.shutdown(self.socket, Half::Write)
    }
}

/// A value for a table.
struct Number(u32);

impl Vacant for Number {
    const VACANT: Number = Number(0);
}

/// 58. A stale handle is refused after any number of reuses; at the end of its generations a slot retires.
pub(crate) fn a_stale_handle_is_refused_for_ever<B: Backend>() {
    let mut stage = Stage::<B>::new();
    stale_sockets_and_timers(&mut stage);
    stale_tasks(&mut stage);
    sources_retire(&mut stage);
    slots_retire();
}

fn stale_sockets_and_timers<B: Backend>(stage: &mut Stage<B>) {
    let (stale_socket, stale_timer) = (stage.cx().tcp_socket(&Options::DEFAULT), stage.cx().timer());
    let (stale_socket, stale_timer) = (stale_socket.expect("a socket is left"), stale_timer.expect("a timer is left"));
    stage.cx().close(stale_socket).expect("it is open");
    stage.cx().close(stale_timer).expect("it is open");
    let gone = Error::InvalidHandle;
    let mut seen = HashSet::new();
    for round in 0..5000 {
        let mut cx = stage.cx();
        let socket = cx.tcp_socket(&Options::DEFAULT).expect("a socket is left");
        let timer = cx.timer().expect("a timer is left");
        cx.start_timer(timer, Duration::from_secs(3600)).expect("it is open");
        assert_eq!(socket.handle().map(Handle::index), stale_socket.handle().map(Handle::index));
        assert!(seen.insert(socket.handle()) && seen.insert(timer.handle()), "a handle came twice");
        if round % 100 == 0 {
            // Everything that takes a handle.
            assert_eq!(cx.close(stale_socket), Err(gone));
            assert_eq!(cx.abort(stale_socket), Err(gone));
            assert_eq!(cx.shutdown(stale_socket, Half::Both), Err(gone));
            assert_eq!(cx.try_send(stale_socket, b"x"), Err(gone));
            assert_eq!(cx.try_recv(stale_socket, &mut [0]), Err(gone));
            assert_eq!(cx.set_handler(stale_socket), Err(gone));
            assert_eq!(cx.remove_handler(stale_socket), Err(gone));
            assert_eq!(cx.local_address(stale_socket), Err(gone));
            assert_eq!(cx.peer_address(stale_socket), Err(gone));
            assert_eq!(cx.set_nodelay(stale_socket, true), Err(gone));
            assert_eq!(cx.user_data(stale_socket), Err(gone));
            assert_eq!(cx.set_user_data(stale_socket, 1), Err(gone));
            assert_eq!(cx.detach(stale_socket), Err(gone));
            assert_eq!(cx.adopt(stale_socket), Err(gone));
            assert_eq!(cx.close(stale_timer), Err(gone));
            assert_eq!(cx.start_timer(stale_timer, Duration::ZERO), Err(gone));
            assert_eq!(cx.start_repeating(stale_timer, Duration::MAX), Err(gone));
            assert_eq!(cx.stop_timer(stale_timer), Err(gone));
            assert_eq!(cx.timer_is_running(stale_timer), Err(gone));
            assert_eq!(cx.timer_is_running(timer), Ok(true), "the new owner is untouched");
            assert_eq!(cx.user_data(socket), Ok(0), "the new owner is untouched");
            let mut stale = Stale { pt: Pt::new(), socket: stale_socket, timer: stale_timer, refused: 0 };
            stage.play(&mut [&mut stale]);
            assert_eq!(stale.refused, 4);
        }
        let mut cx = stage.cx();
        cx.close(socket).expect("it is open");
        cx.close(timer).expect("it is open");
    }
}

/// Waits with handles that are stale.
struct Stale {
    pt: Pt,
    socket: TcpSocket,
    timer: Timer,
    refused: u32,
}

impl<P: Platform> Protothread<P> for Stale {
    type Output = ();

    #[protothread]
    fn run(&mut self, cx: &mut Cx<'_, P>, _: &mut ()) {
        let readable = wait!(cx.readable(self.socket));
        self.refused += u32::from(readable == Err(Error::InvalidHandle));
        let writable = wait!(cx.writable(self.socket));
        self.refused += u32::from(writable == Err(Error::InvalidHandle));
        let connected = wait!(cx.connect_on(self.socket, ([127, 0, 0, 1], 1).into()));
        self.refused += u32::from(connected == Err(Error::InvalidHandle));
        let expired = wait!(cx.expired(self.timer));
        self.refused += u32::from(expired == Err(Error::InvalidHandle));
    }
}

fn stale_tasks<B: Backend>(stage: &mut Stage<B>) {
    let mut seen = HashSet::new();
    for _ in 0..1000 {
        let task = stage.cx().start(0).expect("it does not run");
        assert!(seen.insert(task), "a task's handle came twice");
        assert_eq!(stage.cx().cancel(task), Ok(()));
        assert_eq!(stage.cx().cancel(task), Err(Error::InvalidHandle));
    }
    stage.idle(Duration::from_millis(1));
}

/// Sources have 16 bits of generation, which can be used up.
fn sources_retire<B: Backend>(stage: &mut Stage<B>) {
    let first = stage.cx().event_source().expect("a source is left");
    stage.cx().close(first).expect("it is open");
    let (mut seen, mut opened) = (HashSet::new(), 1_u32);
    let last = loop {
        match stage.cx().event_source() {
            Ok(source) => {
                assert!(seen.insert(source), "a handle came twice");
                assert_ne!(source, first);
                if opened.is_multiple_of(1000) {
                    assert_eq!(stage.cx().raise(first, 1), Err(Error::InvalidHandle));
                    assert_eq!(stage.cx().set_handler(first), Err(Error::InvalidHandle));
                }
                stage.cx().close(source).expect("it is open");
                opened += 1;
            }
            Err(error) => break error,
        }
        assert!(opened <= 65_536 * EVENTS as u32, "the generations have an end");
    };
    assert_eq!(last, Error::TableFull { kind: Kind::EventSource, capacity: EVENTS as u32 });
    assert!(opened >= 30_000 * EVENTS as u32, "{opened} were opened: few generations");
    assert_eq!(stage.cx().raise(first, 1), Err(Error::InvalidHandle));
    stage.idle(Duration::from_millis(1));
}

/// The other tables have 32 bits, of which this skips most.
fn slots_retire() {
    let mut table = HandleTable::<Number, 2>::new();
    let table: &mut HandleTableView<Number> = &mut table;
    let insert = |table: &mut HandleTableView<Number>, value| {
        table.insert(Kind::Timer, 1, Number(value)).map_err(|Number(value)| value)
    };
    let first = insert(table, 1).expect("it is empty");
    assert_eq!(table.remove(first).map(|number| number.0), Some(1));
    table.advance_generation(first.index(), u32::MAX - 2);
    let mut stale = vec![first];
    for generation in u32::MAX - 2..=u32::MAX {
        let handle = insert(table, generation).expect("a generation is left");
        assert_eq!((handle.index(), handle.generation()), (first.index(), generation));
        assert_eq!(table.get(handle).map(|number| number.0), Some(generation));
        assert!(stale.iter().all(|stale| table.get(*stale).is_none()));
        table.remove(handle);
        stale.push(handle);
    }
    // The other slot goes on.
    let other = insert(table, 7).expect("one slot is left");
    assert_ne!(other.index(), first.index());
    assert!(table.is_full());
    assert_eq!(insert(table, 8), Err(8));
    assert!(stale.iter().all(|stale| !table.contains(*stale) && table.remove(*stale).is_none()));
    table.remove(other);
    assert!(!table.is_full() && insert(table, 9).is_ok());
}
