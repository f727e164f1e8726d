//! `discover`: asks for devices and shows them.

use std::io::Write;
use std::net::SocketAddrV4;

use ptk_core::prelude::*;
use ptk_examples::ethernet_ip::discovery::{Device, Discovery, Findings};
use ptk_examples::ethernet_ip::identity::{Identity, state_name};
use ptk_linux::Linux;

use crate::PROGRAM;
use crate::arguments::give_up;
use crate::signals::{self, Signals};

/// How many devices there is memory for.
const DEVICES: usize = 256;

#[derive(TaskSet)]
#[task(platform = Linux<'static>)]
struct App {
    signals: Signals,
    #[task(done = Self::stop)]
    discovery: Discovery,
    #[task(shared)]
    findings: Findings<DEVICES>,
}

impl App {
    fn stop(&mut self, _: usize, result: Result<(), Error>, cx: &mut Cx<'_, Linux<'static>>) -> Result<(), Error> {
        cx.stop();
        result
    }
}

ptk_core::event_loop! {
    static LOOP: Linux<'static> = Linux::new();
    id: 0, tasks: 2, sockets: 1, events: signals::SOURCES
}

/// Asks, and ends the process if nothing has answered.
pub(crate) fn run(to: SocketAddrV4, time: Duration) {
    let mut app = App { signals: Signals::new(), discovery: Discovery::new(to, time), findings: Findings::new() };
    if let Err(error) = run_loop(&mut app) {
        give_up(PROGRAM, format_args!("{to}: {error}"));
    }
    let Findings { repeated, garbage, dropped, .. } = app.findings;
    let devices = app.findings.devices().count();
    if devices == 0 {
        let time = time.as_millis();
        give_up(PROGRAM, format_args!("{to}: no device has answered in {time} ms, {garbage} datagrams were garbage"));
    }
    print(&app.findings);
    let _ = writeln!(std::io::stdout(), "devices={devices} repeated={repeated} garbage={garbage} dropped={dropped}");
}

/// Runs the loop until the time is over or a signal comes.
fn run_loop(app: &mut App) -> Result<(), Error> {
    let event_loop = LOOP.take();
    signals::open(event_loop)?;
    app.signals.install(&mut event_loop.cx())?;
    signals::run(event_loop, app, |app| &mut app.signals)
}

fn print(findings: &Findings<DEVICES>) {
    let mut out = std::io::stdout().lock();
    let _ = writeln!(
        out,
        "{:<21} {:>6} {:>6} {:>7} {:>8} {:>8}   {:>6}   {:<19}  name",
        "address", "vendor", "type", "product", "revision", "serial", "status", "state"
    );
    for Device { from, identity } in findings.devices() {
        let Identity { vendor, device_type, product_code, revision: (major, minor), serial, .. } = *identity;
        let (status, state, name) = (identity.status, state_name(identity.state), identity.name);
        let _ = writeln!(
            out,
            "{from:<21} {vendor:>6} {device_type:>6} {product_code:>7} {major:>5}.{minor:<2} {serial:08x}   0x{status:04x}   {state:<19}  {name}",
        );
    }
}
