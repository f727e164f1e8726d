//! Echo over UDP, and clients over UDP and TCP that check what comes back.

pub mod client;
pub mod message;
pub mod udp_server;
