//! What PTK's predecessor, a C toolkit of the same name, could do: function by function, without the flaw that it had
//! there.

#[macro_use]
mod every_backend;

use core::cell::RefCell;
use std::collections::HashSet;
use std::net::SocketAddr;

use ptk_core::prelude::*;
use ptk_core::{Handle, Interface, Kind};
use ptk_tests::Backend;
use ptk_tests::actors::{Dial, Letter, Mailbox, Pause, Post, Reader, Receiver, Take, pattern};
use ptk_tests::stage::{SILENCE, Stage};

on_every_backend! {
    ptk_buffer_keeps_what_a_partial_send_left,
    ptk_handle_is_never_the_same_twice,
    ptk_handle_is_valid_looks_at_what_is_open,
    ptk_handle_user_data_is_the_handles_own,
    ptk_err_t_has_its_codes_and_comes_beside_handles,
    ptk_get_last_error_knows_of_datagrams,
    ptk_event_loop_create_twice_gives_two_loops,
    ptk_event_loop_destroy_closes_everything,
    ptk_timer_start_is_exact_and_takes_zero,
    ptk_timer_repeats_stops_and_tells_whether_it_runs,
    ptk_socket_create_tcp_speaks_ipv6_and_tells_an_end_from_a_reset,
    ptk_socket_create_udp_flags_what_is_cut_off_and_takes_nothing_for_something,
    ptk_socket_broadcast_wants_permission,
    ptk_socket_multicast_joins_leaves_and_says_how_far,
    ptk_raise_event_carries_a_value_from_anywhere,
    ptk_events_each_reach_their_handler,
    ptk_wait_for_readable_hears_of_an_error,
    ptk_set_event_handler_refuses_a_second,
    ptk_protothread_returns_a_result_and_does_not_start_again,
    ptk_pt_wait_event_does_not_miss_what_came_before,
    ptk_pt_tcp_connect_send_receive_give_their_results,
    ptk_pt_udp_send_and_receive_give_their_results,
    ptk_pt_tcp_connect_takes_a_name_and_does_not_hang,
    ptk_pt_sleep_ms_sleeps,
}

/// The name of a test as the test program knows it.
fn full_name<B: Backend>(name: &str) -> String {
    format!("{}::{name}", B::NAME)
}

/// Sends once.
struct SendOnce {
    pt: Pt,
    socket: TcpSocket,
    buffer: Box<Buffer<1_000_000>>,
    sent: usize,
}

impl<P: Platform> Protothread<P> for SendOnce {
    type Output = Result<(), Error>;

    #[protothread]
    fn run(&mut self, cx: &mut Cx<'_, P>, _: &mut ()) -> Result<(), Error> {
        self.sent = wait!(cx.send(self.socket, &mut self.buffer))?;
        Ok(())
    }
}

/// `ptk_buffer_t`, `ptk_buffer_create`: a partial send overwrote the size, and the rest was lost.
fn ptk_buffer_keeps_what_a_partial_send_left<B: Backend>() {
    let mut stage = Stage::<B>::new();
    let small = Options { send_buffer: 4096, receive_buffer: 4096, ..Options::DEFAULT };
    let (near, far) = stage.pair_with(&small);
    let mut once = SendOnce { pt: Pt::new(), socket: near, buffer: Box::default(), sent: 0 };
    let all: Vec<u8> = (0..500_000).map(|at| pattern(1, at)).collect();
    once.buffer.put_slice(&all).unwrap();
    stage.play(&mut [&mut once]);
    assert!(once.sent > 0 && once.sent < all.len(), "{} bytes were accepted at once", once.sent);
    assert_eq!(once.buffer.len(), all.len() - once.sent);
    assert!(once.buffer.readable() == &all[once.sent..]);
    // And the peer gets all of it, sent again and again until nothing is left.
    let mut rest = SendRest { pt: Pt::new(), socket: near, buffer: once.buffer };
    let mut receiver = Receiver::exactly(far, 1, all.len() as u64);
    stage.play(&mut [&mut rest, &mut receiver]);
    assert!(rest.buffer.is_empty());
}

/// Sends all that is left.
struct SendRest {
    pt: Pt,
    socket: TcpSocket,
    buffer: Box<Buffer<1_000_000>>,
}

impl<P: Platform> Protothread<P> for SendRest {
    type Output = Result<(), Error>;

    #[protothread]
    fn run(&mut self, cx: &mut Cx<'_, P>, _: &mut ()) -> Result<(), Error> {
        wait!(cx.send_all(self.socket, &mut self.buffer))
    }
}

