//! A name server outside of any loop: real sockets, and threads that wait at them.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream, UdpSocket};

use crate::dns_messages::{Query, Reply, TRUNCATED};

/// What is longer than this goes over TCP (RFC 1035, section 4.2.1).
const UDP_MAX: usize = 512;

/// Serves `answer` over UDP and TCP at one port, for as long as the process lives. `None` is silence.
pub(crate) fn serve(answer: fn(&Query) -> Option<Reply>) -> SocketAddr {
    let (udp, tcp) = loop {
        let udp = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port is free");
        // Another process may have the same number for TCP.
        if let Ok(tcp) = TcpListener::bind(udp.local_addr().expect("it is bound")) {
            break (udp, tcp);
        }
    };
    let address = udp.local_addr().expect("it is bound");
    std::thread::spawn(move || {
        let mut message = [0; UDP_MAX];
        while let Ok((count, client)) = udp.recv_from(&mut message) {
            let query = Query::parse(&message[..count]);
            let reply = answer(&query).map(|reply| reply.bytes());
            match reply {
                Some(bytes) if bytes.len() > UDP_MAX => {
                    let _ = udp.send_to(&query.reply().flags(TRUNCATED).bytes(), client);
                }
                Some(bytes) => drop(udp.send_to(&bytes, client)),
                None => {}
            }
        }
    });
    std::thread::spawn(move || {
        for stream in tcp.incoming().flatten() {
            let _ = serve_tcp(stream, answer);
        }
    });
    address
}

/// One query of a connection, answered in pieces.
fn serve_tcp(mut stream: TcpStream, answer: fn(&Query) -> Option<Reply>) -> std::io::Result<()> {
    let mut length = [0; 2];
    stream.read_exact(&mut length)?;
    let mut message = vec![0; usize::from(u16::from_be_bytes(length))];
    stream.read_exact(&mut message)?;
    let Some(reply) = answer(&Query::parse(&message)) else { return Ok(()) };
    let bytes = reply.bytes();
    let length = (bytes.len() as u16).to_be_bytes();
    stream.set_nodelay(true)?;
    for piece in [&length[..1], &length[1..], &bytes[..11], &bytes[11..]] {
        stream.write_all(piece)?;
    }
    Ok(())
}
