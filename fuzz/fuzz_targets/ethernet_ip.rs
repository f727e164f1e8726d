//! EtherNet/IP datagrams: what a device answers is read as it was written, and a table of devices stays in its bounds.
#![no_main]

use core::net::{Ipv4Addr, SocketAddr};

use libfuzzer_sys::fuzz_target;
use ptk_core::Buffer;
use ptk_examples::ethernet_ip::discovery::Findings;
use ptk_examples::ethernet_ip::encapsulation::{self, HEADER, Header};
use ptk_examples::ethernet_ip::identity::{self, MAX_ANSWER};

fuzz_target!(|datagram: &[u8]| {
    if let Ok((header, data)) = encapsulation::decode(datagram) {
        assert_eq!((datagram.len(), data.len()), (HEADER + data.len(), usize::from(header.length)));
        let mut buffer = Buffer::<HEADER>::new();
        header.put(&mut buffer).expect("a header has its size");
        assert_eq!(buffer.readable(), &datagram[..HEADER]);
    }
    assert_eq!(Header::decode(datagram).is_ok(), datagram.len() >= HEADER);

    let answer = identity::decode(datagram);
    let mut findings = Findings::<2>::new();
    let from = SocketAddr::from((Ipv4Addr::LOCALHOST, 44818));
    let context = answer.map_or([0; 8], |(context, _)| context);
    findings.add(context, from, datagram);
    findings.add(context, from, datagram);
    assert_eq!(findings.devices().count(), usize::from(answer.is_ok()));
    assert_eq!((findings.repeated, findings.garbage), if answer.is_ok() { (1, 0) } else { (0, 2) });
    if let Ok((context, identity)) = answer {
        let mut buffer = Buffer::<MAX_ANSWER>::new();
        identity.put_answer(context, &mut buffer).expect("the buffer is large enough for every answer");
        assert_eq!(identity::decode(buffer.readable()), Ok((context, identity)));
        assert!(identity.name.to_string().is_ascii());
    }
});
