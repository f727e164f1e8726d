//! What a body's waits leave behind in the loop: registrations, deadlines, and what the listing says of them.

mod scheduler_world;

use std::cell::Cell;

use ptk_core::prelude::*;
use ptk_core::{Counters, Handle, TaskReport, TaskState, WAIT_NODES};
use scheduler_world::{Loop, World, connection, hash, ms, open_loop, port, settle, start_all, step, steps};

/// One body of many, by number.
#[derive(Clone, Hash, Debug)]
struct Body {
    pt: PtTimed,
    nested_pt: PtTimed,
    script: u32,
    timers: [Timer; 4],
    source: EventSource,
    listener: TcpListener,
    socket: TcpSocket,
    buf: Buffer<8>,
    log: Vec<u32>,
}

impl Protothread<World> for Body {
    type Output = Result<(), Error>;

    #[protothread]
    fn run(&mut self, cx: &mut Cx<'_, World>, _: &mut ()) -> Result<(), Error> {
        match self.script {
            // Two at a time, one of them ready, and two others at once.
            0 => {
                wait!(first!(cx.expired(self.timers[0]), cx.raised(self.source)));
                wait!(first!(cx.expired(self.timers[1]), cx.expired(self.timers[2])));
                Ok(())
            }
            // A wait whose time is up, and two others at once.
            1 => {
                let _ = wait!(cx.expired(self.timers[0]), timeout = ms(5));
                wait!(first!(cx.expired(self.timers[1]), cx.expired(self.timers[2])));
                Ok(())
            }
            // Three at a time.
            2 => {
                match wait!(first!(cx.expired(self.timers[0]), cx.expired(self.timers[1]), cx.expired(self.timers[2])))
                {
                    First::A(expired) | First::B(expired) | First::C(expired) => expired?,
                };
                Ok(())
            }
            // A wait whose time is up, and a handler for what was waited for.
            3 => {
                let _ = wait!(cx.expired(self.timers[0]), timeout = ms(5));
                cx.set_handler(self.timers[0])?;
                wait!(cx.expired(self.timers[1]))?;
                Ok(())
            }
            // Sleeps of no time.
            4 => {
                while self.log.len() < 5 {
                    self.log.push(0);
                    wait!(sleep!(Duration::ZERO));
                }
                Ok(())
            }
            // Timeouts of no time.
            5 => {
                while self.log.len() < 5 {
                    self.log.push(0);
                    let _ = wait!(cx.raised(self.source), timeout = Duration::ZERO);
                }
                Ok(())
            }
            // The same thing twice at a time takes one place.
            6 => {
                let _ = wait!(first!(cx.raised(self.source), cx.raised(self.source), cx.expired(self.timers[0])));
                Ok(())
            }
            // Each kind of wait, one after the other.
            7 => {
                self.socket = wait!(cx.accept(self.listener))?;
                wait!(cx.recv(self.socket, &mut self.buf), timeout = ms(500))??;
                wait!(cx.raised(self.source))?;
                wait!(first!(cx.expired(self.timers[0]), cx.recv(self.socket, &mut self.buf)));
                wait!(sleep!(ms(30)));
                yield_now!();
                Ok(())
            }
            // A child inside, with two waits of its own one after the other, beside a third.
            8 => {
                let _ = wait!(first!(self.nested(cx), cx.raised(self.source)));
                Ok(())
            }
            // The same in the other order: what the child waits for comes behind the third.
            9 => {
                let _ = wait!(first!(cx.raised(self.source), self.nested(cx)));
                Ok(())
            }
            10 => {
                let _ = wait!(first!(cx.raised(self.source), self.nested_in_time(cx)));
                Ok(())
            }
            _ => Err(Error::InvalidArgument),
        }
    }
}

impl Body {
    /// As `nested`, after a wait whose time is up.
    #[protothread(self.nested_pt)]
    fn nested_in_time(&mut self, cx: &mut Cx<'_, World>) -> Result<(), Error> {
        let _ = wait!(cx.expired(self.timers[2]), timeout = ms(1));
        wait!(cx.expired(self.timers[1]))?;
        Ok(())
    }

    #[protothread(self.nested_pt)]
    fn nested(&mut self, cx: &mut Cx<'_, World>) -> Result<(), Error> {
        wait!(cx.expired(self.timers[0]))?;
        wait!(cx.expired(self.timers[1]))?;
        Ok(())
    }
}