/// `ptk_handle_t`, `PTK_HANDLE_TYPE` and the like, `PTK_MAKE_HANDLE`: a generation of 16 bits spilt into the index, and
/// closing cleared it, so that the next handle was equal to the dead one.
fn ptk_handle_is_never_the_same_twice<B: Backend>() {
    let mut stage = Stage::<B>::new();
    let mut cx = stage.cx();
    let mut seen = HashSet::new();
    for round in 0..70_000_u32 {
        let timer = cx.timer().unwrap();
        let handle = timer.handle().unwrap();
        assert!(seen.insert(handle), "{handle} came twice");
        assert_eq!((handle.kind(), handle.loop_id(), handle.generation()), (Kind::Timer, 1, round));
        assert_eq!(handle.index(), seen.iter().next().unwrap().index(), "the slot is the same");
        // The bits are those of the handle, and nothing else's.
        assert_eq!(Handle::from_raw(handle.raw()), Some(handle));
        cx.close(timer).unwrap();
    }
}

/// `ptk_handle_is_valid`, `ptk_handle_get_type`, `ptk_get_owning_event_loop`: validity looked at the bits only.
fn ptk_handle_is_valid_looks_at_what_is_open<B: Backend>() {
    let mut stage = Stage::<B>::new();
    let (near, _) = stage.udp();
    let handle = near.handle().unwrap();
    assert!(stage.cx().is_valid(handle) && stage.event_loop.is_valid(handle));
    assert_eq!((handle.kind(), handle.loop_id()), (Kind::UdpSocket, stage.event_loop.id()));
    // Well formed, and nobody's: another generation, another slot, another kind, another loop.
    for bit in 0..64 {
        let forged = Handle::from_raw(handle.raw() ^ 1 << bit);
        assert!(forged.is_none_or(|forged| !stage.cx().is_valid(forged)), "{forged:?}");
    }
    stage.cx().close(near).unwrap();
    assert!(!stage.cx().is_valid(handle));
    // The slot's next owner does not bring it back.
    let (next, _) = stage.udp();
    assert_eq!(next.handle().unwrap().index(), handle.index());
    assert!(!stage.cx().is_valid(handle));
}

/// `ptk_handle_set_user_data`, `ptk_handle_get_user_data`: undefined.
fn ptk_handle_user_data_is_the_handles_own<B: Backend>() {
    let mut stage = Stage::<B>::new();
    let (udp, _) = stage.udp();
    let (listener, _) = stage.listen();
    let (tcp, _far) = stage.pair();
    let mut cx = stage.cx();
    let (timer, source) = (cx.timer().unwrap(), cx.event_source().unwrap());
    macro_rules! check {
        ($($handle:ident: $data:literal,)*) => {
            $(assert_eq!(cx.user_data($handle), Ok(0), "nothing was said yet");)*
            $(assert_eq!(cx.set_user_data($handle, $data), Ok(()));)*
            $(assert_eq!(cx.user_data($handle), Ok($data));)*
            $(
                cx.close($handle).unwrap();
                assert_eq!(cx.user_data($handle), Err(Error::InvalidHandle));
                assert_eq!(cx.set_user_data($handle, 1), Err(Error::InvalidHandle));
            )*
        };
    }
    check! { udp: 1, listener: 0xffff_ffff, tcp: 3, timer: 4, source: 5, }
    let (timer, source) = (cx.timer().unwrap(), cx.event_source().unwrap());
    assert_eq!((cx.user_data(timer), cx.user_data(source)), (Ok(0), Ok(0)), "slots do not pass it on");
}

/// `ptk_err_t`: errors came back inside handle values, and three codes never occurred. That each occurs is tested beside
/// this.
fn ptk_err_t_has_its_codes_and_comes_beside_handles<B: Backend>() {
    let codes = [
        Error::InvalidHandle,
        Error::InvalidArgument,
        Error::OutOfMemory,
        Error::NotSupported,
        Error::Network,
        Error::TimedOut,
        Error::WouldBlock,
        Error::ConnectionRefused,
        Error::ConnectionReset,
        Error::NotConnected,
        Error::AlreadyConnected,
        Error::AddressInUse,
        Error::NoRoute,
        Error::MessageTooLarge,
        Error::Protocol,
    ];
    assert!(codes.map(Error::code).into_iter().eq((1..=15).map(|code: i32| -code)));
    let mut stage = Stage::<B>::new();
    let (_near, address) = stage.udp();
    // An open that fails gives an error, uses no slot, and nothing that could be taken for a handle.
    let open = stage.open_sockets();
    assert_eq!(stage.cx().udp_socket(address), Err(Error::AddressInUse));
    assert_eq!(stage.open_sockets(), open);
    // Nor does any code pass for one.
    for error in codes {
        let disguised = Handle::from_raw(error.code() as u64);
        assert!(disguised.is_none_or(|handle| !stage.cx().is_valid(handle)), "{error}");
    }
}

