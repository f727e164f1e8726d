use super::*;
use crate::modbus::device::{POINTS, bit};
use crate::modbus::identification::Access;
use std::vec;
use std::vec::Vec;

const WHO: Identification = Identification::new(["V", "PC", "R1", "url", "name", "model", "app"]);

fn ask(device: &mut Device, pdu: &[u8]) -> Vec<u8> {
    let mut out = Pdu::new();
    let refused = answer(pdu, device, &WHO, &mut out);
    assert_eq!(refused, out.as_slice()[0] & 0x80 != 0 || pdu[0] & 0x80 != 0);
    out.as_slice().to_vec()
}

fn send(device: &mut Device, request: Request<'_>) -> Vec<u8> {
    let mut pdu = Pdu::new();
    request.encode(&mut pdu);
    ask(device, pdu.as_slice())
}

fn read(table: Table, address: u16, quantity: u16) -> Request<'static> {
    Request::Read { table, address, quantity }
}

#[test]
fn what_is_written_is_read_back() {
    let mut device = Device::new();
    assert_eq!(send(&mut device, Request::WriteRegister { address: 999, value: 0xBEEF }), [6, 3, 0xE7, 0xBE, 0xEF]);
    assert_eq!(send(&mut device, read(Table::HoldingRegisters, 998, 2)), [3, 4, 0, 0, 0xBE, 0xEF]);
    assert_eq!(send(&mut device, Request::WriteCoil { address: 999, value: true }), [5, 3, 0xE7, 0xFF, 0]);
    assert_eq!(send(&mut device, read(Table::Coils, 990, 10)), [1, 2, 0, 2]);
    assert_eq!(send(&mut device, Request::WriteCoil { address: 999, value: false }), [5, 3, 0xE7, 0, 0]);
    assert_eq!(send(&mut device, read(Table::Coils, 990, 10)), [1, 2, 0, 0]);
    let coils = Request::WriteCoils { address: 103, quantity: 10, bits: &[0xCD, 0xFD] };
    assert_eq!(send(&mut device, coils), [15, 0, 103, 0, 10]);
    assert_eq!(send(&mut device, read(Table::Coils, 102, 13)), [1, 2, 0x9A, 0x03], "padding bits are not written");
    let registers = Request::WriteRegisters { address: 500, values: &[0, 0xA, 1, 2] };
    assert_eq!(send(&mut device, registers), [16, 1, 0xF4, 0, 2]);
    assert_eq!(send(&mut device, read(Table::HoldingRegisters, 500, 2)), [3, 4, 0, 0xA, 1, 2]);
}

#[test]
fn a_mask_keeps_some_bits_and_sets_others() {
    let mut device = Device::new();
    device.holding_registers[4] = 0x12;
    let mask = Request::MaskRegister { address: 4, and: 0xF2, or: 0x25 };
    assert_eq!(send(&mut device, mask), [22, 0, 4, 0, 0xF2, 0, 0x25]);
    assert_eq!(device.holding_registers[4], 0x17, "the specification's own example");
}

#[test]
fn an_exchange_writes_before_it_reads() {
    let mut device = Device::new();
    let exchange = Request::Exchange { read: 199, quantity: 3, write: 200, values: &[1, 2] };
    assert_eq!(send(&mut device, exchange), [23, 6, 0, 0, 1, 2, 0, 0]);
}

#[test]
fn an_exchange_that_is_refused_writes_nothing() {
    let mut device = Device::new();
    for (read, write) in [(999, 200), (200, 999)] {
        let exchange = Request::Exchange { read, quantity: 2, write, values: &[1, 2, 3, 4] };
        assert_eq!(send(&mut device, exchange), [0x97, 2]);
    }
    assert_eq!(device, Device::new());
}

#[test]
fn the_largest_reads_fit_one_answer() {
    let mut device = Device::new();
    assert_eq!(send(&mut device, read(Table::InputRegisters, 875, 125)).len(), 252);
    let bits = send(&mut device, read(Table::DiscreteInputs, 0, POINTS));
    assert_eq!((bits.len(), bits[1]), (127, 125));
    for address in 100..1000 {
        assert_eq!(bit(&bits[2..], address), address.is_multiple_of(3));
    }
    let registers = send(&mut device, read(Table::InputRegisters, 100, 2));
    assert_eq!(registers, [4, 4, 0, 100, 0, 101]);
}

