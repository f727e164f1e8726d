//! What PTK's example programs are made of: everything that needs no operating system.
//!
//! The protocols here name no backend, only [`ptk_core`]: the same files run on Linux, on the simulator and on a
//! microcontroller. The programs beside this crate add the wiring: a backend, the command line, signals, printing.
//!
//! | module | what it is | reads what others send in |
//! |---|---|---|
//! | [`arq`] | messages over UDP, each handed up once and in order | [`arq::frame::decode`] |
//! | [`chat`] | lines over multicast | [`chat::Text`] |
//! | [`echo`] | echo over UDP, clients for UDP and TCP | [`echo::message::check`] |
//! | [`ethernet_ip`] | EtherNet/IP device discovery | [`ethernet_ip::identity::decode`], [`ethernet_ip::encapsulation::decode`] |
//! | [`http`] | an HTTP/1.1 client | [`http::head::decode`], [`http::body::Body::take`], [`http::url::Url::parse`] |
//! | [`modbus`] | a Modbus/TCP server and client | [`modbus::frame::Frame::first`], [`modbus::request`], [`modbus::answer`] |
//! | [`replicas`] | a register on two machines | [`replicas::message::Message::decode`] |
//! | [`sntp`] | an SNTP client | [`sntp::packet::decode`] |
//!
//! What reads takes bytes and gives a value or a reason: it can be tested and fuzzed without a network.
#![no_std]
#![forbid(unsafe_code)]

#[cfg(test)]
extern crate std;

pub mod address;
pub mod arq;
pub mod chat;
pub mod checksum;
pub mod datagram;
pub mod echo;
pub mod ethernet_ip;
pub mod histogram;
pub mod http;
pub mod lossy;
pub mod modbus;
#[doc(hidden)]
pub mod mutant;
pub mod replicas;
pub mod sntp;
