//! Recordings: any records behind a header are read, shown and replayed. The checks in them are not looked at here.
//!
//! Each record that is read is called again as it says, so that whatever it gives for an answer is taken.
#![no_main]

use libfuzzer_sys::fuzz_target;
use ptk_core::middleware::{Argument, Operation, RecordedCall, RecordedCalls};
use ptk_core::{Handle, Options, Platform, Readiness, Sink};
use ptk_mock::{Replayed, ReplayedSocket};

/// The longest buffer that is made because a record says so.
const MOST_ROOM: usize = 4096;

struct Reports(u64);

impl Sink for Reports {
    fn socket(&mut self, _: Handle, _: Readiness) {
        self.0 += 1;
    }

    fn alarm(&mut self) {
        self.0 += 1;
    }

    fn raised(&mut self) {
        self.0 += 1;
    }
}

/// Calls what the record says, as far as there is such a call.
fn call(replayed: &mut Replayed, record: &RecordedCall<'_>) {
    let mut socket = record.call.socket.map_or(Replayed::CLOSED, ReplayedSocket::new);
    let options = record.options.unwrap_or(Options::DEFAULT);
    let token = record.call.socket;
    let mut buffer = vec![0; record.room.unwrap_or(0).min(MOST_ROOM)];
    match (record.call.operation, record.call.argument) {
        (Operation::Open, _) => drop(replayed.open()),
        (Operation::Now, _) => drop(replayed.now()),
        (Operation::NextDeadline, _) => drop(replayed.next_deadline()),
        (Operation::Wait, Argument::Until(until)) => drop(replayed.wait(until, &mut Reports(0))),
        (Operation::Raise, Argument::Source(source, value)) => drop(replayed.raise(source, value)),
        (Operation::OpenSource, Argument::Index(index)) => drop(replayed.open_source(index)),
        (Operation::IsRaised, Argument::Index(index)) => drop(replayed.is_raised(index)),
        (Operation::TakeRaised, Argument::Index(index)) => drop(replayed.take_raised(index)),
        (Operation::Receive, _) => drop(replayed.receive(&mut socket, &mut buffer)),
        (Operation::Peek, _) => drop(replayed.peek(&mut socket, &mut buffer)),
        (Operation::ReceiveFrom, _) => drop(replayed.receive_from(&mut socket, &mut buffer)),
        (Operation::Send, _) => {
            let sent = replayed.send(&mut socket, record.call.data);
            assert!(sent.is_err() || (1..=record.call.data.len()).contains(&sent.unwrap_or(0)));
        }
        (Operation::LocalAddress, _) => drop(replayed.local_address(&socket)),
        (Operation::PeerAddress, _) => drop(replayed.peer_address(&socket)),
        (Operation::Entropy, Argument::Count(count)) => drop(replayed.entropy(&mut vec![0; count.min(MOST_ROOM)])),
        (Operation::NameService, _) => replayed.name_service(&mut |_| {}),
        (Operation::HostAddresses, Argument::Name(name)) => replayed.host_addresses(name, &mut |_| {}),
        (Operation::OpenListener, Argument::Address(address)) if token.is_some() => {
            let Some(token) = token else { return };
            drop(replayed.open_listener(address, &options, token));
        }
        _ => {}
    }
}

fuzz_target!(|input: &[u8]| {
    let recording = [b"PTKR\x01", input].concat();
    let mut reader = RecordedCalls::new(&recording).expect("the header is right");
    let records: Vec<RecordedCall<'_>> = reader.by_ref().map_while(Result::ok).collect();
    for record in &records {
        assert!(!record.to_string().is_empty());
    }
    let sound = match Replayed::new(&recording[..]) {
        Ok(replayed) => replayed,
        Err(error) => {
            assert_eq!(error.records, records.len() as u64);
            Replayed::new(&recording[..error.offset]).expect("what is in front of an error is sound")
        }
    };
    let total = sound.left();
    for skipped in 0..2 {
        let mut replayed = sound.clone();
        let calls = records.iter().filter(|record| !record.is_report());
        calls.skip(skipped).for_each(|record| call(&mut replayed, record));
        assert_eq!(replayed.calls() + replayed.left(), total);
        assert_eq!(replayed.finish().is_ok(), replayed.difference().is_none() && replayed.left() == 0);
    }
});
