//! The device's memory: a thousand points of each kind, at the addresses 0 to 999.

use super::pdu::{Exception, words};
use super::request::Table;

/// How many points each table has.
pub const POINTS: u16 = 1000;

/// The first address behind those of the plant: from here on, coils and holding registers are free memory.
pub const FREE: u16 = 100;

const BITMAP: usize = POINTS as usize / 8;

/// A thousand bits, packed as PDUs pack them: the lowest address in the lowest bit.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Bits([u8; BITMAP]);

impl Bits {
    const fn new() -> Self {
        Bits([0; BITMAP])
    }

    /// The bit at `address`, which must be below [`POINTS`].
    pub const fn get(&self, address: u16) -> bool {
        bit(&self.0, address as usize)
    }

    /// Changes the bit at `address`, which must be below [`POINTS`].
    pub const fn set(&mut self, address: u16, value: bool) {
        set_bit(&mut self.0, address as usize, value);
    }
}

/// Bit `index` of a packed field.
pub const fn bit(packed: &[u8], index: usize) -> bool {
    packed[index / 8] >> (index % 8) & 1 == 1
}

/// Changes bit `index` of a packed field.
pub const fn set_bit(packed: &mut [u8], index: usize, value: bool) {
    let mask = 1 << (index % 8);
    if value { packed[index / 8] |= mask } else { packed[index / 8] &= !mask }
}

/// The four tables.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Device {
    /// Bits that clients write.
    pub coils: Bits,
    /// Bits that clients read.
    pub discrete_inputs: Bits,
    /// Words that clients write.
    pub holding_registers: [u16; POINTS as usize],
    /// Words that clients read.
    pub input_registers: [u16; POINTS as usize],
}

impl Device {
    /// Everything is zero, except for the inputs that belong to nobody, from [`FREE`] on: there, an input register holds
    /// its address, and every third discrete input is on, so that an answer from the wrong place shows.
    pub const fn new() -> Self {
        let mut device = Device {
            coils: Bits::new(),
            discrete_inputs: Bits::new(),
            holding_registers: [0; POINTS as usize],
            input_registers: [0; POINTS as usize],
        };
        let mut address = FREE;
        while address < POINTS {
            device.discrete_inputs.set(address, Self::idle_input(address));
            device.input_registers[address as usize] = address;
            address += 1;
        }
        device
    }

    /// What the discrete input at `address`, from [`FREE`] on, shows.
    pub const fn idle_input(address: u16) -> bool {
        address.is_multiple_of(3)
    }

    /// Packs `quantity` bits from `address` on into `packed`, which must hold them and be zero.
    ///
    /// # Errors
    ///
    /// [`Exception::IllegalDataAddress`] if one of them does not exist.
    pub fn read_bits(&self, table: Table, address: u16, quantity: u16, packed: &mut [u8]) -> Result<(), Exception> {
        check(address, quantity)?;
        let bits = if table == Table::Coils { &self.coils } else { &self.discrete_inputs };
        for i in 0..quantity {
            set_bit(packed, usize::from(i), bits.get(address + i));
        }
        Ok(())
    }

    /// Writes `quantity` coils from `address` on.
    ///
    /// # Errors
    ///
    /// [`Exception::IllegalDataAddress`] if one of them does not exist; none was changed.
    pub fn write_coils(&mut self, address: u16, quantity: u16, packed: &[u8]) -> Result<(), Exception> {
        check(address, quantity)?;
        for i in 0..quantity {
            self.coils.set(address + i, bit(packed, usize::from(i)));
        }
        Ok(())
    }

    /// The `quantity` registers from `address` on.
    ///
    /// # Errors
    ///
    /// [`Exception::IllegalDataAddress`] if one of them does not exist.
    pub fn registers(&self, table: Table, address: u16, quantity: u16) -> Result<&[u16], Exception> {
        check(address, quantity)?;
        let registers = if table == Table::HoldingRegisters { &self.holding_registers } else { &self.input_registers };
        Ok(&registers[usize::from(address)..][..usize::from(quantity)])
    }

    /// Writes holding registers from `address` on: two bytes of `values` each, the high one first.
    ///
    /// # Errors
    ///
    /// [`Exception::IllegalDataAddress`] if one of them does not exist; none was changed.
    pub fn write_registers(&mut self, address: u16, values: &[u8]) -> Result<(), Exception> {
        check(address, (values.len() / 2) as u16)?;
        let registers = &mut self.holding_registers[usize::from(address)..];
        registers.iter_mut().zip(words(values)).for_each(|(register, value)| *register = value);
        Ok(())
    }

    /// The holding register at `address`, to be changed.
    ///
    /// # Errors
    ///
    /// [`Exception::IllegalDataAddress`] if it does not exist.
    pub fn holding_register(&mut self, address: u16) -> Result<&mut u16, Exception> {
        self.holding_registers.get_mut(usize::from(address)).ok_or(Exception::IllegalDataAddress)
    }
}

impl Default for Device {
    fn default() -> Self {
        Self::new()
    }
}

/// Whether all points from `address` on exist. The sum can be beyond sixteen bits.
pub(super) fn check(address: u16, quantity: u16) -> Result<(), Exception> {
    if u32::from(address) + u32::from(quantity) <= u32::from(POINTS) {
        Ok(())
    } else {
        Err(Exception::IllegalDataAddress)
    }
}
