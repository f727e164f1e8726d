//! An HTTP client that somebody else wrote, over PTK and without a heap: `reqwless` on the traits of `embedded-nal-async`.
//!
//! `cargo run -p ptk-async --example reqwless -- http://127.0.0.1:8000/`
//!
//! The server's address stands in the URL. `python3 -m http.server` is one.

use std::io::Write;
use std::pin::pin;
use std::process::ExitCode;

use ptk_async::{AsyncTask, Bridge};
use ptk_core::prelude::*;
use ptk_linux::Linux;

#[path = "shared/fetch.rs"]
mod fetch;

fn main() -> ExitCode {
    let Some(url) = std::env::args().nth(1) else {
        eprintln!("Usage: reqwless URL");
        return ExitCode::from(2);
    };
    match run(&url) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{url}: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(url: &str) -> Result<(), Error> {
    let mut event_loop = EventLoop::<Linux, 1, 2>::new(0, Linux::new());
    event_loop.open()?;
    let bridge = Bridge::new();
    let future = pin!(async {
        let print = |body: &[u8]| std::io::stdout().write_all(body).is_ok();
        bridge.timeout(Duration::from_secs(10), fetch::get(&bridge, url, print)).await?.map(|_| ())
    });
    let mut tasks = [AsyncTask::new(&bridge, future)];
    event_loop.run(&mut tasks)?;
    match event_loop.counters().failed_tasks {
        0 => Ok(()),
        _ => Err(event_loop.last_error().unwrap_or(Error::Protocol)),
    }
}