/// A loop, and one task that follows `script`.
fn world(script: u32) -> (Loop, [Body; 1]) {
    let mut event_loop = open_loop();
    let mut cx = event_loop.cx();
    let body = Body {
        pt: PtTimed::new(),
        nested_pt: PtTimed::new(),
        script,
        timers: [(); 4].map(|()| cx.timer().unwrap()),
        source: cx.event_source().unwrap(),
        listener: cx.listen(port(1)).unwrap(),
        socket: TcpSocket::NONE,
        buf: Buffer::new(),
        log: Vec::new(),
    };
    (event_loop, [body])
}

fn report(event_loop: &Loop, set: &[Body; 1]) -> TaskReport {
    let mut reports = Vec::new();
    event_loop.list_tasks(set, |report| reports.push(*report));
    reports[0]
}

/// What the listing says, without the path of this file and the line.
fn listing(event_loop: &Loop, set: &[Body; 1]) -> String {
    let report = report(event_loop, set);
    let place = format!("{}:{}", report.suspended.file, report.suspended.line);
    report.to_string().replace(&place, "HERE").replace(std::any::type_name::<Body>(), "Body")
}

fn no_errors(counters: Counters) {
    assert_eq!((counters.failed_tasks, counters.too_many_waits), (0, 0));
}

#[test]
fn operands_of_a_first_that_lost_take_no_place_in_the_next_wait() {
    let (mut event_loop, mut set) = world(0);
    event_loop.turn_now(&mut set).unwrap();
    let (source, timers) = (set[0].source, set[0].timers);
    event_loop.cx().raise(source, 1).unwrap();
    event_loop.turn_now(&mut set).unwrap();
    no_errors(event_loop.counters());
    assert_eq!(
        listing(&event_loop, &set),
        "0 Body[0] run waiting at HERE for Timer 1.1#0 expired or Timer 1.2#0 expired"
    );
    event_loop.cx().set_handler(timers[0]).unwrap();
    event_loop.cx().remove_handler(timers[0]).unwrap();
    event_loop.cx().start_timer(timers[2], ms(1)).unwrap();
    event_loop.run(&mut set).unwrap();
    no_errors(event_loop.counters());
}

#[test]
fn a_wait_whose_time_is_up_takes_no_place_in_the_next_wait() {
    let (mut event_loop, mut set) = world(1);
    let timers = set[0].timers;
    event_loop.turn(&mut set).unwrap();
    assert_eq!(listing(&event_loop, &set), "0 Body[0] run waiting at HERE for Timer 1.0#0 expired, until 0.005000000s");
    event_loop.turn(&mut set).unwrap();
    no_errors(event_loop.counters());
    let listed = listing(&event_loop, &set);
    let waits = ["Timer 1.1#0 expired", "Timer 1.2#0 expired"];
    assert!(waits.iter().all(|wait| listed.contains(wait)) && !listed.contains("until"), "{listed}");
    // What it waits for no more does not wake it.
    event_loop.cx().start_timer(timers[0], ms(1)).unwrap();
    let polls = event_loop.counters().polls;
    event_loop.turn(&mut set).unwrap();
    assert_eq!(event_loop.counters().polls, polls);
}

#[test]
fn what_nobody_waits_for_any_more_can_have_a_handler_at_once() {
    let (mut event_loop, mut set) = world(3);
    for _ in 0..3 {
        event_loop.turn_now(&mut set).unwrap();
        event_loop.platform_mut().mock.advance(ms(5));
    }
    no_errors(event_loop.counters());
    assert_eq!(event_loop.tables().tasks.used, 1, "{:?}", event_loop.last_error());
}

#[test]
fn waiting_for_too_much_at_once_is_an_error_with_a_counter() {
    let (mut event_loop, mut set) = world(2);
    let ended = event_loop.run(&mut set);
    if WAIT_NODES > 2 {
        // There is a node for each, and nothing ever comes.
        assert_eq!(ended, Err(Error::Deadlock));
        return;
    }
    let counters = event_loop.counters();
    assert_eq!((ended, counters.failed_tasks, counters.too_many_waits), (Ok(()), 1, 1));
    assert_eq!(event_loop.last_error(), Some(Error::TooManyWaits));
}

#[test]
fn the_same_source_twice_takes_one_place() {
    let (mut event_loop, mut set) = world(6);
    event_loop.turn_now(&mut set).unwrap();
    assert_eq!(
        listing(&event_loop, &set),
        "0 Body[0] run waiting at HERE for EventSource 1.0#1 raised or Timer 1.0#0 expired"
    );
}

