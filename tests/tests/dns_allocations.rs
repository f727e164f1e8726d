//! No heap: a counting allocator sees a loop on Linux look names up, over UDP and TCP, and connect to them.

mod counting_allocator;
mod dns_messages;
mod name_server;

use std::net::{Ipv4Addr, SocketAddr, TcpListener as StdListener};

use counting_allocator::allocations;
use dns_messages::{Query, Reply};
use name_server::serve;
use ptk_core::prelude::*;
use ptk_linux::Linux;

/// Resolves a name over UDP and another over TCP, connects to one, and gives one up.
struct Client {
    pt: PtTimed,
    port: u16,
    socket: TcpSocket,
    rounds: u32,
}

impl<P: Platform> Protothread<P> for Client {
    type Output = Result<(), Error>;

    #[protothread]
    fn run(&mut self, cx: &mut Cx<'_, P>, _: &mut ()) -> Result<(), Error> {
        while self.rounds < 20 {
            self.rounds += 1;
            wait!(cx.resolve("short.example."), timeout = Duration::from_secs(10))??;
            wait!(cx.resolve("long.example."), timeout = Duration::from_secs(10))??;
            let silent = wait!(cx.resolve("silent.example."), timeout = Duration::from_millis(1));
            assert_eq!(silent, Err(TimedOut));
            self.socket = wait!(cx.connect_to("short.example.", self.port), timeout = Duration::from_secs(10))??;
            cx.close(self.socket)?;
        }
        Ok(())
    }
}

#[derive(TaskSet)]
struct App {
    client: Client,
}

/// Answers with loopback addresses that hold no time at all. Those of `long.example` are too many for a datagram.
fn answer(query: &Query) -> Option<Reply> {
    let count = match query.name.as_str() {
        "silent.example" => return None,
        "long.example" => 50,
        _ => 1,
    };
    Some(query.reply().addresses(0, &["127.0.0.1"; 50][..count]))
}

fn look_up(server: SocketAddr, port: u16) -> Result<u32, Error> {
    let mut event_loop = EventLoop::<_, 1, 4, 0, 0, 1>::new(1, Linux::new());
    event_loop.open()?;
    event_loop.cx().set_name_servers(&[server])?;
    let mut app = App { client: Client { pt: PtTimed::new(), port, socket: TcpSocket::NONE, rounds: 0 } };
    event_loop.run(&mut app)?;
    Ok(app.client.rounds)
}

#[test]
fn lookups_take_no_memory_from_the_heap() {
    let server = serve(answer);
    let listener = StdListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port is free");
    let port = listener.local_addr().expect("it is bound").port();
    std::thread::spawn(move || listener.incoming().flatten().for_each(drop));
    let before = allocations();
    let result = look_up(server, port);
    let count = allocations() - before;
    assert_eq!((result, count), (Ok(20), 0));
}

#[test]
fn the_counting_allocator_counts() {
    let before = allocations();
    drop(std::hint::black_box(Box::new(1)));
    assert_eq!(allocations() - before, 1);
}
