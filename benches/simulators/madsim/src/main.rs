//! madsim: one executor for all nodes, with tokio's names; built with `--cfg madsim`.

#[cfg(not(madsim))]
compile_error!("madsim simulates only with RUSTFLAGS='--cfg madsim'; run.sh sets it");

use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::process::ExitCode;
use std::time::Duration;

use bench_common::{DATAGRAM, Job, LATENCY, PORT, SEGMENT, message, received};
use madsim::Config;
use madsim::runtime::Runtime;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream, UdpSocket};

const SERVER: IpAddr = IpAddr::V4(Ipv4Addr::new(10, 0, 0, 1));
const CLIENT: IpAddr = IpAddr::V4(Ipv4Addr::new(10, 0, 0, 2));

fn main() -> ExitCode {
    bench_common::main(|job| {
        let mut config = Config::default();
        // It wants a range.
        config.net.send_latency = LATENCY..LATENCY + Duration::from_nanos(1);
        let runtime = Runtime::with_seed_and_config(1, config);
        let done = match job {
            Job::Udp { rounds, idle } => {
                runtime.create_node().ip(SERVER).build().spawn(udp_server(SERVER));
                for node in 0..idle {
                    let address = IpAddr::from((0x0a01_0000 + node).to_be_bytes());
                    runtime.create_node().ip(address).build().spawn(udp_server(address));
                }
                runtime.block_on(runtime.create_node().ip(CLIENT).build().spawn(udp_client(rounds)))
            }
            Job::Tcp { rounds } => {
                runtime.create_node().ip(SERVER).build().spawn(tcp_server());
                runtime.block_on(runtime.create_node().ip(CLIENT).build().spawn(tcp_client(rounds)))
            }
            Job::Explore { .. } => return false,
        };
        done.expect("the client is not killed").expect("the client comes to its end");
        true
    })
}

async fn udp_client(rounds: u32) -> io::Result<()> {
    let socket = UdpSocket::bind((CLIENT, PORT)).await?;
    let server = SocketAddr::new(SERVER, PORT);
    // The server binds at the same time.
    madsim::time::sleep(Duration::from_secs(1)).await;
    for round in 0..rounds {
        let sent = message::<DATAGRAM>(round);
        socket.send_to(server, &sent).await?;
        let mut answer = [0; DATAGRAM];
        let (length, _) = socket.recv_from(&mut answer).await?;
        assert_eq!(answer[..length], sent);
        received();
    }
    Ok(())
}

async fn udp_server(address: IpAddr) -> io::Result<()> {
    let socket = UdpSocket::bind((address, PORT)).await?;
    let mut buffer = [0; DATAGRAM];
    loop {
        let (length, peer) = socket.recv_from(&mut buffer).await?;
        received();
        socket.send_to(peer, &buffer[..length]).await?;
    }
}

async fn tcp_client(rounds: u32) -> io::Result<()> {
    madsim::time::sleep(Duration::from_secs(1)).await;
    let mut stream = TcpStream::connect(SocketAddr::new(SERVER, PORT)).await?;
    for round in 0..rounds {
        let sent = message::<SEGMENT>(round);
        stream.write_all(&sent).await?;
        // Here what is written goes nowhere before that.
        stream.flush().await?;
        let mut answer = [0; SEGMENT];
        stream.read_exact(&mut answer).await?;
        assert_eq!(answer, sent);
        received();
    }
    Ok(())
}

async fn tcp_server() -> io::Result<()> {
    let listener = TcpListener::bind(SocketAddr::new(SERVER, PORT)).await?;
    let (mut stream, _) = listener.accept().await?;
    let mut buffer = [0; SEGMENT];
    loop {
        stream.read_exact(&mut buffer).await?;
        received();
        stream.write_all(&buffer).await?;
        stream.flush().await?;
    }
}
