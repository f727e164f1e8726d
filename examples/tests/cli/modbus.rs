//! The demonstration, and a client of our own for the server's tests: plain blocking sockets.

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::time::Duration;

use super::process::{PATIENCE, Process, run};
use rustix::process::Signal;

/// A connection that sends bytes and expects bytes.
pub(crate) struct Raw(TcpStream);

impl Raw {
    pub(crate) fn connect(address: SocketAddr) -> Raw {
        let stream = TcpStream::connect_timeout(&address, PATIENCE).expect("the server accepts");
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream.set_nodelay(true).unwrap();
        Raw(stream)
    }

    pub(crate) fn send(&mut self, bytes: &[u8]) {
        self.0.write_all(bytes).expect("the server takes it");
    }

    /// The same connection once more.
    pub(crate) fn clone(&self) -> Raw {
        Raw(self.0.try_clone().unwrap())
    }

    /// Ends this side of the stream.
    pub(crate) fn finish(&self) {
        self.0.shutdown(Shutdown::Write).unwrap();
    }

    /// Whatever comes to the end of the stream, which must not be a reset.
    pub(crate) fn rest(&mut self) -> Vec<u8> {
        let mut rest = Vec::new();
        self.0.read_to_end(&mut rest).expect("a clean end");
        rest
    }

    /// The next frame: transaction, unit, PDU.
    pub(crate) fn frame(&mut self) -> (u16, u8, Vec<u8>) {
        let mut header = [0; 7];
        self.0.read_exact(&mut header).expect("a header");
        assert_eq!(header[2..4], [0, 0]);
        let mut pdu = vec![0; usize::from(u16::from_be_bytes([header[4], header[5]])) - 1];
        self.0.read_exact(&mut pdu).expect("a PDU");
        (u16::from_be_bytes([header[0], header[1]]), header[6], pdu)
    }

    /// Sends a request and waits for its answer.
    pub(crate) fn ask(&mut self, pdu: &[u8]) -> Vec<u8> {
        self.send(&frame(0x1234, 5, pdu));
        let (transaction, unit, answer) = self.frame();
        assert_eq!((transaction, unit), (0x1234, 5));
        answer
    }

    /// Whether nothing comes in so long.
    pub(crate) fn is_silent(&mut self, time: Duration) -> bool {
        self.0.set_read_timeout(Some(time)).unwrap();
        let silent = self.0.read(&mut [0]).is_err();
        self.0.set_read_timeout(Some(PATIENCE)).unwrap();
        silent
    }
}

/// A frame.
pub(crate) fn frame(transaction: u16, unit: u8, pdu: &[u8]) -> Vec<u8> {
    let mut bytes = transaction.to_be_bytes().to_vec();
    bytes.extend([0, 0]);
    bytes.extend((pdu.len() as u16 + 1).to_be_bytes());
    bytes.push(unit);
    bytes.extend(pdu);
    bytes
}

#[test]
fn the_demonstration_ends_with_its_totals() {
    let ended = run("modbus", &["--seconds", "2"]);
    assert_eq!((ended.code, ended.stderr.len()), (Some(0), 0), "{ended:?}");
    let [requests, errors, allocations] = ended.totals();
    assert!(requests > 100, "{requests}");
    assert_eq!((errors, allocations), (0, 0));
    let text = ended.stdout.join("\n");
    assert!(!text.contains('\x1b'), "no escape codes without a terminal");
    for part in ["level", "valve", "pump", "p50", "p99", "sockets", "bytes"] {
        assert!(text.contains(part), "{part} is missing in {text}");
    }
}

#[test]
fn the_demonstration_can_be_interrupted() {
    let demo = Process::start("modbus", &["--seconds", "3600"]);
    demo.line();
    demo.line();
    demo.signal(Signal::INT);
    let ended = demo.end();
    assert_eq!(ended.code, Some(0));
    assert_eq!(ended.totals()[1..], [0, 0]);
}