/// `ptk_get_last_error`, `ptk_set_last_error`, `ptk_error_string`: UDP never set it.
fn ptk_get_last_error_knows_of_datagrams<B: Backend>() {
    let mut stage = Stage::<B>::new();
    let (near, address) = stage.udp();
    assert_eq!(stage.cx().last_error(), None);
    let failures = [
        (stage.cx().try_send_to(near, &[0; 70_000], address), Error::MessageTooLarge),
        (stage.cx().try_send_datagram(near, b"to whom?"), Error::NotConnected),
        (stage.cx().try_send_to(UdpSocket::NONE, b"x", address), Error::InvalidHandle),
        (stage.cx().udp_socket(address).map(|_| ()), Error::AddressInUse),
        (stage.cx().join_multicast(near, address.ip(), Interface::Any), Error::InvalidArgument),
    ];
    for (index, (result, error)) in failures.into_iter().enumerate() {
        assert_eq!(result, Err(error), "{index}");
    }
    assert_eq!(stage.cx().last_error(), Some(Error::InvalidArgument));
    stage.cx().set_last_error(None);
    assert_eq!(stage.cx().try_send_to(near, &[0; 70_000], address), Err(Error::MessageTooLarge));
    assert_eq!(stage.cx().last_error(), Some(Error::MessageTooLarge));
    // What merely has to wait is no failure.
    assert_eq!(stage.cx().try_recv_from(near, &mut [0; 8]), Err(Error::WouldBlock));
    assert_eq!(stage.cx().last_error(), Some(Error::MessageTooLarge));
    stage.cx().set_last_error(Some(Error::Protocol));
    assert_eq!(
        stage.cx().last_error().map(|error| error.to_string()).as_deref(),
        Some("the peer does not follow the protocol")
    );
}

/// A small loop.
type Small<B> = EventLoop<<B as Backend>::Platform, 2, 4, 4, 2>;

fn small<B: Backend>(id: u8) -> (B, Box<Small<B>>) {
    let mut backend = B::new();
    let mut event_loop = Box::new(Small::<B>::new(id, backend.platform()));
    event_loop.open().unwrap();
    (backend, event_loop)
}

/// `PTK_DECLARE_EVENT_LOOP_SLOTS`, `ptk_event_loop_create`: a second set of slots gave the same handles.
fn ptk_event_loop_create_twice_gives_two_loops<B: Backend>() {
    let (backend, mut one) = small::<B>(1);
    let (_other, mut two) = small::<B>(2);
    let timers = [one.cx().timer().unwrap(), two.cx().timer().unwrap()];
    let sockets = [one.cx().udp_socket(backend.v4()).unwrap(), two.cx().udp_socket(backend.v4()).unwrap()];
    assert!(timers[0] != timers[1] && sockets[0] != sockets[1]);
    // Each refuses what is the other's, and loses nothing by it.
    let gone = Err(Error::InvalidHandle);
    assert_eq!((one.cx().close(timers[1]), two.cx().close(timers[0])), (gone, gone));
    assert_eq!((one.cx().close(sockets[1]), two.cx().close(sockets[0])), (gone, gone));
    // Capacities are each loop's own: one that is full does not fill the other.
    while one.cx().timer().is_ok() {}
    assert!(two.cx().timer().is_ok());
    assert_eq!((one.tables().timers.used, two.tables().timers.used), (4, 2));
}

/// `ptk_event_loop_run`, `ptk_event_loop_destroy`.
fn ptk_event_loop_destroy_closes_everything<B: Backend>() {
    let (backend, mut event_loop) = small::<B>(1);
    let udp = event_loop.cx().udp_socket(backend.v4()).unwrap();
    let listener = event_loop.cx().listen(backend.v4()).unwrap();
    let addresses = [event_loop.cx().local_address(udp).unwrap(), event_loop.cx().local_address(listener).unwrap()];
    // It runs until it is stopped, and can be run again.
    for _ in 0..2 {
        let mut set = [Stopper { pt: Pt::new() }];
        event_loop.cx().start(0).unwrap();
        event_loop.run(&mut set).unwrap();
    }
    drop(event_loop);
    let (_backend, mut next) = small::<B>(1);
    assert!(next.cx().udp_socket(addresses[0]).is_ok(), "the address is free again");
    assert!(next.cx().listen(addresses[1]).is_ok(), "the address is free again");
}

/// Stops the loop.
struct Stopper {
    pt: Pt,
}

impl<P: Platform> Protothread<P> for Stopper {
    type Output = ();

    #[protothread]
    fn run(&mut self, cx: &mut Cx<'_, P>, _: &mut ()) {
        yield_now!();
        cx.stop();
    }
}

/// How late a timer's handler is called.
fn lateness<B: Backend>(stage: &mut Stage<B>, timer: Timer, after: Duration) -> Duration {
    let due = stage.now() + after;
    stage.cx().start_timer(timer, after).unwrap();
    let mut called = None;
    stage.handle(|cx, handle, event| {
        assert_eq!((Some(handle), event), (timer.handle(), Event::TimerExpired(1)));
        called = Some(cx.now());
        cx.stop();
        Ok(())
    });
    let called = called.unwrap();
    assert!(called >= due, "early");
    called - due
}

