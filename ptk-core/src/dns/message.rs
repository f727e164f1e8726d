//! The wire format of DNS messages (RFC 1035, 4): writing queries, reading answers.
//!
//! Pure functions over bytes that nobody vouches for: every length is checked, compression pointers only go back, and
//! everything is bounded by the size of the message.
//!
//! ```text
//!  0      2       4         6         8        10       12
//! +------+-------+---------+---------+--------+--------+----------+---------+- - -
//! |  id  | flags | 1 quest.| answers |  ...   |  ...   | question | answers |
//! +------+-------+---------+---------+--------+--------+----------+---------+- - -
//! ```

use core::net::{Ipv4Addr, Ipv6Addr};

use crate::dns::addresses::Addresses;
use crate::dns::name::{NAME_MAX, Name};

/// The largest message over UDP without extensions (RFC 1035, 4.2.1).
pub(crate) const UDP_MAX: usize = 512;
/// The largest query.
pub(crate) const QUERY_MAX: usize = HEADER + NAME_MAX + 4;

const HEADER: usize = 12;
/// How many aliases of aliases are followed in one answer.
const MAX_ALIASES: u32 = 8;

const CLASS_INTERNET: u16 = 1;
const TYPE_CNAME: u16 = 5;

/// Which kind of address is asked for: the type of the question (RFC 1035, 3.2.2; RFC 3596, 2.1).
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[repr(u16)]
pub(crate) enum Family {
    V6 = 28,
    V4 = 1,
}

/// What was asked.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Question<'a> {
    pub(crate) id: u16,
    /// The name on the wire.
    pub(crate) name: &'a [u8],
    pub(crate) family: Family,
}

/// What a message says about a question.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Answer {
    /// It is no answer to this question.
    Foreign,
    /// There are addresses, for so many seconds.
    Found { ttl: u32 },
    /// The name stands for another one, whose addresses are not told.
    Alias { ttl: u32 },
    /// The name exists, and has no address of this kind.
    Empty,
    /// There is no such name.
    NotFound,
    /// The server refused, or failed.
    Refused,
    /// The answer was too long for its transport.
    Truncated,
    /// It makes no sense.
    Garbage,
}

/// Writes a query for `question`, with recursion desired; its length.
pub(crate) fn write_query(question: &Question<'_>, out: &mut [u8; QUERY_MAX]) -> usize {
    let [id_high, id_low] = question.id.to_be_bytes();
    let [type_high, type_low] = (question.family as u16).to_be_bytes();
    let head = [id_high, id_low, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0];
    let tail = [type_high, type_low, 0, CLASS_INTERNET as u8];
    let bytes = head.iter().chain(question.name).chain(&tail);
    out.iter_mut().zip(bytes).map(|(place, byte)| *place = *byte).count()
}

/// Reads `message` as an answer to `question`: appends the addresses to `addresses`, and writes the name that an alias
/// ends at to `alias`.
///
/// With `cut` the message is only the beginning of a longer one: what is complete in it counts.
pub(crate) fn read_answer(
    message: &[u8],
    question: &Question<'_>,
    cut: bool,
    addresses: &mut Addresses,
    alias: &mut Name,
) -> Answer {
    if is_bare_refusal(message, question) {
        return Answer::Refused;
    }
    let Some((flags, answers, start)) = match_question(message, question) else { return Answer::Foreign };
    match flags & 0xf {
        0 if flags & TRUNCATED != 0 => Answer::Truncated,
        0 => {
            let records = Records { message, at: start, left: answers, cut };
            follow(records, question, addresses, alias).unwrap_or(Answer::Garbage)
        }
        3 => Answer::NotFound,
        _ => Answer::Refused,
    }
}

const RESPONSE: u16 = 0x8000;
const OPCODE: u16 = 0x7800;
const TRUNCATED: u16 = 0x0200;

/// Whether this refuses `question` without repeating it, as servers do that could not, or would not, read it
/// (RFC 1035, 4.1.1).
fn is_bare_refusal(message: &[u8], question: &Question<'_>) -> bool {
    let is_bare = is_response(message, question) == Some(true) && u16_at(message, 4) == Some(0);
    let is_refusal = u16_at(message, 2).is_some_and(|flags| !matches!(flags & 0xf, 0 | 3));
    is_bare && is_refusal && message.len() >= HEADER
}

/// Whether this responds to a standard query with the id of `question`; `None` if there is no such header.
fn is_response(message: &[u8], question: &Question<'_>) -> Option<bool> {
    let flags = u16_at(message, 2)?;
    Some(u16_at(message, 0)? == question.id && flags & (RESPONSE | OPCODE) == RESPONSE)
}

