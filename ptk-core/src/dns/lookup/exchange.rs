//! Asking one server for both families, over one UDP socket.

use core::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use core::task::Poll;

use super::{FAMILIES, Lookup, Query, Status};
use crate::cx::Cx;
use crate::dns::addresses::Addresses;
use crate::dns::message::{Answer, QUERY_MAX, Question, UDP_MAX, read_answer, write_query};
use crate::dns::name::Name;
use crate::error::Error;
use crate::handle::TypedHandle;
use crate::platform::Platform;
use crate::time::{Duration, Instant};
use crate::wait::Source;
use crate::{protothread, wait};

/// How long the addresses of one family wait for the other's, where its server is silent (RFC 8305, 3).
const GRACE: Duration = Duration::from_millis(50);

impl Lookup {
    pub(super) fn begin_queries<P: Platform>(&mut self, cx: &mut Cx<'_, P>) -> Result<(), Error> {
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
    pub(super) fn exchange<P: Platform>(&mut self, cx: &mut Cx<'_, P>) -> Result<(), Error> {
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

    pub(super) fn question(&self, place: usize) -> Option<Question<'_>> {
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

    pub(super) fn has_found(&self) -> bool {
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

    pub(super) fn status(&self, place: usize) -> Status {
        self.queries.get(place).map_or(Status::Garbage, |query| query.status)
    }

    pub(super) fn set_status(&mut self, place: usize, status: Status) {
        if let Some(query) = self.queries.get_mut(place) {
            query.status = status;
        }
    }

    /// Reads `message` as the answer to a query; `Asked` if it is none.
    pub(super) fn read(&mut self, place: usize, message: &[u8], cut: bool) -> Status {
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
}
