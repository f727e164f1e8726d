//! The example programs as processes: what they print, how they end, and what they do on the network.
//!
//! `cargo test -p ptk-examples` builds the programs first; with `--test cli` alone, `cargo build --examples` has to.

mod arguments;
mod arq;
mod chat;
mod client;
mod discover;
mod echo;
mod echo_client;
mod events;
mod http_get;
mod modbus;
mod name_server;
mod process;
mod server;
mod simulated;
mod sntp;
mod udp_server;
