//! What PTK's example programs are made of: everything that needs no operating system.
//!
//! The Modbus server and client here name no backend, only [`ptk_core`]: the same files run on Linux, on the simulator
//! and on a microcontroller. The programs beside this crate (`echo`, `events`, `modbus`) add the wiring: a backend, the
//! command line, signals, printing.
#![no_std]
#![forbid(unsafe_code)]

#[cfg(test)]
extern crate std;

pub mod address;
pub mod histogram;
pub mod modbus;
