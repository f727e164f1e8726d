//! One lookup: a protothread that runs inside the task that waits for it.
//!
//! ```text
//!   connect            an address after the other
//!     search           a candidate of the search list after the other
//!     find             a name, and the one that its alias ends at
//!       ask            a server after the other, some attempts each
//!         exchange     both families over one UDP socket
//!         exchange_tcp what was too long for UDP
//! ```

use core::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use core::task::Poll;

use crate::buffer::Buffer;
use crate::cx::Cx;
use crate::dns::addresses::Addresses;
use crate::dns::message::{Answer, Family, QUERY_MAX, Question, UDP_MAX, read_answer, write_query};
use crate::dns::name::Name;
use crate::dns::service::Service;
use crate::error::Error;
use crate::handle::{TcpSocket, TypedHandle, UdpSocket};
use crate::options::Options;
use crate::platform::{Close, Platform};
use crate::protothread::TimedOut;
use crate::pt::{Pt, PtTimed};
use crate::table::Vacant;
use crate::time::{Duration, Instant};
use crate::wait::Source;
use crate::{protothread, wait};

/// How long the addresses of one family wait for the other's, where its server is silent (RFC 8305, 3).
const GRACE: Duration = Duration::from_millis(50);
/// How long one address has to be connected to, while others are left: time for a second SYN (RFC 6298, 2.1).
const CONNECT_TIME: Duration = Duration::from_secs(2);
/// How many names an alias may lead through, each asked for.
const MAX_HOPS: u8 = 8;
/// What is kept of an answer over TCP: behind that come only more addresses.
const TCP_MAX: usize = 1024;

/// What is known of one family's addresses.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
#[repr(u8)]
enum Status {
    /// The server has not answered.
    #[default]
    Asked = 0,
    Found,
    Alias,
    Empty,
    NotFound,
    Refused,
    Garbage,
    Truncated,
}

impl Status {
    /// Whether asking again would find nothing else.
    fn is_final(self) -> bool {
        matches!(self, Status::Found | Status::Empty | Status::NotFound)
    }
}

/// What a server was asked about one family.
#[derive(Clone, Copy, Hash, Debug)]
struct Query {
    id: u16,
    status: Status,
    found: Addresses,
}

impl Query {
    const NONE: Query = Query { id: 0, status: Status::Asked, found: Addresses::NONE };
}

/// The families, in the order of their queries.
const FAMILIES: [Family; 2] = [Family::V6, Family::V4];

/// Why no answer could be used.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[repr(u8)]
enum Failure {
    /// Nobody answered.
    Silence = 0,
    Known(Error) = 1,
}

impl From<Failure> for Error {
    fn from(failure: Failure) -> Error {
        match failure {
            Failure::Silence => Error::TimedOut,
            Failure::Known(error) => error,
        }
    }
}

/// What is known of a name.
enum Outcome {
    Found,
    Alias,
    NotFound,
}

/// The state of a lookup. Zero bits are one that has not begun.
#[derive(Clone, Hash, Debug)]
pub(crate) struct Lookup {
    connect_pt: PtTimed,
    ask_pt: PtTimed,
    search_pt: Pt,
    find_pt: Pt,
    exchange_pt: Pt,
    tcp_pt: Pt,
    service: Service,
    /// The place of the next name to try.
    candidate: u8,
    hops: u8,
    attempt: u8,
    /// The place of the server to ask next.
    next_server: u8,
    /// The query that is asked again over TCP.
    again: u8,
    next_address: u8,
    server: SocketAddr,
    /// The name that is asked for.
    name: Name,
    /// The name that it stands for.
    alias: Name,
    queries: [Query; 2],
    /// The families that are not asked for, because they are known.
    skipped: [bool; 2],
    /// For how many seconds all that was found holds.
    ttl: u32,
    /// Why this name could not be told.
    failure: Failure,
    /// What is to be reported, unless another name or address does better.
    verdict: Failure,
    /// When the other family's answer is waited for no longer.
    deadline: Instant,
    udp: UdpSocket,
    /// The connection to a server, and later the one to the host.
    tcp: TcpSocket,
    buffer: Buffer<TCP_MAX>,
    addresses: Addresses,
}

