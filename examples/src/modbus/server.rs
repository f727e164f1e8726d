//! The server: one protothread a connection, all waiting in `accept` on one listener.
//!
//! ```text
//!  accept -> receive -> answer every whole frame, in order -> send -> receive ..
//!    ^          |                    |
//!    |          | end, error, idle   | broken stream
//!    '----------'<---- drain <-------'
//! ```
//!
//! Whatever a peer does, it ends its own connection at most: the task then waits in `accept` again.

use ptk_core::prelude::*;
use ptk_core::{Half, Never};

use super::device::Device;
use super::execute;
use super::frame::{Broken, Frame, MAX_FRAME};
use super::identification::Identification;
use super::pdu::Pdu;
use super::plant::Plant;
use crate::mutant::Mutant;

/// How the sockets of a server are set up: answers are small and wait for nobody.
pub const OPTIONS: Options = Options { nodelay: true, ..Options::DEFAULT };

/// How long a connection may be silent by default.
pub const IDLE: Duration = Duration::from_secs(60);

/// How long a peer whose stream is broken may take to notice that the connection ends.
const FAREWELL: Duration = Duration::from_secs(1);

/// How often the plant takes a step.
const STEP: Duration = Duration::from_millis(100);

/// The most steps that the plant catches up after a stall.
const MAX_STEPS: u64 = 10;

/// What a server has counted.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Default, Debug)]
pub struct Counts {
    /// Connections accepted.
    pub connections: u64,
    /// Requests answered, exceptions included.
    pub requests: u64,
    /// Requests answered with an exception.
    pub exceptions: u64,
    /// Connections closed because what came was not Modbus.
    pub broken: u64,
}

/// What all connections share.
#[derive(Clone, Hash, Debug)]
pub struct Station {
    /// Where connections come from. The application opens it before the tasks run.
    pub listener: TcpListener,
    /// How long a connection may be silent, so that peers that are gone free their places.
    pub idle: Duration,
    /// The device's memory.
    pub device: Device,
    /// What has happened so far.
    pub counts: Counts,
    identification: Identification,
}

impl Station {
    /// A station without a listener.
    pub const fn new(identification: Identification) -> Self {
        let counts = Counts { connections: 0, requests: 0, exceptions: 0, broken: 0 };
        Station { listener: TcpListener::NONE, idle: IDLE, device: Device::new(), counts, identification }
    }

    /// How long a whole frame may take.
    fn patience(&self) -> Duration {
        if Mutant::SilentPeerStays.is_on() { Duration::MAX } else { self.idle }
    }

    /// Answers the frames at the front of `input` until there is no whole one left, or `output` has no room for the
    /// largest answer.
    fn answer_all(&mut self, input: &mut Buf, output: &mut Buf) -> Result<(), Broken> {
        while output.room() >= MAX_FRAME
            && let Some(request) = Frame::first(input.readable())?
        {
            let mut answer = Pdu::new();
            let refused = execute::answer(request.pdu, &mut self.device, &self.identification, &mut answer);
            self.counts.requests += 1;
            self.counts.exceptions += u64::from(refused);
            let size = request.size();
            // There is room: that was the loop's condition.
            let _ = Frame { pdu: answer.as_slice(), ..request }.put(output);
            input.consume(size);
        }
        Ok(())
    }
}

impl AsMut<Station> for Station {
    fn as_mut(&mut self) -> &mut Station {
        self
    }
}

/// A place for one connection: serves one peer after the other.
#[derive(Clone, Hash, Debug)]
pub struct Connection {
    pt: Pt,
    serving: PtTimed,
    receiving: Pt,
    draining: Pt,
    socket: TcpSocket,
    input: Buffer<{ 2 * MAX_FRAME }>,
    output: Buffer<{ 2 * MAX_FRAME }>,
}

impl Connection {
    /// A place that nobody has taken.
    pub const fn new() -> Self {
        Connection {
            pt: Pt::new(),
            serving: PtTimed::new(),
            receiving: Pt::new(),
            draining: Pt::new(),
            socket: TcpSocket::NONE,
            input: Buffer::new(),
            output: Buffer::new(),
        }
    }

    /// Serves the peer until one side has had enough.
    #[protothread(self.serving)]
    fn serve<P: Platform, S: AsMut<Station>>(&mut self, cx: &mut Cx<'_, P>, shared: &mut S) -> Result<(), Error> {
        if !Mutant::InputOutlivesPeer.is_on() {
            self.input.clear();
        }
        self.output.clear();
        loop {
            let broken = shared.as_mut().answer_all(&mut self.input, &mut self.output).is_err();
            if Mutant::PartialAnswerIsWhole.is_on() {
                let _ = cx.try_send(self.socket, self.output.readable());
                self.output.clear();
            }
            if !self.output.is_empty() {
                wait!(cx.send_all(self.socket, &mut self.output), timeout = shared.as_mut().idle)??;
                continue;
            }
            if broken {
                break;
            }
            if !wait!(self.receive(cx), timeout = shared.as_mut().patience())?? {
                return Ok(());
            }
        }
        shared.as_mut().counts.broken += 1;
        // What the peer has sent is read to its end: closing before that would reset the connection, and the reset could
        // overtake the last answers.
        cx.shutdown(self.socket, Half::Write)?;
        wait!(self.drain(cx), timeout = FAREWELL)?
    }

