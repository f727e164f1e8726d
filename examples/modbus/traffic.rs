//! What clients have experienced, and the totals at the end.

use std::fmt;
use std::io::Write;

use ptk_core::Duration;
use ptk_examples::histogram::Histogram;

use crate::allocations;

/// Requests, errors and latencies.
pub(crate) struct Traffic {
    /// Requests that were answered, and rightly.
    pub(crate) requests: u64,
    /// Connects and requests that failed.
    pub(crate) errors: u64,
    /// How long the answers took.
    pub(crate) latencies: Histogram,
}

impl Traffic {
    /// Nothing has happened.
    pub(crate) const fn new() -> Self {
        Traffic { requests: 0, errors: 0, latencies: Histogram::new() }
    }

    /// A request was answered.
    pub(crate) fn answered(&mut self, latency: Duration) {
        self.requests += 1;
        self.latencies.record(latency);
    }
}

/// Prints the percentiles: `latency  p50 10µs  p90 12µs ..`.
impl fmt::Display for Traffic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "latency ")?;
        for percent in [50, 90, 99] {
            write!(f, " p{percent} {}", Short(self.latencies.percentile(percent)))?;
        }
        write!(f, " max {}", Short(self.latencies.max()))
    }
}

/// A latency with as many digits as matter.
struct Short(Duration);

impl fmt::Display for Short {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let micros = self.0.as_nanos() as f64 / 1e3;
        if micros < 1000.0 { write!(f, "{micros:.1} µs") } else { write!(f, "{:.2} ms", micros / 1e3) }
    }
}

/// Prints the last line. `allocations_before` is the count at which the loop began.
pub(crate) fn print_last_line(requests: u64, errors: u64, allocations_before: u64) {
    let allocations = allocations::count() - allocations_before;
    let _ = writeln!(std::io::stdout(), "requests={requests} errors={errors} allocations={allocations}");
}
