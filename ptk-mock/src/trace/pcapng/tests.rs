//! The file is read back by what its specification says, and with as little as possible of what wrote it.

use std::collections::BTreeMap;

use super::headers::{ACK, FIN, PSH, RST, SYN};
use crate::node_id::NodeId;
use crate::packet::{Body, Packet, Payload};
use crate::trace::sample::{self, CLIENT, SERVER, Script};
use crate::trace::{Loss, Recording, TraceEvent};

/// A block: its type, what stands in it, and its options by code.
struct Block {
    kind: u32,
    body: Vec<u8>,
    options: Vec<(u16, Vec<u8>)>,
}

impl Block {
    fn texts(&self, code: u16) -> Vec<String> {
        let values = self.options.iter().filter(|(found, _)| *found == code);
        values.map(|(_, value)| String::from_utf8(value.clone()).expect("text")).collect()
    }
}

/// A captured packet.
struct Captured {
    interface: u32,
    nanos: u64,
    ip: Vec<u8>,
    comments: Vec<String>,
}

impl Captured {
    /// What stands behind the IP header.
    fn content(&self) -> &[u8] {
        &self.ip[if self.ip[0] >> 4 == 4 { 20 } else { 40 }..]
    }

    /// Sequence number, acknowledged number, flags, window and payload of a TCP segment.
    fn tcp(&self) -> (u32, u32, u8, u16, &[u8]) {
        let tcp = self.content();
        let number = |at: usize| u32::from_be_bytes(tcp[at..at + 4].try_into().expect("four bytes"));
        (number(4), number(8), tcp[13], u16::from_be_bytes([tcp[14], tcp[15]]), &tcp[20..])
    }
}

fn u16_at(bytes: &[u8], at: usize) -> u16 {
    u16::from_le_bytes(bytes[at..at + 2].try_into().expect("two bytes"))
}

fn u32_at(bytes: &[u8], at: usize) -> u32 {
    u32::from_le_bytes(bytes[at..at + 4].try_into().expect("four bytes"))
}

fn blocks(mut file: &[u8]) -> Vec<Block> {
    let mut blocks = Vec::new();
    while !file.is_empty() {
        let (kind, len) = (u32_at(file, 0), u32_at(file, 4) as usize);
        assert_eq!(len % 4, 0, "blocks are aligned");
        assert_eq!(u32_at(file, len - 4) as usize, len, "a block's length stands at both ends");
        let content = &file[8..len - 4];
        let fixed = match kind {
            0x0a0d_0d0a => 16,
            1 => 8,
            6 => 20 + (u32_at(content, 12) as usize).next_multiple_of(4),
            _ => panic!("no such block: {kind}"),
        };
        let (body, options) = content.split_at(fixed);
        blocks.push(Block { kind, body: body.to_vec(), options: read_options(options) });
        file = &file[len..];
    }
    blocks
}

fn read_options(mut bytes: &[u8]) -> Vec<(u16, Vec<u8>)> {
    let mut options = Vec::new();
    loop {
        let (code, len) = (u16_at(bytes, 0), usize::from(u16_at(bytes, 2)));
        if code == 0 {
            assert_eq!((len, bytes.len()), (0, 4), "the end of the options is the end of the block");
            return options;
        }
        options.push((code, bytes[4..4 + len].to_vec()));
        bytes = &bytes[4 + len.next_multiple_of(4)..];
    }
}

fn capture(recording: &Recording) -> Vec<Block> {
    let mut file = Vec::new();
    recording.write_pcapng(&mut file).expect("a vector takes all");
    blocks(&file)
}

fn packets(recording: &Recording) -> Vec<Captured> {
    let blocks = capture(recording);
    let packets: Vec<_> = blocks.iter().filter(|block| block.kind == 6).map(captured).collect();
    packets.iter().for_each(check);
    packets
}

fn captured(block: &Block) -> Captured {
    let (body, len) = (&block.body, u32_at(&block.body, 12) as usize);
    assert_eq!(u32_at(body, 16) as usize, len, "nothing is cut off");
    let nanos = u64::from(u32_at(body, 4)) << 32 | u64::from(u32_at(body, 8));
    let ip = body[20..20 + len].to_vec();
    Captured { interface: u32_at(body, 0), nanos, ip, comments: block.texts(1) }
}