/// `ptk_timer_create`, `ptk_timer_start`: a slack of 10 %, and 0 ms was refused.
fn ptk_timer_start_is_exact_and_takes_zero<B: Backend>() {
    let mut stage = Stage::<B>::new();
    let timer = stage.cx().timer().unwrap();
    stage.cx().set_handler(timer).unwrap();
    // A busy machine may be late now and then, but not each time.
    let time = Duration::from_millis(50);
    let best = (0..10).map(|_| lateness(&mut stage, timer, time)).min().unwrap();
    assert!(best < Duration::from_millis(5), "{best:?} late after {time:?}");
    let best = (0..10).map(|_| lateness(&mut stage, timer, Duration::ZERO)).min().unwrap();
    assert!(best < Duration::from_millis(5), "{best:?} late after no time");
}

/// `ptk_timer_start` with `repeat`, `ptk_timer_stop`, `ptk_timer_destroy`, `ptk_timer_is_running`.
fn ptk_timer_repeats_stops_and_tells_whether_it_runs<B: Backend>() {
    let mut stage = Stage::<B>::new();
    let timer = stage.cx().timer().unwrap();
    stage.cx().set_handler(timer).unwrap();
    assert_eq!(stage.cx().timer_is_running(timer), Ok(false));
    stage.cx().start_repeating(timer, Duration::from_millis(2)).unwrap();
    let mut ticks = 0;
    stage.handle(|cx, _, event| {
        let Event::TimerExpired(count) = event else { panic!("{event:?}") };
        assert_eq!(cx.timer_is_running(timer), Ok(true));
        ticks += count;
        if ticks >= 5 {
            cx.stop_timer(timer)?;
            cx.stop();
        }
        Ok(())
    });
    assert_eq!(stage.cx().timer_is_running(timer), Ok(false));
    stage.idle(SILENCE);
    stage.cx().start_timer(timer, Duration::ZERO).unwrap();
    stage.cx().close(timer).unwrap();
    assert_eq!(stage.cx().timer_is_running(timer), Err(Error::InvalidHandle));
    stage.idle(SILENCE);
}

/// `ptk_socket_create_tcp`, `connect`, `bind`, `listen`, `accept`, `send`, `receive`, `close`, `destroy`: IPv4 only, the
/// end of the stream was reported as a reset, and a write to a peer that had gone raised SIGPIPE.
fn ptk_socket_create_tcp_speaks_ipv6_and_tells_an_end_from_a_reset<B: Backend>() {
    let signals = B::broken_pipes();
    let mut stage = Stage::<B>::new();
    for address in [stage.backend.v4(), stage.backend.v6()] {
        let (near, far) = stage.pair_at(address, &Options::DEFAULT);
        stage.send(near, b"hello");
        stage.cx().close(near).unwrap();
        let mut reader = Reader::of(far);
        stage.play(&mut [&mut reader]);
        assert_eq!((&reader.heard[..], reader.end[0]), (&b"hello"[..], Some(Ok(0))), "an end is no reset");
        let (near, far) = stage.pair_at(address, &Options::DEFAULT);
        stage.cx().abort(near).unwrap();
        let mut reader = Reader::of(far);
        stage.play(&mut [&mut reader]);
        assert_eq!(reader.end[0], Some(Err(Error::ConnectionReset)), "a reset is no end");
        for _ in 0..3 {
            assert_eq!(stage.cx().try_send(far, b"anybody?"), Err(Error::ConnectionReset));
        }
    }
    assert_eq!(B::broken_pipes(), signals);
}

/// `ptk_socket_create_udp`, `ptk_socket_sendto`, `ptk_socket_recvfrom`: truncation was not reported, and an empty datagram
/// was refused.
fn ptk_socket_create_udp_flags_what_is_cut_off_and_takes_nothing_for_something<B: Backend>() {
    let mut stage = Stage::<B>::new();
    for address in [stage.backend.v4(), stage.backend.v6()] {
        let (near, near_address) = stage.udp_at(address, &Options::DEFAULT);
        let (far, far_address) = stage.udp_at(address, &Options::DEFAULT);
        stage.send_to(far, b"", near_address);
        stage.send_to(far, b"too long", near_address);
        stage.idle(SILENCE);
        let mut buffer = [0; 3];
        let empty = Datagram { count: 0, from: far_address, truncated: false };
        assert_eq!(stage.cx().try_recv_from(near, &mut buffer), Ok(empty));
        let cut = Datagram { count: 3, from: far_address, truncated: true };
        assert_eq!((stage.cx().try_recv_from(near, &mut buffer), &buffer), (Ok(cut), b"too"));
        assert_eq!(stage.cx().try_recv_from(near, &mut buffer), Err(Error::WouldBlock));
    }
}