const _: () = assert!(size_of::<Lookup>() <= 2560);

impl Vacant for Lookup {
    const VACANT: Self = Lookup {
        connect_pt: PtTimed::new(),
        ask_pt: PtTimed::new(),
        search_pt: Pt::new(),
        find_pt: Pt::new(),
        exchange_pt: Pt::new(),
        tcp_pt: Pt::new(),
        service: Service::NONE,
        candidate: 0,
        hops: 0,
        attempt: 0,
        next_server: 0,
        again: 0,
        next_address: 0,
        server: SocketAddr::new(IpAddr::V4(Ipv4Addr::UNSPECIFIED), 0),
        name: Name::EMPTY,
        alias: Name::EMPTY,
        queries: [Query::NONE; 2],
        skipped: [false; 2],
        ttl: 0,
        failure: Failure::Silence,
        verdict: Failure::Silence,
        deadline: Instant::ORIGIN,
        udp: UdpSocket::NONE,
        tcp: TcpSocket::NONE,
        buffer: Buffer::new(),
        addresses: Addresses::NONE,
    };
}

impl Lookup {
    /// Connects to the addresses of `host`, one after the other; then to those of the family whose answer was missing.
    #[protothread(self.connect_pt)]
    pub(crate) fn connect<P: Platform>(
        &mut self,
        cx: &mut Cx<'_, P>,
        host: &str,
        port: u16,
        options: &Options,
    ) -> Result<TcpSocket, Error> {
        match cx.known_addresses(host)? {
            Some(known) => self.addresses = known,
            None => self.addresses = wait!(self.search(cx, host))?,
        }
        self.next_address = 0;
        loop {
            while let Some(address) = self.addresses.get(usize::from(self.next_address)) {
                self.server = SocketAddr::new(*address, port);
                self.next_address += 1;
                self.tcp = cx.tcp_socket(options)?;
                match wait!(cx.connect_on(self.tcp, self.server), timeout = self.connect_time()) {
                    Ok(Ok(())) => return Ok(core::mem::take(&mut self.tcp)),
                    Ok(Err(error)) => self.verdict = Failure::Known(error),
                    Err(TimedOut) => self.verdict = Failure::Silence,
                }
                self.close_sockets(cx);
            }
            if !self.is_missing_one() {
                return Err(self.verdict.into());
            }
            self.turn_to_missing();
            match wait!(self.find(cx)) {
                Ok(true) => self.next_address = 0,
                Ok(false) | Err(_) => self.step_back(),
            }
        }
    }

    /// The last address has as much time as the author gives it.
    fn connect_time(&self) -> Duration {
        let is_last = usize::from(self.next_address) >= self.addresses.len() && !self.is_missing_one();
        if is_last { Duration::MAX } else { CONNECT_TIME }
    }

    /// Whether the servers were asked, and did not say everything about one family. It is asked for once more only.
    fn is_missing_one(&self) -> bool {
        !self.service.servers.is_empty() && self.skipped == [false; 2] && !self.is_complete()
    }

    /// From now on only the family that is missing is asked for, each server once.
    fn turn_to_missing(&mut self) {
        for (skipped, query) in self.skipped.iter_mut().zip(&self.queries) {
            *skipped = query.status.is_final();
        }
        self.service.attempts = 1;
    }

    /// No more addresses came: if the last one hung, it gets all the time after all.
    fn step_back(&mut self) {
        if self.verdict == Failure::Silence {
            self.next_address = self.next_address.saturating_sub(1);
        }
    }

    /// Asks the servers for the addresses of `host`, and keeps them in the cache.
    #[protothread(self.search_pt)]
    pub(crate) fn search<P: Platform>(&mut self, cx: &mut Cx<'_, P>, host: &str) -> Result<Addresses, Error> {
        self.service = cx.name_service();
        if self.service.servers.is_empty() {
            return Err(Error::NoNameServer);
        }
        self.candidate = 0;
        self.verdict = Failure::Known(Error::NameNotFound);
        while self.take_candidate(host) {
            match wait!(self.find(cx)) {
                Ok(true) => {
                    cx.keep_addresses(host, self.addresses, if self.is_complete() { self.ttl } else { 0 });
                    return Ok(self.addresses);
                }
                Ok(false) => {}
                // It says nothing about names in other domains.
                Err(error @ (Error::NameServerRefused | Error::Protocol)) => self.verdict = Failure::Known(error),
                Err(error) => return Err(error),
            }
        }
        Err(self.verdict.into())
    }

