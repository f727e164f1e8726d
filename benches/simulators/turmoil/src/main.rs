//! turmoil: each node is a tokio runtime, and time goes in ticks of a millisecond. Without latency a round trip takes one.

use std::error::Error;
use std::net::Ipv4Addr;
use std::process::ExitCode;
use std::time::Duration;

use bench_common::{DATAGRAM, Job, PORT, SEGMENT, message, received};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use turmoil::net::{TcpListener, TcpStream, UdpSocket};

const ANY: (Ipv4Addr, u16) = (Ipv4Addr::UNSPECIFIED, PORT);

fn main() -> ExitCode {
    bench_common::main(|job| {
        let mut sim = turmoil::Builder::new()
            .simulation_duration(Duration::from_secs(1_000_000))
            .min_message_latency(Duration::ZERO)
            .max_message_latency(Duration::ZERO)
            .build();
        match job {
            Job::Udp { rounds, idle } => {
                sim.host("server", udp_server);
                for node in 0..idle {
                    sim.host(format!("idle{node}"), udp_server);
                }
                sim.client("client", udp_client(rounds));
            }
            Job::Tcp { rounds } => {
                sim.host("server", tcp_server);
                sim.client("client", tcp_client(rounds));
            }
            Job::Explore { .. } => return false,
        }
        sim.run().expect("the simulation ends in order");
        true
    })
}

async fn udp_client(rounds: u32) -> Result<(), Box<dyn Error>> {
    let socket = UdpSocket::bind(ANY).await?;
    let server = (turmoil::lookup("server"), PORT);
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

async fn udp_server() -> Result<(), Box<dyn Error>> {
    let socket = UdpSocket::bind(ANY).await?;
    let mut buffer = [0; DATAGRAM];
    loop {
        let (length, peer) = socket.recv_from(&mut buffer).await?;
        received();
        socket.send_to(&buffer[..length], peer).await?;
    }
}

async fn tcp_client(rounds: u32) -> Result<(), Box<dyn Error>> {
    let mut stream = TcpStream::connect(("server", PORT)).await?;
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

async fn tcp_server() -> Result<(), Box<dyn Error>> {
    let listener = TcpListener::bind(ANY).await?;
    let (mut stream, _) = listener.accept().await?;
    let mut buffer = [0; SEGMENT];
    loop {
        if stream.read_exact(&mut buffer).await.is_err() {
            return Ok(());
        }
        received();
        stream.write_all(&buffer).await?;
    }
}
