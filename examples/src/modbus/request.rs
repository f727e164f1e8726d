//! Requests: taken apart and checked by the server, put together by the client.

use super::identification::Access;
use super::pdu::{Exception, Pdu, bytes_of_bits, function};

/// The most coils or inputs that one request reads (section 6.1).
pub const MAX_READ_BITS: u16 = 2000;
/// The most registers that one request reads (section 6.3).
pub const MAX_READ_REGISTERS: u16 = 125;
/// The most coils that one request writes (section 6.11).
pub const MAX_WRITE_BITS: u16 = 1968;
/// The most registers that one request writes (section 6.12).
pub const MAX_WRITE_REGISTERS: u16 = 123;
/// The most registers that one request writes when it reads as well (section 6.17).
pub const MAX_EXCHANGE_REGISTERS: u16 = 121;

/// What [`Request::WriteCoil`] carries for "on" (section 6.5); 0 is "off", all else is illegal.
const COIL_ON: u16 = 0xFF00;

/// The four tables of a device (section 4.3).
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Table {
    /// Bits to read and write.
    Coils,
    /// Bits to read.
    DiscreteInputs,
    /// Words to read and write.
    HoldingRegisters,
    /// Words to read.
    InputRegisters,
}

impl Table {
    const fn read_function(self) -> u8 {
        match self {
            Table::Coils => function::READ_COILS,
            Table::DiscreteInputs => function::READ_DISCRETE_INPUTS,
            Table::HoldingRegisters => function::READ_HOLDING_REGISTERS,
            Table::InputRegisters => function::READ_INPUT_REGISTERS,
        }
    }

    /// How many points of this table one request can read.
    pub const fn max_read(self) -> u16 {
        match self {
            Table::Coils | Table::DiscreteInputs => MAX_READ_BITS,
            Table::HoldingRegisters | Table::InputRegisters => MAX_READ_REGISTERS,
        }
    }
}

/// A request. Bits are packed with the lowest address in the lowest bit; register values have the high byte first.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Request<'a> {
    /// Functions 1 to 4.
    Read {
        /// From where.
        table: Table,
        /// The first point.
        address: u16,
        /// How many.
        quantity: u16,
    },
    /// Function 5.
    WriteCoil {
        /// Which.
        address: u16,
        /// On or off.
        value: bool,
    },
    /// Function 6.
    WriteRegister {
        /// Which.
        address: u16,
        /// Its new value.
        value: u16,
    },
    /// Function 15.
    WriteCoils {
        /// The first.
        address: u16,
        /// How many.
        quantity: u16,
        /// Their new values, packed.
        bits: &'a [u8],
    },
    /// Function 16.
    WriteRegisters {
        /// The first.
        address: u16,
        /// Their new values: two bytes each.
        values: &'a [u8],
    },
    /// Function 22: the register becomes `(old & and) | (or & !and)`.
    MaskRegister {
        /// Which.
        address: u16,
        /// The bits that stay.
        and: u16,
        /// What the others become.
        or: u16,
    },
    /// Function 23: writes, then reads.
    Exchange {
        /// The first register to read.
        read: u16,
        /// How many to read.
        quantity: u16,
        /// The first register to write.
        write: u16,
        /// The values to write: two bytes each.
        values: &'a [u8],
    },
    /// Function 43, transport 14.
    Identify {
        /// Which objects, and whether as a stream.
        access: Access,
        /// The object, or the first one.
        object: u8,
    },
}

