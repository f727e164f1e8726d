//! Example programs, started and watched.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::{Child, ChildStderr, ChildStdin, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

/// Longer than anything takes, on a machine that does other things as well.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

/// A program that runs; killed when it is dropped.
pub(crate) struct Process {
    child: Child,
    stdout: Receiver<String>,
    stderr: Receiver<String>,
}

/// What is left of a program that has ended.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) code: Option<i32>,
    /// The lines that were not read before.
    pub(crate) stdout: Vec<String>,
    pub(crate) stderr: Vec<String>,
}

fn program(name: &str) -> PathBuf {
    let test = std::env::current_exe().expect("the test has a path");
    let built = test.parent().and_then(|deps| deps.parent()).expect("it lies in target/PROFILE/deps");
    let program = built.join("examples").join(name);
    assert!(program.exists(), "{} is not built: run `cargo build -p ptk-examples --examples`", program.display());
    program
}

fn spawn(name: &str, arguments: &[&str], input: Stdio) -> Child {
    spawn_with(name, arguments, &[], input)
}

fn spawn_with(name: &str, arguments: &[&str], variables: &[(&str, &str)], input: Stdio) -> Child {
    let mut command = Command::new(program(name));
    command.envs(variables.iter().copied());
    command.args(arguments).stdin(input).stdout(Stdio::piped()).stderr(Stdio::piped());
    command.spawn().expect("the program starts")
}

fn lines(from: impl Read + Send + 'static) -> Receiver<String> {
    let (sender, lines) = channel();
    thread::spawn(move || {
        for line in BufReader::new(from).lines().map_while(Result::ok) {
            if sender.send(line).is_err() {
                break;
            }
        }
    });
    lines
}

impl Process {
    /// How many descriptors the program has open.
    pub(crate) fn descriptors(&self) -> usize {
        let path = format!("/proc/{}/fd", self.child.id());
        std::fs::read_dir(path).expect("the program runs").count()
    }

    /// Starts an example. Its output is no terminal.
    pub(crate) fn start(name: &str, arguments: &[&str]) -> Process {
        let (mut process, stderr) = Process::start_unread(name, arguments);
        process.stderr = lines(stderr);
        process
    }

    /// As [`start`](Self::start), with variables of the environment.
    pub(crate) fn start_with(name: &str, arguments: &[&str], variables: &[(&str, &str)]) -> Process {
        Process::watch(spawn_with(name, arguments, variables, Stdio::null()))
    }

    /// As [`start`](Self::start), with a pipe as the standard input.
    pub(crate) fn start_with_input(name: &str, arguments: &[&str]) -> (Process, ChildStdin) {
        let mut process = Process::start_reading(name, arguments, Stdio::piped());
        let input = process.child.stdin.take().expect("piped");
        (process, input)
    }

    /// As [`start`](Self::start), with `input` as the standard input.
    pub(crate) fn start_reading(name: &str, arguments: &[&str], input: impl Into<Stdio>) -> Process {
        Process::watch(spawn(name, arguments, input.into()))
    }

    fn watch(mut child: Child) -> Process {
        let stdout = lines(child.stdout.take().expect("piped"));
        let stderr = lines(child.stderr.take().expect("piped"));
        Process { child, stdout, stderr }
    }

    /// As [`start`](Self::start), but nobody reads the standard error.
    fn start_unread(name: &str, arguments: &[&str]) -> (Process, ChildStderr) {
        let mut child = spawn(name, arguments, Stdio::null());
        let stdout = lines(child.stdout.take().expect("piped"));
        let stderr = child.stderr.take().expect("piped");
        (Process { child, stdout, stderr: channel().1 }, stderr)
    }

    /// Starts a server and reads from its first line where it listens.
    pub(crate) fn serve(name: &str, arguments: &[&str]) -> (Process, SocketAddr) {
        let server = Process::start(name, arguments);
        let address = server.address();
        (server, address)
    }

    /// As [`serve`](Self::serve), with the standard error that nobody reads.
    pub(crate) fn serve_unread(name: &str, arguments: &[&str]) -> (Process, SocketAddr, ChildStderr) {
        let (server, stderr) = Process::start_unread(name, arguments);
        let address = server.address();
        (server, address, stderr)
    }

