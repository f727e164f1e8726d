//! Names on Linux: a real server over loopback, in a thread.

mod dns_messages;
mod name_server;

use std::net::{Ipv4Addr, SocketAddr, TcpListener as StdListener, UdpSocket as StdUdp};

use name_server::serve;
use ptk_core::dns::Addresses;
use ptk_core::prelude::*;
use ptk_linux::Linux;

type Loop = EventLoop<Linux<'static>, 2, 6, 0, 0, 1>;

#[derive(Clone, Hash, Debug, Default)]
struct Client {
    pt: PtTimed,
    host: &'static str,
    /// 0 to resolve only.
    port: u16,
    found: Option<Result<Addresses, Error>>,
    connected: Option<Result<SocketAddr, Error>>,
}

impl<P: Platform> Protothread<P> for Client {
    type Output = Result<(), Error>;

    #[protothread]
    fn run(&mut self, cx: &mut Cx<'_, P>, _: &mut ()) -> Result<(), Error> {
        if self.port == 0 {
            self.found = Some(wait!(cx.resolve(self.host), timeout = Duration::from_secs(20))?);
            return Ok(());
        }
        match wait!(cx.connect_to(self.host, self.port), timeout = Duration::from_secs(20))? {
            Ok(socket) => self.connected = Some(cx.peer_address(socket)),
            Err(error) => self.connected = Some(Err(error)),
        }
        Ok(())
    }
}

#[derive(TaskSet)]
struct App {
    client: Client,
}

fn run(server: SocketAddr, host: &'static str, port: u16) -> Client {
    let mut event_loop = Loop::new(1, Linux::new());
    event_loop.open().expect("the platform opens");
    event_loop.cx().set_name_servers(&[server]).expect("a server that can be asked");
    let mut app = App { client: Client { host, port, ..Client::default() } };
    event_loop.run(&mut app).expect("the loop turns");
    assert_eq!((event_loop.tables().lookups.used, event_loop.tables().sockets.used), (0, 0), "nothing is left behind");
    app.client
}

fn list(addresses: &[&str]) -> Vec<std::net::IpAddr> {
    addresses.iter().map(|address| address.parse().expect("an address")).collect()
}

#[test]
fn a_name_is_resolved() {
    let server = serve(|query| Some(query.reply().addresses(60, &["192.0.2.1", "2001:db8::1", "192.0.2.2"])));
    let found = run(server, "server.example.", 0).found.expect("it ended").expect("it is known");
    assert_eq!(*found, list(&["2001:db8::1", "192.0.2.1", "192.0.2.2"]));
}

#[test]
fn a_task_connects_to_a_name_whichever_family_listens() {
    let listener = StdListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port is free");
    let address = listener.local_addr().expect("it is bound");
    let server = serve(|query| Some(query.reply().addresses(60, &["::1", "127.0.0.1"])));
    assert_eq!(run(server, "server.example.", address.port()).connected, Some(Ok(address)));
}

#[test]
fn an_answer_that_is_too_long_comes_over_tcp_in_any_pieces() {
    let server = serve(|query| {
        let many: Vec<String> = (0..50).map(|n| format!("192.0.2.{n}")).collect();
        let many: Vec<&str> = many.iter().map(String::as_str).collect();
        Some(query.reply().addresses(60, &many))
    });
    let found = run(server, "server.example.", 0).found.expect("it ended").expect("it is known");
    assert_eq!((found.len(), found[7]), (8, list(&["192.0.2.7"])[0]));
}

#[test]
fn a_server_that_does_not_listen_has_refused() {
    let gone = StdUdp::bind((Ipv4Addr::LOCALHOST, 0)).and_then(|udp| udp.local_addr()).expect("a port is free");
    assert_eq!(run(gone, "server.example.", 0).found, Some(Err(Error::NameServerRefused)));
}

#[test]
fn localhost_needs_no_server() {
    let listener = StdListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port is free");
    let address = listener.local_addr().expect("it is bound");
    let gone = SocketAddr::from((Ipv4Addr::LOCALHOST, 1));
    assert_eq!(run(gone, "localhost", address.port()).connected, Some(Ok(address)));
}