/// The flags, the number of answers and where they begin, if `message` answers `question` and nothing else.
fn match_question(message: &[u8], question: &Question<'_>) -> Option<(u16, u16, usize)> {
    let flags = u16_at(message, 2)?;
    if !is_response(message, question)? || u16_at(message, 4)? != 1 {
        return None;
    }
    let end = skip_name(message, HEADER)?;
    let same = is_same(Labels::at(message, HEADER), Labels::at(question.name, 0))?;
    let asked = (u16_at(message, end)?, u16_at(message, end + 2)?) == (question.family as u16, CLASS_INTERNET);
    (same && asked).then_some((flags, u16_at(message, 6)?, end + 4))
}

/// Follows the aliases from the question's name to its end, and takes the addresses there. `None` if the records make no
/// sense.
fn follow(
    records: Records<'_>,
    question: &Question<'_>,
    addresses: &mut Addresses,
    alias: &mut Name,
) -> Option<Answer> {
    for record in records {
        record?;
    }
    let aliases = Aliases::follow(records, question.name)?;
    if let Some(ttl) = take_addresses(records, question.family, aliases.end, addresses)? {
        return Some(Answer::Found { ttl: ttl.min(aliases.ttl) });
    }
    if aliases.count == 0 {
        return Some(Answer::Empty);
    }
    *alias = aliases.end.to_name()?;
    Some(Answer::Alias { ttl: aliases.ttl })
}

/// The aliases that lead on from a name.
struct Aliases<'a> {
    count: u32,
    /// For how many seconds all of them hold.
    ttl: u32,
    /// The name at their end.
    end: Labels<'a>,
}

impl<'a> Aliases<'a> {
    /// `None` if they make no sense, or are too many.
    fn follow(records: Records<'a>, name: &'a [u8]) -> Option<Self> {
        let mut aliases = Aliases { count: 0, ttl: u32::MAX, end: Labels::at(name, 0) };
        while let Some(record) = find(records, aliases.end, TYPE_CNAME)? {
            aliases.count += 1;
            if aliases.count > MAX_ALIASES {
                return None;
            }
            aliases.ttl = aliases.ttl.min(record.ttl);
            aliases.end = Labels::at(records.message, record.data);
        }
        Some(aliases)
    }
}

/// Appends the addresses that `owner` has: for how many seconds all of them hold, if there are any.
fn take_addresses(
    records: Records<'_>,
    family: Family,
    owner: Labels<'_>,
    addresses: &mut Addresses,
) -> Option<Option<u32>> {
    let mut ttl = None;
    for record in records.flatten() {
        if record.kind != family as u16 || !is_same(Labels::at(records.message, record.owner), owner)? {
            continue;
        }
        addresses.push(match family {
            Family::V4 => Ipv4Addr::from(array_at::<4>(records.message, record.data)?).into(),
            Family::V6 => Ipv6Addr::from(array_at::<16>(records.message, record.data)?).into(),
        });
        ttl = Some(ttl.unwrap_or(u32::MAX).min(record.ttl));
    }
    Some(ttl)
}

/// The first record of this kind that `owner` has.
fn find(records: Records<'_>, owner: Labels<'_>, kind: u16) -> Option<Option<Record>> {
    for record in records.flatten() {
        if record.kind == kind && is_same(Labels::at(records.message, record.owner), owner)? {
            return Some(Some(record));
        }
    }
    Some(None)
}

/// A record of the Internet class.
#[derive(Clone, Copy)]
struct Record {
    /// Where the owner's name is.
    owner: usize,
    /// 0 for records that do not matter here.
    kind: u16,
    ttl: u32,
    /// Where the data are: complete, and of the right length for addresses and aliases.
    data: usize,
}

/// The records of the answer section; ends behind one that makes no sense (`None`).
#[derive(Clone, Copy)]
struct Records<'a> {
    message: &'a [u8],
    at: usize,
    left: u16,
    cut: bool,
}

impl Iterator for Records<'_> {
    type Item = Option<Record>;

    fn next(&mut self) -> Option<Option<Record>> {
        self.left = self.left.checked_sub(1)?;
        let parsed = self.parse();
        if parsed.is_none() {
            self.left = 0;
            if self.cut {
                return None;
            }
        }
        Some(parsed)
    }
}

