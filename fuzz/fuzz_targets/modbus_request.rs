//! Modbus requests: any PDU gets an answer, and what was understood means the same when it is written again.
#![no_main]

use libfuzzer_sys::fuzz_target;
use ptk_examples::modbus::TANK;
use ptk_examples::modbus::answer::{Answer, decode};
use ptk_examples::modbus::device::Device;
use ptk_examples::modbus::execute::answer;
use ptk_examples::modbus::pdu::{MAX_PDU, Pdu, function};
use ptk_examples::modbus::request::Request;

fuzz_target!(|bytes: &[u8]| {
    let pdu = &bytes[..bytes.len().min(MAX_PDU)];
    let Some(&code) = pdu.first() else { return };
    let mut answered = Pdu::new();
    let refused = answer(pdu, &mut Device::new(), &TANK, &mut answered);
    if refused {
        assert_eq!(answered.as_slice().len(), 2);
        assert_eq!(answered.as_slice()[0], code | function::EXCEPTION);
        return;
    }
    let request = Request::decode(pdu).expect("it was carried out");
    let mut written = Pdu::new();
    request.encode(&mut written);
    assert_eq!(Request::decode(written.as_slice()), Ok(request));
    let understood = decode(&request, written.as_slice(), answered.as_slice());
    assert!(!matches!(understood, Err(_) | Ok(Answer::Exception(_))), "the client does not understand the server");
});
