//! A run that was made up: of everything that can be drawn there is some.

use std::fs::{File, create_dir_all};
use std::path::PathBuf;

use ptk_core::{Duration, Instant};

use super::{Loss, Record, Recording, TraceEvent, TraceHash};
use crate::label::Label;
use crate::node_id::NodeId;
use crate::packet::{Body, Packet, Payload};
use crate::tape::{Choice, Tape};

pub(super) const CLIENT: NodeId = NodeId(0);
pub(super) const SERVER: NodeId = NodeId(1);

const CLIENT_FILE: &str = "examples/src/arq/client.rs";
const SERVER_FILE: &str = "examples/src/arq/server.rs";

/// A packet of no interest.
pub(super) fn sent(flight: u64, from: NodeId, to: NodeId) -> TraceEvent {
    let packet = datagram(from, to, b"");
    TraceEvent::Sent { flight, from, to, packet, arrives: Instant::MAX }
}

/// A datagram between the two ports that are used for them.
pub(super) fn datagram(from: NodeId, to: NodeId, data: &[u8]) -> Packet {
    packet((from, 40_000 + 7 * from.0), (to, 40_000 + 7 * to.0), Body::Datagram(Payload::new(data)))
}

/// A packet from a port of a node to one of another.
pub(super) fn packet(from: (NodeId, u16), to: (NodeId, u16), body: Body) -> Packet {
    let address = |(node, port): (NodeId, u16)| ([10, 0, 0, node.0 as u8 + 1], port).into();
    Packet::datagram(address(from), address(to), body)
}

/// Writes down what happens while time goes by.
pub(super) struct Script {
    now: Instant,
    next: u64,
    records: Vec<Record>,
    landings: Vec<Record>,
}

impl Script {
    pub(super) fn new() -> Script {
        Script { now: Instant::ORIGIN, next: 1, records: Vec::new(), landings: Vec::new() }
    }

    /// Something happens now.
    pub(super) fn note(&mut self, event: TraceEvent) {
        self.records.push(Record { at: self.now, event });
    }

    /// Microseconds go by, and what is under way lands.
    pub(super) fn pass(&mut self, micros: u64) {
        let until = self.now + Duration::from_micros(micros);
        self.landings.sort_by_key(|landing| landing.at);
        while self.landings.first().is_some_and(|landing| landing.at <= until) {
            self.records.push(self.landings.remove(0));
        }
        self.now = until;
    }

    /// Sends a packet that lands after some microseconds.
    pub(super) fn send(&mut self, from: NodeId, to: NodeId, packet: Packet, micros: u64) -> u64 {
        let arrives = self.now + Duration::from_micros(micros);
        let flight = self.depart(from, to, packet, arrives);
        self.landings.push(Record { at: arrives, event: TraceEvent::Arrived { flight } });
        flight
    }

    /// Sends a packet that is lost at once.
    pub(super) fn lose(&mut self, from: NodeId, to: NodeId, packet: Packet, why: Loss) {
        let flight = self.depart(from, to, packet, self.now + Duration::from_millis(1));
        self.note(TraceEvent::Lost { flight, why });
    }

    /// Sends a packet that is lost where it lands.
    pub(super) fn miss(&mut self, from: NodeId, to: NodeId, packet: Packet, micros: u64, why: Loss) -> u64 {
        let arrives = self.now + Duration::from_micros(micros);
        let flight = self.depart(from, to, packet, arrives);
        self.landings.push(Record { at: arrives, event: TraceEvent::Lost { flight, why } });
        flight
    }

    fn depart(&mut self, from: NodeId, to: NodeId, packet: Packet, arrives: Instant) -> u64 {
        let flight = self.next;
        self.next += 1;
        self.note(TraceEvent::Sent { flight, from, to, packet, arrives });
        flight
    }

    pub(super) fn choose(&mut self, label: Label, node: NodeId, k: u32) {
        let nth = self.next as u32;
        self.note(TraceEvent::Chosen(Choice { label, node, nth, k }));
    }

    fn wait(&mut self, node: NodeId, task: usize, line: u32) {
        let (name, file) = if node == CLIENT { ("Client", CLIENT_FILE) } else { ("Server", SERVER_FILE) };
        self.note(TraceEvent::Waits { node, task, name, instance: task, file, line });
    }

    pub(super) fn end(self, nodes: &[&str]) -> Recording {
        let choices = self.records.iter().filter_map(|record| match record.event {
            TraceEvent::Chosen(choice) => Some(choice),
            _ => None,
        });
        let tape = Tape(choices.collect());
        Recording {
            title: String::from("arq: in order"),
            nodes: nodes.iter().map(|name| String::from(*name)).collect(),
            seed: 4_711,
            command: format!("PTK_RUN='arq/4711/{tape}' cargo test -p ptk-tests --test arq arq -- --exact"),
            tape,
            hash: TraceHash(0x0123_4567_89ab_cdef_0011_2233_4455_6677),
            records: self.records,
        }
    }
}

