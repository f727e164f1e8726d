//! One of the two machines that hold the register.
//!
//! ```text
//!  Primary --- Granted(First) ---> Alone <--- Granted(Second) --- Backup
//!     |                                                             |
//!     '-- Deposed, Granted(Second) --> Deposed <-- Granted(First) --'
//! ```

use core::net::{Ipv4Addr, SocketAddr, SocketAddrV4};

use ptk_core::Never;
use ptk_core::prelude::*;

use super::Variant;
use super::message::{Kind, Message, Packet, Site};
use crate::datagram::{Opening, unless_lost};

/// How often in a row the backup may leave the primary without an answer before that asks to go on alone.
const SUSPICION: u8 = 2;

/// Where the machines are.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Places {
    /// The primary at the beginning.
    pub first: SocketAddr,
    /// The backup at the beginning.
    pub second: SocketAddr,
    /// The witness.
    pub witness: SocketAddr,
}

impl Places {
    /// Where a site is.
    pub const fn of(&self, site: Site) -> SocketAddr {
        match site {
            Site::First => self.first,
            Site::Second => self.second,
        }
    }
}

/// What a machine may do.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Role {
    /// Answers what the backup has.
    Primary,
    /// Has what the primary answers.
    Backup,
    /// Answers by itself.
    Alone,
    /// The other one is alone.
    Deposed,
    /// It has crashed, and knows nothing.
    Retired,
}

/// What a datagram leads to.
enum Act {
    Nothing,
    Send(Message, SocketAddr),
    /// A request is to be answered once the backup has agreed.
    Settle,
}

/// A machine with a copy of the register.
#[derive(Clone, Hash, Debug)]
pub struct Replica {
    pt: Pt,
    open_socket: Opening,
    settling: PtTimed,
    hearing: Pt,
    listening: Pt,
    site: Site,
    places: Places,
    /// How long the backup may take to answer.
    patience: Duration,
    variant: Variant,
    role: Role,
    value: u8,
    socket: UdpSocket,
    /// The client's request for which the backup asks to go on alone, and from whom it came.
    asker: Option<(Message, SocketAddr)>,
    /// What is to be dealt with next, and from whom it came.
    later: Option<(Message, SocketAddr)>,
    /// The client's request that is dealt with now, or was last, and from whom it came.
    request: Message,
    client: SocketAddr,
    failures: u8,
    to: SocketAddr,
    packet: Packet,
}

impl Replica {
    /// The machine at `site`. One that has crashed before `is_retired`. The backup may take `patience` to answer.
    pub const fn new(site: Site, places: Places, is_retired: bool, patience: Duration, variant: Variant) -> Self {
        const NOBODY: SocketAddr = SocketAddr::V4(SocketAddrV4::new(Ipv4Addr::UNSPECIFIED, 0));
        let role = match site {
            _ if is_retired => Role::Retired,
            Site::First => Role::Primary,
            Site::Second => Role::Backup,
        };
        Replica {
            pt: Pt::new(),
            open_socket: Opening::new(),
            settling: PtTimed::new(),
            hearing: Pt::new(),
            listening: Pt::new(),
            site,
            places,
            patience,
            variant,
            role,
            value: 0,
            socket: UdpSocket::NONE,
            asker: None,
            later: None,
            request: Message::new(Kind::Read, 0),
            client: NOBODY,
            failures: 0,
            to: NOBODY,
            packet: Packet::new(),
        }
    }

    /// What it may do now.
    pub const fn role(&self) -> Role {
        self.role
    }

    /// Its copy of the register.
    pub const fn value(&self) -> u8 {
        self.value
    }

    /// What a message leads to. All but what a primary has to settle is done in one step.
    fn act(&mut self, message: Message, from: SocketAddr) -> Act {
        match (self.role, message.kind) {
            (Role::Primary | Role::Alone, Kind::Write | Kind::Read) => self.take_request(message, from),
            (Role::Backup, Kind::Write | Kind::Read) => {
                self.asker = Some((message, from));
                Act::Send(self.claim(), self.places.witness)
            }
            (Role::Backup, Kind::Copy | Kind::Check) => Act::Send(self.agree(message), from),
            (Role::Alone, Kind::Copy | Kind::Check) => Act::Send(Message::new(Kind::Deposed, message.number), from),
            (Role::Primary | Role::Backup, Kind::Granted) => {
                self.note_grant(message);
                match self.asker.take().filter(|_| self.role == Role::Alone) {
                    Some((request, client)) => self.take_request(request, client),
                    None => Act::Nothing,
                }
            }
            _ => Act::Nothing,
        }
    }