    /// Asks for the name, and for what it stands for. Whether there are addresses.
    #[protothread(self.find_pt)]
    fn find<P: Platform>(&mut self, cx: &mut Cx<'_, P>) -> Result<bool, Error> {
        loop {
            match wait!(self.ask(cx))? {
                Outcome::Found => return Ok(true),
                Outcome::Alias => self.follow_alias()?,
                Outcome::NotFound => return Ok(false),
            }
        }
    }

    /// Takes the next name to try for `host`, leaving out those that are too long.
    fn take_candidate(&mut self, host: &str) -> bool {
        (self.hops, self.ttl) = (0, u32::MAX);
        while let Some(candidate) = self.service.candidate(host, self.candidate) {
            self.candidate += 1;
            if let Some(name) = candidate {
                self.name = name;
                return true;
            }
        }
        false
    }

    fn follow_alias(&mut self) -> Result<(), Error> {
        self.hops += 1;
        if self.hops > MAX_HOPS {
            return Err(Error::Protocol);
        }
        self.name = self.alias;
        Ok(())
    }

    /// Asks one server after the other for both families, until one says something that can be used.
    #[protothread(self.ask_pt)]
    fn ask<P: Platform>(&mut self, cx: &mut Cx<'_, P>) -> Result<Outcome, Error> {
        self.failure = Failure::Silence;
        (self.attempt, self.next_server) = (0, 0);
        while self.take_server() {
            self.begin_queries(cx)?;
            if let Ok(result) = wait!(self.exchange(cx), timeout = self.service.timeout()) {
                self.note_failure(result);
            }
            self.close_sockets(cx);
            self.again = 0;
            while self.take_truncated() {
                if let Ok(result) = wait!(self.exchange_tcp(cx), timeout = self.service.timeout()) {
                    self.note_failure(result);
                }
                self.close_sockets(cx);
            }
            if let Some(outcome) = self.outcome() {
                return Ok(outcome);
            }
        }
        Err(self.failure.into())
    }

    /// Takes the next server; behind the last one comes the first again, as long as attempts are left.
    fn take_server(&mut self) -> bool {
        if self.service.servers.get(self.next_server).is_none() {
            self.attempt += 1;
            self.next_server = 0;
        }
        match self.service.servers.get(self.next_server) {
            Some(server) if self.attempt < self.service.attempts => {
                self.server = server;
                self.next_server += 1;
                true
            }
            _ => false,
        }
    }

    fn begin_queries<P: Platform>(&mut self, cx: &mut Cx<'_, P>) -> Result<(), Error> {
        let mut ids = [0; 4];
        cx.entropy(&mut ids)?;
        let [a, b, c, d] = ids;
        for ((query, skipped), id) in self.queries.iter_mut().zip(self.skipped).zip([[a, b], [c, d]]) {
            let status = if skipped { Status::Empty } else { Status::Asked };
            *query = Query { id: u16::from_be_bytes(id), status, ..Query::NONE };
        }
        self.deadline = Instant::MAX;
        Ok(())
    }

    /// Asks over UDP. Each server and attempt has a socket of its own, at another port, and hears that server only.
    #[protothread(self.exchange_pt)]
    fn exchange<P: Platform>(&mut self, cx: &mut Cx<'_, P>) -> Result<(), Error> {
        let any = match self.server {
            SocketAddr::V4(_) => IpAddr::V4(Ipv4Addr::UNSPECIFIED),
            SocketAddr::V6(_) => IpAddr::V6(Ipv6Addr::UNSPECIFIED),
        };
        self.udp = cx.udp_socket(SocketAddr::new(any, 0))?;
        cx.connect_udp(self.udp, self.server)?;
        wait!(self.send_query(cx, 0))?;
        wait!(self.send_query(cx, 1))?;
        wait!(self.collect(cx))
    }

