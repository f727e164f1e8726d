//! Asking who is there, and collecting what answers.

use core::net::{Ipv4Addr, SocketAddr, SocketAddrV4};

use ptk_core::Never;
use ptk_core::prelude::*;

use super::encapsulation::Header;
use super::identity::{self, Identity};

/// The largest datagram that is looked at whole; an answer with its one item is far smaller.
const MAX_DATAGRAM: usize = 1500;

/// How often it asks, evenly over the time: a datagram may be lost.
const ROUNDS: u64 = 3;

/// Over how many milliseconds devices are asked to spread their answers (section 2-4.2.2): the shortest time that counts.
const SPREAD: u16 = 500;

/// How many bytes of answers the platform should hold: those to a broadcast come all at once.
const BURST: u32 = 200 * 1024;

/// A device that has answered.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Device {
    /// Where the answer came from.
    pub from: SocketAddr,
    /// What it says.
    pub identity: Identity,
}

/// What has answered, up to `N` devices. One that answers again counts once; what comes when it is full is counted.
#[derive(Clone, Hash, Debug)]
pub struct Findings<const N: usize> {
    devices: [Option<Device>; N],
    count: usize,
    /// Answers of devices that had answered before.
    pub repeated: u64,
    /// Datagrams that were no answer to what was asked.
    pub garbage: u64,
    /// Answers of devices for which there was no room: of each, one for each time that it is asked and answers.
    pub dropped: u64,
}

impl<const N: usize> Findings<N> {
    /// Nothing has answered.
    pub const fn new() -> Self {
        Findings { devices: [None; N], count: 0, repeated: 0, garbage: 0, dropped: 0 }
    }

    /// The devices, in the order in which they answered.
    pub fn devices(&self) -> impl Iterator<Item = &Device> {
        self.devices.iter().flatten()
    }

    /// Takes in a datagram. Devices are told apart by where they answer from, and by vendor, product and serial number:
    /// several may answer from one address, a chassis for instance. A status that has changed is news of the same one.
    pub fn add(&mut self, context: [u8; 8], from: SocketAddr, datagram: &[u8]) {
        match identity::decode(datagram) {
            Ok((found, identity)) if found == context => self.add_device(Device { from, identity }),
            _ => self.garbage += 1,
        }
    }

    fn add_device(&mut self, device: Device) {
        if let Some(known) = self.devices.iter_mut().flatten().find(|known| known.is(&device)) {
            *known = device;
            self.repeated += 1;
            return;
        }
        match self.devices.get_mut(self.count) {
            Some(place) => {
                *place = Some(device);
                self.count += 1;
            }
            None => self.dropped += 1,
        }
    }
}

impl<const N: usize> Default for Findings<N> {
    fn default() -> Self {
        Self::new()
    }
}

impl Device {
    fn is(&self, other: &Device) -> bool {
        let key = |device: &Device| {
            let Identity { vendor, device_type, product_code, serial, name, .. } = device.identity;
            (device.from, vendor, device_type, product_code, serial, name)
        };
        key(self) == key(other)
    }
}

/// Asks for identities, three times, and collects the answers until the time is over.
#[derive(Clone, Hash, Debug)]
pub struct Discovery {
    pt: PtTimed,
    collecting: Pt,
    to: SocketAddrV4,
    time: Duration,
    context: [u8; 8],
    socket: UdpSocket,
    round: u64,
    datagram: Buffer<MAX_DATAGRAM>,
}

impl<P: Platform, const N: usize> Protothread<P, Findings<N>> for Discovery {
    type Output = Result<(), Error>;

    #[protothread]
    fn run(&mut self, cx: &mut Cx<'_, P>, findings: &mut Findings<N>) -> Result<(), Error> {
        self.open(cx)?;
        while self.round < ROUNDS {
            self.round += 1;
            self.put_request()?;
            wait!(cx.send_to(self.socket, self.datagram.readable(), self.to.into()))?;
            let Err(TimedOut) = wait!(self.collect(cx, findings), timeout = self.round_time()) else { break };
        }
        cx.close(self.socket)
    }
}

impl Discovery {
    /// Asks `to`, which may be a broadcast address, and listens for so long.
    pub const fn new(to: SocketAddrV4, time: Duration) -> Self {
        Discovery {
            pt: PtTimed::new(),
            collecting: Pt::new(),
            to,
            time,
            context: [0; 8],
            socket: UdpSocket::NONE,
            round: 0,
            datagram: Buffer::new(),
        }
    }