/// `ptk_socket_enable_broadcast`, `ptk_socket_disable_broadcast`, `ptk_socket_broadcast`, `PTK_PT_WAIT_UDP_BROADCAST`.
fn ptk_socket_broadcast_wants_permission<B: Backend>() {
    B::networked(&full_name::<B>("ptk_socket_broadcast_wants_permission"), |networks| {
        let mut stage = Stage::<B>::new();
        let (near, bound) = stage.udp_at(([0, 0, 0, 0], 0).into(), &Options::DEFAULT);
        let (far, far_address) = stage.udp_at((networks[0].v4, 0).into(), &Options::DEFAULT);
        let everybody = SocketAddr::new(networks[0].broadcast.into(), bound.port());
        let denied = Err(Error::PermissionDenied);
        for (on, result) in [(None, denied), (Some(true), Ok(())), (Some(false), denied)] {
            if let Some(on) = on {
                stage.cx().set_broadcast(far, on).unwrap();
            }
            let mut post = Post::to(far, everybody, &["hello"]);
            stage.play(&mut [&mut post]);
            assert_eq!(post.results, [result], "{on:?}");
        }
        assert_eq!(stage.receive_all(near), [Ok(Letter::new(b"hello", far_address))]);
    });
}

/// `ptk_socket_join_multicast_group`, `leave`, `set_multicast_ttl`, `set_multicast_loopback`, `multicast_send`,
/// `PTK_PT_WAIT_UDP_MULTICAST_SEND`. That the number of hops goes out is tested beside this.
fn ptk_socket_multicast_joins_leaves_and_says_how_far<B: Backend>() {
    B::networked(&full_name::<B>("ptk_socket_multicast_joins_leaves_and_says_how_far"), |networks| {
        let mut stage = Stage::<B>::new();
        let interface = Interface::Address(networks[0].v4);
        let group = SocketAddr::from(([239, 42, 1, 1], 0));
        let (near, bound) = stage.udp_at(([0, 0, 0, 0], 0).into(), &Options::DEFAULT);
        let (far, far_address) = stage.udp_at((networks[0].v4, 0).into(), &Options::DEFAULT);
        let to = SocketAddr::new(group.ip(), bound.port());
        stage.cx().set_multicast_interface(far, interface).unwrap();
        stage.cx().set_multicast_hops(far, 1).unwrap();
        let mut say = |member: Option<bool>, loopback: bool, heard: bool| {
            match member {
                Some(true) => stage.cx().join_multicast(near, group.ip(), interface).unwrap(),
                Some(false) => stage.cx().leave_multicast(near, group.ip(), interface).unwrap(),
                None => {}
            }
            stage.cx().set_multicast_loopback(far, loopback).unwrap();
            let mut post = Post::to(far, to, &["hello"]);
            stage.play(&mut [&mut post]);
            assert_eq!(post.results, [Ok(())]);
            let expected: &[_] = if heard { &[Ok(Letter::new(b"hello", far_address))] } else { &[] };
            assert_eq!(stage.receive_all(near), expected, "member: {member:?}, loopback: {loopback}");
        };
        say(None, true, false);
        say(Some(true), true, true);
        say(None, false, false);
        say(None, true, true);
        say(Some(false), true, false);
    });
}

/// `ptk_user_event_source_create`, `ptk_user_event_source_destroy`, `ptk_raise_event`: the payload was a bare pointer.
fn ptk_raise_event_carries_a_value_from_anywhere<B: Backend>() {
    let mut stage = Stage::<B>::new();
    let source = stage.cx().event_source().unwrap();
    let gone = stage.cx().event_source().unwrap();
    stage.cx().close(gone).unwrap();
    stage.cx().set_handler(source).unwrap();
    B::alongside(
        &mut stage,
        |raise| {
            assert_eq!(raise.raise(gone, 1), Err(Error::InvalidHandle));
            raise.raise(source, 0xdead_beef).unwrap();
        },
        |stage| {
            let heard = stage.hear_until(|heard| !heard.is_empty());
            let Event::Raised(raised) = heard[0].1 else { panic!("{heard:?}") };
            assert_eq!((Some(heard[0].0), raised.count, raised.value), (source.handle(), 1, 0xdead_beef));
        },
    );
}

