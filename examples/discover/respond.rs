//! `discover respond`: a device that is found.

use std::io::Write;
use std::net::SocketAddrV4;

use ptk_core::prelude::*;
use ptk_examples::ethernet_ip::identity::{Identity, Name};
use ptk_examples::ethernet_ip::responder::{Connection, Datagrams, Station};
use ptk_linux::Linux;

use crate::PROGRAM;
use crate::arguments::give_up;
use crate::signals::{self, Signals};

/// How many connections are answered at once.
const CONNECTIONS: usize = 8;

/// The state of a device that works.
const OPERATIONAL: u8 = 3;

#[derive(TaskSet)]
struct App {
    signals: Signals,
    datagrams: Datagrams,
    connections: [Connection; CONNECTIONS],
    #[task(shared)]
    station: Station,
}

ptk_core::event_loop! {
    static LOOP: Linux<'static> = Linux::new();
    // The listener, the datagrams, and a socket to find out one's own address.
    id: 0, tasks: CONNECTIONS + 2, sockets: CONNECTIONS + 3, events: signals::SOURCES
}

/// Answers until a signal comes.
pub(crate) fn run(listen: SocketAddrV4, serial: u32, name: Name) {
    let event_loop = LOOP.take();
    let identity = Identity {
        address: listen,
        // Not a number that the ODVA has given away.
        vendor: 0xFFFF,
        // Communications adapter.
        device_type: 12,
        product_code: 1,
        revision: (1, 1),
        status: 0,
        serial,
        name,
        state: OPERATIONAL,
    };
    let mut app = App {
        signals: Signals::new(),
        datagrams: Datagrams::new(),
        connections: [const { Connection::new() }; CONNECTIONS],
        station: Station::new(identity),
    };
    let prepared = signals::open(event_loop).and_then(|()| prepare(&mut app, &mut event_loop.cx(), listen));
    if let Err(error) = prepared {
        give_up(PROGRAM, format_args!("cannot listen on {listen}: {error}"));
    }
    if let Err(error) = signals::run(event_loop, &mut app, |app| &mut app.signals) {
        give_up(PROGRAM, error);
    }
    let Station { answered, ignored, .. } = app.station;
    let _ = writeln!(std::io::stdout(), "answered={answered} ignored={ignored}");
}

/// Opens both sockets, on one port, and says where.
fn prepare(app: &mut App, cx: &mut Cx<'_, Linux<'static>>, listen: SocketAddrV4) -> Result<(), Error> {
    app.signals.install(cx)?;
    let station = &mut app.station;
    station.socket = cx.udp_socket(listen.into())?;
    let address = cx.local_address(station.socket)?;
    station.listener = cx.listen(address)?;
    station.identity.address.set_port(address.port());
    let _ = writeln!(std::io::stdout(), "listening on {address}");
    Ok(())
}