    fn take_request(&mut self, request: Message, from: SocketAddr) -> Act {
        (self.request, self.client) = (request, from);
        let is_read = request.kind == Kind::Read;
        if !is_read {
            // A duplicate of an earlier write changes nothing.
            self.value = self.value.max(request.value);
        }
        if self.role == Role::Alone || is_read && self.variant == Variant::LocalReads {
            Act::Send(self.answer(), from)
        } else {
            Act::Settle
        }
    }

    /// The answer to the client.
    const fn answer(&self) -> Message {
        let kind = if matches!(self.request.kind, Kind::Write) { Kind::Written } else { Kind::Value };
        Message { kind, number: self.request.number, value: self.value }
    }

    /// The backup takes what the primary has. The answer says which value that was.
    fn agree(&mut self, message: Message) -> Message {
        self.value = self.value.max(message.value);
        Message { kind: if message.kind == Kind::Copy { Kind::Copied } else { Kind::Checked }, ..message }
    }

    const fn claim(&self) -> Message {
        Message::new(Kind::Claim, self.site as u8)
    }

    fn note_grant(&mut self, message: Message) {
        match Site::numbered(message.number) {
            Some(site) if site == self.site => self.role = Role::Alone,
            Some(_) => self.role = Role::Deposed,
            None => {}
        }
    }

    /// What the primary asks the backup. The backup's answer shows that nobody else had the register meanwhile.
    const fn question(&self) -> Message {
        let kind = if matches!(self.request.kind, Kind::Write) { Kind::Copy } else { Kind::Check };
        Message { kind, number: self.request.number, value: self.value }
    }

    /// Whether `message` settles the request, and how: whether it may be answered.
    fn verdict(&mut self, message: Message) -> Option<bool> {
        match message.kind {
            Kind::Copied | Kind::Checked => self.is_agreed(message).then_some(true),
            Kind::Deposed => {
                self.role = Role::Deposed;
                Some(false)
            }
            Kind::Granted => {
                self.note_grant(message);
                Some(self.role == Role::Alone)
            }
            _ => None,
        }
    }

    /// Whether the backup agrees to this request. Its answer to an earlier one says nothing of now.
    fn is_agreed(&self, message: Message) -> bool {
        let expected = if self.request.kind == Kind::Write { Kind::Copied } else { Kind::Checked };
        let is_current = message.number == self.request.number || self.variant == Variant::AnyAnswer;
        message.kind == expected && message.value == self.value && is_current
    }

    /// Replaces what has come by what is to be sent.
    fn write(&mut self, message: Message, to: SocketAddr) -> Result<(), Error> {
        self.to = to;
        self.packet.clear();
        self.packet.put_slice(&message.encode())
    }

    fn answers_early(&self) -> bool {
        self.variant == Variant::EarlyAnswer && self.request.kind == Kind::Write
    }
}

impl Replica {
    /// Asks the backup until it agrees, or until one of the two is alone. Whether the request may be answered.
    #[protothread(self.settling)]
    fn settle<P: Platform>(&mut self, cx: &mut Cx<'_, P>) -> Result<bool, Error> {
        self.failures = 0;
        loop {
            self.write(self.question(), self.places.second)?;
            unless_lost(wait!(cx.send_to(self.socket, self.packet.readable(), self.to)))?;
            if self.failures == SUSPICION {
                self.write(self.claim(), self.places.witness)?;
                unless_lost(wait!(cx.send_to(self.socket, self.packet.readable(), self.to)))?;
            }
            match wait!(self.hear(cx), timeout = self.patience) {
                Ok(verdict) => return verdict,
                Err(TimedOut) => self.failures = SUSPICION.min(self.failures + 1),
            }
        }
    }

    /// Waits for what settles the request. One of those who ask meanwhile is dealt with next, the others will ask again.
    #[protothread(self.hearing)]
    fn hear<P: Platform>(&mut self, cx: &mut Cx<'_, P>) -> Result<bool, Error> {
        loop {
            let (message, from) = wait!(self.listen(cx))?;
            if let Some(may_answer) = self.verdict(message) {
                return Ok(may_answer);
            }
            if matches!(message.kind, Kind::Write | Kind::Read) && message != self.request {
                self.later = Some((message, from));
            }
        }
    }

