//! What an exerciser asks, and what it must hear.

use crate::modbus::TANK;
use crate::modbus::answer::Answer;
use crate::modbus::device::{Device, FREE, POINTS, bit, set_bit};
use crate::modbus::identification::Access;
use crate::modbus::pdu::{Exception, bytes_of_bits, words};
use crate::modbus::request::{Request, Table};

/// How many coils and holding registers one exerciser has to itself.
pub const REGION: u16 = 200;

/// How many regions there are.
pub const REGIONS: u16 = (POINTS - FREE) / REGION;

/// The most registers that an exerciser writes at once: the whole region in two requests.
const MAX_WRITTEN: u16 = REGION / 2;

/// The first requests, which bring the region to a known state.
const OPENING: [(Action, u16); 3] = [(Action::WriteCoils, 0), (Action::WriteRegisters, 0), (Action::WriteRegisters, 1)];

/// The kinds of request.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
enum Action {
    ReadCoils,
    ReadDiscreteInputs,
    ReadHoldingRegisters,
    ReadInputRegisters,
    WriteCoil,
    WriteRegister,
    WriteCoils,
    WriteRegisters,
    MaskRegister,
    Exchange,
    Identify,
    /// Reads beyond the last point.
    WrongAddress,
    /// Reads nothing.
    WrongQuantity,
}

const ACTIONS: [Action; 13] = [
    Action::ReadCoils,
    Action::ReadDiscreteInputs,
    Action::ReadHoldingRegisters,
    Action::ReadInputRegisters,
    Action::WriteCoil,
    Action::WriteRegister,
    Action::WriteCoils,
    Action::WriteRegisters,
    Action::MaskRegister,
    Action::Exchange,
    Action::Identify,
    Action::WrongAddress,
    Action::WrongQuantity,
];

/// The next request, in numbers.
#[derive(Clone, Hash, Debug)]
pub(super) struct Plan {
    first: u16,
    random: u32,
    drawn: u32,
    action: Action,
    address: u16,
    quantity: u16,
    /// Where an exchange writes, and how many registers.
    write: u16,
    written: u16,
    values: [u8; 2 * MAX_WRITTEN as usize],
}

impl Plan {
    /// A plan for one region.
    pub(super) const fn new(region: u16) -> Self {
        Plan {
            first: FREE + region * REGION,
            random: 0x9E37_79B9 ^ region as u32,
            drawn: 0,
            action: Action::ReadCoils,
            address: 0,
            quantity: 1,
            write: 0,
            written: 1,
            values: [0; 2 * MAX_WRITTEN as usize],
        }
    }

    /// The next requests are the opening.
    pub(super) fn restart(&mut self) {
        self.drawn = 0;
    }

    /// Draws the next request.
    pub(super) fn draw(&mut self) {
        self.draw_values();
        if let Some(&(action, half)) = OPENING.get(self.drawn as usize) {
            self.action = action;
            self.address = self.first + half * MAX_WRITTEN;
            self.quantity = if action == Action::WriteCoils { REGION } else { MAX_WRITTEN };
        } else {
            self.action = ACTIONS[usize::from(self.below(ACTIONS.len() as u16))];
            (self.address, self.quantity) = self.draw_range();
            (self.write, self.written) = self.range(self.first, REGION, MAX_WRITTEN);
        }
        self.drawn = self.drawn.saturating_add(1);
    }

    fn draw_range(&mut self) -> (u16, u16) {
        match self.action {
            Action::ReadCoils | Action::WriteCoils => self.range(self.first, REGION, REGION),
            Action::ReadHoldingRegisters | Action::Exchange => self.range(self.first, REGION, 125),
            Action::WriteRegisters => self.range(self.first, REGION, MAX_WRITTEN),
            Action::WriteCoil | Action::WriteRegister | Action::MaskRegister => self.range(self.first, REGION, 1),
            Action::ReadDiscreteInputs => self.range(FREE, POINTS - FREE, POINTS - FREE),
            Action::ReadInputRegisters => self.range(FREE, POINTS - FREE, 125),
            Action::Identify => (self.below(7), 1),
            Action::WrongAddress => (POINTS - self.below(2), 2),
            Action::WrongQuantity => (self.below(POINTS), 0),
        }
    }