    fn send_query<P: Platform>(&mut self, cx: &mut Cx<'_, P>, place: usize) -> Poll<Result<(), Error>> {
        if self.status(place) != Status::Asked {
            return Poll::Ready(Ok(()));
        }
        let mut message = [0; QUERY_MAX];
        let length = self.question(place).map_or(0, |question| write_query(&question, &mut message));
        cx.send_datagram(self.udp, message.get(..length).unwrap_or(&[]))
    }

    fn question(&self, place: usize) -> Option<Question<'_>> {
        let (query, family) = (self.queries.get(place)?, *FAMILIES.get(place)?);
        Some(Question { id: query.id, name: self.name.wire(), family })
    }

    /// Receives until both families are settled, or one has waited long enough for the other. Whatever is no answer to
    /// these questions is passed over.
    fn collect<P: Platform>(&mut self, cx: &mut Cx<'_, P>) -> Poll<Result<(), Error>> {
        let mut message = [0; UDP_MAX];
        loop {
            match cx.try_recv_from(self.udp, &mut message) {
                Ok(datagram) => self.take_answer(message.get(..datagram.count).unwrap_or(&[]), datagram.truncated),
                Err(Error::WouldBlock) => break,
                Err(error) => return Poll::Ready(Err(error)),
            }
            if self.queries.iter().all(|query| query.status != Status::Asked) {
                return Poll::Ready(Ok(()));
            }
        }
        if self.has_found() && self.deadline == Instant::MAX {
            self.deadline = cx.now() + GRACE;
        }
        // Asked behind the receives, so that an answer that is there counts; those are bounded by the budget.
        if self.deadline != Instant::MAX && cx.now() >= self.deadline {
            return Poll::Ready(Ok(()));
        }
        let _ = cx.sleep_until(self.deadline);
        match self.udp.handle() {
            Some(udp) => cx.wait_for(Source::readable(udp.index())).map(Err),
            None => Poll::Ready(Err(Error::InvalidHandle)),
        }
    }

    fn has_found(&self) -> bool {
        self.queries.iter().any(|query| query.status == Status::Found)
    }

    /// Takes a datagram for the query that it answers, if any. One that was longer than it may be counts as truncated.
    fn take_answer(&mut self, message: &[u8], too_long: bool) {
        for place in 0..FAMILIES.len() {
            if self.status(place) != Status::Asked {
                continue;
            }
            match self.read(place, message, too_long) {
                Status::Asked => {}
                Status::Found if too_long => return self.set_status(place, Status::Truncated),
                _ => return,
            }
        }
    }

    fn status(&self, place: usize) -> Status {
        self.queries.get(place).map_or(Status::Garbage, |query| query.status)
    }

    fn set_status(&mut self, place: usize, status: Status) {
        if let Some(query) = self.queries.get_mut(place) {
            query.status = status;
        }
    }

    /// Reads `message` as the answer to a query; `Asked` if it is none.
    fn read(&mut self, place: usize, message: &[u8], cut: bool) -> Status {
        let mut found = Addresses::NONE;
        let Some(question) = self.question(place) else { return Status::Asked };
        let mut alias = Name::EMPTY;
        let answer = read_answer(message, &question, cut, &mut found, &mut alias);
        let (status, ttl) = match answer {
            Answer::Foreign => return Status::Asked,
            Answer::Found { ttl } => (Status::Found, ttl),
            Answer::Alias { ttl } => (Status::Alias, ttl),
            Answer::Empty => (Status::Empty, u32::MAX),
            Answer::NotFound => (Status::NotFound, u32::MAX),
            Answer::Refused => (Status::Refused, u32::MAX),
            Answer::Truncated => (Status::Truncated, u32::MAX),
            Answer::Garbage => (Status::Garbage, u32::MAX),
        };
        self.ttl = self.ttl.min(ttl);
        if status == Status::Alias {
            self.alias = alias;
        }
        if let Some(query) = self.queries.get_mut(place) {
            query.status = status;
            query.found = found;
        }
        status
    }

    /// Takes the next query whose answer was too long for UDP.
    fn take_truncated(&mut self) -> bool {
        while let Some(query) = self.queries.get(usize::from(self.again)) {
            self.again += 1;
            if query.status == Status::Truncated {
                return true;
            }
        }
        false
    }

    /// Asks again over TCP, where each message has its length in front (RFC 1035, 4.2.2).
    #[protothread(self.tcp_pt)]
    fn exchange_tcp<P: Platform>(&mut self, cx: &mut Cx<'_, P>) -> Result<(), Error> {
        self.tcp = cx.tcp_socket(&Options::DEFAULT)?;
        wait!(cx.connect_on(self.tcp, self.server))?;
        self.write_tcp_query()?;
        wait!(cx.send_all(self.tcp, &mut self.buffer))?;
        self.buffer.clear();
        wait!(cx.recv_exact(self.tcp, &mut self.buffer, 2))?;
        wait!(self.receive_tcp_answer(cx))?;
        self.take_tcp_answer();
        Ok(())
    }

    fn receive_tcp_answer<P: Platform>(&mut self, cx: &mut Cx<'_, P>) -> Poll<Result<(), Error>> {
        let length = self.tcp_length().min(TCP_MAX);
        cx.recv_exact(self.tcp, &mut self.buffer, length)
    }

    fn asked_again(&self) -> usize {
        usize::from(self.again).saturating_sub(1)
    }

    fn write_tcp_query(&mut self) -> Result<(), Error> {
        let mut message = [0; QUERY_MAX];
        let question = self.question(self.asked_again()).ok_or(Error::InvalidArgument)?;
        let length = write_query(&question, &mut message);
        self.buffer.clear();
        self.buffer.put_slice(&(length as u16).to_be_bytes())?;
        self.buffer.put_slice(message.get(..length).unwrap_or(&[]))
    }

    /// The length of the message that is coming in, with the two bytes that say so.
    fn tcp_length(&self) -> usize {
        let length = self.buffer.readable().first_chunk().copied().unwrap_or([0; 2]);
        2 + usize::from(u16::from_be_bytes(length))
    }

    fn take_tcp_answer(&mut self) {
        let place = self.asked_again();
        let cut = self.tcp_length() > TCP_MAX;
        let received = core::mem::take(&mut self.buffer);
        let status = self.read(place, received.readable().get(2..).unwrap_or(&[]), cut);
        if matches!(status, Status::Asked | Status::Truncated) {
            self.set_status(place, Status::Garbage);
        }
    }

    /// What the answers say together; `None` if the next server is to be asked.
    fn outcome(&mut self) -> Option<Outcome> {
        let [v6, v4] = &self.queries;
        let statuses = [v6.status, v4.status];
        if statuses.contains(&Status::Found) {
            let found = |query: &Query| if query.status == Status::Found { query.found } else { Addresses::NONE };
            self.addresses = Addresses::by_turns(&found(v6), &found(v4));
            return Some(Outcome::Found);
        }
        if statuses.contains(&Status::Alias) {
            return Some(Outcome::Alias);
        }
        if statuses.contains(&Status::NotFound) || statuses == [Status::Empty; 2] {
            return Some(Outcome::NotFound);
        }
        if statuses.contains(&Status::Garbage) {
            self.failure = Failure::Known(Error::Protocol);
        }
        if statuses.contains(&Status::Refused) {
            self.failure = Failure::Known(Error::NameServerRefused);
        }
        None
    }

    /// Whether the servers have said everything about both families.
    fn is_complete(&self) -> bool {
        self.queries.iter().all(|query| query.status.is_final())
    }

    /// Keeps what the network said. Nobody listens where the server should be: it has refused.
    fn note_failure(&mut self, result: Result<(), Error>) {
        match result {
            Ok(()) | Err(Error::TimedOut) => {}
            Err(Error::ConnectionRefused | Error::ConnectionReset | Error::UnexpectedEnd) => {
                self.failure = Failure::Known(Error::NameServerRefused);
            }
            Err(error) => self.failure = Failure::Known(error),
        }
    }

    pub(crate) fn close_sockets<P: Platform>(&mut self, cx: &mut Cx<'_, P>) {
        let sockets = [core::mem::take(&mut self.udp).handle(), core::mem::take(&mut self.tcp).handle()];
        for socket in sockets.into_iter().flatten() {
            if cx.is_valid(socket) {
                cx.close_socket(socket, Close::Graceful);
            }
        }
    }
}
