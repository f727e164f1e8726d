//! turmoil-net: a network under tokio's names; its own fixture runs the nodes, in ticks of a millisecond. A packet takes
//! one.

use std::io;
use std::process::ExitCode;

use bench_common::{DATAGRAM, Job, PORT, SEGMENT, message, received};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use turmoil_net::fixture::ClientServer;
use turmoil_net::shim::tokio::net::{TcpListener, TcpStream, UdpSocket};

const ANY: (&str, u16) = ("0.0.0.0", PORT);
const SERVER: (&str, u16) = ("server", PORT);

fn main() -> ExitCode {
    bench_common::main(|job| {
        let done = match job {
            Job::Udp { rounds, idle } => {
                let mut world = ClientServer::new().server("server", until_error(udp_server()));
                for node in 0..idle {
                    world = world.server(format!("idle{node}").as_str(), until_error(udp_server()));
                }
                world.run("client", udp_client(rounds))
            }
            Job::Tcp { rounds } => {
                ClientServer::new().server("server", until_error(tcp_server())).run("client", tcp_client(rounds))
            }
            Job::Explore { .. } => return false,
        };
        done.expect("the client comes to its end");
        true
    })
}

async fn until_error(server: impl Future<Output = io::Result<()>>) {
    server.await.expect("the server runs until all is over");
}

async fn udp_client(rounds: u32) -> io::Result<()> {
    let socket = UdpSocket::bind(ANY).await?;
    let server = (turmoil_net::lookup_host(SERVER.0).expect("the server is a host"), PORT);
    for round in 0..rounds {
        let sent = message::<DATAGRAM>(round);
        socket.send_to(&sent, server).await?;
        let mut answer = [0; DATAGRAM];
        let (length, _) = socket.recv_from(&mut answer).await?;
        assert_eq!(answer[..length], sent);
        received();
    }
    Ok(())
}

async fn udp_server() -> io::Result<()> {
    let socket = UdpSocket::bind(ANY).await?;
    let mut buffer = [0; DATAGRAM];
    loop {
        let (length, peer) = socket.recv_from(&mut buffer).await?;
        received();
        socket.send_to(&buffer[..length], peer).await?;
    }
}

async fn tcp_client(rounds: u32) -> io::Result<()> {
    let mut stream = TcpStream::connect(SERVER).await?;
    for round in 0..rounds {
        let sent = message::<SEGMENT>(round);
        stream.write_all(&sent).await?;
        let mut answer = [0; SEGMENT];
        stream.read_exact(&mut answer).await?;
        assert_eq!(answer, sent);
        received();
    }
    Ok(())
}

async fn tcp_server() -> io::Result<()> {
    let listener = TcpListener::bind(ANY).await?;
    let (mut stream, _) = listener.accept().await?;
    let mut buffer = [0; SEGMENT];
    loop {
        stream.read_exact(&mut buffer).await?;
        received();
        stream.write_all(&buffer).await?;
    }
}
