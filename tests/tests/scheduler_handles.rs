//! A handle that is stale, forged, another loop's or nobody's is refused by every call, and touches nothing.

mod scheduler_world;

use std::task::Poll;

use ptk_core::{
    Buffer, Cx, Error, EventSource, Half, Handle, Options, Platform, Task, TcpListener, TcpSocket, Timer, TypedHandle,
};
use scheduler_world::{Loop, World, connection, hash, idle, ms, open_loop, port, settle, step, steps};

/// One handle of each kind.
#[derive(Clone, Copy, Debug)]
struct Handles {
    socket: TcpSocket,
    listener: TcpListener,
    timer: Timer,
    source: EventSource,
    task: Task,
}

const NONE: Handles = Handles {
    socket: TcpSocket::NONE,
    listener: TcpListener::NONE,
    timer: Timer::NONE,
    source: EventSource::NONE,
    task: Task::NONE,
};

impl Handles {
    /// The same, with the bits of each handle changed.
    fn forged(self, change: impl Fn(u64) -> u64) -> Handles {
        fn forge<H: TypedHandle>(handle: H, change: impl Fn(u64) -> u64) -> H {
            let forged = handle.handle().and_then(|handle| Handle::from_raw(change(handle.raw())));
            forged.and_then(H::from_handle).expect("the kind was kept")
        }
        Handles {
            socket: forge(self.socket, &change),
            listener: forge(self.listener, &change),
            timer: forge(self.timer, &change),
            source: forge(self.source, &change),
            task: forge(self.task, &change),
        }
    }
}

/// A loop with one of each, open.
fn world(id: u8) -> (Loop, Handles) {
    let mut event_loop = Loop::new(id, World::default());
    event_loop.open().unwrap();
    let (socket, _other) = connection(&mut event_loop);
    let mut cx = event_loop.cx();
    let (listener, timer) = (cx.listen(port(1)).unwrap(), cx.timer().unwrap());
    let (source, task) = (cx.event_source().unwrap(), cx.start(0).unwrap());
    (event_loop, Handles { socket, listener, timer, source, task })
}

