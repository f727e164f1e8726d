//! A name server that knows one name: `server.test` is 127.0.0.1.

use std::net::SocketAddr;

use super::udp_server;

/// The name as it is asked for (RFC 1035, 3.1).
const NAME: &[u8] = b"\x06server\x04test\0";

/// The type of IPv4 addresses.
const A: [u8; 2] = [0, 1];

/// Answers as long as the tests run.
pub(crate) fn serve() -> SocketAddr {
    udp_server::serve("127.0.0.1:0", |query, _| vec![answer(query)])
}

/// The question again, with an address behind it if there is one (RFC 1035, 4.1).
fn answer(query: &[u8]) -> Vec<u8> {
    let end = 12 + query[12..].iter().position(|byte| *byte == 0).unwrap() + 1 + 4;
    let question = &query[12..end];
    let is_known = question[..end - 16].eq_ignore_ascii_case(NAME);
    let has_address = is_known && question[end - 16..end - 14] == A;
    let code = if is_known { 0 } else { 3 };
    let mut answer = query[..2].to_vec();
    answer.extend([0x85, 0x80 | code, 0, 1, 0, u8::from(has_address), 0, 0, 0, 0]);
    answer.extend(question);
    if has_address {
        answer.extend([0xC0, 12, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4, 127, 0, 0, 1]);
    }
    answer
}