impl Records<'_> {
    fn parse(&mut self) -> Option<Record> {
        let (message, owner) = (self.message, self.at);
        let fixed = skip_name(message, owner)?;
        let data = fixed + 10;
        let length = usize::from(u16_at(message, fixed + 8)?);
        let end = data + length;
        message.get(data..end)?;
        let kind = match (u16_at(message, fixed)?, u16_at(message, fixed + 2)?) {
            (kind, CLASS_INTERNET) => kind,
            _ => 0,
        };
        let fits = match kind {
            TYPE_CNAME => skip_name(message, data)? == end,
            kind if kind == Family::V4 as u16 => length == 4,
            kind if kind == Family::V6 as u16 => length == 16,
            _ => true,
        };
        self.at = end;
        // A time with the highest bit set counts as none (RFC 2181, 8).
        let ttl = u32::from_be_bytes(array_at(message, fixed + 4)?);
        let ttl = if ttl > i32::MAX as u32 { 0 } else { ttl };
        fits.then_some(Record { owner, kind, ttl, data })
    }
}

/// The labels of a name in a message, its compression undone (RFC 1035, 4.1.4).
#[derive(Clone, Copy)]
struct Labels<'a> {
    bytes: &'a [u8],
    at: usize,
    /// Where this run of labels began: pointers lead before it, so there is an end.
    run: usize,
    /// What the name takes so far, without compression.
    length: usize,
}

impl<'a> Labels<'a> {
    fn at(bytes: &'a [u8], at: usize) -> Self {
        Labels { bytes, at, run: at, length: 0 }
    }

    /// The next label, empty for the root; `None` if the name makes no sense.
    fn next(&mut self) -> Option<&'a [u8]> {
        loop {
            let length = *self.bytes.get(self.at)?;
            match length >> 6 {
                0 => {
                    let start = self.at + 1;
                    self.at = start + usize::from(length);
                    self.length += 1 + usize::from(length);
                    return if self.length > NAME_MAX { None } else { self.bytes.get(start..self.at) };
                }
                3 => {
                    let pointer = usize::from(u16_at(self.bytes, self.at)? & 0x3fff);
                    if pointer >= self.run {
                        return None;
                    }
                    (self.at, self.run) = (pointer, pointer);
                }
                _ => return None,
            }
        }
    }

    fn to_name(mut self) -> Option<Name> {
        let mut name = Name::EMPTY;
        loop {
            let label = self.next()?;
            if label.is_empty() {
                name.push_root().ok()?;
                return Some(name);
            }
            name.push_label(label).ok()?;
        }
    }
}

/// Whether two names are the same, upper and lower case being equal (RFC 4343); `None` if one of them makes no sense.
fn is_same(mut one: Labels<'_>, mut other: Labels<'_>) -> Option<bool> {
    loop {
        let (one, other) = (one.next()?, other.next()?);
        if !one.eq_ignore_ascii_case(other) {
            return Some(false);
        }
        if one.is_empty() {
            return Some(true);
        }
    }
}

/// Where a name ends at its place in the message; a pointer is its end.
fn skip_name(message: &[u8], mut at: usize) -> Option<usize> {
    loop {
        let length = *message.get(at)?;
        match length >> 6 {
            0 if length == 0 => return Some(at + 1),
            0 => at += 1 + usize::from(length),
            3 => return Some(at + 2),
            _ => return None,
        }
    }
}

fn u16_at(bytes: &[u8], at: usize) -> Option<u16> {
    array_at(bytes, at).map(u16::from_be_bytes)
}

fn array_at<const N: usize>(bytes: &[u8], at: usize) -> Option<[u8; N]> {
    bytes.get(at..at + N)?.first_chunk().copied()
}

/// Reads `message` as an answer to the question that it carries itself, whole and as the beginning of a longer one: a way
/// in for fuzzing. Whether it was an answer at all.
#[doc(hidden)]
pub fn read_for_its_own_question(message: &[u8]) -> bool {
    let id = u16_at(message, 0).unwrap_or(0);
    let name = Labels::at(message, HEADER).to_name().unwrap_or(Name::EMPTY);
    let mut is_answer = false;
    for (family, cut) in [(Family::V4, false), (Family::V6, false), (Family::V4, true), (Family::V6, true)] {
        let question = Question { id, name: name.wire(), family };
        let (mut addresses, mut alias) = (Addresses::NONE, Name::EMPTY);
        let answer = read_answer(message, &question, cut, &mut addresses, &mut alias);
        assert_eq!(matches!(answer, Answer::Found { .. }), !addresses.is_empty() && answer != Answer::Garbage);
        is_answer |= answer != Answer::Foreign;
    }
    is_answer
}