    /// Waits for a message.
    #[protothread(self.listening)]
    fn listen<P: Platform>(&mut self, cx: &mut Cx<'_, P>) -> Result<(Message, SocketAddr), Error> {
        loop {
            self.packet.clear();
            let received = wait!(cx.recv_from(self.socket, &mut self.packet));
            if let Some(datagram) = unless_lost(received)?
                && let Some(message) = Message::decode(self.packet.readable())
            {
                return Ok((message, datagram.from));
            }
        }
    }
}

impl<P: Platform, S: ?Sized> Protothread<P, S> for Replica {
    type Output = Result<Never, Error>;

    #[protothread]
    fn run(&mut self, cx: &mut Cx<'_, P>, _: &mut S) -> Result<Never, Error> {
        self.socket = wait!(self.open_socket.udp_socket(cx, self.places.of(self.site)))?;
        loop {
            if self.later.is_none() {
                let heard = wait!(self.listen(cx))?;
                self.later = Some(heard);
            }
            let Some((message, from)) = self.later.take() else { continue };
            match self.act(message, from) {
                Act::Nothing => continue,
                Act::Send(message, to) => self.write(message, to)?,
                Act::Settle => {
                    if self.answers_early() {
                        self.write(self.answer(), self.client)?;
                        unless_lost(wait!(cx.send_to(self.socket, self.packet.readable(), self.to)))?;
                    }
                    if !wait!(self.settle(cx))? {
                        continue;
                    }
                    self.write(self.answer(), self.client)?;
                }
            }
            unless_lost(wait!(cx.send_to(self.socket, self.packet.readable(), self.to)))?;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn replica(site: Site) -> Replica {
        let at = |port| SocketAddr::V4(SocketAddrV4::new(Ipv4Addr::LOCALHOST, port));
        let places = Places { first: at(1), second: at(2), witness: at(3) };
        Replica::new(site, places, false, Duration::from_millis(1), Variant::Correct)
    }

    fn sends(act: Act) -> Option<Message> {
        match act {
            Act::Send(message, _) => Some(message),
            _ => None,
        }
    }

    const CLIENT: SocketAddr = SocketAddr::V4(SocketAddrV4::new(Ipv4Addr::LOCALHOST, 9));
    const WRITE: Message = Message { kind: Kind::Write, number: 5, value: 5 };

    #[test]
    fn the_backup_answers_no_client_before_it_is_alone() {
        let mut backup = replica(Site::Second);
        assert_eq!(sends(backup.act(WRITE, CLIENT)), Some(Message::new(Kind::Claim, 2)));
        let written = Message { kind: Kind::Written, ..WRITE };
        let witness = backup.places.witness;
        assert!(
            matches!(backup.act(Message::new(Kind::Granted, 2), witness), Act::Send(answer, CLIENT) if answer == written)
        );
        assert!(sends(backup.act(Message::new(Kind::Granted, 2), witness)).is_none());
        assert_eq!(sends(backup.act(WRITE, CLIENT)), Some(written));
        let copy = Message { kind: Kind::Copy, number: 6, value: 6 };
        assert_eq!(sends(backup.act(copy, CLIENT)), Some(Message::new(Kind::Deposed, 6)));
        assert_eq!(backup.value(), 5, "what the deposed one sends is not taken");
    }

    #[test]
    fn one_who_is_not_granted_it_is_deposed() {
        let mut backup = replica(Site::Second);
        backup.act(Message::new(Kind::Granted, 1), CLIENT);
        assert_eq!(backup.role(), Role::Deposed);
        assert!(sends(backup.act(WRITE, CLIENT)).is_none());
    }

    #[test]
    fn the_primary_takes_only_an_answer_to_what_it_has_now() {
        let mut primary = replica(Site::First);
        assert!(matches!(primary.act(WRITE, CLIENT), Act::Settle));
        let copied = Message { kind: Kind::Copied, ..WRITE };
        assert_eq!(primary.verdict(Message { value: 4, ..copied }), None);
        assert_eq!(primary.verdict(Message { number: 4, ..copied }), None);
        assert_eq!(primary.verdict(Message { kind: Kind::Checked, ..copied }), None);
        assert_eq!(primary.verdict(copied), Some(true));
    }

    #[test]
    fn one_who_has_crashed_says_nothing() {
        let mut retired = Replica { role: Role::Retired, ..replica(Site::First) };
        for number in 1..=11 {
            let bytes = Message { kind: Kind::Write, number, value: 0 };
            assert!(matches!(retired.act(bytes, CLIENT), Act::Nothing));
        }
        retired.act(Message::new(Kind::Granted, 1), CLIENT);
        assert_eq!(retired.role(), Role::Retired);
    }
}