#[test]
fn all_points_must_exist() {
    let mut device = Device::new();
    for table in [Table::Coils, Table::DiscreteInputs, Table::HoldingRegisters, Table::InputRegisters] {
        for (address, quantity, exists) in
            [(0, 1, true), (999, 1, true), (1000, 1, false), (999, 2, false), (900, 100, true), (900, 101, false)]
        {
            let answer = send(&mut device, read(table, address, quantity));
            assert_eq!(answer[0] & 0x80 == 0, exists, "{table:?} {address} {quantity}");
            assert!(exists || answer[1] == 2);
        }
        assert_eq!(send(&mut device, read(table, 0xFFFF, 1))[1], 2);
        assert_eq!(send(&mut device, read(table, 0xFFFF, 125))[1], 2, "beyond sixteen bits");
    }
    for address in [1000, 0xFFFF] {
        assert_eq!(send(&mut device, Request::WriteCoil { address, value: true }), [0x85, 2]);
        assert_eq!(send(&mut device, Request::WriteRegister { address, value: 1 }), [0x86, 2]);
        assert_eq!(send(&mut device, Request::MaskRegister { address, and: 0, or: 1 }), [0x96, 2]);
    }
    for address in [999, 0xFFFF] {
        assert_eq!(send(&mut device, Request::WriteCoils { address, quantity: 2, bits: &[3] }), [0x8F, 2]);
        assert_eq!(send(&mut device, Request::WriteRegisters { address, values: &[1; 4] }), [0x90, 2]);
    }
    assert_eq!(device, Device::new(), "what is refused changes nothing");
}

#[test]
fn values_are_checked_before_addresses() {
    let mut device = Device::new();
    let beyond = [0xFF, 0xFF];
    for function in [1, 2, 3, 4] {
        assert_eq!(ask(&mut device, &[function, beyond[0], beyond[1], 0, 0]), [function | 0x80, 3]);
        assert_eq!(ask(&mut device, &[function, beyond[0], beyond[1], 0x7F, 0]), [function | 0x80, 3]);
    }
    assert_eq!(ask(&mut device, &[5, beyond[0], beyond[1], 0, 1]), [0x85, 3]);
    assert_eq!(ask(&mut device, &[15, beyond[0], beyond[1], 0, 1, 2, 0, 0]), [0x8F, 3]);
    assert_eq!(ask(&mut device, &[16, beyond[0], beyond[1], 0, 1, 1, 0]), [0x90, 3]);
    assert_eq!(ask(&mut device, &[23, beyond[0], beyond[1], 0, 0, 0, 0, 0, 1, 2, 0, 0]), [0x97, 3]);
}

#[test]
fn identification_is_answered() {
    let mut device = Device::new();
    let one = send(&mut device, Request::Identify { access: Access::Individual, object: 1 });
    assert_eq!(one, b"\x2b\x0e\x04\x82\x00\x00\x01\x01\x02PC");
    assert_eq!(send(&mut device, Request::Identify { access: Access::Individual, object: 9 }), [0xAB, 2]);
    assert_eq!(ask(&mut device, &[43, 14, 5, 0]), [0xAB, 3]);
    assert_eq!(ask(&mut device, &[43, 13, 0, 0]), [0xAB, 1]);
}

#[test]
fn every_pdu_is_answered() {
    let mut device = Device::new();
    let mut seed = 1u32;
    let mut random = || {
        seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (seed >> 24) as u8
    };
    for function in 0..=255 {
        for len in 1..=253 {
            let mut pdu = vec![function];
            pdu.extend((1..len).map(|i| if i % 2 == 1 { random() & 3 } else { random() }));
            let out = ask(&mut device, &pdu);
            assert!(out[0] == function || (out[0] == function | 0x80 && out.len() == 2 && (1..=3).contains(&out[1])));
        }
    }
}