    /// Receives until a whole frame is there, or a broken one; `false` at the end of the stream. The caller's timeout is
    /// for the whole frame, or a peer that sends a byte now and then would keep its place for ever.
    #[protothread(self.receiving)]
    fn receive<P: Platform>(&mut self, cx: &mut Cx<'_, P>) -> Result<bool, Error> {
        while let Ok(None) = Frame::first(self.input.readable()) {
            if wait!(cx.recv(self.socket, &mut self.input))? == 0 {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Throws away what the peer sends, to its end.
    #[protothread(self.draining)]
    fn drain<P: Platform>(&mut self, cx: &mut Cx<'_, P>) -> Result<(), Error> {
        loop {
            self.input.clear();
            if wait!(cx.recv(self.socket, &mut self.input))? == 0 {
                return Ok(());
            }
        }
    }
}

impl Default for Connection {
    fn default() -> Self {
        Self::new()
    }
}

impl<P: Platform, S: AsMut<Station>> Protothread<P, S> for Connection {
    type Output = Result<Never, Error>;

    #[protothread]
    fn run(&mut self, cx: &mut Cx<'_, P>, shared: &mut S) -> Result<Never, Error> {
        loop {
            self.socket = wait!(cx.accept(shared.as_mut().listener))?;
            shared.as_mut().counts.connections += 1;
            // However it ended: a peer that went away is no concern of the next one.
            let _ = wait!(self.serve(cx, shared));
            cx.close(self.socket)?;
        }
    }
}

/// The plant, which takes a step ten times a second.
#[derive(Clone, Hash, Debug)]
pub struct Simulation {
    pt: Pt,
    timer: Timer,
    plant: Plant,
}

impl Simulation {
    /// A plant that has not begun.
    pub const fn new() -> Self {
        Simulation { pt: Pt::new(), timer: Timer::NONE, plant: Plant::new() }
    }
}

impl Default for Simulation {
    fn default() -> Self {
        Self::new()
    }
}

impl<P: Platform, S: AsMut<Station>> Protothread<P, S> for Simulation {
    type Output = Result<Never, Error>;

    #[protothread]
    fn run(&mut self, cx: &mut Cx<'_, P>, shared: &mut S) -> Result<Never, Error> {
        self.plant.begin(&mut shared.as_mut().device);
        self.timer = cx.timer()?;
        cx.start_repeating(self.timer, STEP)?;
        loop {
            let steps = wait!(cx.expired(self.timer))?;
            for _ in 0..steps.min(MAX_STEPS) {
                self.plant.step(&mut shared.as_mut().device);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::modbus::TANK;
    use std::vec::Vec;

    fn frame(transaction: u16, pdu: &[u8]) -> Vec<u8> {
        let mut buffer = Buffer::<MAX_FRAME>::new();
        Frame { transaction, unit: 7, pdu }.put(&mut buffer).unwrap();
        buffer.readable().to_vec()
    }

    #[test]
    fn pipelined_requests_are_answered_in_order_as_far_as_there_is_room() {
        let mut station = Station::new(TANK);
        let (mut input, mut output) = (Buffer::<520>::new(), Buffer::<520>::new());
        for transaction in 0..3 {
            input.put_slice(&frame(transaction, &[4, 0, 100, 0, 125])).unwrap();
        }
        input.put_slice(&frame(3, &[7])[..7]).unwrap();
        assert_eq!(station.answer_all(&mut input, &mut output), Ok(()));
        assert_eq!(output.len(), 2 * 259, "the third answer would not fit");
        assert_eq!((output.readable()[1], output.readable()[259 + 1]), (0, 1));
        output.clear();
        assert_eq!(station.answer_all(&mut input, &mut output), Ok(()));
        assert_eq!((output.len(), input.len()), (259, 7), "a frame without its last byte waits");
        input.put_u8(7).unwrap();
        output.clear();
        assert_eq!(station.answer_all(&mut input, &mut output), Ok(()));
        assert_eq!(output.readable(), frame(3, &[0x87, 1]));
        assert_eq!((station.counts.requests, station.counts.exceptions), (4, 1));
    }

    #[test]
    fn frames_before_a_broken_one_are_answered() {
        let mut station = Station::new(TANK);
        let (mut input, mut output) = (Buffer::<520>::new(), Buffer::<520>::new());
        input.put_slice(&frame(1, &[6, 0, 200, 0, 1])).unwrap();
        input.put_slice(&[0, 2, 0, 9, 0, 6]).unwrap();
        assert_eq!(station.answer_all(&mut input, &mut output), Err(Broken));
        assert_eq!(output.readable(), frame(1, &[6, 0, 200, 0, 1]));
        assert_eq!(station.device.holding_registers[200], 1);
    }
}