impl<'a> Request<'a> {
    /// Takes a PDU apart and checks all that can be checked without knowing the device.
    ///
    /// # Errors
    ///
    /// [`Exception::IllegalFunction`] for a function that is not offered; [`Exception::IllegalDataValue`] if the PDU's
    /// length does not suit its function, or a quantity, a byte count or a value is out of range.
    pub fn decode(pdu: &'a [u8]) -> Result<Self, Exception> {
        match *pdu {
            [function @ 1..=4, ref data @ ..] => Self::decode_read(function, data),
            [function::WRITE_SINGLE_COIL, a, b, c, d] => {
                let value = match word(c, d) {
                    0 => false,
                    COIL_ON => true,
                    _ => return Err(Exception::IllegalDataValue),
                };
                Ok(Request::WriteCoil { address: word(a, b), value })
            }
            [function::WRITE_SINGLE_REGISTER, a, b, c, d] => {
                Ok(Request::WriteRegister { address: word(a, b), value: word(c, d) })
            }
            [function::WRITE_MULTIPLE_COILS, a, b, c, d, count, ref bits @ ..] => {
                let quantity = within(word(c, d), MAX_WRITE_BITS)?;
                counted(bits, count, bytes_of_bits(quantity))?;
                Ok(Request::WriteCoils { address: word(a, b), quantity, bits })
            }
            [function::WRITE_MULTIPLE_REGISTERS, a, b, c, d, count, ref values @ ..] => {
                let quantity = within(word(c, d), MAX_WRITE_REGISTERS)?;
                counted(values, count, 2 * usize::from(quantity))?;
                Ok(Request::WriteRegisters { address: word(a, b), values })
            }
            [function::MASK_WRITE_REGISTER, a, b, c, d, e, f] => {
                Ok(Request::MaskRegister { address: word(a, b), and: word(c, d), or: word(e, f) })
            }
            [function::READ_WRITE_REGISTERS, a, b, c, d, e, f, g, h, count, ref values @ ..] => {
                let quantity = within(word(c, d), MAX_READ_REGISTERS)?;
                let written = within(word(g, h), MAX_EXCHANGE_REGISTERS)?;
                counted(values, count, 2 * usize::from(written))?;
                Ok(Request::Exchange { read: word(a, b), quantity, write: word(e, f), values })
            }
            [function::ENCAPSULATED, function::MEI_DEVICE_IDENTIFICATION, code, object] => {
                let access = Access::from_code(code).ok_or(Exception::IllegalDataValue)?;
                Ok(Request::Identify { access, object })
            }
            // A function that is offered, of another length than it can have.
            [5 | 6 | 15 | 16 | 22 | 23, ..] | [43] | [43, 14, ..] => Err(Exception::IllegalDataValue),
            _ => Err(Exception::IllegalFunction),
        }
    }

    fn decode_read(function: u8, data: &[u8]) -> Result<Self, Exception> {
        let table = match function {
            function::READ_COILS => Table::Coils,
            function::READ_DISCRETE_INPUTS => Table::DiscreteInputs,
            function::READ_HOLDING_REGISTERS => Table::HoldingRegisters,
            _ => Table::InputRegisters,
        };
        let [a, b, c, d] = *data else { return Err(Exception::IllegalDataValue) };
        Ok(Request::Read { table, address: word(a, b), quantity: within(word(c, d), table.max_read())? })
    }

    /// Writes the request as a PDU. Whether a server will take it is not checked: tests send wrong ones, too.
    ///
    /// # Panics
    ///
    /// If there are more values than a PDU holds.
    pub fn encode(&self, pdu: &mut Pdu) {
        pdu.clear();
        match *self {
            Request::Read { table, address, quantity } => three(pdu, table.read_function(), address, quantity),
            Request::WriteCoil { address, value } => {
                three(pdu, function::WRITE_SINGLE_COIL, address, if value { COIL_ON } else { 0 });
            }
            Request::WriteRegister { address, value } => three(pdu, function::WRITE_SINGLE_REGISTER, address, value),
            Request::WriteCoils { address, quantity, bits } => {
                three(pdu, function::WRITE_MULTIPLE_COILS, address, quantity);
                prefixed(pdu, bits);
            }
            Request::WriteRegisters { address, values } => {
                three(pdu, function::WRITE_MULTIPLE_REGISTERS, address, quantity_of(values));
                prefixed(pdu, values);
            }
            Request::MaskRegister { address, and, or } => {
                three(pdu, function::MASK_WRITE_REGISTER, address, and);
                pdu.u16(or);
            }
            Request::Exchange { read, quantity, write, values } => {
                three(pdu, function::READ_WRITE_REGISTERS, read, quantity);
                pdu.u16(write);
                pdu.u16(quantity_of(values));
                prefixed(pdu, values);
            }
            Request::Identify { access, object } => {
                pdu.slice(&[function::ENCAPSULATED, function::MEI_DEVICE_IDENTIFICATION, access.code(), object]);
            }
        }
    }
}

/// How many registers `values` fills.
fn quantity_of(values: &[u8]) -> u16 {
    (values.len() / 2) as u16
}

fn three(pdu: &mut Pdu, function: u8, first: u16, second: u16) {
    pdu.u8(function);
    pdu.u16(first);
    pdu.u16(second);
}

fn prefixed(pdu: &mut Pdu, data: &[u8]) {
    pdu.u8(data.len() as u8);
    pdu.slice(data);
}

const fn word(high: u8, low: u8) -> u16 {
    u16::from_be_bytes([high, low])
}

fn within(quantity: u16, max: u16) -> Result<u16, Exception> {
    if (1..=max).contains(&quantity) { Ok(quantity) } else { Err(Exception::IllegalDataValue) }
}

/// The byte count must be what the quantity needs, and the data must be there.
fn counted(data: &[u8], count: u8, needed: usize) -> Result<(), Exception> {
    if usize::from(count) == needed && data.len() == needed { Ok(()) } else { Err(Exception::IllegalDataValue) }
}

#[cfg(test)]
mod tests;
