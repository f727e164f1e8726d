use super::*;
use std::vec;
use std::vec::Vec;

const ILLEGAL: Result<Request<'_>, Exception> = Err(Exception::IllegalDataValue);

/// A PDU of words behind its function code, and bytes behind those.
fn pdu(function: u8, words: &[u16], bytes: &[u8]) -> Vec<u8> {
    let mut pdu = vec![function];
    words.iter().for_each(|word| pdu.extend(word.to_be_bytes()));
    pdu.extend(bytes);
    pdu
}

/// What follows a quantity: the byte count and as many bytes.
fn data(count: usize) -> Vec<u8> {
    let mut data = vec![count as u8];
    data.resize(1 + count, 0xA5);
    data
}

#[test]
fn the_specifications_own_examples_are_understood() {
    let read = |table, address, quantity| Ok(Request::Read { table, address, quantity });
    assert_eq!(Request::decode(&[1, 0, 0x13, 0, 0x13]), read(Table::Coils, 19, 19));
    assert_eq!(Request::decode(&[2, 0, 0xC4, 0, 0x16]), read(Table::DiscreteInputs, 196, 22));
    assert_eq!(Request::decode(&[3, 0, 0x6B, 0, 3]), read(Table::HoldingRegisters, 107, 3));
    assert_eq!(Request::decode(&[4, 0, 8, 0, 1]), read(Table::InputRegisters, 8, 1));
    assert_eq!(Request::decode(&[5, 0, 0xAC, 0xFF, 0]), Ok(Request::WriteCoil { address: 172, value: true }));
    assert_eq!(Request::decode(&[6, 0, 1, 0, 3]), Ok(Request::WriteRegister { address: 1, value: 3 }));
    let coils = Request::WriteCoils { address: 19, quantity: 10, bits: &[0xCD, 1] };
    assert_eq!(Request::decode(&[15, 0, 0x13, 0, 0xA, 2, 0xCD, 1]), Ok(coils));
    let registers = Request::WriteRegisters { address: 1, values: &[0, 0xA, 1, 2] };
    assert_eq!(Request::decode(&[16, 0, 1, 0, 2, 4, 0, 0xA, 1, 2]), Ok(registers));
    let mask = Request::MaskRegister { address: 4, and: 0xF2, or: 0x25 };
    assert_eq!(Request::decode(&[22, 0, 4, 0, 0xF2, 0, 0x25]), Ok(mask));
    let exchange = Request::Exchange { read: 3, quantity: 6, write: 14, values: &[0, 0xFF, 0, 0xFF, 0, 0xFF] };
    let bytes = [23, 0, 3, 0, 6, 0, 0xE, 0, 3, 6, 0, 0xFF, 0, 0xFF, 0, 0xFF];
    assert_eq!(Request::decode(&bytes), Ok(exchange));
    let identify = Request::Identify { access: Access::Basic, object: 0 };
    assert_eq!(Request::decode(&[43, 14, 1, 0]), Ok(identify));
}

#[test]
fn what_the_client_writes_the_server_reads() {
    let requests = [
        Request::Read { table: Table::Coils, address: 1, quantity: 2000 },
        Request::Read { table: Table::DiscreteInputs, address: 2, quantity: 1 },
        Request::Read { table: Table::HoldingRegisters, address: 3, quantity: 125 },
        Request::Read { table: Table::InputRegisters, address: 65_535, quantity: 1 },
        Request::WriteCoil { address: 5, value: true },
        Request::WriteCoil { address: 5, value: false },
        Request::WriteRegister { address: 6, value: 65_535 },
        Request::WriteCoils { address: 7, quantity: 1968, bits: &[0x5A; 246] },
        Request::WriteRegisters { address: 8, values: &[0xC3; 246] },
        Request::MaskRegister { address: 9, and: 1, or: 2 },
        Request::Exchange { read: 10, quantity: 125, write: 11, values: &[7; 242] },
        Request::Identify { access: Access::Individual, object: 6 },
    ];
    let mut pdu = Pdu::new();
    for request in requests {
        request.encode(&mut pdu);
        assert_eq!(Request::decode(pdu.as_slice()), Ok(request));
    }
}

#[test]
fn reads_have_a_quantity_from_one_to_their_limit() {
    for (function, max) in [(1, 2000), (2, 2000), (3, 125), (4, 125)] {
        for quantity in [1, max] {
            assert!(Request::decode(&pdu(function, &[0, quantity], &[])).is_ok(), "{function} {quantity}");
        }
        for quantity in [0, max + 1, 0x8000, 0xFFFF] {
            assert_eq!(Request::decode(&pdu(function, &[0, quantity], &[])), ILLEGAL, "{function} {quantity}");
        }
    }
}