    /// A part of the `count` points from `first` on, of at most `max` points.
    fn range(&mut self, first: u16, count: u16, max: u16) -> (u16, u16) {
        let quantity = 1 + self.below(max);
        (first + self.below(count - quantity + 1), quantity)
    }

    fn draw_values(&mut self) {
        let mut random = self.random;
        for word in self.values.chunks_exact_mut(4) {
            random = xorshift(random);
            word.copy_from_slice(&random.to_le_bytes());
        }
        self.random = random;
    }

    /// A number below `end`. The bias does not matter here.
    fn below(&mut self, end: u16) -> u16 {
        self.random = xorshift(self.random);
        ((u64::from(self.random) * u64::from(end)) >> 32) as u16
    }

    fn word(&self, index: usize) -> u16 {
        u16::from_be_bytes([self.values[2 * index], self.values[2 * index + 1]])
    }

    /// The request that was drawn.
    pub(super) fn request(&self) -> Request<'_> {
        let (address, quantity) = (self.address, self.quantity);
        let read = |table| Request::Read { table, address, quantity };
        match self.action {
            Action::ReadCoils => read(Table::Coils),
            Action::ReadDiscreteInputs => read(Table::DiscreteInputs),
            Action::ReadHoldingRegisters | Action::WrongAddress | Action::WrongQuantity => {
                read(Table::HoldingRegisters)
            }
            Action::ReadInputRegisters => read(Table::InputRegisters),
            Action::WriteCoil => Request::WriteCoil { address, value: bit(&self.values, 0) },
            Action::WriteRegister => Request::WriteRegister { address, value: self.word(0) },
            Action::WriteCoils => {
                Request::WriteCoils { address, quantity, bits: &self.values[..bytes_of_bits(quantity)] }
            }
            Action::WriteRegisters => {
                Request::WriteRegisters { address, values: &self.values[..2 * usize::from(quantity)] }
            }
            Action::MaskRegister => Request::MaskRegister { address, and: self.word(0), or: self.word(1) },
            Action::Exchange => {
                let values = &self.values[..2 * usize::from(self.written)];
                Request::Exchange { read: address, quantity, write: self.write, values }
            }
            Action::Identify => Request::Identify { access: Access::Individual, object: address as u8 },
        }
    }
}

/// Marsaglia's generator with the triple 13, 17, 5.
const fn xorshift(mut word: u32) -> u32 {
    word ^= word << 13;
    word ^= word >> 17;
    word ^ word << 5
}

/// What the region must hold.
#[derive(Clone, Hash, Debug)]
pub(super) struct Model {
    first: u16,
    coils: [u8; bytes_of_bits(REGION)],
    registers: [u16; REGION as usize],
}

impl Model {
    /// A region that holds nothing yet.
    pub(super) const fn new(region: u16) -> Self {
        Model { first: FREE + region * REGION, coils: [0; _], registers: [0; _] }
    }

    /// Whether `answer` is the right one to what was planned. Writes go into the model.
    pub(super) fn accepts(&mut self, plan: &Plan, answer: Answer<'_>) -> bool {
        let at = usize::from(plan.address.saturating_sub(self.first));
        match (plan.request(), answer) {
            (Request::Read { .. }, Answer::Exception(code)) => code == self.exception(plan),
            (Request::Read { table: Table::Coils, quantity, .. }, Answer::Bits(bits)) => {
                (0..usize::from(quantity)).all(|i| bit(bits, i) == bit(&self.coils, at + i))
            }
            (Request::Read { address, quantity, .. }, Answer::Bits(bits)) => {
                (0..quantity).all(|i| bit(bits, usize::from(i)) == Device::idle_input(address + i))
            }
            (Request::Read { table: Table::InputRegisters, address, .. }, Answer::Registers(bytes)) => {
                words(bytes).eq((address..).take(bytes.len() / 2))
            }
            (Request::Read { .. }, Answer::Registers(bytes)) => self.holds(at, bytes),
            (Request::Exchange { write, values, .. }, Answer::Registers(bytes)) => {
                self.write(write, words(values));
                self.holds(at, bytes)
            }
            (request, Answer::Written) => {
                self.apply(&request);
                true
            }
            (Request::Identify { object, .. }, Answer::Objects(objects)) => {
                objects.iter().eq([(object, TANK.object(object).as_bytes())])
            }
            _ => false,
        }
    }