    fn address(&self) -> SocketAddr {
        let line = self.line();
        let address = line.strip_prefix("listening on ").unwrap_or_else(|| panic!("the first line is {line:?}"));
        address.parse().expect("an address")
    }

    /// The next line of standard output.
    pub(crate) fn line(&self) -> String {
        self.stdout.recv_timeout(PATIENCE).expect("a line of output")
    }

    /// The next line of standard error.
    pub(crate) fn complaint(&self) -> String {
        self.stderr.recv_timeout(PATIENCE).expect("a line of errors")
    }

    /// Whether a line of standard output comes in so long.
    pub(crate) fn has_line_within(&self, time: Duration) -> bool {
        self.stdout.recv_timeout(time).is_ok()
    }

    /// Sends a signal.
    pub(crate) fn signal(&self, signal: Signal) {
        let pid = Pid::from_raw(self.child.id() as i32).expect("a process has a number");
        kill_process(pid, signal).expect("the process is there");
    }

    /// Waits for the end.
    pub(crate) fn end(mut self) -> Ended {
        let code = self.wait().code();
        Ended { code, stdout: rest(&self.stdout), stderr: rest(&self.stderr) }
    }

    fn wait(&mut self) -> ExitStatus {
        let deadline = Instant::now() + PATIENCE;
        loop {
            if let Some(status) = self.child.try_wait().expect("the process can be waited for") {
                return status;
            }
            assert!(Instant::now() < deadline, "the process does not end");
            thread::sleep(Duration::from_millis(10));
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn rest(lines: &Receiver<String>) -> Vec<String> {
    let mut rest = Vec::new();
    loop {
        match lines.recv_timeout(PATIENCE) {
            Ok(line) => rest.push(line),
            Err(RecvTimeoutError::Disconnected) => return rest,
            Err(RecvTimeoutError::Timeout) => panic!("the output does not end"),
        }
    }
}

/// Runs an example to its end.
pub(crate) fn run(name: &str, arguments: &[&str]) -> Ended {
    Process::start(name, arguments).end()
}

/// Runs an example to its end: its status, what it has written byte for byte, and its complaints.
pub(crate) fn run_raw(name: &str, arguments: &[&str]) -> (Option<i32>, Vec<u8>, Vec<String>) {
    let mut child = spawn(name, arguments, Stdio::null());
    let mut stdout = child.stdout.take().expect("piped");
    let stderr = lines(child.stderr.take().expect("piped"));
    let mut process = Process { child, stdout: channel().1, stderr };
    let reading = thread::spawn(move || {
        let mut bytes = Vec::new();
        stdout.read_to_end(&mut bytes).expect("a pipe can be read");
        bytes
    });
    let code = process.wait().code();
    (code, reading.join().expect("read"), rest(&process.stderr))
}

/// Runs an example whose standard output nobody reads.
pub(crate) fn run_unheard(name: &str, arguments: &[&str]) -> (Option<i32>, Vec<String>) {
    let mut child = spawn(name, arguments, Stdio::null());
    drop(child.stdout.take());
    let stderr = lines(child.stderr.take().expect("piped"));
    let mut process = Process { child, stdout: channel().1, stderr };
    (process.wait().code(), rest(&process.stderr))
}

/// Writes a line to a program's standard input.
pub(crate) fn say(input: &mut ChildStdin, line: &str) {
    writeln!(input, "{line}").expect("the program reads");
}

impl Ended {
    /// The numbers of the last line, `requests=N errors=N allocations=N`.
    pub(crate) fn totals(&self) -> [u64; 3] {
        let last = self.stdout.last().expect("a last line");
        let mut fields = last.split(' ');
        let totals = ["requests=", "errors=", "allocations="].map(|name| {
            let field = fields.next().and_then(|field| field.strip_prefix(name));
            field.and_then(|number| number.parse().ok()).unwrap_or_else(|| panic!("the last line is {last:?}"))
        });
        assert_eq!(fields.next(), None, "the last line is {last:?}");
        totals
    }
}
