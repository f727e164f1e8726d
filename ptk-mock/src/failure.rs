//! Something that did not hold, and all that it takes to see it again.

use std::fmt;
use std::fs::{File, create_dir_all};
use std::io::{self, BufWriter, Write};
use std::ops::Range;
use std::path::{Path, PathBuf};

use ptk_core::Instant;

use crate::scenario::{Course, Scenario, Violation, request};
use crate::tape::Tape;
use crate::trace::{Recording, TraceHash};

/// More choices than this stand in the command only.
const SHOWN: usize = 20;

/// A run in which something did not hold, shrunk, and the run itself to be looked at.
///
/// Its text says what did not hold, and ends with the command that runs it again.
#[derive(Clone, Debug)]
pub struct Failure {
    /// The scenario's name.
    pub scenario: String,
    /// The seed.
    pub seed: u64,
    /// What did not hold.
    pub property: String,
    /// How it did not.
    pub detail: String,
    /// When, on the world's clock.
    pub at: Instant,
    /// The answers that were not benign, and without which it would hold.
    pub tape: Tape,
    /// How many there were before they were shrunk.
    pub unshrunk: usize,
    /// The hash of the trace.
    pub hash: TraceHash,
    /// How to run it again.
    pub command: String,
    /// What happened.
    pub recording: Recording,
}

impl Failure {
    pub(crate) fn of(scenario: &Scenario, seed: u64, course: Course, unshrunk: usize) -> Option<Failure> {
        let violation = course.violation.clone()?;
        Some(Failure::new(scenario, seed, violation, course, unshrunk))
    }

    pub(crate) fn new(
        scenario: &Scenario,
        seed: u64,
        violation: Violation,
        course: Course,
        unshrunk: usize,
    ) -> Failure {
        let request = request(&scenario.name, seed, &course.tape, course.hash);
        let command = command(scenario, &request);
        let recording = Recording {
            title: format!("{}: {}", scenario.name, violation.property),
            nodes: course.names,
            records: course.records,
            seed,
            tape: course.tape.clone(),
            command: command.clone(),
            hash: course.hash,
        };
        Failure {
            scenario: scenario.name.clone(),
            seed,
            property: violation.property,
            detail: violation.detail,
            at: course.time,
            tape: course.tape,
            unshrunk,
            hash: course.hash,
            command,
            recording,
        }
    }

    /// What must happen sometimes and never did.
    pub(crate) fn never(scenario: &Scenario, name: &str, seeds: &Range<u64>) -> Failure {
        let mut course = scenario.course(seeds.start, None, true);
        let detail =
            format!("never so in the seeds {} to {}: the test shows less than it seems to", seeds.start, seeds.end);
        course.violation = Some(Violation::new(name, detail));
        let unshrunk = course.tape.0.len();
        match Failure::of(scenario, seeds.start, course, unshrunk) {
            Some(failure) => failure,
            None => unreachable!("the course has a violation"),
        }
    }

    /// Writes the page and the packets beside each other into `folder`; gives the paths of the two.
    ///
    /// # Errors
    ///
    /// What the system says.
    pub fn write_to(&self, folder: &Path) -> io::Result<[PathBuf; 2]> {
        create_dir_all(folder)?;
        let stem = format!("{}-{}", self.scenario, self.seed);
        let paths = [folder.join(format!("{stem}.html")), folder.join(format!("{stem}.pcapng"))];
        let mut page = BufWriter::new(File::create(&paths[0])?);
        self.recording.write_page(&mut page)?;
        page.flush()?;
        let mut packets = BufWriter::new(File::create(&paths[1])?);
        self.recording.write_pcapng(&mut packets)?;
        packets.flush()?;
        Ok(paths)
    }

    /// Writes the files to where `PTK_TRACES` says, or to a folder for temporary files; says where, or why not.
    pub(crate) fn save(&self) -> String {
        let folder = std::env::var_os("PTK_TRACES").map_or_else(|| std::env::temp_dir().join("ptk"), PathBuf::from);
        match self.write_to(&folder) {
            Ok([page, packets]) => format!("drawn:    {}\npackets:  {}", page.display(), packets.display()),
            Err(error) => format!("it could not be drawn in {}: {error}", folder.display()),
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}: {}", self.scenario, self.property)?;
        writeln!(f, "          {}", self.detail)?;
        writeln!(f, "seed:     {}, at {}", self.seed, self.at)?;
        write!(f, "choices:  {} of {}", self.tape.0.len(), self.unshrunk)?;
        if (1..=SHOWN).contains(&self.tape.0.len()) {
            write!(f, ": {}", self.tape)?;
        }
        writeln!(f)?;
        writeln!(f, "trace:    {}", self.hash)?;
        write!(f, "again:    {}", self.command)
    }
}

impl std::error::Error for Failure {}

/// The command that runs a course again: what the scenario says, or that of the test which runs now.
fn command(scenario: &Scenario, request: &str) -> String {
    format!("PTK_RUN='{request}' {}", command_of_test(scenario))
}

/// The command of the test that runs now.
pub(crate) fn command_of_test(scenario: &Scenario) -> String {
    if let Some(command) = &scenario.command {
        return command.clone();
    }
    let package = std::env::var("CARGO_PKG_NAME").map_or(String::new(), |name| format!(" -p {name}"));
    let thread = std::thread::current();
    let test = thread.name().filter(|name| *name != "main").map_or(String::new(), |name| format!(" {name} -- --exact"));
    format!("cargo test{package}{}{test}", target())
}

/// The test target that runs now, as cargo names it.
fn target() -> String {
    let program = std::env::current_exe().ok();
    let stem = program.as_deref().and_then(Path::file_stem).and_then(|stem| stem.to_str()).unwrap_or_default();
    match stem.rsplit_once('-') {
        Some((name, hash)) if hash.len() == 16 && std::env::var("CARGO_CRATE_NAME").is_err() => {
            format!(" --test {name}")
        }
        _ => String::new(),
    }
}
