//! DNS messages as a server sees and writes them, well formed or not.
#![allow(dead_code, reason = "each test uses a part")]

use std::net::IpAddr;

pub(crate) const A: u16 = 1;
pub(crate) const CNAME: u16 = 5;
pub(crate) const AAAA: u16 = 28;

pub(crate) const TRUNCATED: u16 = 0x0200;
pub(crate) const SERVER_FAILURE: u16 = 2;
pub(crate) const NAME_ERROR: u16 = 3;
pub(crate) const REFUSED: u16 = 5;

/// A query that came in.
#[derive(Clone, Debug)]
pub(crate) struct Query {
    pub(crate) id: u16,
    pub(crate) name: String,
    pub(crate) kind: u16,
}

impl Query {
    /// Reads a query, which must be well formed to the byte.
    pub(crate) fn parse(message: &[u8]) -> Query {
        let word = |at: usize| u16::from_be_bytes([message[at], message[at + 1]]);
        assert_eq!(message[2..12], [1, 0, 0, 1, 0, 0, 0, 0, 0, 0], "a standard query with recursion desired");
        let mut labels = Vec::new();
        let mut at = 12;
        while message[at] != 0 {
            let length = usize::from(message[at]);
            labels.push(String::from_utf8(message[at + 1..at + 1 + length].to_vec()).expect("text"));
            at += 1 + length;
        }
        assert_eq!((word(at + 3), message.len()), (1, at + 5), "the Internet class, and nothing behind");
        Query { id: word(0), name: labels.join("."), kind: word(at + 1) }
    }

    pub(crate) fn reply(&self) -> Reply {
        Reply { id: self.id, name: self.name.clone(), kind: self.kind, flags: 0x8180, answers: 0, records: Vec::new() }
    }
}

/// An answer that is being written.
#[derive(Clone, Debug)]
pub(crate) struct Reply {
    pub(crate) id: u16,
    pub(crate) name: String,
    pub(crate) kind: u16,
    pub(crate) flags: u16,
    pub(crate) answers: u16,
    pub(crate) records: Vec<u8>,
}

impl Reply {
    pub(crate) fn flags(mut self, flags: u16) -> Reply {
        self.flags |= flags;
        self
    }

    pub(crate) fn record(mut self, owner: &str, kind: u16, ttl: u32, data: &[u8]) -> Reply {
        self.answers += 1;
        self.records.extend(wire(owner));
        self.records.extend(kind.to_be_bytes());
        self.records.extend(1_u16.to_be_bytes());
        self.records.extend(ttl.to_be_bytes());
        self.records.extend((data.len() as u16).to_be_bytes());
        self.records.extend(data);
        self
    }

    pub(crate) fn address(self, owner: &str, ttl: u32, address: &str) -> Reply {
        match address.parse().expect("an address") {
            IpAddr::V4(address) => self.record(owner, A, ttl, &address.octets()),
            IpAddr::V6(address) => self.record(owner, AAAA, ttl, &address.octets()),
        }
    }

    /// The addresses of the question's name that are of the question's kind.
    pub(crate) fn addresses(self, ttl: u32, addresses: &[&str]) -> Reply {
        let kind = self.kind;
        let owner = self.name.clone();
        let of_kind = |address: &&&str| address.contains(':') == (kind == AAAA);
        addresses.iter().filter(of_kind).fold(self, |reply, address| reply.address(&owner, ttl, address))
    }

    pub(crate) fn alias(self, owner: &str, ttl: u32, target: &str) -> Reply {
        self.record(owner, CNAME, ttl, &wire(target))
    }

    pub(crate) fn bytes(&self) -> Vec<u8> {
        let mut message = self.header(1);
        message.extend(wire(&self.name));
        message.extend(self.kind.to_be_bytes());
        message.extend(1_u16.to_be_bytes());
        message.extend(&self.records);
        message
    }

    pub(crate) fn header(&self, questions: u16) -> Vec<u8> {
        [self.id, self.flags, questions, self.answers, 0, 0].into_iter().flat_map(u16::to_be_bytes).collect()
    }
}

/// A name without compression.
pub(crate) fn wire(name: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    for label in name.split('.').filter(|label| !label.is_empty()) {
        bytes.push(label.len() as u8);
        bytes.extend(label.as_bytes());
    }
    bytes.push(0);
    bytes
}