/// Two nodes and a protocol that repeats what was lost, until the server crashes at the wrong moment.
pub(super) fn recording() -> Recording {
    let mut script = Script::new();
    for node in [CLIENT, SERVER] {
        script.note(TraceEvent::Started { node });
    }
    script.wait(CLIENT, 0, 41);
    script.wait(SERVER, 0, 28);
    script.wait(SERVER, 1, 28);
    good_rounds(&mut script);
    bad_network(&mut script);
    stream(&mut script);
    partition(&mut script);
    crash(&mut script);
    script.note(TraceEvent::Violated { property: String::from("in order: the server has 13 behind 11 <at last>") });
    script.end(&["client", "server"])
}

fn message(number: u32) -> Packet {
    datagram(CLIENT, SERVER, format!("DATA {number} of 14 and some more").as_bytes())
}

fn answer(number: u32) -> Packet {
    datagram(SERVER, CLIENT, &[0x06, 0, 0, number as u8])
}

/// A message and its answer.
fn round(script: &mut Script, number: u32) {
    script.send(CLIENT, SERVER, message(number), 500);
    script.wait(CLIENT, 0, 58);
    script.pass(500);
    script.send(SERVER, CLIENT, answer(number), 430);
    script.pass(600);
}

fn good_rounds(script: &mut Script) {
    for number in 1..4 {
        round(script, number);
        script.wait(CLIENT, 0, 41);
        script.pass(200);
    }
}

fn bad_network(script: &mut Script) {
    script.choose(Label::Loss, CLIENT, 1);
    script.lose(CLIENT, SERVER, message(4), Loss::Loss);
    script.wait(CLIENT, 0, 58);
    script.pass(200_000);
    script.choose(Label::Duplicate, CLIENT, 1);
    script.send(CLIENT, SERVER, message(4), 500);
    script.send(CLIENT, SERVER, message(4), 1_900);
    script.pass(700);
    script.send(SERVER, CLIENT, answer(4), 430);
    script.pass(440);
    script.choose(Label::Reorder, CLIENT, 2);
    script.send(CLIENT, SERVER, message(5), 1_600);
    script.pass(150);
    script.send(CLIENT, SERVER, message(6), 480);
    script.wait(CLIENT, 0, 62);
    script.pass(1_700);
    script.send(SERVER, CLIENT, answer(5), 430);
    script.send(SERVER, CLIENT, answer(6), 460);
    script.pass(500);
    script.miss(CLIENT, SERVER, message(7), 500, Loss::NoRoom);
    script.pass(900);
}

/// A connection that carries a request and its answer, and is closed by both sides.
fn stream(script: &mut Script) {
    let to_server = |body| packet((CLIENT, 49_152), (SERVER, 80), body);
    let to_client = |body| packet((SERVER, 80), (CLIENT, 49_152), body);
    let acknowledge = |taken, room| Body::Ack { taken, room };
    script.pass(3_000_000);
    let syn = script.miss(CLIENT, SERVER, to_server(Body::Syn { window: 4_096 }), 500, Loss::NoRoom);
    script.wait(CLIENT, 1, 90);
    script.pass(1_000_500);
    script.note(TraceEvent::Arrived { flight: syn });
    script.send(SERVER, CLIENT, to_client(Body::SynAck { window: 1_024 }), 430);
    script.pass(500);
    script.send(CLIENT, SERVER, to_server(Body::Data(Payload::new(b"GET / HTTP/1.1\r\n\r\n"))), 480);
    script.wait(CLIENT, 1, 94);
    script.pass(500);
    script.send(SERVER, CLIENT, to_client(acknowledge(18, 0)), 430);
    script.choose(Label::ShortReceive, SERVER, 7);
    script.send(SERVER, CLIENT, to_client(acknowledge(0, 18)), 430);
    script.send(SERVER, CLIENT, to_client(Body::Data(Payload::new(b"HTTP/1.1 200 OK\r\n\r\n"))), 440);
    script.send(SERVER, CLIENT, to_client(Body::Data(Payload::new(b"<h1>hello</h1>\n"))), 450);
    script.send(SERVER, CLIENT, to_client(Body::Fin), 460);
    script.pass(470);
    script.send(CLIENT, SERVER, to_server(acknowledge(34, 0)), 480);
    script.send(CLIENT, SERVER, to_server(acknowledge(1, 0)), 480);
    script.send(CLIENT, SERVER, to_server(Body::Fin), 490);
    script.pass(500);
    script.send(SERVER, CLIENT, to_client(acknowledge(1, 0)), 430);
    script.pass(430);
    script.note(TraceEvent::Ended { node: CLIENT, task: 1, name: "Client", instance: 1 });
    script.pass(70);
}

