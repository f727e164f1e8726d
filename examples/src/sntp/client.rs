//! The client: asks until it has an answer, or until it has waited long enough. The addresses of a host
//! are asked by turns.

use core::fmt;
use core::net::SocketAddr;

use ptk_core::dns::Addresses;
use ptk_core::prelude::*;

use super::packet::{self, Answer, Refusal, SIZE, Stray};
use super::timestamp::UnixTime;
use crate::address;

/// How long the answers to the attempts may take: each request is new, so that an answer tells which it belongs to.
pub const TIMEOUTS: [Duration; 3] = [Duration::from_secs(1), Duration::from_secs(2), Duration::from_secs(4)];

/// How long looking the server up may take.
pub const LOOKUP: Duration = Duration::from_secs(10);

/// How far a server's clock may jump while it answers: as far as a second that is inserted or left out takes it.
const JUMP: Duration = Duration::from_secs(1);

/// An answer, and when it was asked for and received.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Sample {
    /// What the server says.
    pub answer: Answer,
    asked: Instant,
    answered: Instant,
}

impl Sample {
    /// How long the packets were on their way, there and back (section 5).
    pub fn round_trip(&self) -> Duration {
        Duration::from_nanos(self.away().as_nanos().saturating_sub(self.at_server().max(0).unsigned_abs()))
    }

    /// From the request to the answer.
    fn away(&self) -> Duration {
        self.answered.saturating_since(self.asked)
    }

    /// How many nanoseconds the server took, by its own clock.
    fn at_server(&self) -> i64 {
        self.answer.sent.unix_time().nanos_since(self.answer.received.unix_time())
    }

    /// Whether the server took no longer than the answer did, and no less than nothing, but for a jump of its clock.
    fn is_possible(&self) -> bool {
        let away = if self.at_server() < 0 { 0 } else { self.away().as_nanos() };
        self.at_server().unsigned_abs() <= away.saturating_add(JUMP.as_nanos())
    }

    /// The server's time at `instant`, if both ways take the same time.
    pub fn time_at(&self, instant: Instant) -> UnixTime {
        let way_back = Duration::from_nanos(self.round_trip().as_nanos() / 2);
        let received = self.answer.sent.unix_time().after(way_back);
        received.after(instant.saturating_since(self.answered)).before(self.answered.saturating_since(instant))
    }

    /// How many nanoseconds a clock that shows `shown` at `instant` is behind the server; negative if it is ahead.
    pub fn offset(&self, shown: UnixTime, instant: Instant) -> i64 {
        self.time_at(instant).nanos_since(shown)
    }
}

/// Packets that came and were no answer.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub struct Strays {
    /// Shorter than a packet.
    pub short: u32,
    /// Of another mode or version.
    pub mode: u32,
    /// Answers to something else.
    pub origin: u32,
    /// Answers that do not say when the request came in.
    pub received: u32,
    /// Answers whose times are further apart than the time the answer took, or lie the wrong way round.
    pub times: u32,
}

/// Why there is no time.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Fault {
    /// The server was not found, or could not be asked, or the network says that it is not there.
    Link(Error),
    /// The server answers that it has none.
    Refused(Refusal),
    /// Nothing that could be used came, but this.
    Silent(Strays),
}

impl From<Error> for Fault {
    fn from(error: Error) -> Self {
        Fault::Link(error)
    }
}

impl From<TimedOut> for Fault {
    fn from(_: TimedOut) -> Self {
        Fault::Link(Error::TimedOut)
    }
}

impl From<Refusal> for Fault {
    fn from(refusal: Refusal) -> Self {
        Fault::Refused(refusal)
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let strays = match self {
            Fault::Link(error) => return error.fmt(f),
            Fault::Refused(refusal) => return refusal.fmt(f),
            Fault::Silent(strays) => strays,
        };
        let seconds: u64 = TIMEOUTS.iter().map(|timeout| timeout.as_secs()).sum();
        write!(f, "no answer to {} requests in {seconds} s", TIMEOUTS.len())?;
        for (count, what) in [
            (strays.short, "too short"),
            (strays.mode, "of a wrong mode or version"),
            (strays.origin, "an answer to something else"),
            (strays.received, "with no receive timestamp"),
            (strays.times, "with timestamps that contradict the time it took"),
        ] {
            if count > 0 {
                write!(f, "; ignored {count} {what}")?;
            }
        }
        Ok(())
    }
}

