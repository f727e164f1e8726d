//! The receiver on Linux.

use std::io::Write;
use std::net::SocketAddr;

use ptk_core::prelude::*;
use ptk_examples::arq::numbered::Tally;
use ptk_examples::arq::receiver::{Delivery, Receiver};
use ptk_examples::arq::{MAX_MESSAGE, Variant};
use ptk_examples::lossy::Lossy;
use ptk_linux::Linux;

use crate::Platform;
use crate::signals::{self, Signals};

/// Says what has come at the end of each connection.
#[derive(Debug)]
struct Console {
    tally: Tally,
    bytes: u64,
}

impl Delivery for Console {
    fn opened(&mut self) {
        *self = Console { tally: Tally::NONE, bytes: 0 };
        self.tally.opened();
    }

    fn message(&mut self, message: &[u8]) {
        self.tally.message(message);
        self.bytes += message.len() as u64;
    }

    fn ended(&mut self) {
        self.tally.ended();
        let order = if self.tally.is_in_order { "in order" } else { "in disorder" };
        let Console { tally: Tally { messages, .. }, bytes } = self;
        let _ = writeln!(std::io::stdout(), "messages={messages} bytes={bytes} {order}");
    }
}

#[derive(TaskSet)]
struct App {
    signals: Signals,
    receiver: Receiver,
    #[task(shared)]
    console: Console,
}

ptk_core::event_loop! {
    static LOOP: Platform = Lossy::new(Linux::new());
    id: 0, tasks: 2, sockets: 1, events: signals::SOURCES
}

const _: () = assert!(size_of::<Receiver>() < 8 * MAX_MESSAGE, "the window and a frame");

/// Receives until a signal comes.
pub(crate) fn run(address: SocketAddr, loss: u32) -> Result<(), Error> {
    let event_loop = LOOP.take();
    crate::open(event_loop, loss)?;
    let mut app = App {
        signals: Signals::new(),
        receiver: Receiver::new(address, Variant::Correct),
        console: Console { tally: Tally::NONE, bytes: 0 },
    };
    let mut cx = event_loop.cx();
    app.signals.install(&mut cx)?;
    let _ = writeln!(std::io::stdout(), "listening on {}", app.receiver.open(&mut cx)?);
    signals::run(event_loop, &mut app, |app| &mut app.signals)
}