/// `TIMER_EXPIRED`, `SOCKET_READABLE`, `_WRITABLE`, `_CONNECTED`, `_DISCONNECTED`, `_ERROR`, `USER_DEFINED`.
fn ptk_events_each_reach_their_handler<B: Backend>() {
    let mut stage = Stage::<B>::new();
    let nobody = stage.refusing_address();
    let (listener, address) = stage.listen();
    let mut cx = stage.cx();
    let (timer, source) = (cx.timer().unwrap(), cx.event_source().unwrap());
    let (client, refused) = (cx.tcp_socket(&Options::DEFAULT).unwrap(), cx.tcp_socket(&Options::DEFAULT).unwrap());
    cx.set_handler(timer).unwrap();
    cx.set_handler(source).unwrap();
    cx.set_handler(client).unwrap();
    cx.set_handler(refused).unwrap();
    cx.start_timer(timer, Duration::from_millis(1)).unwrap();
    cx.raise(source, 7).unwrap();
    assert!(cx.connect_on(client, address).is_pending());
    assert!(cx.connect_on(refused, nobody).is_pending());
    let mut take = Take::from(listener);
    let mut dial = Dial::to(address);
    let told = RefCell::new(Vec::new());
    let note = |handle: Handle, event| told.borrow_mut().push((handle, event));
    stage.play_with(&mut [&mut take, &mut dial], |_, handle, event| {
        note(handle, event);
        Ok(())
    });
    // The other end says something and ends.
    stage.send(take.socket, b"data");
    stage.cx().shutdown(take.socket, Half::Write).unwrap();
    let mut pause = Pause::of(SILENCE);
    stage.play_with(&mut [&mut pause], |cx, handle, event| {
        note(handle, event);
        if event == Event::Readable {
            cx.try_recv(client, &mut [0; 8])?;
        }
        Ok(())
    });
    let told = told.into_inner();
    let was_told = |handle: Option<Handle>, expected: Event| told.contains(&(handle.unwrap(), expected));
    assert!(was_told(timer.handle(), Event::TimerExpired(1)), "{told:?}");
    assert!(told.iter().any(|(_, event)| matches!(event, Event::Raised(raised) if raised.value == 7)), "{told:?}");
    assert!(was_told(client.handle(), Event::Connected), "{told:?}");
    assert!(was_told(refused.handle(), Event::Error(Error::ConnectionRefused)), "{told:?}");
    assert!(was_told(client.handle(), Event::Readable), "{told:?}");
    assert!(was_told(client.handle(), Event::Disconnected), "{told:?}");
    // Room to send comes back when the peer reads.
    let small = Options { send_buffer: 4096, receive_buffer: 4096, ..Options::DEFAULT };
    let (near, far) = stage.pair_with(&small);
    let sent = stage.fill(near, 1);
    for handle in [timer.handle(), source.handle(), client.handle(), refused.handle()].into_iter().flatten() {
        remove(&mut stage, handle);
    }
    stage.cx().set_handler(near).unwrap();
    stage.idle(SILENCE);
    let mut receiver = Receiver::exactly(far, 1, sent);
    let mut heard = Vec::new();
    stage.play_with(&mut [&mut receiver], |_, handle, event| {
        heard.push((handle, event));
        Ok(())
    });
    heard.extend(stage.hear(SILENCE));
    assert!(heard.contains(&(near.handle().unwrap(), Event::Writable)), "{heard:?}");
}

fn remove<B: Backend>(stage: &mut Stage<B>, handle: Handle) {
    let mut cx = stage.cx();
    let removed = match handle.kind() {
        Kind::Timer => Timer::from_handle(handle).map(|timer| cx.remove_handler(timer)),
        Kind::EventSource => EventSource::from_handle(handle).map(|source| cx.remove_handler(source)),
        _ => TcpSocket::from_handle(handle).map(|socket| cx.remove_handler(socket)),
    };
    assert_eq!(removed, Some(Ok(())));
}

/// The events again: a waiter for READABLE never heard ERROR.
fn ptk_wait_for_readable_hears_of_an_error<B: Backend>() {
    let mut stage = Stage::<B>::new();
    // Of a connection, whose reset comes while somebody waits.
    let (near, far) = stage.pair();
    let mut reader = Reader::of(near);
    let mut abort = AbortLater { pt: Pt::new(), socket: far };
    stage.play(&mut [&mut reader, &mut abort]);
    assert_eq!(reader.end[0], Some(Err(Error::ConnectionReset)));
    // And of a UDP socket, whose peer is not there.
    let (near, _) = stage.udp();
    let (gone, nobody) = stage.udp();
    stage.cx().close(gone).unwrap();
    stage.cx().connect_udp(near, nobody).unwrap();
    let (mut mailbox, mut post) = (Mailbox::of(near, 1), Post::to_the_peer(near, &["anybody?"]));
    stage.play(&mut [&mut mailbox, &mut post]);
    assert_eq!(mailbox.heard, [Err(Error::ConnectionRefused)]);
}

/// Resets a connection when others have begun to wait.
struct AbortLater {
    pt: Pt,
    socket: TcpSocket,
}

impl<P: Platform> Protothread<P> for AbortLater {
    type Output = Result<(), Error>;

    #[protothread]
    fn run(&mut self, cx: &mut Cx<'_, P>, _: &mut ()) -> Result<(), Error> {
        yield_now!();
        cx.abort(self.socket)
    }
}

