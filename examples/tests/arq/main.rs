//! The reliable-datagram protocol: on Linux and on the mock from one source, and on simulated networks.

mod broken;
mod loopback;
mod simulated;
#[path = "../../arq/worlds.rs"]
mod worlds;
