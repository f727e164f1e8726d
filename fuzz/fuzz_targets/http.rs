//! Answers of web servers, header and body: what comes in one piece and what comes byte by byte is the same. And URLs,
//! which come from elsewhere too.
#![no_main]

use libfuzzer_sys::fuzz_target;
use ptk_core::Buffer;
use ptk_examples::http::Malformed;
use ptk_examples::http::body::Body;
use ptk_examples::http::head::{Framing, MAX, decode};
use ptk_examples::http::url::{self, Url};

/// What a body is when it comes in pieces of `size`, and how it ends.
fn body(framing: Framing, input: &[u8], size: usize) -> (Vec<u8>, Result<(), Malformed>) {
    let (mut body, mut out) = (Body::new(framing), Vec::new());
    for mut piece in input.chunks(size) {
        while !piece.is_empty() {
            match body.take(piece) {
                Ok(found) => {
                    assert!((1..=piece.len()).contains(&found.used) && found.data.len() <= found.used);
                    out.extend_from_slice(found.data);
                    piece = &piece[found.used..];
                }
                Err(error) => return (out, Err(error)),
            }
        }
    }
    (out, body.end())
}

/// A URL's request is one: no part of the URL can end a line of it.
fn check_url(text: &str) {
    let Ok(url) = Url::parse(text) else { return };
    let mut request = Buffer::<{ url::MAX + 128 }>::new();
    url.put_request(&mut request).expect("there is room for every URL");
    let text = core::str::from_utf8(request.readable()).expect("requests are ASCII");
    assert!(text.starts_with("GET /") && text.ends_with("\r\n\r\n"));
    assert_eq!((text.matches('\n').count(), text.matches('\r').count()), (6, 6), "{text:?}");
}

fuzz_target!(|input: &[u8]| {
    if let Ok(text) = core::str::from_utf8(input) {
        check_url(text);
    }
    let Ok(Some(head)) = decode(input) else { return };
    assert!(head.size <= input.len() && head.size <= MAX && (100..600).contains(&head.status));
    assert_eq!(decode(&input[..head.size]), Ok(Some(head)), "what is behind a header is none of it");
    assert_eq!(decode(&input[..head.size - 1]), Ok(None), "without its last byte it is not whole");
    let rest = &input[head.size..];
    assert_eq!(body(head.framing, rest, 1), body(head.framing, rest, rest.len().max(1)));
    // Most inputs say nothing of chunks.
    assert_eq!(body(Framing::Chunked, rest, 1), body(Framing::Chunked, rest, rest.len().max(1)));
});