/// Sums 16-bit words with the carry added at the end: all ones if the checksum inside is right.
fn sum(parts: &[&[u8]]) -> u16 {
    let mut bytes = parts.concat();
    bytes.resize(bytes.len().next_multiple_of(2), 0);
    bytes.chunks(2).fold(0_u16, |sum, word| {
        let (sum, carry) = sum.overflowing_add(u16::from_be_bytes([word[0], word[1]]));
        sum + u16::from(carry)
    })
}

/// Lengths and checksums hold.
fn check(packet: &Captured) {
    let (ip, content) = (&packet.ip, packet.content());
    let be16 = |bytes: &[u8], at: usize| usize::from(u16::from_be_bytes([bytes[at], bytes[at + 1]]));
    let len = (content.len() as u32).to_be_bytes();
    let (addresses, protocol) = if ip[0] == 0x45 {
        assert_eq!((be16(ip, 2), sum(&[&ip[..20]])), (ip.len(), 0xffff));
        (&ip[12..20], ip[9])
    } else {
        assert_eq!((ip[0], be16(ip, 4)), (0x60, content.len()));
        (&ip[8..40], ip[6])
    };
    let pseudo = [addresses, &len, &[0, 0, 0, protocol]].concat();
    assert_eq!(sum(&[if protocol == 1 { &[] } else { &pseudo }, content]), 0xffff, "protocol {protocol}");
    match protocol {
        17 => assert_eq!(be16(content, 4), content.len()),
        6 => assert_eq!(content[12], 5 << 4),
        1 => assert_eq!(content[..2], [3, 3]),
        58 => assert_eq!(content[..2], [1, 4]),
        _ => panic!("no such protocol: {protocol}"),
    }
}

#[test]
fn the_file_begins_with_a_section_and_an_interface_for_each_node() {
    let blocks = capture(&sample::recording());
    assert_eq!(blocks[0].kind, 0x0a0d_0d0a);
    assert_eq!(blocks[0].body[..8], [0x4d, 0x3c, 0x2b, 0x1a, 1, 0, 0, 0]);
    let about = &blocks[0].texts(1)[0];
    assert!(about.contains("in order: the server has 13 behind 11") && about.contains("seed: 4711"), "{about}");
    for (block, name) in blocks[1..3].iter().zip(["client", "server"]) {
        assert_eq!((block.kind, u16_at(&block.body, 0)), (1, 101), "packets begin with the IP header");
        assert_eq!(block.texts(2), [name]);
        assert!(block.options.contains(&(9, vec![9])), "times are in nanoseconds");
    }
    assert!(blocks[3..].iter().all(|block| block.kind == 6));
}

#[test]
fn each_packet_is_captured_once_where_and_when_it_was_sent() {
    let recording = sample::recording();
    let sent = recording.records.iter().filter_map(|record| match record.event {
        TraceEvent::Sent { from, .. } => Some((u32::from(from.0), record.at.as_nanos())),
        _ => None,
    });
    let captured: Vec<_> = packets(&recording).iter().map(|packet| (packet.interface, packet.nanos)).collect();
    assert_eq!(captured, sent.collect::<Vec<_>>());
}

#[test]
fn comments_tell_what_no_packet_shows() {
    let packets = packets(&sample::recording());
    let comments: Vec<_> = packets.iter().flat_map(|packet| &packet.comments).map(String::as_str).collect();
    for (text, count) in [
        ("chosen: loss@0#7=1", 1),
        ("did not arrive at server: lost", 1),
        ("did not arrive at server: partition", 2),
        ("did not arrive at server: host down", 1),
        ("duplicate, made by the network", 1),
        ("sent again by the network: 1", 1),
        ("before, at 4.676260000s: server crashed, its power was lost", 1),
        ("before, at 4.671260000s: the link from server to client healed", 1),
        ("still under way at the end", 1),
    ] {
        let found = comments.iter().filter(|comment| **comment == text).count();
        assert_eq!(found, count, "{text}: {comments:#?}");
    }
}

