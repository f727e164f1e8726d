//! Several loops on Linux: in one thread, and in several.

use std::net::{Ipv4Addr, SocketAddr};
use std::thread;

use ptk_core::prelude::*;
use ptk_linux::Linux;

/// Answers each byte with its successor, until the end of the stream.
#[derive(Default)]
struct Server {
    pt: Pt,
    listener: TcpListener,
    socket: TcpSocket,
    buffer: Buffer<8>,
}

impl<P: Platform> Protothread<P> for Server {
    type Output = Result<(), Error>;

    #[protothread]
    fn run(&mut self, cx: &mut Cx<'_, P>, _: &mut ()) -> Result<(), Error> {
        self.socket = wait!(cx.accept(self.listener))?;
        while wait!(cx.recv(self.socket, &mut self.buffer))? > 0 {
            for byte in self.buffer.readable_mut() {
                *byte += 1;
            }
            wait!(cx.send_all(self.socket, &mut self.buffer))?;
        }
        Ok(())
    }
}

/// Counts to a hundred with the help of a server.
struct Client {
    pt: Pt,
    server: SocketAddr,
    socket: TcpSocket,
    buffer: Buffer<8>,
    number: u8,
}

impl<P: Platform> Protothread<P> for Client {
    type Output = Result<(), Error>;

    #[protothread]
    fn run(&mut self, cx: &mut Cx<'_, P>, _: &mut ()) -> Result<(), Error> {
        self.socket = wait!(cx.connect(self.server))?;
        while self.number < 100 {
            self.buffer.put_u8(self.number)?;
            wait!(cx.send_all(self.socket, &mut self.buffer))?;
            wait!(cx.recv_exact(self.socket, &mut self.buffer, 1))?;
            self.number = self.buffer.get_u8()?;
        }
        Ok(())
    }
}

fn client(server: SocketAddr) -> Client {
    Client { pt: Pt::new(), server, socket: TcpSocket::NONE, buffer: Buffer::new(), number: 0 }
}

/// A loop that is open, whose tables have room for two sockets.
fn open(id: u8) -> EventLoop<Linux<'static>, 1, 2> {
    let mut event_loop = EventLoop::new(id, Linux::new());
    event_loop.open().unwrap();
    event_loop
}

fn serve(event_loop: &mut EventLoop<Linux<'static>, 1, 2>) -> (Server, SocketAddr) {
    let mut cx = event_loop.cx();
    let listener = cx.listen((Ipv4Addr::LOCALHOST, 0).into()).unwrap();
    let address = cx.local_address(listener).unwrap();
    (Server { listener, ..Server::default() }, address)
}

#[test]
fn two_loops_take_turns_in_one_thread() {
    let (mut first, mut second) = (open(1), open(2));
    let (server, address) = serve(&mut first);
    let (mut server, mut client) = ([server], [client(address)]);
    while second.turn_now(&mut client).unwrap() {
        first.turn_now(&mut server).unwrap();
    }
    assert_eq!(client[0].number, 100);
    assert_eq!((first.counters().failed_tasks, second.counters().failed_tasks), (0, 0));
}

#[test]
fn each_of_several_threads_runs_a_loop_of_its_own() {
    let numbers: Vec<u8> = thread::scope(|scope| {
        let pairs: Vec<_> = (0..4)
            .map(|id| {
                let mut event_loop = open(2 * id);
                let (server, address) = serve(&mut event_loop);
                let server = scope.spawn(move || event_loop.run(&mut [server]));
                let client = scope.spawn(move || {
                    let mut set = [client(address)];
                    open(2 * id + 1).run(&mut set).unwrap();
                    set[0].number
                });
                (server, client)
            })
            .collect();
        pairs
            .into_iter()
            .map(|(server, client)| {
                server.join().unwrap().unwrap();
                client.join().unwrap()
            })
            .collect()
    });
    assert_eq!(numbers, [100; 4]);
}
