//! The example programs as processes: what they print, how they end, and what they do on the network.
//!
//! `cargo test -p ptk-examples` builds the programs first; with `--test cli` alone, `cargo build --examples` has to.

mod arguments;
mod client;
mod echo;
mod events;
mod modbus;
mod process;
mod server;