/// The streams of all connections, put together from what was captured, by sequence numbers only.
fn streams(packets: &[Captured]) -> BTreeMap<(u32, u32), Vec<u8>> {
    let mut streams = BTreeMap::<(u32, u32), Vec<u8>>::new();
    let mut begun = BTreeMap::new();
    for packet in packets.iter().filter(|packet| packet.ip[9] == 6) {
        let (sequence, _, flags, _, payload) = packet.tcp();
        if flags & SYN != 0 {
            let connection = if flags & ACK == 0 { sequence } else { begun[&(1 - packet.interface)] };
            begun.insert(packet.interface, sequence);
            streams.insert((packet.interface, connection), Vec::new());
            continue;
        }
        let stream = streams.iter_mut().rfind(|((interface, _), _)| *interface == packet.interface).expect("begun").1;
        assert_eq!(sequence.wrapping_sub(begun[&packet.interface]) as usize, stream.len() + 1, "the next byte");
        stream.extend(payload);
        if flags & FIN != 0 {
            // The end takes a number, too, and nothing comes behind it.
            begun.entry(packet.interface).and_modify(|first| *first = first.wrapping_add(1));
        }
    }
    streams
}

#[test]
fn a_connection_can_be_followed() {
    let packets = packets(&sample::recording());
    let streams: Vec<_> = streams(&packets).into_values().collect();
    let texts = [&b"GET / HTTP/1.1\r\n\r\n"[..], b"HTTP/1.1 200 OK\r\n\r\n<h1>hello</h1>\n"];
    assert_eq!(streams, texts);
}

fn to_server(body: Body) -> Packet {
    sample::packet((CLIENT, 49_152), (SERVER, 80), body)
}

fn to_client(body: Body) -> Packet {
    sample::packet((SERVER, 80), (CLIENT, 49_152), body)
}

fn data(bytes: &[u8]) -> Body {
    Body::Data(Payload::new(bytes))
}

/// What a script sends from the client and from the server in turns, each arriving before the next.
fn exchange(packets: Vec<Packet>) -> Vec<Captured> {
    let mut script = Script::new();
    for packet in packets {
        let (from, to) = if packet.to.port() == 80 { (CLIENT, SERVER) } else { (SERVER, CLIENT) };
        script.send(from, to, packet, 5);
        script.pass(10);
    }
    self::packets(&script.end(&["client", "server"]))
}

#[test]
fn sequence_numbers_and_windows_follow_what_was_sent_and_granted() {
    let packets = exchange(vec![
        to_server(Body::Syn { window: 100 }),
        to_client(Body::SynAck { window: 70_000 }),
        to_server(data(b"12345")),
        to_client(Body::Ack { taken: 5, room: 0 }),
        to_client(Body::Ack { taken: 0, room: 5 }),
        to_client(data(b"123")),
        to_server(Body::Fin),
        to_client(Body::Ack { taken: 1, room: 0 }),
        to_server(Body::Probe),
        to_client(Body::Reset),
    ]);
    let first = |from: u32| packets.iter().find(|packet| packet.interface == from).expect("packets").tcp().0;
    let (client, server) = (first(0), first(1));
    let found = packets.iter().map(|packet| {
        let (sequence, acknowledged, flags, window, _) = packet.tcp();
        let (own, other) = if packet.interface == 0 { (client, server) } else { (server, client) };
        let acknowledged = if flags & ACK == 0 { acknowledged } else { acknowledged.wrapping_sub(other) };
        (sequence.wrapping_sub(own), acknowledged, flags, window)
    });
    assert_eq!(
        found.collect::<Vec<_>>(),
        [
            (0, 0, SYN, 100),
            (0, 1, SYN | ACK, 65_535),
            (1, 1, PSH | ACK, 100),
            (1, 6, ACK, 65_535),
            (1, 6, ACK, 65_535),
            (1, 6, PSH | ACK, 65_535),
            (6, 4, FIN | ACK, 97),
            (4, 7, ACK, 65_535),
            (6, 4, ACK, 97),
            (4, 7, RST | ACK, 65_535),
        ]
    );
}

#[test]
fn the_end_of_a_stream_takes_no_room() {
    let packets = exchange(vec![
        to_server(Body::Syn { window: 100 }),
        to_client(Body::SynAck { window: 50 }),
        to_server(data(b"12345")),
        to_server(Body::Fin),
        to_client(Body::Ack { taken: 6, room: 0 }),
    ]);
    assert_eq!(packets[4].tcp().3, 45);
}

#[test]
fn a_checksum_of_zero_is_not_taken_for_none() {
    let checksum = |data: &[u8]| {
        let mut script = Script::new();
        script.send(CLIENT, SERVER, sample::datagram(CLIENT, SERVER, data), 5);
        let packets = packets(&script.end(&["client", "server"]));
        u16::from_be_bytes([packets[0].content()[6], packets[0].content()[7]])
    };
    let filler = checksum(&[0, 0]);
    assert_eq!(checksum(&filler.to_be_bytes()), 0xffff);
}

