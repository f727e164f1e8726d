//! The platform beneath the core's event loop: the parts together, without a mock.

mod harness;

use std::net::SocketAddr;

use harness::PATIENCE;
use ptk_core::prelude::*;
use ptk_linux::{AsRawFd, Linux, Port};

const CLIENTS: usize = 32;
const ROUNDS: u32 = 100;

#[derive(Default)]
struct Echo {
    pt: Pt,
    listener: TcpListener,
    socket: TcpSocket,
    buffer: Buffer<64>,
}

impl<P: Platform> Protothread<P> for Echo {
    type Output = Result<(), Error>;

    #[protothread]
    fn run(&mut self, cx: &mut Cx<'_, P>, _: &mut ()) -> Result<(), Error> {
        self.socket = wait!(cx.accept(self.listener))?;
        while wait!(cx.recv(self.socket, &mut self.buffer))? > 0 {
            wait!(cx.send_all(self.socket, &mut self.buffer))?;
        }
        cx.close(self.socket)
    }
}

#[derive(Default)]
struct Client {
    pt: PtTimed,
    server: Option<SocketAddr>,
    socket: TcpSocket,
    buffer: Buffer<64>,
    round: u32,
    rounds: u32,
}

impl<P: Platform> Protothread<P> for Client {
    type Output = Result<(), Error>;

    #[protothread]
    fn run(&mut self, cx: &mut Cx<'_, P>, _: &mut ()) -> Result<(), Error> {
        self.socket = wait!(cx.connect(self.server.ok_or(Error::InvalidArgument)?))?;
        while self.round < self.rounds {
            self.buffer.put_u32_be(self.round)?;
            wait!(cx.send_all(self.socket, &mut self.buffer), timeout = PATIENCE).map_err(|_| Error::TimedOut)??;
            wait!(cx.recv_exact(self.socket, &mut self.buffer, 4), timeout = PATIENCE)
                .map_err(|_| Error::TimedOut)??;
            if self.buffer.get_u32_be()? != self.round {
                return Err(Error::Protocol);
            }
            self.round += 1;
        }
        cx.close(self.socket)
    }
}

#[derive(TaskSet)]
struct App {
    servers: [Echo; CLIENTS],
    clients: [Client; CLIENTS],
}

type Loop<'p> = EventLoop<Linux<'p>, { 2 * CLIENTS }, { 2 * CLIENTS + 1 }, 1, 1>;

fn app(event_loop: &mut Loop<'_>) -> App {
    let mut cx = event_loop.cx();
    let listener = cx.listen(harness::V4).unwrap();
    let server = cx.local_address(listener).unwrap();
    App {
        servers: core::array::from_fn(|_| Echo { listener, ..Echo::default() }),
        clients: core::array::from_fn(|_| Client { server: Some(server), rounds: ROUNDS, ..Client::default() }),
    }
}

#[test]
fn many_connections_echo() {
    let mut event_loop = Box::new(Loop::new(1, Linux::new()));
    event_loop.open().unwrap();
    let mut app = app(&mut event_loop);
    event_loop.run(&mut app).unwrap();
    assert!(app.clients.iter().all(|client| client.round == ROUNDS));
    assert_eq!(event_loop.counters().failed_tasks, 0);
}

#[test]
fn a_loop_runs_inside_a_foreign_one() {
    let port = Port::<1>::new();
    let mut event_loop = Box::new(Loop::new(2, Linux::with_port(&port)));
    event_loop.open().unwrap();
    let mut app = app(&mut event_loop);
    let mut sleeps = 0;
    while event_loop.turn_now(&mut app).unwrap() {
        let deadline = event_loop.next_deadline();
        if event_loop.platform_mut().prepare_to_sleep(deadline).unwrap() {
            let fd = event_loop.platform().as_fd().unwrap().as_raw_fd();
            let mut polled = libc::pollfd { fd, events: libc::POLLIN, revents: 0 };
            // SAFETY: one valid structure.
            assert_eq!(unsafe { libc::poll(&mut polled, 1, 10_000) }, 1, "it slept too long");
            sleeps += 1;
        }
    }
    assert!(app.clients.iter().all(|client| client.round == ROUNDS));
    assert!(sleeps > 0);
}

/// Waits for raises and sleeps in turn.
#[derive(Default)]
struct Listener {
    pt: PtTimed,
    source: EventSource,
    count: u32,
    naps: u32,
}

impl<P: Platform> Protothread<P> for Listener {
    type Output = Result<(), Error>;

    #[protothread]
    fn run(&mut self, cx: &mut Cx<'_, P>, _: &mut ()) -> Result<(), Error> {
        while self.count < RAISES {
            self.count = wait!(cx.raised(self.source))?.value;
            wait!(sleep!(Duration::from_micros(100)));
            self.naps += 1;
        }
        Ok(())
    }
}

const RAISES: u32 = 10_000;

#[derive(TaskSet)]
struct Listeners {
    listeners: [Listener; 1],
}

#[test]
fn raises_from_a_thread_reach_a_task_that_sleeps_in_between() {
    static PORT: Port<2> = Port::new();
    let mut event_loop = EventLoop::<Linux, 1, 0, 0, 2>::new(3, Linux::with_port(&PORT));
    event_loop.open().unwrap();
    let source = event_loop.cx().event_source().unwrap();
    let mut app = Listeners { listeners: [Listener { source, ..Listener::default() }] };
    std::thread::scope(|scope| {
        scope.spawn(|| (1..=RAISES).for_each(|value| PORT.raise(source, value).unwrap()));
        event_loop.run(&mut app).unwrap();
    });
    assert_eq!(app.listeners[0].count, RAISES, "the last raise is not lost");
    assert!(app.listeners[0].naps > 0);
}