#[test]
fn a_child_that_goes_on_keeps_what_its_parent_waits_for_besides() {
    for script in [8, 9, 10] {
        let (mut event_loop, mut set) = world(script);
        let (source, timers) = (set[0].source, set[0].timers);
        event_loop.turn_now(&mut set).unwrap();
        event_loop.cx().start_timer(timers[0], ms(1)).unwrap();
        event_loop.turn(&mut set).unwrap();
        let waits = report(&event_loop, &set).waits.iter().flatten().count();
        assert_eq!((waits, event_loop.counters().polls), (2, 2), "script {script}");
        event_loop.cx().raise(source, 1).unwrap();
        assert_eq!(event_loop.turn(&mut set), Ok(false), "script {script}");
    }
}

#[test]
fn sleeping_for_no_time_gives_way_to_the_others() {
    for script in [4, 5] {
        let (mut event_loop, mut set) = world(script);
        event_loop.turn(&mut set).unwrap();
        assert_eq!(set[0].log.len(), 1, "script {script} goes on in the same turn");
        event_loop.run(&mut set).unwrap();
        assert_eq!((set[0].log.len(), event_loop.counters().turns), (5, 6));
        assert_eq!(event_loop.cx().now(), Instant::ORIGIN);
    }
}

#[test]
fn the_listing_tells_where_each_task_waits_for_what_until_when_and_since_when() {
    let (mut event_loop, mut set) = world(7);
    let client = event_loop.cx().tcp_socket(&Options::DEFAULT).unwrap();
    let (source, timers) = (set[0].source, set[0].timers);
    event_loop.track_waits(true);
    assert_eq!(listing(&event_loop, &set), "0 Body[0] run idle");
    event_loop.cx().start(0).unwrap();
    assert_eq!(listing(&event_loop, &set), "0 Body[0] run ready at HERE");
    let first = report(&event_loop, &set).suspended.line;
    event_loop.platform_mut().mock.advance(ms(1500));
    event_loop.turn_now(&mut set).unwrap();
    let since = "since 1.500000000s";
    assert_eq!(
        listing(&event_loop, &set),
        format!("0 Body[0] run waiting at HERE for TcpListener 1.0#0 readable, {since}")
    );
    let waiting = report(&event_loop, &set);
    assert_eq!((waiting.state, waiting.since), (TaskState::Waiting, Some(Instant::ORIGIN + ms(1500))));
    assert!(waiting.suspended.file.ends_with("scheduler_waits.rs") && waiting.suspended.line > first);
    assert!(event_loop.cx().connect_on(client, port(1)).is_pending());
    event_loop.turn_now(&mut set).unwrap();
    assert!(event_loop.cx().connect_on(client, port(1)).is_ready());
    assert_eq!(report(&event_loop, &set).suspended.line, waiting.suspended.line + 1);
    assert_eq!(
        listing(&event_loop, &set),
        format!("0 Body[0] run waiting at HERE for TcpSocket 1.2#0 readable, until 2.000000000s, {since}")
    );
    event_loop.cx().try_send(client, b"x").unwrap();
    event_loop.turn_now(&mut set).unwrap();
    assert_eq!(
        listing(&event_loop, &set),
        format!("0 Body[0] run waiting at HERE for EventSource 1.0#1 raised, {since}")
    );
    event_loop.cx().raise(source, 1).unwrap();
    event_loop.turn_now(&mut set).unwrap();
    assert_eq!(
        listing(&event_loop, &set),
        format!("0 Body[0] run waiting at HERE for Timer 1.0#0 expired or TcpSocket 1.2#0 readable, {since}")
    );
    event_loop.cx().start_timer(timers[0], ms(100)).unwrap();
    event_loop.turn(&mut set).unwrap();
    assert_eq!(listing(&event_loop, &set), "0 Body[0] run waiting at HERE, until 1.630000000s, since 1.600000000s");
    event_loop.turn(&mut set).unwrap();
    assert_eq!(listing(&event_loop, &set), "0 Body[0] run ready at HERE");
    event_loop.turn(&mut set).unwrap();
    assert_eq!(listing(&event_loop, &set), "0 Body[0] run idle");
    assert_eq!(event_loop.counters().spurious_wakes, 0);
}

#[test]
fn a_spurious_wake_of_any_wait_changes_nothing() {
    for script in [0, 1, 6, 7, 8, 9] {
        let (mut event_loop, mut set) = world(script);
        event_loop.turn_now(&mut set).unwrap();
        let client = event_loop.cx().tcp_socket(&Options::DEFAULT).unwrap();
        if script == 7 {
            assert!(event_loop.cx().connect_on(client, port(1)).is_pending());
            event_loop.turn_now(&mut set).unwrap();
        }
        let before = (hash(&event_loop), hash(&set));
        let sockets: Vec<Handle> = [set[0].socket.handle(), set[0].listener.handle()].into_iter().flatten().collect();
        for socket in sockets {
            let noise = (socket, ptk_core::Readiness::READ);
            event_loop.platform_mut().noise.push(noise);
            event_loop.platform_mut().ring = true;
            event_loop.turn_now(&mut set).unwrap();
            if script != 7 {
                // Nobody waits for it, so nobody has found out that there is nothing.
                continue;
            }
            assert_eq!(hash(&set), before.1, "script {script}");
        }
        assert_eq!(hash(&set), before.1, "script {script}");
    }
}

