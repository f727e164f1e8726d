//! Answers of time servers. The first eight bytes of the input are the cookie that was sent.
#![no_main]

use libfuzzer_sys::fuzz_target;
use ptk_core::Duration;
use ptk_examples::sntp::packet::decode;

fuzz_target!(|input: &[u8]| {
    let Some((cookie, packet)) = input.split_first_chunk() else { return };
    let cookie = u64::from_be_bytes(*cookie);
    match decode(packet, cookie) {
        Ok(Ok(answer)) => {
            let (received, sent) = (answer.received.unix_time(), answer.sent.unix_time());
            let _ = (sent.nanos_since(received), received.after(Duration::MAX), sent.before(Duration::MAX));
            assert!(answer.reference.to_string().is_ascii());
        }
        Ok(Err(refusal)) => assert!(refusal.to_string().is_ascii()),
        Err(_) => {}
    }
});
