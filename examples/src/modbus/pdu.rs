//! The protocol data unit: a function code and its data, at most 253 bytes (section 4.1).

/// The most bytes that a PDU can have.
pub const MAX_PDU: usize = 253;

/// The function codes (section 6).
pub mod function {
    /// Section 6.1.
    pub const READ_COILS: u8 = 1;
    /// Section 6.2.
    pub const READ_DISCRETE_INPUTS: u8 = 2;
    /// Section 6.3.
    pub const READ_HOLDING_REGISTERS: u8 = 3;
    /// Section 6.4.
    pub const READ_INPUT_REGISTERS: u8 = 4;
    /// Section 6.5.
    pub const WRITE_SINGLE_COIL: u8 = 5;
    /// Section 6.6.
    pub const WRITE_SINGLE_REGISTER: u8 = 6;
    /// Section 6.11.
    pub const WRITE_MULTIPLE_COILS: u8 = 15;
    /// Section 6.12.
    pub const WRITE_MULTIPLE_REGISTERS: u8 = 16;
    /// Section 6.16.
    pub const MASK_WRITE_REGISTER: u8 = 22;
    /// Section 6.17.
    pub const READ_WRITE_REGISTERS: u8 = 23;
    /// Section 6.19.
    pub const ENCAPSULATED: u8 = 43;
    /// The one transport inside [`ENCAPSULATED`] that is spoken here (section 6.21).
    pub const MEI_DEVICE_IDENTIFICATION: u8 = 14;
    /// Set in the function code of an exception (section 7).
    pub const EXCEPTION: u8 = 0x80;
}

/// Why a server refuses a request (section 7).
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[repr(u8)]
pub enum Exception {
    /// The function is not offered.
    IllegalFunction = 1,
    /// The function is, but not at that address.
    IllegalDataAddress = 2,
    /// The request's structure is wrong: its length, a quantity, a byte count, a value.
    IllegalDataValue = 3,
}

/// A PDU that is being written. What does not fit is a mistake of the caller, and panics.
#[derive(Clone, Hash, Debug)]
pub struct Pdu {
    len: u8,
    bytes: [u8; MAX_PDU],
}

impl Pdu {
    /// An empty PDU.
    pub const fn new() -> Self {
        Pdu { len: 0, bytes: [0; MAX_PDU] }
    }

    /// Makes it empty again.
    pub fn clear(&mut self) {
        self.len = 0;
    }

    /// What was written.
    pub fn as_slice(&self) -> &[u8] {
        &self.bytes[..usize::from(self.len)]
    }

    /// How many bytes still fit.
    pub fn room(&self) -> usize {
        MAX_PDU - usize::from(self.len)
    }

    /// Appends `count` zeros and lends them for writing.
    pub fn zeros(&mut self, count: usize) -> &mut [u8] {
        assert!(count <= self.room(), "a PDU has at most {MAX_PDU} bytes");
        let start = usize::from(self.len);
        self.len += count as u8;
        let added = &mut self.bytes[start..][..count];
        added.fill(0);
        added
    }

    /// Appends bytes.
    pub fn slice(&mut self, bytes: &[u8]) {
        self.zeros(bytes.len()).copy_from_slice(bytes);
    }

    /// Appends a byte.
    pub fn u8(&mut self, byte: u8) {
        self.slice(&[byte]);
    }

    /// Appends a word, the high byte first (section 4.2).
    pub fn u16(&mut self, word: u16) {
        self.slice(&word.to_be_bytes());
    }
}

impl Default for Pdu {
    fn default() -> Self {
        Self::new()
    }
}

/// How many bytes hold `bits` bits.
pub const fn bytes_of_bits(bits: u16) -> usize {
    (bits as usize).div_ceil(8)
}

/// The words of a PDU's data, which come with the high byte first.
pub fn words(bytes: &[u8]) -> impl Iterator<Item = u16> {
    bytes.chunks_exact(2).map(|pair| u16::from_be_bytes([pair[0], pair[1]]))
}