/// `ptk_set_event_handler`, `ptk_set_protothread_event_handler`, `ptk_remove_event_handler`: a second handler silently
/// replaced the first.
fn ptk_set_event_handler_refuses_a_second<B: Backend>() {
    let mut stage = Stage::<B>::new();
    let (near, address) = stage.udp();
    stage.cx().set_handler(near).unwrap();
    assert_eq!(stage.cx().set_handler(near), Err(Error::Busy));
    let mut mailbox = Mailbox::of(near, 1);
    stage.play_with(&mut [&mut mailbox], |_, _, _| Ok(()));
    assert_eq!(mailbox.heard, [Err(Error::Busy)], "nor does a protothread");
    // The first is still told.
    let (far, _) = stage.udp();
    stage.send_to(far, b"x", address);
    let heard = stage.hear_until(|heard| heard.iter().any(|(_, event)| *event == Event::Readable));
    assert!(heard.iter().all(|(handle, _)| Some(*handle) == near.handle()));
    // Removed, it hears nothing more, and the place is free.
    assert_eq!(stage.cx().remove_handler(near), Ok(()));
    stage.idle(SILENCE);
    assert_eq!(stage.cx().remove_handler(near), Err(Error::InvalidArgument));
    let mut mailbox = Mailbox::of(near, 1);
    stage.play(&mut [&mut mailbox]);
    assert!(mailbox.heard[0].is_ok());
}

/// Counts how often it begins, gives way a few times, and returns what it was told to.
struct Counting {
    pt: Pt,
    begun: u32,
    local: u32,
    result: Result<(), Error>,
}

impl<P: Platform> Protothread<P> for Counting {
    type Output = Result<(), Error>;

    #[protothread]
    fn run(&mut self, cx: &mut Cx<'_, P>, _: &mut ()) -> Result<(), Error> {
        self.begun += 1;
        self.local = 0;
        while self.local < 5 {
            self.local += 1;
            yield_now!();
        }
        self.result
    }
}

/// `ptk_protothread_init`, `ptk_protothread_run`, `PT_INIT`, `PT_BEGIN`, `PT_END`, `PT_YIELD`, `PT_EXIT`: no result, no
/// error, locals were lost, and the end started it again.
fn ptk_protothread_returns_a_result_and_does_not_start_again<B: Backend>() {
    let mut stage = Stage::<B>::new();
    let failed = stage.event_loop.counters().failed_tasks;
    let mut well = Counting { pt: Pt::new(), begun: 0, local: 0, result: Ok(()) };
    let mut badly = Counting { pt: Pt::new(), begun: 0, local: 0, result: Err(Error::Protocol) };
    let mut pause = Pause::of(SILENCE);
    let results = stage.try_play(&mut [&mut well, &mut badly, &mut pause], |_, _, _| Ok(()));
    assert_eq!(results, [Some(Ok(())), Some(Err(Error::Protocol)), Some(Ok(()))]);
    assert_eq!((well.begun, badly.begun, well.local, badly.local), (1, 1, 5, 5));
    assert_eq!(stage.event_loop.counters().failed_tasks, failed + 1);
    // Started on purpose it begins at its beginning.
    stage.play(&mut [&mut well]);
    assert_eq!((well.begun, well.local), (2, 5));
}

/// `PTK_PT_WAIT_EVENT`: acted before it registered, so that what came in between was missed.
fn ptk_pt_wait_event_does_not_miss_what_came_before<B: Backend>() {
    let mut stage = Stage::<B>::new();
    let source = stage.cx().event_source().unwrap();
    let timer = stage.cx().timer().unwrap();
    let (near, address) = stage.udp();
    // All of it has happened long before anybody waits.
    stage.cx().raise(source, 3).unwrap();
    stage.cx().start_timer(timer, Duration::ZERO).unwrap();
    stage.send_to(near, b"x", address);
    stage.idle(SILENCE);
    let mut late = Latecomer { pt: Pt::new(), source, timer, socket: near, buffer: Buffer::new(), raised: 0 };
    stage.play(&mut [&mut late]);
    assert_eq!((late.raised, late.buffer.readable()), (3, &b"x"[..]));
}

/// Waits for what has happened.
struct Latecomer {
    pt: Pt,
    source: EventSource,
    timer: Timer,
    socket: UdpSocket,
    buffer: Buffer<8>,
    raised: u32,
}

impl<P: Platform> Protothread<P> for Latecomer {
    type Output = Result<(), Error>;

    #[protothread]
    fn run(&mut self, cx: &mut Cx<'_, P>, _: &mut ()) -> Result<(), Error> {
        self.raised = wait!(cx.raised(self.source))?.value;
        let expired = wait!(cx.expired(self.timer))?;
        assert_eq!(expired, 1);
        wait!(cx.readable(self.socket))?;
        wait!(cx.recv_from(self.socket, &mut self.buffer))?;
        Ok(())
    }
}

/// Connects, says something and waits for the echo.
struct Client {
    pt: Pt,
    server: SocketAddr,
    nobody: SocketAddr,
    socket: TcpSocket,
    buffer: Buffer<16>,
    results: Vec<Result<usize, Error>>,
}

impl<P: Platform> Protothread<P> for Client {
    type Output = Result<(), Error>;