/// Asks one server for the time.
#[derive(Clone, Hash, Debug)]
pub struct Client<'h> {
    pt: PtTimed,
    asking: Pt,
    host: &'h str,
    port: u16,
    addresses: Addresses,
    /// The place of the address that is asked, counted on beyond the last.
    place: usize,
    /// How many addresses in a row have failed.
    failures: usize,
    socket: UdpSocket,
    attempt: usize,
    cookie: u64,
    asked: Instant,
    strays: Strays,
    packet: Buffer<{ 2 * SIZE }>,
}

impl<'h> Client<'h> {
    /// A client of the server `host`, a name or an address.
    pub const fn new(host: &'h str, port: u16) -> Self {
        Client {
            pt: PtTimed::new(),
            asking: Pt::new(),
            host,
            port,
            addresses: Addresses::NONE,
            place: 0,
            failures: 0,
            socket: UdpSocket::NONE,
            attempt: 0,
            cookie: 0,
            asked: Instant::ORIGIN,
            strays: Strays { short: 0, mode: 0, origin: 0, received: 0, times: 0 },
            packet: Buffer::new(),
        }
    }

    /// Who is asked now.
    fn server(&self) -> Result<SocketAddr, Error> {
        let place = self.place.checked_rem(self.addresses.len()).and_then(|place| self.addresses.get(place));
        place.map(|host| SocketAddr::new(*host, self.port)).ok_or(Error::NameNotFound)
    }

    /// Passes over an address that has failed.
    ///
    /// # Errors
    ///
    /// `error`, once all addresses have failed, one after the other.
    fn pass_over(&mut self, error: Error) -> Result<(), Error> {
        self.failures += 1;
        self.place += 1;
        if self.failures < self.addresses.len() { Ok(()) } else { Err(error) }
    }

    /// Passes over an address that says nothing.
    const fn give_up_attempt(&mut self) {
        self.failures = 0;
        self.place += 1;
        self.attempt += 1;
    }

    /// Writes a new request.
    fn put_request<P: Platform>(&mut self, cx: &mut Cx<'_, P>) -> Result<(), Error> {
        let mut cookie = [0; 8];
        cx.entropy(&mut cookie)?;
        self.cookie = u64::from_be_bytes(cookie);
        self.packet.clear();
        packet::put_request(self.cookie, &mut self.packet)
    }
}

/// A socket on a port that nobody can guess, which hears the server alone.
fn connect<P: Platform>(cx: &mut Cx<'_, P>, server: SocketAddr) -> Result<UdpSocket, Error> {
    let socket = cx.udp_socket(address::any_for(server))?;
    match cx.connect_udp(socket, server) {
        Ok(()) => Ok(socket),
        Err(error) => {
            cx.close(socket)?;
            Err(error)
        }
    }
}

impl<P: Platform, S: ?Sized> Protothread<P, S> for Client<'_> {
    type Output = Result<Sample, Fault>;

    #[protothread]
    fn run(&mut self, cx: &mut Cx<'_, P>, _: &mut S) -> Result<Sample, Fault> {
        self.addresses = wait!(cx.resolve(self.host), timeout = LOOKUP)??;
        while self.attempt < TIMEOUTS.len() {
            match wait!(self.ask(cx), timeout = self.timeout()) {
                Ok(Err(Fault::Link(error))) => self.pass_over(error)?,
                Ok(result) => return result,
                Err(TimedOut) => self.give_up_attempt(),
            }
        }
        Err(Fault::Silent(self.strays))
    }
}

