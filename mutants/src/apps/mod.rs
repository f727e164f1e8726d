//! What runs in the worlds in which bugs are looked for. Each asserts what the documentation of what it uses promises.

pub mod accepting;
pub mod backlog;
pub mod baton;
pub mod budget;
pub mod datagrams;
pub mod events;
pub mod giving_up;
pub mod handlers;
pub mod handles;
pub mod letters;
pub mod modbus;
pub mod order;
pub mod refusals;
pub mod resets;
pub mod streams;
pub mod sync;
pub mod timers;
pub mod windows;