#[test]
fn the_tables_tell_how_full_they_are_and_were() {
    let mut event_loop = open_loop();
    let (client, server) = connection(&mut event_loop);
    let timer = event_loop.cx().timer().unwrap();
    event_loop.cx().close(timer).unwrap();
    let tables = event_loop.tables();
    assert_eq!((tables.sockets.used, tables.sockets.high_water, tables.sockets.capacity), (2, 3, 16));
    assert_eq!((tables.timers.used, tables.timers.high_water, tables.timers.capacity), (0, 1, 128));
    assert_eq!((tables.events.used, tables.events.capacity), (0, 8));
    assert!(tables.bytes >= tables.tasks.bytes + tables.sockets.bytes + tables.timers.bytes + tables.events.bytes);
    assert_eq!(tables.sockets.to_string(), format!("2 of 16 used, 3 at most, {} bytes", tables.sockets.bytes));
    let _ = (client, server);
}

/// Waits for a timer for a while, closes it, and waits for another.
#[derive(Clone, Hash, Debug)]
struct Closer {
    pt: PtTimed,
    timers: [Timer; 2],
}

impl Protothread<World> for Closer {
    type Output = Result<(), Error>;

    #[protothread]
    fn run(&mut self, cx: &mut Cx<'_, World>, _: &mut ()) -> Result<(), Error> {
        let _ = wait!(cx.expired(self.timers[0]), timeout = ms(5));
        cx.close(self.timers[0])?;
        wait!(cx.expired(self.timers[1]))?;
        Ok(())
    }
}

#[test]
fn closing_what_one_waits_for_no_more_wakes_nobody() {
    let mut event_loop = open_loop();
    let timers = [(); 2].map(|()| event_loop.cx().timer().unwrap());
    let mut set = [Closer { pt: PtTimed::new(), timers }];
    event_loop.turn(&mut set).unwrap();
    event_loop.turn(&mut set).unwrap();
    event_loop.turn_now(&mut set).unwrap();
    assert_eq!((event_loop.counters().polls, event_loop.tables().timers.used), (2, 1));
    event_loop.cx().start_timer(timers[1], ms(1)).unwrap();
    event_loop.run(&mut set).unwrap();
    no_errors(event_loop.counters());
}

#[test]
fn a_deadline_that_is_not_met_again_is_forgotten() {
    let mut event_loop = open_loop();
    let (source, resumes) = (event_loop.cx().event_source().unwrap(), Cell::new(0));
    let mut set = steps([step(|cx| {
        if resumes.replace(resumes.get() + 1) == 0 {
            assert!(cx.sleep_until(Instant::ORIGIN + ms(5)).is_pending());
        }
        while cx.raised(source).is_ready() {}
        Poll::Pending
    })]);
    event_loop.turn_now(&mut set).unwrap();
    assert_eq!(event_loop.next_deadline(), Some(Instant::ORIGIN + ms(5)));
    event_loop.cx().raise(source, 1).unwrap();
    event_loop.turn_now(&mut set).unwrap();
    assert_eq!((resumes.get(), event_loop.next_deadline()), (2, None));
}

#[test]
fn a_task_that_is_woken_for_room_to_send_and_leaves_passes_it_on() {
    let mut event_loop = open_loop();
    let (client, server) = connection(&mut event_loop);
    let (resumes, sent) = (Cell::new(0), Cell::new(false));
    let leaver = step(|cx| match resumes.replace(resumes.get() + 1) {
        0 => {
            while cx.try_send(client, &[0; 4096]).is_ok() {}
            cx.writable(client)
        }
        _ => Poll::Ready(Ok(())),
    });
    let sender = step(|cx| {
        let writable = cx.writable(client);
        sent.set(writable.is_ready());
        writable
    });
    let mut set = steps([leaver, sender]);
    start_all(&mut event_loop, 2);
    settle(&mut event_loop, &mut set);
    assert_eq!((resumes.get(), sent.get()), (1, false), "the way is full");
    while event_loop.cx().try_recv(server, &mut [0; 4096]).is_ok() {}
    settle(&mut event_loop, &mut set);
    assert_eq!((resumes.get(), sent.get()), (2, true));
}