#[test]
fn a_refusal_answers_the_segment_that_asked() {
    let packets = exchange(vec![to_server(Body::Syn { window: 9 }), to_client(Body::Reset)]);
    let (asked, refusal) = (packets[0].tcp(), packets[1].tcp());
    assert_eq!((refusal.1, refusal.2), (asked.0 + 1, RST | ACK));
}

#[test]
fn addresses_that_are_used_again_begin_a_new_connection() {
    let syn = || to_server(Body::Syn { window: 50 });
    let grant = || to_client(Body::SynAck { window: 60 });
    let packets = exchange(vec![syn(), grant(), to_server(data(b"old")), to_client(Body::Reset), syn(), grant()]);
    let (old, new, granted) = (packets[0].tcp(), packets[4].tcp(), packets[5].tcp());
    assert_ne!(old.0, new.0);
    assert_eq!((granted.1, granted.3, new.3), (new.0 + 1, 60, 50));
}

#[test]
fn what_has_not_arrived_is_not_acknowledged() {
    let mut script = Script::new();
    script.send(CLIENT, SERVER, to_server(Body::Syn { window: 50 }), 5);
    script.pass(10);
    script.send(SERVER, CLIENT, to_client(Body::SynAck { window: 60 }), 5);
    script.pass(10);
    script.miss(CLIENT, SERVER, to_server(data(b"lost")), 5, Loss::HostDown);
    script.pass(10);
    script.send(SERVER, CLIENT, to_client(data(b"x")), 5);
    let packets = packets(&script.end(&["client", "server"]));
    assert_eq!(packets[3].tcp().1, packets[0].tcp().0 + 1);
}

#[test]
fn long_data_takes_several_packets() {
    let long = vec![7; 150_000];
    let hello = [to_server(Body::Syn { window: 9 }), to_client(Body::SynAck { window: 200_000 })];
    let packets = exchange([&hello[..], &[to_server(data(&long)), to_client(Body::Fin)]].concat());
    assert_eq!(packets.len(), 6);
    assert_eq!(streams(&packets).into_values().next(), Some(long));
    assert_eq!(packets[5].tcp().1, packets[0].tcp().0 + 150_001);
}

#[test]
fn version_6_has_its_own_headers() {
    let address = |last: u16, port: u16| ([0xfd00, 0, 0, 0, 0, 0, 0, last], port).into();
    let bodies = [Body::Datagram(Payload::new(b"odd")), Body::Unreachable, Body::Syn { window: 1 }];
    let mut script = Script::new();
    for body in bodies {
        let packet = Packet { from: address(1, 1_000), to: address(2, 2_000), ..to_server(body) };
        script.send(CLIENT, SERVER, packet, 5);
    }
    let packets = packets(&script.end(&["client", "server"]));
    let protocols: Vec<_> = packets.iter().map(|packet| packet.ip[6]).collect();
    assert_eq!(protocols, [17, 58, 6]);
}

#[test]
fn a_refused_datagram_is_quoted() {
    let mut script = Script::new();
    script.send(SERVER, CLIENT, sample::packet((SERVER, 7), (CLIENT, 1_000), Body::Unreachable), 5);
    let packets = packets(&script.end(&["client", "server"]));
    let quoted = &packets[0].content()[8..];
    assert_eq!((quoted[0], &quoted[12..20]), (0x45, &[10, 0, 0, 1, 10, 0, 0, 2][..]));
    assert_eq!(quoted[20..24], [1_000_u16.to_be_bytes(), 7_u16.to_be_bytes()].concat());
}

#[test]
fn a_node_without_a_name_has_an_interface_all_the_same() {
    let mut script = Script::new();
    script.send(NodeId(2), CLIENT, sample::datagram(NodeId(2), CLIENT, b"x"), 5);
    let blocks = capture(&script.end(&["client"]));
    let names: Vec<_> = blocks.iter().filter(|block| block.kind == 1).flat_map(|block| block.texts(2)).collect();
    assert_eq!(names, ["client", "node 1", "node 2"]);
}

#[test]
fn a_comment_that_is_too_long_is_cut_between_characters() {
    let mut recording = Script::new().end(&[]);
    recording.title = "é".repeat(40_000);
    let about = capture(&recording)[0].texts(1).remove(0);
    assert_eq!(about.len(), 65_534);
}