    /// Opens the socket, and chooses what answers have to repeat.
    fn open<P: Platform>(&mut self, cx: &mut Cx<'_, P>) -> Result<(), Error> {
        let [low, high] = SPREAD.to_le_bytes();
        let mut cookie = [0; 6];
        cx.entropy(&mut cookie)?;
        let [a, b, c, d, e, f] = cookie;
        self.context = [low, high, a, b, c, d, e, f];
        let options = Options { receive_buffer: BURST, ..Options::DEFAULT };
        self.socket = cx.udp_socket_with(SocketAddr::from((Ipv4Addr::UNSPECIFIED, 0)), &options)?;
        cx.set_broadcast(self.socket, true)
    }

    fn put_request(&mut self) -> Result<(), Error> {
        self.datagram.clear();
        Header::list_identity(self.context).put(&mut self.datagram)
    }

    fn round_time(&self) -> Duration {
        Duration::from_nanos(self.time.as_nanos() / ROUNDS)
    }

    /// Takes what comes, until it is given up.
    #[protothread(self.collecting)]
    fn collect<P: Platform, const N: usize>(
        &mut self,
        cx: &mut Cx<'_, P>,
        findings: &mut Findings<N>,
    ) -> Result<Never, Error> {
        loop {
            self.datagram.clear();
            let datagram = wait!(cx.recv_from(self.socket, &mut self.datagram))?;
            findings.add(self.context, datagram.from, self.datagram.readable());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ethernet_ip::identity::{MAX_ANSWER, Name};
    use std::vec::Vec;

    const CONTEXT: [u8; 8] = *b"abcdefgh";

    fn answer(context: [u8; 8], serial: u32, status: u16) -> Vec<u8> {
        let identity = Identity {
            address: "10.0.0.1:44818".parse().unwrap(),
            vendor: 1,
            device_type: 2,
            product_code: 3,
            revision: (1, 1),
            status,
            serial,
            name: Name::new(b"device"),
            state: 3,
        };
        let mut out = Buffer::<MAX_ANSWER>::new();
        identity.put_answer(context, &mut out).unwrap();
        out.readable().to_vec()
    }

    #[test]
    fn a_device_counts_once_and_several_may_share_an_address() {
        let mut findings = Findings::<4>::new();
        let (here, there) = ("10.0.0.1:44818".parse().unwrap(), "10.0.0.2:44818".parse().unwrap());
        findings.add(CONTEXT, here, &answer(CONTEXT, 1, 0));
        findings.add(CONTEXT, here, &answer(CONTEXT, 2, 0));
        findings.add(CONTEXT, here, &answer(CONTEXT, 1, 0x60));
        findings.add(CONTEXT, there, &answer(CONTEXT, 1, 0));
        let found: Vec<_> = findings.devices().map(|device| (device.from, device.identity.serial)).collect();
        assert_eq!(found, [(here, 1), (here, 2), (there, 1)]);
        assert_eq!(findings.devices().next().unwrap().identity.status, 0x60);
        assert_eq!((findings.repeated, findings.garbage, findings.dropped), (1, 0, 0));
    }

    #[test]
    fn answers_to_somebody_else_and_garbage_are_counted() {
        let mut findings = Findings::<4>::new();
        let from = "10.0.0.1:44818".parse().unwrap();
        findings.add(CONTEXT, from, &answer(*b"ABCDEFGH", 1, 0));
        findings.add(CONTEXT, from, b"garbage");
        findings.add(CONTEXT, from, b"");
        assert_eq!((findings.devices().count(), findings.garbage), (0, 3));
    }

    #[test]
    fn what_there_is_no_room_for_is_counted() {
        let mut findings = Findings::<2>::new();
        for serial in 0..5 {
            findings.add(CONTEXT, "10.0.0.1:44818".parse().unwrap(), &answer(CONTEXT, serial, 0));
        }
        assert_eq!((findings.devices().count(), findings.dropped), (2, 3));
        findings.add(CONTEXT, "10.0.0.1:44818".parse().unwrap(), &answer(CONTEXT, 4, 0));
        assert_eq!(findings.dropped, 4, "answers are counted: who is dropped is not remembered");
    }
}
