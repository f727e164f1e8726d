//! Connections that are being made belong to the wait that makes them: given up with it, found again by it, and nobody
//! else's. And handles that change hands.

mod scheduler_world;

use ptk_core::prelude::*;
use ptk_core::{Readiness, WaitingFor};
use scheduler_world::{Loop, World, ms, open_loop, open_loop_in, port};

/// Where nobody listens, where a listener has room, and where the backlog is full.
const REFUSED: u16 = 1;
const OPEN: u16 = 2;
const FULL: u16 = 3;

/// One body of many, by number.
#[derive(Clone, Hash, Debug)]
struct Body {
    pt: PtTimed,
    inner_pt: PtTimed,
    script: u32,
    to: [u16; 2],
    socket: TcpSocket,
    timer: Timer,
    rounds: u32,
    outcome: Option<Result<(), Error>>,
}

impl Body {
    fn new(script: u32, to: [u16; 2]) -> Body {
        Body {
            pt: PtTimed::new(),
            inner_pt: PtTimed::new(),
            script,
            to,
            socket: TcpSocket::NONE,
            timer: Timer::NONE,
            rounds: 0,
            outcome: None,
        }
    }

    /// Opens a timer and connects twice, the first time beside the second.
    #[protothread(self.inner_pt)]
    fn race(&mut self, cx: &mut Cx<'_, World>) -> Result<TcpSocket, Error> {
        cx.timer()?;
        match wait!(first!(cx.connect(port(self.to[0])), cx.connect(port(self.to[1])))) {
            First::A(socket) | First::B(socket) => socket,
        }
    }

    /// Takes a timer over, and fails.
    #[protothread(self.inner_pt)]
    fn take_over_and_fail(&mut self, cx: &mut Cx<'_, World>) -> Result<(), Error> {
        cx.adopt(self.timer)?;
        wait!(sleep!(ms(1)));
        Err(Error::Protocol)
    }

    /// Closes what its parent opened, opens another in its place, and succeeds.
    #[protothread(self.inner_pt)]
    fn replace(&mut self, cx: &mut Cx<'_, World>) -> Result<(), Error> {
        cx.close(self.timer)?;
        self.timer = cx.timer()?;
        wait!(sleep!(ms(1)));
        Ok(())
    }
}

impl Protothread<World> for Body {
    type Output = Result<(), Error>;

    #[protothread]
    fn run(&mut self, cx: &mut Cx<'_, World>, _: &mut ()) -> Result<(), Error> {
        match self.script {
            0 => self.socket = wait!(cx.connect(port(self.to[0])))?,
            1 => match wait!(cx.connect(port(self.to[0])), timeout = ms(10)) {
                Ok(socket) => self.socket = socket?,
                Err(TimedOut) => self.outcome = Some(Err(Error::TimedOut)),
            },
            2 => match wait!(self.race(cx), timeout = ms(10)) {
                Ok(socket) => self.socket = socket?,
                Err(TimedOut) => self.outcome = Some(Err(Error::TimedOut)),
            },
            3 => {
                // Again and again, each time a new connection.
                while self.rounds < 5 {
                    self.rounds += 1;
                    let _ = wait!(cx.connect(port(self.to[0])), timeout = ms(10));
                }
            }
            4 => {
                // Its own socket stays connecting when the wait is given up.
                self.socket = cx.tcp_socket(&Options::DEFAULT)?;
                let timed = wait!(cx.connect_on(self.socket, port(self.to[0])), timeout = ms(10));
                self.outcome = Some(timed.unwrap_or(Err(Error::TimedOut)));
            }
            5 => {
                self.timer = cx.timer()?;
                self.outcome = Some(wait!(self.take_over_and_fail(cx)));
            }
            6 => {
                self.timer = cx.timer()?;
                wait!(self.replace(cx))?;
            }
            7 => cx.adopt(self.timer)?,
            _ => return Err(Error::InvalidArgument),
        }
        loop {
            wait!(cx.sleep_until(Instant::MAX));
        }
    }
}

