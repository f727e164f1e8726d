//! bach: one executor for all nodes, which it calls groups. It has no TCP.

use std::io;
use std::process::ExitCode;

use bach::environment::default::Runtime;
use bach::environment::net::queue::Fixed;
use bach::ext::*;
use bach::net::UdpSocket;
use bench_common::{DATAGRAM, Job, LATENCY, PORT, message, received};

fn main() -> ExitCode {
    bench_common::main(|job| {
        let Job::Udp { rounds, idle } = job else {
            return false;
        };
        let links = Fixed::default().with_net_latency(LATENCY);
        let mut runtime = Runtime::new().with_seed(1).with_net_queues(Some(Box::new(links)));
        runtime.run(|| {
            udp_server("server".into()).group("server").spawn();
            for node in 0..idle {
                let name = format!("idle{node}");
                udp_server(name.clone()).group(name).spawn();
            }
            let client = async move { udp_client(rounds).await.expect("the client comes to its end") };
            client.group("client").primary().spawn();
        });
        true
    })
}

async fn udp_client(rounds: u32) -> io::Result<()> {
    let socket = UdpSocket::bind(format!("client:{PORT}")).await?;
    let server = bach::net::lookup_host(format!("server:{PORT}")).await?.next().expect("a host has an address");
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

async fn udp_server(name: String) -> io::Result<()> {
    let socket = UdpSocket::bind(format!("{name}:{PORT}")).await?;
    let mut buffer = [0; DATAGRAM];
    loop {
        let (length, peer) = socket.recv_from(&mut buffer).await?;
        received();
        socket.send_to(&buffer[..length], peer).await?;
    }
}