    #[protothread]
    fn run(&mut self, cx: &mut Cx<'_, P>, _: &mut ()) -> Result<(), Error> {
        let refused = wait!(cx.connect(self.nobody));
        self.results.push(refused.map(|_| 0));
        self.socket = wait!(cx.connect(self.server))?;
        self.buffer.put_slice(b"hello")?;
        let sent = wait!(cx.send(self.socket, &mut self.buffer));
        self.results.push(sent);
        let received = wait!(cx.recv(self.socket, &mut self.buffer));
        self.results.push(received);
        cx.shutdown(self.socket, Half::Write)?;
        self.buffer.clear();
        let end = wait!(cx.recv(self.socket, &mut self.buffer));
        self.results.push(end);
        Ok(())
    }
}

/// Answers one connection.
struct Server {
    pt: Pt,
    listener: TcpListener,
    socket: TcpSocket,
    buffer: Buffer<16>,
}

impl<P: Platform> Protothread<P> for Server {
    type Output = Result<(), Error>;

    #[protothread]
    fn run(&mut self, cx: &mut Cx<'_, P>, _: &mut ()) -> Result<(), Error> {
        self.socket = wait!(cx.accept(self.listener))?;
        while wait!(cx.recv(self.socket, &mut self.buffer))? > 0 {
            wait!(cx.send_all(self.socket, &mut self.buffer))?;
        }
        Ok(())
    }
}

/// `PTK_PT_WAIT_TCP_CONNECT`, `_TCP_SEND`, `_TCP_RECEIVE`: results were thrown away.
fn ptk_pt_tcp_connect_send_receive_give_their_results<B: Backend>() {
    let mut stage = Stage::<B>::new();
    let nobody = stage.refusing_address();
    let (listener, server) = stage.listen();
    let mut client =
        Client { pt: Pt::new(), server, nobody, socket: TcpSocket::NONE, buffer: Buffer::new(), results: Vec::new() };
    let mut echo = Server { pt: Pt::new(), listener, socket: TcpSocket::NONE, buffer: Buffer::new() };
    stage.play(&mut [&mut client, &mut echo]);
    assert_eq!(client.results, [Err(Error::ConnectionRefused), Ok(5), Ok(5), Ok(0)]);
}

/// `PTK_PT_WAIT_UDP_SEND`, `_UDP_RECEIVE`: results were thrown away.
fn ptk_pt_udp_send_and_receive_give_their_results<B: Backend>() {
    let mut stage = Stage::<B>::new();
    let ((near, near_address), (far, far_address)) = (stage.udp(), stage.udp());
    let letters = [vec![1; 10], vec![2; 70_000], vec![]];
    let (mut mailbox, mut post) = (Mailbox::of(near, 2), Post::to(far, near_address, &letters));
    stage.play(&mut [&mut mailbox, &mut post]);
    assert_eq!(post.results, [Ok(()), Err(Error::MessageTooLarge), Ok(())]);
    let letter = |bytes: &[u8]| Ok(Letter::new(bytes, far_address));
    assert_eq!(mailbox.heard, [letter(&[1; 10]), letter(&[])]);
}

/// Connects to a name.
struct ByName {
    pt: PtTimed,
    host: &'static str,
    port: u16,
    outcome: Option<Result<Result<TcpSocket, Error>, TimedOut>>,
}

impl<P: Platform> Protothread<P> for ByName {
    type Output = ();

    #[protothread]
    fn run(&mut self, cx: &mut Cx<'_, P>, _: &mut ()) {
        self.outcome = Some(wait!(cx.connect_to(self.host, self.port), timeout = Duration::from_secs(20)));
    }
}

/// `PTK_PT_WAIT_TCP_CONNECT` with a name: `"server.com"` was never resolved, and hung for ever.
fn ptk_pt_tcp_connect_takes_a_name_and_does_not_hang<B: Backend>() {
    let mut stage = Stage::<B>::new();
    let (listener, address) = stage.listen_at(([127, 0, 0, 1], 0).into(), &Options::DEFAULT);
    for host in ["127.0.0.1", "localhost"] {
        let mut by_name = ByName { pt: PtTimed::new(), host, port: address.port(), outcome: None };
        let mut take = Take::from(listener);
        stage.play(&mut [&mut by_name, &mut take]);
        assert!(matches!(by_name.outcome, Some(Ok(Ok(_)))), "{host}: {:?}", by_name.outcome);
    }
    // The only server that could know is not there.
    let (gone, nobody) = stage.udp();
    stage.cx().close(gone).unwrap();
    stage.cx().set_name_servers(&[nobody]).unwrap();
    let mut by_name = ByName { pt: PtTimed::new(), host: "server.invalid", port: 80, outcome: None };
    stage.play(&mut [&mut by_name]);
    assert!(matches!(by_name.outcome, Some(Ok(Err(_)))), "an error, and in time: {:?}", by_name.outcome);
}

/// `PTK_PT_SLEEP_MS`.
fn ptk_pt_sleep_ms_sleeps<B: Backend>() {
    let mut stage = Stage::<B>::new();
    let before = stage.now();
    let mut pause = Pause::of(Duration::from_millis(30));
    stage.play(&mut [&mut pause]);
    let slept = stage.now() - before;
    assert!(slept >= Duration::from_millis(30), "{slept:?}");
}