/// A body that awaits itself so many times, and connects at the bottom.
#[derive(Clone, Hash, Debug)]
struct Deep {
    pt: Pt,
    go_pt: Pt,
    /// One, or none at the bottom.
    deeper: Vec<Deep>,
    winner: Option<u16>,
}

impl Deep {
    fn new(depth: usize) -> Deep {
        let deeper = if depth > 0 { vec![Deep::new(depth - 1)] } else { Vec::new() };
        Deep { pt: Pt::new(), go_pt: Pt::new(), deeper, winner: None }
    }

    #[protothread(self.go_pt)]
    fn go(&mut self, cx: &mut Cx<'_, World>) -> Result<(u16, TcpSocket), Error> {
        if self.deeper.is_empty() {
            match wait!(first!(cx.connect(port(FULL)), cx.connect(port(OPEN)))) {
                First::A(socket) => return Ok((FULL, socket?)),
                First::B(socket) => return Ok((OPEN, socket?)),
            }
        }
        wait!(self.deeper[0].go(cx))
    }
}

impl Protothread<World> for Deep {
    type Output = Result<(), Error>;

    #[protothread]
    fn run(&mut self, cx: &mut Cx<'_, World>, _: &mut ()) -> Result<(), Error> {
        let (winner, socket) = wait!(self.go(cx))?;
        assert_eq!(cx.peer_address(socket), Ok(port(winner)));
        self.winner = Some(winner);
        Ok(())
    }
}

/// A loop with listeners, and a full backlog. Besides, `used` sockets are open.
fn world() -> (Loop, usize) {
    let mut event_loop = open_loop();
    let mut cx = event_loop.cx();
    cx.listen(port(OPEN)).unwrap();
    let options = Options { backlog: 1, ..Options::DEFAULT };
    cx.listen_with(port(FULL), &options).unwrap();
    for _ in 0..2 {
        let socket = cx.tcp_socket(&Options::DEFAULT).unwrap();
        assert!(cx.connect_on(socket, port(FULL)).is_pending());
    }
    (event_loop, 4)
}

/// Turns at most so often, and stops when nothing is to be done before a minute has passed.
fn run<const N: usize>(event_loop: &mut Loop, set: &mut [Body; N]) {
    for _ in 0..1000 {
        match event_loop.next_deadline() {
            Some(at) if at != Instant::MAX => assert_eq!(event_loop.turn(set), Ok(true)),
            _ if event_loop.counters().turns < 3 => assert_eq!(event_loop.turn_now(set), Ok(true)),
            _ => return,
        }
    }
    panic!("it never comes to rest");
}

fn sockets(event_loop: &Loop) -> (usize, usize) {
    (event_loop.tables().sockets.used, event_loop.platform().mock.open_sockets())
}

#[test]
fn a_connect_that_fails_or_is_given_up_leaves_no_socket() {
    for (script, to, outcome) in [
        (0, REFUSED, None),
        (1, REFUSED, None),
        (1, FULL, Some(Err(Error::TimedOut))),
        (2, FULL, Some(Err(Error::TimedOut))),
    ] {
        let (mut event_loop, used) = world();
        let mut set = [Body::new(script, [to; 2])];
        event_loop.turn_now(&mut set).unwrap();
        if to == FULL {
            assert_eq!(sockets(&event_loop).0, used + if script == 2 { 2 } else { 1 }, "script {script}");
            run(&mut event_loop, &mut set);
        } else {
            assert_eq!(event_loop.turn(&mut set), Ok(false));
            assert_eq!(event_loop.last_error(), Some(Error::ConnectionRefused));
        }
        assert_eq!(sockets(&event_loop), (used, used), "script {script} to {to}");
        assert_eq!((set[0].outcome, event_loop.tables().timers.used), (outcome, 0));
    }
}

