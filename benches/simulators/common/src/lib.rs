//! What all contenders share: the job on the command line, the messages, the count of those that arrived, the result.
//!
//! Each contender is a program `NAME udp|tcp|idle|explore SIZE`. It does the job, checks that it was done, and prints
//! how much of it there was (messages received by both nodes, or states generated) and how many nanoseconds of processor
//! time it took, without the start of the process: what else runs on the machine disturbs that less than the time on the
//! wall.

use std::process::ExitCode;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};

/// The one-way latency of every link, where time goes from event to event: one at which none of these is slow. Where it
/// goes in ticks the least latency there is serves, a tick or less.
pub const LATENCY: Duration = Duration::from_micros(10);

/// How many nodes are there besides the two that talk, in the job `idle`. Each has a UDP socket that hears nothing.
pub const IDLE: u32 = 100;

/// The port on which every server listens.
pub const PORT: u16 = 7007;

/// The size of a datagram.
pub const DATAGRAM: usize = 64;

/// The size of a message over TCP: one segment.
pub const SEGMENT: usize = 256;

/// How many clients there are in the job `explore`.
pub const CLIENTS: u32 = 4;

/// How many states there are when so many messages go from each client to one server and come back, each as soon as
/// the one before has, in any order: a client has sent or received so many.
pub fn states(messages: u32) -> u64 {
    u64::from(2 * messages + 1).pow(CLIENTS)
}

/// What is to be done.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Job {
    /// So many datagrams go to a server and come back, one after the other, with so many idle nodes around.
    Udp { rounds: u32, idle: u32 },
    /// So many messages go to a server and come back over one connection, one after the other.
    Tcp { rounds: u32 },
    /// All [`states`] are visited.
    Explore { size: u32 },
}

static RECEIVED: AtomicU64 = AtomicU64::new(0);

/// Counts a message that a node received.
pub fn received() {
    // A load and a store, which is no locked instruction as an addition would be.
    RECEIVED.store(RECEIVED.load(Ordering::Relaxed) + 1, Ordering::Relaxed);
}

/// The message of a round: no two that follow each other are alike.
#[inline]
pub fn message<const N: usize>(round: u32) -> [u8; N] {
    let mut message = [0x5a; N];
    message[..4].copy_from_slice(&round.to_le_bytes());
    message
}

/// Does the job on the command line with `run`, which is true if the contender knows that kind of job, and says
/// [`received`] for each message.
pub fn main(run: impl FnOnce(Job) -> bool) -> ExitCode {
    main_counting(|job| run(job).then(|| RECEIVED.load(Ordering::Relaxed)))
}

/// As [`main`], for a contender that counts by itself: `run` gives the messages received or states generated.
pub fn main_counting(run: impl FnOnce(Job) -> Option<u64>) -> ExitCode {
    let Some(job) = job() else {
        eprintln!("usage: udp|tcp|idle|explore SIZE");
        return ExitCode::from(2);
    };
    let start = processor_time();
    let count = run(job);
    let elapsed = processor_time() - start;
    match (job, count) {
        (_, None) => {
            eprintln!("{job:?} is not for this contender");
            return ExitCode::from(2);
        }
        (Job::Udp { rounds, .. } | Job::Tcp { rounds }, Some(count)) if count != 2 * u64::from(rounds) => {
            eprintln!("{count} messages arrived, not {}", 2 * u64::from(rounds));
            return ExitCode::FAILURE;
        }
        (_, Some(count)) => println!("{count} {}", elapsed.as_nanos()),
    }
    ExitCode::SUCCESS
}

/// How long all threads of the process have run so far.
fn processor_time() -> Duration {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    Duration::try_from(time).unwrap_or(Duration::ZERO)
}

fn job() -> Option<Job> {
    let mut arguments = std::env::args().skip(1);
    let name = arguments.next()?;
    let size = arguments.next()?.parse().ok()?;
    Some(match name.as_str() {
        "udp" => Job::Udp { rounds: size, idle: 0 },
        "idle" => Job::Udp { rounds: size, idle: IDLE },
        "tcp" => Job::Tcp { rounds: size },
        "explore" => Job::Explore { size },
        _ => return None,
    })
}
