//! The replicated register: on Linux and on the mock from one source, and in simulated worlds.

mod explored;
mod loopback;
mod simulated;
#[path = "../../replicas/worlds.rs"]
mod worlds;