/// The names of the calls that do not refuse `handles`.
fn accepted_by(cx: &mut Cx<'_, World>, handles: Handles) -> Vec<&'static str> {
    let Handles { socket, listener, timer, source, task } = handles;
    let mut accepted = Vec::new();
    let mut look = |name, error: Option<Error>| {
        if error != Some(Error::InvalidHandle) {
            accepted.push(name);
        }
    };
    fn polled<T>(poll: Poll<Result<T, Error>>) -> Option<Error> {
        match poll {
            Poll::Ready(Err(error)) => Some(error),
            _ => None,
        }
    }
    macro_rules! refuses {
        ($($name:ident($($argument:expr),*))*) => { $( look(stringify!($name), cx.$name($($argument),*).err()); )* };
    }
    macro_rules! polls_refuse {
        ($($name:ident($($argument:expr),*))*) => { $( look(stringify!($name), polled(cx.$name($($argument),*))); )* };
    }
    let mut full = Buffer::<4>::new();
    full.put_slice(&[1; 4]).unwrap();
    let mut buffer = Buffer::<4>::new();
    buffer.put_slice(&[1]).unwrap();
    let empty = &mut Buffer::<4>::new();
    polls_refuse! {
        connect_on(socket, port(1)) accept(listener)
        recv(socket, &mut buffer) recv_exact(socket, &mut buffer, 3) send(socket, &mut buffer)
        send_all(socket, &mut buffer) readable(socket) writable(socket) expired(timer) raised(source)
    }
    // Where there is nothing to do, the handle is looked at all the same.
    polls_refuse! {
        recv(socket, &mut full) recv_exact(socket, &mut full, 2) send(socket, empty) send_all(socket, empty)
    }
    refuses! {
        try_accept(listener) try_recv(socket, &mut [0]) try_send(socket, &[1]) try_recv(socket, &mut [])
        try_send(socket, &[]) shutdown(socket, Half::Both) abort(socket) local_address(socket) local_address(listener)
        peer_address(socket) set_nodelay(socket, true)
        start_timer(timer, ms(1)) start_repeating(timer, ms(1)) stop_timer(timer) timer_is_running(timer)
        raise(source, 1) cancel(task)
        close(socket) close(listener) close(timer) close(source) close(task)
        detach(socket) detach(listener) detach(timer) detach(source) detach(task)
        adopt(socket) adopt(listener) adopt(timer) adopt(source) adopt(task)
        user_data(socket) user_data(listener) user_data(timer) user_data(source) user_data(task)
        set_user_data(socket, 1) set_user_data(listener, 1) set_user_data(timer, 1) set_user_data(source, 1)
        set_handler(socket) set_handler(listener) set_handler(timer) set_handler(source) set_handler(task)
        remove_handler(socket) remove_handler(listener) remove_handler(timer) remove_handler(source)
        remove_handler(task)
    }
    let raised = cx.platform().port().map(|port| port.raise(source, 1).map(drop));
    look("raise through the port", raised.and_then(Result::err));
    assert_eq!((buffer.len(), full.len()), (1, 4), "no byte was taken");
    accepted
}

/// Checks that `event_loop` refuses `handles`, from outside and in a task, and that nothing happens to it.
fn check_refused(event_loop: &mut Loop, handles: Handles, what: &str) {
    let before = hash(event_loop);
    assert_eq!(accepted_by(&mut event_loop.cx(), handles), [""; 0], "{what}, outside");
    for handle in [handles.socket.handle(), handles.listener.handle(), handles.timer.handle(), handles.task.handle()] {
        assert!(!handle.is_some_and(|handle| event_loop.is_valid(handle)), "{what}");
    }
    assert_eq!(hash(event_loop), before, "{what}: something was touched");
    let mut copy = event_loop.clone();
    let mut set = steps([
        idle(),
        step(|cx| {
            assert_eq!(accepted_by(cx, handles), [""; 0], "{what}, in a task");
            Poll::Ready(Ok(()))
        }),
    ]);
    copy.cx().start(1).unwrap();
    settle(&mut copy, &mut set);
    assert_eq!(copy.counters().polls, event_loop.counters().polls + 2);
}

#[test]
fn the_handle_of_nothing_is_refused_by_every_call() {
    let (mut event_loop, _) = world(1);
    check_refused(&mut event_loop, NONE, "NONE");
}

#[test]
fn loops_with_different_ids_refuse_each_others_handles() {
    let ((mut one, ones), (mut other, others)) = (world(1), world(2));
    check_refused(&mut one, others, "the other's");
    check_refused(&mut other, ones, "the one's");
}

#[test]
fn forged_handles_are_refused_by_every_call() {
    let (mut event_loop, handles) = world(1);
    check_refused(&mut event_loop, handles.forged(|bits| bits + 1), "a generation to come");
    check_refused(&mut event_loop, handles.forged(|bits| bits | 0xffff_ffff), "the last generation");
    check_refused(&mut event_loop, handles.forged(|bits| bits ^ 8 << 32), "another slot");
    check_refused(&mut event_loop, handles.forged(|bits| bits | 0xf_ffff << 32), "a slot that no table has");
    check_refused(&mut event_loop, handles.forged(|bits| bits ^ 1 << 52), "another loop");
    check_refused(
        &mut event_loop,
        handles.forged(|bits| bits | 1 << 16),
        "a generation that a port's word cannot hold",
    );
}

#[test]
fn a_handle_of_one_kind_cannot_be_made_one_of_another() {
    let (_event_loop, handles) = world(1);
    let timer = handles.timer.handle().unwrap();
    assert_eq!(TcpSocket::from_handle(timer), None);
    assert_eq!(Timer::from_handle(timer), Some(handles.timer));
    assert_eq!(Handle::from_raw(timer.raw() & !(0xf << 60)), None, "no kind");
    assert_eq!(Handle::from_raw(timer.raw() | 0xf << 60), None, "a kind that there is not");
}

#[test]
fn stale_handles_are_refused_by_every_call_also_when_their_slots_are_used_again() {
    let (mut event_loop, handles) = world(1);
    let mut cx = event_loop.cx();
    cx.close(handles.socket).unwrap();
    cx.close(handles.listener).unwrap();
    cx.close(handles.timer).unwrap();
    cx.close(handles.source).unwrap();
    cx.cancel(handles.task).unwrap();
    check_refused_when_stale(&mut event_loop, handles);
    let mut cx = event_loop.cx();
    for _ in 0..3 {
        cx.tcp_socket(&Options::DEFAULT).unwrap();
    }
    cx.timer().unwrap();
    cx.event_source().unwrap();
    check_refused_when_stale(&mut event_loop, handles);
}

fn check_refused_when_stale(event_loop: &mut Loop, handles: Handles) {
    let before = hash(event_loop);
    assert_eq!(accepted_by(&mut event_loop.cx(), handles), [""; 0], "stale");
    assert_eq!(hash(event_loop), before, "something was touched");
}

#[test]
fn no_handle_is_given_out_twice() {
    let mut event_loop = Loop::new(1, World::default());
    event_loop.open().unwrap();
    let mut seen = std::collections::HashSet::new();
    let mut cx = event_loop.cx();
    for _ in 0..5000 {
        let (timer, source) = (cx.timer().unwrap(), cx.event_source().unwrap());
        let socket = cx.tcp_socket(&Options::DEFAULT).unwrap();
        for handle in [timer.handle(), source.handle(), socket.handle()] {
            assert!(seen.insert(handle.unwrap()));
        }
        cx.close(timer).unwrap();
        cx.close(source).unwrap();
        cx.close(socket).unwrap();
    }
}

#[test]
fn event_sources_retire_when_their_generations_are_used_up_and_the_table_says_that_it_is_full() {
    let mut event_loop: ptk_core::EventLoop<World, 1, 0, 0, 2> = ptk_core::EventLoop::new(1, World::default());
    event_loop.open().unwrap();
    let mut cx = event_loop.cx();
    let mut opened = 0;
    let error = loop {
        match cx.event_source() {
            Ok(source) => {
                opened += 1;
                cx.raise(source, 1).unwrap();
                cx.close(source).unwrap();
            }
            Err(error) => break error,
        }
    };
    assert_eq!(error, Error::TableFull { kind: ptk_core::Kind::EventSource, capacity: 2 });
    assert_eq!(opened, 2 * 0x7fff);
    assert_eq!(event_loop.tables().events.used, 0);
}

#[test]
fn user_data_stays_with_its_handle_and_ends_with_it() {
    let (mut event_loop, handles) = world(1);
    let mut cx = event_loop.cx();
    assert_eq!(cx.user_data(handles.timer), Ok(0));
    cx.set_user_data(handles.timer, 7).unwrap();
    cx.set_user_data(handles.socket, 8).unwrap();
    assert_eq!((cx.user_data(handles.timer), cx.user_data(handles.socket)), (Ok(7), Ok(8)));
    cx.close(handles.timer).unwrap();
    let again = cx.timer().unwrap();
    assert_eq!(cx.user_data(again), Ok(0));
}

#[test]
fn tables_that_are_full_say_which_and_how_large() {
    let mut event_loop: ptk_core::EventLoop<World, 1, 1, 1, 1> = ptk_core::EventLoop::new(1, World::default());
    event_loop.open().unwrap();
    let mut cx = event_loop.cx();
    let opened = (cx.timer(), cx.event_source(), cx.tcp_socket(&Options::DEFAULT));
    assert!(opened.0.is_ok() && opened.1.is_ok() && opened.2.is_ok());
    let texts = [
        cx.timer().unwrap_err().to_string(),
        cx.event_source().unwrap_err().to_string(),
        cx.tcp_socket(&Options::DEFAULT).unwrap_err().to_string(),
        cx.listen(port(1)).unwrap_err().to_string(),
    ];
    assert_eq!(texts[0], "timer table full (1 of 1): raise TIMERS");
    assert_eq!(texts[1], "event source table full (1 of 1): raise EVENTS");
    assert_eq!(texts[2], "socket table full (1 of 1): raise SOCKETS");
    assert_eq!(texts[3], texts[2]);
    assert_eq!(event_loop.platform().mock.open_sockets(), 0, "nothing was opened in the platform");
}

#[test]
fn handles_that_nobody_owns_are_equal_for_a_hash_whoever_had_them() {
    let worlds = [false, true].map(|one_by_one| {
        let mut event_loop = open_loop();
        let mut set = steps([step(|cx| {
            let first = cx.timer().unwrap();
            if one_by_one {
                cx.detach(first).unwrap();
            }
            let second = cx.timer().unwrap();
            cx.detach(second).unwrap();
            if !one_by_one {
                cx.detach(first).unwrap();
            }
            Poll::Ready(Ok(()))
        })]);
        event_loop.run(&mut set).unwrap();
        hash(&event_loop)
    });
    assert_eq!(worlds[0], worlds[1]);
}