#[test]
fn a_connect_is_found_again_at_each_resume_and_not_made_twice() {
    let (mut event_loop, used) = world();
    let mut set = [Body::new(1, [FULL; 2])];
    event_loop.turn_now(&mut set).unwrap();
    let mut waits = None;
    event_loop.list_tasks(&set, |report| waits = report.waits[0]);
    let Some(WaitingFor::Writable(socket)) = waits else { panic!("{waits:?}") };
    for _ in 0..5 {
        event_loop.platform_mut().noise.push((socket, Readiness::ALL));
        event_loop.turn_now(&mut set).unwrap();
        assert_eq!(sockets(&event_loop), (used + 1, used + 1));
    }
    assert_eq!(event_loop.counters().spurious_wakes, 5);
}

#[test]
fn each_connect_of_a_first_has_its_own_connection_and_the_losers_is_closed() {
    for to in [[FULL, OPEN], [OPEN, FULL], [OPEN, OPEN]] {
        let (mut event_loop, used) = world();
        let mut set = [Body::new(2, to)];
        run(&mut event_loop, &mut set);
        assert_eq!(event_loop.cx().peer_address(set[0].socket), Ok(port(OPEN)), "{to:?}");
        assert_eq!(sockets(&event_loop), (used + 1, used + 1), "{to:?}");
        assert_eq!(event_loop.tables().timers.used, 1, "what the winner opened besides");
    }
}

#[test]
fn a_first_whose_winner_fails_closes_all() {
    for to in [[REFUSED, FULL], [FULL, REFUSED], [REFUSED, REFUSED]] {
        let (mut event_loop, used) = world();
        let mut set = [Body::new(2, to)];
        assert_eq!(event_loop.turn_now(&mut set), Ok(true));
        assert_eq!(event_loop.turn_now(&mut set), Ok(false));
        assert_eq!((sockets(&event_loop), event_loop.tables().timers.used), ((used, used), 0), "{to:?}");
    }
}

#[test]
fn tasks_that_connect_at_the_same_time_do_not_take_each_others_connections() {
    let (mut event_loop, used) = world();
    let to = [OPEN, FULL, OPEN, REFUSED];
    let mut set = to.map(|to| Body::new(0, [to; 2]));
    for _ in 0..4 {
        event_loop.turn_now(&mut set).unwrap();
    }
    let peers = [0, 2].map(|nth: usize| event_loop.cx().peer_address(set[nth].socket));
    assert_eq!(peers, [Ok(port(OPEN)); 2]);
    assert_ne!(set[0].socket, set[2].socket);
    assert!(set[1].socket.is_none());
    assert_eq!(sockets(&event_loop).0, used + 3);
}

#[test]
fn a_connect_that_is_tried_again_is_a_new_one() {
    let (mut event_loop, used) = world();
    let mut set = [Body::new(3, [FULL; 2])];
    run(&mut event_loop, &mut set);
    assert_eq!(set[0].rounds, 5);
    assert_eq!(sockets(&event_loop), (used, used));
    assert_eq!(event_loop.tables().sockets.high_water, used + 1, "one at a time");
}

#[test]
fn a_connect_is_cancelled_wherever_it_is() {
    for script in 0..5 {
        for polls in 0..4 {
            for to in [[FULL, FULL], [OPEN, FULL]] {
                let (mut event_loop, used) = world();
                let mut set = [Body::new(script, to)];
                let task = event_loop.cx().start(0).unwrap();
                for _ in 0..polls {
                    event_loop.turn_now(&mut set).unwrap();
                }
                event_loop.cx().cancel(task).unwrap();
                assert_eq!(sockets(&event_loop), (used, used), "script {script}, cancelled after {polls}");
                assert_eq!(event_loop.tables().timers.used, 0);
            }
        }
    }
}