impl Client<'_> {
    fn timeout(&self) -> Duration {
        TIMEOUTS.get(self.attempt).copied().unwrap_or(Duration::ZERO)
    }

    /// Asks one address, and waits for its answer; what is none is counted. Unless there was an answer, the socket is
    /// closed with the wait.
    #[protothread(self.asking)]
    fn ask<P: Platform>(&mut self, cx: &mut Cx<'_, P>) -> Result<Sample, Fault> {
        self.socket = connect(cx, self.server()?)?;
        self.put_request(cx)?;
        self.asked = cx.now();
        wait!(cx.send_datagram(self.socket, self.packet.readable()))?;
        loop {
            self.packet.clear();
            wait!(cx.recv_from(self.socket, &mut self.packet))?;
            match packet::decode(self.packet.readable(), self.cookie) {
                Ok(answer) => {
                    let sample = Sample { answer: answer?, asked: self.asked, answered: cx.now() };
                    if sample.is_possible() {
                        return Ok(sample);
                    }
                    self.strays.times += 1;
                }
                Err(Stray::Short) => self.strays.short += 1,
                Err(Stray::Mode) => self.strays.mode += 1,
                Err(Stray::Origin) => self.strays.origin += 1,
                Err(Stray::Received) => self.strays.received += 1,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sntp::packet::{Leap, Reference};
    use crate::sntp::timestamp::Timestamp;

    const SECOND: i64 = 1_000_000_000;

    /// Asked at 10 s, answered at 10.4 s, of which the server took 0.2 s: at 100 s of Unix time.
    fn sample() -> Sample {
        let at = |millis: u64| Timestamp(((2_208_988_800 + 100) << 32) + (millis << 32) / 1000);
        let answer = Answer {
            leap: Leap::None,
            stratum: 1,
            reference: Reference::Clock(*b"GPS\0"),
            received: at(0),
            sent: at(200),
        };
        let asked = Instant::ORIGIN.saturating_add(Duration::from_secs(10));
        Sample { answer, asked, answered: asked.saturating_add(Duration::from_millis(400)) }
    }

    fn is_near(a: i64, b: i64) -> bool {
        a.abs_diff(b) < 10
    }

    #[test]
    fn the_way_is_measured_without_the_servers_part() {
        assert!(is_near(sample().round_trip().as_nanos() as i64, SECOND / 5));
    }

    #[test]
    fn the_servers_time_goes_on_with_the_loops_clock() {
        let sample = sample();
        // Sent at 100.2 s, underway for 0.1 s.
        assert!(is_near(sample.time_at(sample.answered).as_nanos(), 100_300_000_000));
        let later = sample.answered.saturating_add(Duration::from_secs(1));
        assert!(is_near(sample.time_at(later).as_nanos(), 101_300_000_000));
        assert!(is_near(sample.time_at(sample.asked).as_nanos(), 99_900_000_000));
    }

    #[test]
    fn an_offset_says_how_far_a_clock_is_behind() {
        let sample = sample();
        let offset = |shown: i64| sample.offset(UnixTime::from_nanos(shown), sample.answered);
        assert!(is_near(offset(100_300_000_000), 0));
        assert!(is_near(offset(0), 100_300_000_000));
        assert!(is_near(offset(102_300_000_000), -2 * SECOND));
    }

    #[test]
    fn a_server_takes_no_longer_than_its_answer() {
        let received = sample().answer.received.0;
        // The answer took 0.4 s, and a clock may jump by one.
        for (millis, expected) in [(0, true), (400, true), (1399, true), (1401, false), (1_000_000_000, false)] {
            let mut sample = sample();
            sample.answer.sent = Timestamp(received + (millis << 32) / 1000);
            assert_eq!(sample.is_possible(), expected, "{millis} ms");
        }
        for (millis, expected) in [(1, true), (999, true), (1001, false), (1_000_000_000, false)] {
            let mut sample = sample();
            sample.answer.sent = Timestamp(received - (millis << 32) / 1000);
            assert_eq!(sample.is_possible(), expected, "-{millis} ms");
        }
    }

    #[test]
    fn a_server_whose_clock_jumps_makes_no_negative_way() {
        let mut sample = sample();
        // The earliest and the latest time that a timestamp can tell.
        let (earliest, latest) = (Timestamp(1 << 63), Timestamp((1 << 63) - 1));
        (sample.answer.received, sample.answer.sent) = (earliest, latest);
        assert_eq!(sample.round_trip(), Duration::ZERO);
        (sample.answer.received, sample.answer.sent) = (latest, earliest);
        assert_eq!(sample.round_trip(), Duration::from_millis(400), "the server's part is not known");
    }
}