    /// The exception that a read deserves; 0, which is none, if it deserves none.
    fn exception(&self, plan: &Plan) -> u8 {
        match plan.action {
            Action::WrongAddress => Exception::IllegalDataAddress as u8,
            Action::WrongQuantity => Exception::IllegalDataValue as u8,
            _ => 0,
        }
    }

    fn holds(&self, at: usize, bytes: &[u8]) -> bool {
        self.registers.get(at..at + bytes.len() / 2).is_some_and(|held| words(bytes).eq(held.iter().copied()))
    }

    fn write(&mut self, address: u16, values: impl Iterator<Item = u16>) {
        let at = usize::from(address - self.first);
        self.registers[at..].iter_mut().zip(values).for_each(|(register, value)| *register = value);
    }

    fn apply(&mut self, request: &Request<'_>) {
        match *request {
            Request::WriteCoil { address, value } => {
                set_bit(&mut self.coils, usize::from(address - self.first), value);
            }
            Request::WriteCoils { address, quantity, bits } => {
                for i in 0..usize::from(quantity) {
                    set_bit(&mut self.coils, usize::from(address - self.first) + i, bit(bits, i));
                }
            }
            Request::WriteRegister { address, value } => self.write(address, core::iter::once(value)),
            Request::WriteRegisters { address, values } => self.write(address, words(values)),
            Request::MaskRegister { address, and, or } => {
                let register = &mut self.registers[usize::from(address - self.first)];
                // Bit by bit, and so in another way than the server does it.
                *register =
                    (0..16).fold(0, |word, i| word | ((if and >> i & 1 == 1 { *register } else { or }) & 1 << i));
            }
            Request::Read { .. } | Request::Exchange { .. } | Request::Identify { .. } => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::modbus::pdu::Pdu;
    use crate::modbus::{answer, execute};

    fn run(rounds: u32, mut tamper: impl FnMut(&mut Device)) -> u32 {
        let (mut device, mut plan, mut model) = (Device::new(), Plan::new(3), Model::new(3));
        let (mut sent, mut answered) = (Pdu::new(), Pdu::new());
        (0..rounds)
            .filter(|_| {
                plan.draw();
                plan.request().encode(&mut sent);
                tamper(&mut device);
                execute::answer(sent.as_slice(), &mut device, &TANK, &mut answered);
                let answer = answer::decode(&plan.request(), sent.as_slice(), answered.as_slice()).unwrap();
                !model.accepts(&plan, answer)
            })
            .count() as u32
    }

    #[test]
    fn a_right_server_is_accepted() {
        assert_eq!(run(20_000, |_| {}), 0);
    }

    #[test]
    fn a_server_that_forgets_is_found_out() {
        let broken = |device: &mut Device| device.holding_registers[usize::from(FREE + 3 * REGION) + 50] = 0;
        assert!(run(1000, broken) > 10);
        assert!(run(1000, |device| device.coils.set(FREE + 3 * REGION + 50, true)) > 10);
    }

    #[test]
    fn regions_lie_side_by_side_in_free_memory() {
        assert_eq!(REGIONS, 4);
        for region in 0..REGIONS {
            let mut plan = Plan::new(region);
            for _ in 0..5000 {
                plan.draw();
                let (first, last) = (plan.first, plan.first + REGION);
                assert!(plan.write == 0 || (plan.write >= first && plan.write + plan.written <= last));
                assert!((FREE..POINTS).contains(&first) && last <= POINTS);
            }
        }
    }
}
