//! How many states exploration generates in a second: writers that each set a register over UDP, with packets lost and
//! doubled.
//!
//! `cargo run --release -p ptk-mock --example explore_speed [threads]`

#[path = "../tests/explore/register.rs"]
#[allow(dead_code, reason = "the tests use the rest")]
mod register;

use ptk_mock::Scenario;
use register::{make_server, make_writer};

fn main() {
    let threads = std::env::args().nth(1).and_then(|text| text.parse().ok());
    for writers in 1..=3 {
        let mut scenario = Scenario::new("register").node_sized::<_, 1, 1, 0, 0, 0>("server", make_server(true));
        for writer in 0..writers {
            scenario = scenario.node_sized::<_, 1, 1, 0, 0, 0>(&format!("writer {writer}"), make_writer(2, 3));
        }
        let mut explorer = scenario.explore().drops(1).duplicates(1).states(1_000_000);
        if let Some(threads) = threads {
            explorer = explorer.threads(threads);
        }
        match explorer.run() {
            Ok(exploration) => println!(
                "{writers} writers: {exploration}; {:.0} states generated per second",
                exploration.per_second()
            ),
            Err(found) => println!("{found}"),
        }
    }
}
