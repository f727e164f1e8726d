//! A client that looks at the tank again and again.

use core::net::SocketAddr;
use core::ops::ControlFlow;

use ptk_core::prelude::*;

use super::answer::Answer;
use super::client::{BackOff, Client, Fault, Observer};
use super::device::bit;
use super::pdu::words;
use super::plant::point;
use super::request::{Request, Table};

/// What one round asks for: the plant's points, one table after the other.
const ROUND: [Request<'static>; 4] = [
    Request::Read { table: Table::Coils, address: point::PUMP, quantity: 2 },
    Request::Read { table: Table::DiscreteInputs, address: point::HIGH_LEVEL, quantity: 4 },
    Request::Read { table: Table::InputRegisters, address: point::LEVEL, quantity: point::MEASURED },
    Request::Read { table: Table::HoldingRegisters, address: point::SET_POINT, quantity: 2 },
];

/// The tank, as a client sees it.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Readings {
    /// The pump is switched on.
    pub pump: bool,
    /// The plant keeps its level by itself.
    pub automatic: bool,
    /// The level is above 90 %.
    pub high: bool,
    /// The level is below 10 %.
    pub low: bool,
    /// The level in tenths of a percent.
    pub level: u16,
    /// How far the valve is open, in tenths of a percent.
    pub valve: u16,
    /// The steps that the plant has made.
    pub steps: u16,
    /// The level that the plant keeps, in tenths of a percent.
    pub set_point: u16,
}

impl Readings {
    /// Nothing was read yet.
    pub const NONE: Readings =
        Readings { pump: false, automatic: false, high: false, low: false, level: 0, valve: 0, steps: 0, set_point: 0 };

    /// Takes over the answer to one of the requests of a round.
    fn take(&mut self, request: &Request<'_>, answer: Answer<'_>) -> Result<(), Fault> {
        match (request, answer) {
            (Request::Read { table: Table::Coils, .. }, Answer::Bits(bits)) => {
                self.pump = bit(bits, usize::from(point::PUMP));
                self.automatic = bit(bits, usize::from(point::AUTOMATIC));
            }
            (_, Answer::Bits(bits)) => {
                self.high = bit(bits, usize::from(point::HIGH_LEVEL));
                self.low = bit(bits, usize::from(point::LOW_LEVEL));
            }
            (Request::Read { table: Table::InputRegisters, .. }, Answer::Registers(bytes)) => {
                let register = |address: u16| words(bytes).nth(usize::from(address)).unwrap_or(0);
                self.level = register(point::LEVEL);
                self.valve = register(point::VALVE_POSITION);
                self.steps = register(point::STEPS);
            }
            (_, Answer::Registers(bytes)) => {
                self.set_point = words(bytes).nth(usize::from(point::SET_POINT)).unwrap_or(0);
            }
            (_, Answer::Exception(code)) => return Err(Fault::Refused(code)),
            _ => return Err(Fault::WrongAnswer),
        }
        Ok(())
    }
}

/// Who hears what a [`Poller`] reads.
pub trait PollObserver: Observer {
    /// A round is complete; the poller goes on unless it is told to break.
    fn polled(&mut self, now: Instant, readings: &Readings) -> ControlFlow<()>;
}

/// Asks for the plant's points at an interval, and connects again whenever the connection fails.
#[derive(Clone, Hash, Debug)]
pub struct Poller {
    pt: PtTimed,
    session: Pt,
    client: Client,
    interval: Duration,
    back_off: BackOff,
    next: Instant,
    step: usize,
    readings: Readings,
}

impl Poller {
    /// A poller of the server at `peer`.
    pub const fn new(peer: SocketAddr, unit: u8, interval: Duration, timeout: Duration) -> Self {
        Poller {
            pt: PtTimed::new(),
            session: Pt::new(),
            client: Client::new(peer, unit, timeout),
            interval,
            back_off: BackOff::new(),
            next: Instant::ORIGIN,
            step: 0,
            readings: Readings::NONE,
        }
    }

    /// Sets the server's address, before the start.
    pub const fn set_peer(&mut self, peer: SocketAddr) {
        self.client.set_peer(peer);
    }

    /// Polls over one connection, as long as it holds.
    #[protothread(self.session)]
    fn poll<P: Platform, S: PollObserver>(&mut self, cx: &mut Cx<'_, P>, shared: &mut S) -> Result<(), Fault> {
        wait!(self.client.connect(cx))?;
        self.next = cx.now();
        loop {
            self.step = 0;
            while self.step < ROUND.len() {
                self.client.prepare(&ROUND[self.step]);
                wait!(self.client.call(cx))?;
                shared.answered(self.client.latency());
                self.readings.take(&ROUND[self.step], self.client.answer(&ROUND[self.step])?)?;
                self.step += 1;
            }
            self.back_off = BackOff::new();
            if shared.polled(cx.now(), &self.readings).is_break() {
                return Ok(());
            }
            // A round that took longer than the interval is followed by the next at once, not by several.
            self.next = (self.next + self.interval).max(cx.now());
            wait!(cx.sleep_until(self.next));
        }
    }
}

impl<P: Platform, S: PollObserver> Protothread<P, S> for Poller {
    type Output = ();

    #[protothread]
    fn run(&mut self, cx: &mut Cx<'_, P>, shared: &mut S) {
        while let Err(fault) = wait!(self.poll(cx, shared)) {
            if shared.failed(cx.now(), fault).is_break() {
                return;
            }
            wait!(sleep!(self.back_off.take()));
        }
    }
}
