//! Carries requests out: one PDU in, the answer or an exception out.

use super::device::{Device, check};
use super::identification::Identification;
use super::pdu::{Exception, Pdu, bytes_of_bits, function};
use super::request::{Request, Table};

/// Answers the request `pdu`, which is not empty, into `answer`. Whether the answer is an exception.
pub fn answer(pdu: &[u8], device: &mut Device, identification: &Identification, answer: &mut Pdu) -> bool {
    answer.clear();
    let outcome = Request::decode(pdu).and_then(|request| execute(request, pdu, device, identification, answer));
    if let Err(exception) = outcome {
        let function = pdu.first().copied().unwrap_or(0);
        answer.clear();
        answer.slice(&[function | function::EXCEPTION, exception as u8]);
    }
    outcome.is_err()
}

fn execute(
    request: Request<'_>,
    pdu: &[u8],
    device: &mut Device,
    identification: &Identification,
    answer: &mut Pdu,
) -> Result<(), Exception> {
    match request {
        Request::Read { table: table @ (Table::Coils | Table::DiscreteInputs), address, quantity } => {
            let count = bytes_of_bits(quantity);
            answer.slice(&[pdu[0], count as u8]);
            return device.read_bits(table, address, quantity, answer.zeros(count));
        }
        Request::Read { table, address, quantity } => {
            return put_registers(pdu[0], device.registers(table, address, quantity)?, answer);
        }
        Request::Exchange { read, quantity, write, values } => {
            // Nothing is written if the read will be refused.
            check(read, quantity)?;
            device.write_registers(write, values)?;
            return put_registers(pdu[0], device.registers(Table::HoldingRegisters, read, quantity)?, answer);
        }
        Request::Identify { access, object } => return identification.answer(access, object, answer),
        Request::WriteCoil { address, value } => device.write_coils(address, 1, &[u8::from(value)])?,
        Request::WriteRegister { address, value } => *device.holding_register(address)? = value,
        Request::WriteCoils { address, quantity, bits } => device.write_coils(address, quantity, bits)?,
        Request::WriteRegisters { address, values } => device.write_registers(address, values)?,
        Request::MaskRegister { address, and, or } => {
            let register = device.holding_register(address)?;
            *register = (*register & and) | (or & !and);
        }
    }
    // The answer to a write repeats the request; where it carries many values, up to the quantity.
    let echoed = match pdu[0] {
        function::WRITE_MULTIPLE_COILS | function::WRITE_MULTIPLE_REGISTERS => &pdu[..5],
        _ => pdu,
    };
    answer.slice(echoed);
    Ok(())
}

fn put_registers(function: u8, registers: &[u16], answer: &mut Pdu) -> Result<(), Exception> {
    answer.slice(&[function, 2 * registers.len() as u8]);
    registers.iter().for_each(|&register| answer.u16(register));
    Ok(())
}

#[cfg(test)]
mod tests;
