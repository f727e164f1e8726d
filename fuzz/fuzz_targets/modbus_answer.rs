//! Modbus answers: what any server may send to a client that has asked something.
#![no_main]

use libfuzzer_sys::fuzz_target;
use ptk_examples::modbus::answer::{Answer, decode};
use ptk_examples::modbus::identification::Access;
use ptk_examples::modbus::pdu::{MAX_PDU, Pdu, words};
use ptk_examples::modbus::request::{Request, Table};

/// What a client can have asked, by the first byte of the input.
const REQUESTS: [Request<'_>; 9] = [
    Request::Read { table: Table::Coils, address: 1, quantity: 9 },
    Request::Read { table: Table::HoldingRegisters, address: 1, quantity: 3 },
    Request::WriteCoil { address: 1, value: true },
    Request::WriteRegister { address: 1, value: 2 },
    Request::WriteCoils { address: 1, quantity: 3, bits: &[5] },
    Request::WriteRegisters { address: 1, values: &[1, 2, 3, 4] },
    Request::MaskRegister { address: 1, and: 2, or: 3 },
    Request::Exchange { read: 1, quantity: 2, write: 3, values: &[4, 5] },
    Request::Identify { access: Access::Regular, object: 0 },
];

fuzz_target!(|bytes: &[u8]| {
    let Some((&choice, rest)) = bytes.split_first() else { return };
    let request = &REQUESTS[usize::from(choice) % REQUESTS.len()];
    let mut sent = Pdu::new();
    request.encode(&mut sent);
    match decode(request, sent.as_slice(), &rest[..rest.len().min(MAX_PDU)]) {
        Ok(Answer::Bits(bits)) => assert_eq!(bits.len(), 2),
        Ok(Answer::Registers(registers)) => assert!((2..=3).contains(&words(registers).count())),
        Ok(Answer::Objects(objects)) => {
            assert!(objects.iter().map(|(_, value)| value.len()).sum::<usize>() < rest.len())
        }
        Ok(Answer::Written | Answer::Exception(_)) | Err(_) => {}
    }
});
