//! The blocks of a pcapng file, lowest byte first.

use ptk_core::Instant;

const SECTION: u32 = 0x0a0d_0d0a;
const INTERFACE: u32 = 1;
const PACKET: u32 = 6;

const COMMENT: u16 = 1;
const SECTION_APPLICATION: u16 = 4;
const INTERFACE_NAME: u16 = 2;
const INTERFACE_RESOLUTION: u16 = 9;
const PACKET_FLAGS: u16 = 2;

/// Packets begin with the IP header, of either version.
const LINKTYPE_RAW: u16 = 101;

/// Timestamps are powers of ten: nanoseconds.
const NANOSECONDS: u8 = 9;

/// The interface sends the packet.
const OUTBOUND: u32 = 2;

/// The first block: who wrote the file, and what it is about.
pub(super) fn section(application: &str, comment: &str) -> Vec<u8> {
    let mut block = Block::new(SECTION);
    block.u32(0x1a2b_3c4d).u16(1).u16(0);
    // The section's length is not told.
    block.u32(u32::MAX).u32(u32::MAX);
    block.option(COMMENT, comment.as_bytes()).option(SECTION_APPLICATION, application.as_bytes());
    block.end()
}

/// An interface of this name.
pub(super) fn interface(name: &str) -> Vec<u8> {
    let mut block = Block::new(INTERFACE);
    block.u16(LINKTYPE_RAW).u16(0).u32(0);
    block.option(INTERFACE_NAME, name.as_bytes()).option(INTERFACE_RESOLUTION, &[NANOSECONDS]);
    block.end()
}

/// A block that is being written.
pub(super) struct Block(Vec<u8>);

impl Block {
    /// A packet that leaves by an interface. Its comments come next.
    pub(super) fn packet(interface: u16, at: Instant, bytes: &[u8]) -> Block {
        let (time, len) = (at.as_nanos(), bytes.len() as u32);
        let mut block = Block::new(PACKET);
        block.u32(u32::from(interface)).u32((time >> 32) as u32).u32(time as u32).u32(len).u32(len).padded(bytes);
        block.option(PACKET_FLAGS, &OUTBOUND.to_le_bytes());
        block
    }

    /// Adds comments.
    pub(super) fn comments(mut self, comments: &[String]) -> Block {
        for comment in comments {
            self.option(COMMENT, comment.as_bytes());
        }
        self
    }

    /// The whole block: its length stands at both ends.
    pub(super) fn end(mut self) -> Vec<u8> {
        self.u16(0).u16(0);
        let len = self.0.len() as u32 + 4;
        self.u32(len);
        if let Some(place) = self.0.get_mut(4..8) {
            place.copy_from_slice(&len.to_le_bytes());
        }
        self.0
    }

    fn new(kind: u32) -> Block {
        let mut block = Block(Vec::new());
        block.u32(kind).u32(0);
        block
    }

    fn u16(&mut self, number: u16) -> &mut Block {
        self.0.extend(number.to_le_bytes());
        self
    }

    fn u32(&mut self, number: u32) -> &mut Block {
        self.0.extend(number.to_le_bytes());
        self
    }

    fn padded(&mut self, bytes: &[u8]) -> &mut Block {
        self.0.extend(bytes);
        self.0.resize(self.0.len().next_multiple_of(4), 0);
        self
    }

    /// What is longer than its length can say is cut off, between characters if it is text.
    fn option(&mut self, code: u16, value: &[u8]) -> &mut Block {
        let mut len = value.len().min(usize::from(u16::MAX));
        while len < value.len() && value.get(len).is_some_and(|byte| byte & 0xc0 == 0x80) {
            len -= 1;
        }
        self.u16(code).u16(len as u16).padded(value.get(..len).unwrap_or(value))
    }
}
