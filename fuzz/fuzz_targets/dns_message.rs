//! Answers of name servers, and what is sent in their place.
#![no_main]

use libfuzzer_sys::fuzz_target;
use ptk_core::dns::message::read_for_its_own_question;

fuzz_target!(|message: &[u8]| {
    read_for_its_own_question(message);
});
