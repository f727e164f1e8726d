//! A server over UDP that a test tells what to answer.

use std::net::{SocketAddr, UdpSocket};
use std::thread;

/// Sends back what `answers` makes of each datagram and its number, counted from 1, as long as the tests run. Gives its
/// address.
pub(crate) fn serve(address: &str, answers: impl Fn(&[u8], usize) -> Vec<Vec<u8>> + Send + 'static) -> SocketAddr {
    let socket = UdpSocket::bind(address).unwrap();
    let address = socket.local_addr().unwrap();
    thread::spawn(move || {
        for number in 1.. {
            let mut datagram = [0; 5000];
            let (length, from) = socket.recv_from(&mut datagram).unwrap();
            for answer in answers(&datagram[..length], number) {
                socket.send_to(&answer, from).unwrap();
            }
        }
    });
    address
}
