//! The core's loop on a mock.

use std::fmt::Debug;
use std::hash::Hash;

use ptk_core::prelude::*;
use ptk_mock::Mock;

type Loop = EventLoop<Mock, 2, 4, 1, 1>;

/// Takes one connection and sends back what comes.
#[derive(Clone, Hash, Debug)]
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

/// Sends `left` bytes one at a time, a second apart, and waits for each to come back.
#[derive(Clone, Hash, Debug)]
struct Client {
    pt: PtTimed,
    server: std::net::SocketAddr,
    socket: TcpSocket,
    buffer: Buffer<64>,
    left: u8,
}

impl<P: Platform> Protothread<P> for Client {
    type Output = Result<(), Error>;

    #[protothread]
    fn run(&mut self, cx: &mut Cx<'_, P>, _: &mut ()) -> Result<(), Error> {
        self.socket = wait!(cx.connect(self.server))?;
        while self.left > 0 {
            wait!(sleep!(Duration::from_secs(1)));
            self.buffer.put_u8(self.left)?;
            wait!(cx.send_all(self.socket, &mut self.buffer))?;
            wait!(cx.recv_exact(self.socket, &mut self.buffer, 1))?;
            assert_eq!(self.buffer.get_u8(), Ok(self.left));
            self.left -= 1;
        }
        cx.close(self.socket)
    }
}

#[derive(TaskSet, Clone, Hash, Debug)]
struct App {
    echo: Echo,
    client: Client,
}

fn start() -> (Loop, App) {
    let mut event_loop = Loop::new(0, Mock::new());
    event_loop.open().expect("it was not open");
    let mut cx = event_loop.cx();
    let listener = cx.listen("127.0.0.1:0".parse().expect("an address")).expect("a port is free");
    let server = cx.local_address(listener).expect("it is open");
    let (buffer, socket) = (Buffer::new(), TcpSocket::NONE);
    let echo = Echo { pt: Pt::new(), listener, socket, buffer: Buffer::new() };
    (event_loop, App { echo, client: Client { pt: PtTimed::new(), server, socket, buffer, left: 5 } })
}

fn hash(world: &(Loop, App)) -> u64 {
    let mut hasher = std::hash::DefaultHasher::new();
    world.hash(&mut hasher);
    std::hash::Hasher::finish(&hasher)
}

#[test]
fn a_loop_on_a_mock_is_plain_data() {
    fn is_plain_data<T: Clone + Hash + Debug + Send>() {}
    is_plain_data::<Loop>();
}

#[test]
fn five_echoes_a_second_apart_take_five_virtual_seconds() {
    let (mut event_loop, mut app) = start();
    event_loop.run(&mut app).expect("both tasks end");
    assert_eq!(app.client.left, 0);
    assert_eq!(event_loop.cx().now(), Instant::ORIGIN + Duration::from_secs(5));
}

#[test]
fn a_world_cloned_at_any_turn_ends_like_the_original() {
    let mut world = start();
    let mut forks = vec![world.clone()];
    while world.0.turn(&mut world.1).expect("both tasks end") {
        forks.push(world.clone());
    }
    for mut fork in forks {
        fork.0.run(&mut fork.1).expect("both tasks end");
        assert_eq!(fork.1.client.left, 0);
        assert_eq!(hash(&fork), hash(&world));
    }
}