#[test]
fn a_socket_of_the_author_stays_connecting_when_the_wait_is_given_up() {
    let (mut event_loop, used) = world();
    let mut set = [Body::new(4, [FULL; 2])];
    run(&mut event_loop, &mut set);
    assert_eq!((set[0].outcome, sockets(&event_loop)), (Some(Err(Error::TimedOut)), (used + 1, used + 1)));
    assert_eq!(event_loop.cx().readable(set[0].socket), Poll::Ready(Err(Error::NotConnected)));
}

#[test]
fn a_connect_without_room_or_descriptors_fails_and_leaves_nothing() {
    let mut event_loop: EventLoop<World, 1, 1> = EventLoop::new(1, World::default());
    event_loop.open().unwrap();
    event_loop.cx().listen(port(OPEN)).unwrap();
    assert_eq!(event_loop.turn(&mut [Body::new(0, [OPEN; 2])]), Ok(false));
    assert!(matches!(event_loop.last_error(), Some(Error::TableFull { .. })));
    let mut event_loop = open_loop_in(World::with_descriptors(1));
    event_loop.cx().listen(port(OPEN)).unwrap();
    assert_eq!(event_loop.turn(&mut [Body::new(0, [OPEN; 2])]), Ok(false));
    assert_eq!((event_loop.last_error(), sockets(&event_loop)), (Some(Error::TooManyDescriptors), (1, 1)));
}

#[test]
fn what_a_child_takes_over_and_then_fails_with_is_closed() {
    let mut event_loop = open_loop();
    let mut set = [Body::new(5, [0; 2])];
    run(&mut event_loop, &mut set);
    assert_eq!(set[0].outcome, Some(Err(Error::Protocol)));
    assert_eq!(event_loop.tables().timers.used, 0);
}

#[test]
fn what_a_child_closes_and_opens_in_its_place_is_its_parents() {
    let mut event_loop = open_loop();
    let mut set = [Body::new(6, [0; 2])];
    run(&mut event_loop, &mut set);
    assert_eq!(event_loop.tables().timers.used, 1);
    assert_eq!(event_loop.cx().timer_is_running(set[0].timer), Ok(false));
}

#[test]
fn a_handle_that_one_task_takes_from_another_lives_and_ends_with_the_taker() {
    let mut event_loop = open_loop();
    let mut set = [Body::new(6, [0; 2]), Body::new(7, [0; 2])];
    let giver = event_loop.cx().start(0).unwrap();
    run(&mut event_loop, &mut set);
    set[1].timer = set[0].timer;
    let taker = event_loop.cx().start(1).unwrap();
    event_loop.turn_now(&mut set).unwrap();
    event_loop.cx().cancel(giver).unwrap();
    assert_eq!(event_loop.cx().timer_is_running(set[1].timer), Ok(false), "it lives");
    event_loop.cx().cancel(taker).unwrap();
    assert_eq!(event_loop.tables().timers.used, 0);
}

#[test]
fn a_handle_that_is_taken_away_from_its_task_outlives_it() {
    let mut event_loop = open_loop();
    let mut set = [Body::new(6, [0; 2])];
    let task = event_loop.cx().start(0).unwrap();
    run(&mut event_loop, &mut set);
    let timer = set[0].timer;
    event_loop.cx().detach(timer).unwrap();
    event_loop.cx().cancel(task).unwrap();
    assert_eq!(event_loop.cx().timer_is_running(timer), Ok(false), "it lives");
    event_loop.cx().close(timer).unwrap();
    assert_eq!(event_loop.tables().timers.used, 0);
}

#[test]
fn connects_that_race_each_other_below_any_number_of_waits_are_not_mixed_up() {
    for depth in 0..20 {
        let (mut event_loop, _) = world();
        let mut set = [Deep::new(depth)];
        event_loop.run(&mut set).unwrap();
        assert_eq!(set[0].winner, Some(OPEN), "depth {depth}");
    }
}