fn partition(script: &mut Script) {
    script.choose(Label::Partition, CLIENT, 30);
    for (from, to) in [(CLIENT, SERVER), (SERVER, CLIENT)] {
        script.note(TraceEvent::LinkCut { from, to });
    }
    for _ in 0..2 {
        script.lose(CLIENT, SERVER, message(7), Loss::Partition);
        script.pass(200_000);
    }
    script.note(TraceEvent::Paused { node: CLIENT, until: script.now + Duration::from_millis(40) });
    script.pass(60_000);
    for (from, to) in [(CLIENT, SERVER), (SERVER, CLIENT)] {
        script.note(TraceEvent::LinkHealed { from, to });
    }
    for number in 7..11 {
        round(script, number);
    }
}

fn crash(script: &mut Script) {
    script.send(CLIENT, SERVER, message(11), 500);
    script.pass(600);
    script.choose(Label::Crash, SERVER, 2);
    script.note(TraceEvent::Crashed { node: SERVER, lost_power: true });
    script.miss(CLIENT, SERVER, message(12), 480, Loss::HostDown);
    script.wait(CLIENT, 0, 66);
    script.pass(50_000);
    script.note(TraceEvent::Started { node: SERVER });
    script.wait(SERVER, 0, 28);
    script.note(TraceEvent::LinkCut { from: SERVER, to: CLIENT });
    script.lose(SERVER, CLIENT, answer(11), Loss::Partition);
    script.pass(300);
    script.note(TraceEvent::LinkHealed { from: SERVER, to: CLIENT });
    script.send(CLIENT, SERVER, message(13), 500);
    script.pass(100);
    script.send(CLIENT, SERVER, message(14), 2_000);
    script.pass(400);
    script.wait(SERVER, 0, 35);
}

/// Pages and captures are best judged by eye: `PTK_TRACES` says where to put them.
#[test]
fn a_recording_fills_both_files() {
    let folder = std::env::var_os("PTK_TRACES").map_or_else(|| std::env::temp_dir().join("ptk"), PathBuf::from);
    create_dir_all(&folder).expect("a folder");
    for (name, recording) in [("sample", recording()), ("long", long(4_000)), ("four", four_nodes())] {
        let file = |extension: &str| File::create(folder.join(name).with_extension(extension)).expect("a file");
        let (mut page, mut packets) = (file("html"), file("pcapng"));
        recording.write_page(&mut page).expect("room");
        recording.write_pcapng(&mut packets).expect("room");
        assert!(page.metadata().expect("a file").len() > 10_000 && packets.metadata().expect("a file").len() > 1_000);
    }
}

/// Many packets, all alike.
pub(super) fn long(rounds: u32) -> Recording {
    let mut script = Script::new();
    script.note(TraceEvent::Started { node: CLIENT });
    script.note(TraceEvent::Started { node: SERVER });
    for number in 0..rounds {
        round(&mut script, number);
        script.wait(CLIENT, 0, 41);
    }
    script.note(TraceEvent::Violated { property: String::from("it ends") });
    script.end(&["client", "server"])
}

/// One node tells all others, and some are cut off.
fn four_nodes() -> Recording {
    let mut script = Script::new();
    let nodes: Vec<_> = (0..4).map(NodeId).collect();
    for node in nodes.iter().copied() {
        script.note(TraceEvent::Started { node });
    }
    for turn in 0..3 {
        let leader = NodeId(turn);
        for other in nodes.iter().copied().filter(|node| *node != leader) {
            script.send(leader, other, datagram(leader, other, b"append 7"), 400 + 90 * u64::from(other.0));
        }
        script.wait(leader, 0, 77);
        script.pass(900);
        for other in nodes.iter().copied().filter(|node| *node != leader) {
            script.send(other, leader, datagram(other, leader, b"done 7"), 300 + 50 * u64::from(other.0));
            script.wait(other, 0, 120);
        }
        script.pass(5_000);
        for (one, other) in [(0, 1), (0, 2), (3, 1), (3, 2)] {
            script.note(TraceEvent::LinkCut { from: NodeId(one), to: NodeId(other) });
            script.note(TraceEvent::LinkCut { from: NodeId(other), to: NodeId(one) });
        }
        script.lose(NodeId(0), NodeId(2), datagram(NodeId(0), NodeId(2), b"vote"), Loss::Partition);
        script.lose(NodeId(3), NodeId(3), datagram(NodeId(3), NodeId(9), b"who"), Loss::NoRoute);
        script.pass(200);
        for (one, other) in [(0, 1), (0, 2), (3, 1), (3, 2)] {
            script.note(TraceEvent::LinkHealed { from: NodeId(one), to: NodeId(other) });
            script.note(TraceEvent::LinkHealed { from: NodeId(other), to: NodeId(one) });
        }
    }
    script.note(TraceEvent::Violated { property: String::from("one leader: 1 and 3 both lead") });
    script.end(&["alpha", "beta", "gamma", "delta"])
}