#[test]
fn writes_have_a_quantity_from_one_to_their_limit() {
    for quantity in [1, 8, 9, 1968] {
        assert!(Request::decode(&pdu(15, &[0, quantity], &data(bytes_of_bits(quantity)))).is_ok(), "{quantity}");
    }
    for quantity in [1, 123] {
        assert!(Request::decode(&pdu(16, &[0, quantity], &data(2 * usize::from(quantity)))).is_ok(), "{quantity}");
    }
    for quantity in [0, 1969, 0xFFFF] {
        assert_eq!(Request::decode(&pdu(15, &[0, quantity], &data(bytes_of_bits(quantity) & 0xFF))), ILLEGAL);
    }
    for quantity in [0u16, 124, 0xFFFF] {
        assert_eq!(Request::decode(&pdu(16, &[0, quantity], &data((2 * usize::from(quantity)) & 0xFF))), ILLEGAL);
    }
}

#[test]
fn an_exchange_has_two_quantities() {
    let ask = |read: u16, write: u16| {
        let bytes = pdu(23, &[0, read, 0, write], &data((2 * usize::from(write)) & 0xFF));
        Request::decode(&bytes).is_ok()
    };
    assert!(ask(1, 1) && ask(125, 121) && ask(1, 121));
    assert!(!ask(0, 1) && !ask(126, 1) && !ask(1, 0) && !ask(1, 122) && !ask(0xFFFF, 1) && !ask(1, 0xFFFF));
}

#[test]
fn byte_counts_agree_with_quantities_and_with_what_is_there() {
    for (function, head) in [(15, vec![0, 9]), (16, vec![0, 1]), (23, vec![0, 1, 0, 1])] {
        let request = |bytes: &[u8]| Request::decode(&pdu(function, &head, bytes)).map(|_| ());
        assert_eq!(request(&[2, 1, 1]), Ok(()));
        for wrong in [&[][..], &[2], &[2, 1], &[2, 1, 1, 1], &[1, 1], &[1, 1, 1], &[3, 1, 1, 1], &[0], &[255, 1, 1]] {
            assert_eq!(request(wrong), Err(Exception::IllegalDataValue), "{function} {wrong:?}");
        }
    }
}

#[test]
fn a_coil_is_on_or_off() {
    for value in [1, 0xFF, 0xFF01, 0xFFFF, 0x0100] {
        assert_eq!(Request::decode(&pdu(5, &[0, value], &[])), ILLEGAL, "{value:#x}");
    }
}

#[test]
fn known_functions_of_a_wrong_length_have_an_illegal_value() {
    for (function, len) in [(1, 5), (2, 5), (3, 5), (4, 5), (5, 5), (6, 5), (22, 7), (43, 4)] {
        let mut whole = [0; 8];
        whole[0] = function;
        if function == 43 {
            whole[1..4].copy_from_slice(&[14, 1, 0]);
        } else {
            whole[4] = u8::from(function < 5);
        }
        assert!(Request::decode(&whole[..len]).is_ok(), "{function}");
        for wrong in (1..8).filter(|&wrong| wrong != len) {
            assert_eq!(Request::decode(&whole[..wrong]), ILLEGAL, "{function} of {wrong} bytes");
        }
    }
    for function in [15, 16, 23] {
        for len in 1..if function == 23 { 10 } else { 6 } {
            assert_eq!(Request::decode(&pdu(function, &[], &vec![0; len - 1])), ILLEGAL, "{function} of {len} bytes");
        }
    }
}

#[test]
fn unknown_functions_are_illegal_whatever_follows() {
    let known = [1, 2, 3, 4, 5, 6, 15, 16, 22, 23, 43];
    for function in (0..=255).filter(|function| !known.contains(function)) {
        for len in [1, 2, 5, 253] {
            let mut bytes = vec![0; len];
            bytes[0] = function;
            assert_eq!(Request::decode(&bytes), Err(Exception::IllegalFunction), "{function} of {len} bytes");
        }
    }
    assert_eq!(Request::decode(&[43, 13, 0, 0]), Err(Exception::IllegalFunction), "another transport");
    for code in [0, 5, 255] {
        assert_eq!(Request::decode(&[43, 14, code, 0]), ILLEGAL);
    }
}
