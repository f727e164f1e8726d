//! Modbus/TCP: a server of a thousand points of each kind, a client, and a simulated tank to look at.
//!
//! ```text
//!  socket -> frame -> request -> execute -> device <- plant        the server
//!  socket <- frame <- request                                      the client
//!            frame -> answer
//! ```
//!
//! Section numbers refer to the "MODBUS Application Protocol Specification V1.1b3"; the header before each PDU is that
//! of the "MODBUS Messaging on TCP/IP Implementation Guide V1.0b".
//!
//! The PDUs are our own work. rmodbus 0.13 was tried on the cases that the tests of [`request`] and [`execute`] list:
//! it answers a quantity of zero as a success, writes byte counts that contradict the quantity, panics on a byte count
//! beyond the frame, does not answer unit 0, refuses PDUs of fewer than 5 and of more than 249 bytes, and knows neither
//! functions 22 and 23 nor 43.

pub mod answer;
pub mod client;
pub mod device;
pub mod execute;
pub mod exercise;
pub mod frame;
pub mod identification;
pub mod pdu;
pub mod plant;
pub mod poller;
pub mod request;
pub mod server;

use identification::Identification;

/// What the simulated tank says of itself. The last object is so long that a client has to ask twice for all of them.
pub const TANK: Identification = Identification::new([
    "PTK",
    "TANK-1000",
    concat!("V", env!("CARGO_PKG_VERSION")),
    "https://example.com/",
    "Protocol Toolkit simulated tank",
    "Demonstration",
    "coils: 0 pump, 1 automatic. discrete inputs: 0 high, 1 low, 2 pump runs, 3 valve open. input registers: 0 level, \
     1 valve, 2 inflow, 3 outflow, 4 steps. holding registers: 0 set point, 1 valve. from 100 on: free",
]);
