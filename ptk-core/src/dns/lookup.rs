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

mod connect;
mod exchange;
mod tcp;

use core::net::{IpAddr, Ipv4Addr, SocketAddr};

use crate::buffer::Buffer;
use crate::cx::Cx;
use crate::dns::addresses::Addresses;
use crate::dns::message::Family;
use crate::dns::name::Name;
use crate::dns::service::Service;
use crate::error::Error;
use crate::handle::{TcpSocket, TypedHandle, UdpSocket};
use crate::platform::{Close, Platform};
use crate::pt::{Pt, PtTimed};
use crate::table::Vacant;
use crate::time::Instant;
use crate::{protothread, wait};

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
