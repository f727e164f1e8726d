//! The command line, and the ways in which the programs end early: one line on standard error and a status.
#![allow(dead_code, reason = "no program needs all of it")]

use std::fmt::Display;
use std::io::Write;
use std::net::SocketAddr;
use std::ops::RangeInclusive;
use std::process::exit;

use ptk_examples::address::{self, NoAddress};

/// The arguments that have not been looked at.
pub(crate) struct Arguments {
    program: &'static str,
    usage: &'static str,
    rest: std::env::ArgsOs,
}

impl Arguments {
    /// The process's arguments. `usage` is what `--help` prints.
    pub(crate) fn new(program: &'static str, usage: &'static str) -> Self {
        let mut rest = std::env::args_os();
        let _name = rest.next();
        Arguments { program, usage, rest }
    }

    /// The next argument. Prints the usage and ends the process if that is what it asks for.
    pub(crate) fn next(&mut self) -> Option<String> {
        let argument = match self.rest.next()?.into_string() {
            Ok(argument) => argument,
            Err(argument) => self.fail(format_args!("{} is not text", argument.display())),
        };
        if argument == "--help" || argument == "-h" {
            let _ = std::io::stdout().write_all(self.usage.as_bytes());
            exit(0);
        }
        Some(argument)
    }

    /// The value of `flag`, any text.
    pub(crate) fn value(&mut self, flag: &str) -> String {
        self.next().unwrap_or_else(|| self.fail(format_args!("{flag} needs a value")))
    }

    /// The value of `flag`, an address.
    pub(crate) fn address(&mut self, flag: &str) -> SocketAddr {
        let text = self.value(flag);
        self.parse_address(&text)
    }

    /// The value of `flag`, the address of somebody who can be asked.
    pub(crate) fn peer(&mut self, flag: &str) -> SocketAddr {
        let text = self.value(flag);
        parse_peer(&text).unwrap_or_else(|reason| self.fail(format_args!("{flag} `{text}`: {reason}")))
    }

    /// An argument that is the address of somebody who can be asked.
    pub(crate) fn parse_peer(&self, text: &str) -> SocketAddr {
        parse_peer(text).unwrap_or_else(|reason| self.fail(format_args!("`{text}`: {reason}")))
    }

    /// An argument that is an address itself.
    pub(crate) fn parse_address(&self, text: &str) -> SocketAddr {
        address::parse(text).unwrap_or_else(|reason| self.fail(format_args!("`{text}`: {reason}")))
    }

    /// The value of `flag`, a number.
    pub(crate) fn number(&mut self, flag: &str, range: RangeInclusive<u32>) -> u32 {
        let text = self.value(flag);
        text.parse().ok().filter(|number| range.contains(number)).unwrap_or_else(|| {
            let (from, to) = range.into_inner();
            self.fail(format_args!("{flag} needs a number from {from} to {to}, not `{text}`"))
        })
    }

    /// An argument that has no business here.
    pub(crate) fn unexpected(&self, argument: &str) -> ! {
        let what = if argument.starts_with('-') { "option" } else { "argument" };
        self.fail(format_args!("unknown {what} `{argument}`"))
    }

    /// Ends the process because of its arguments.
    pub(crate) fn fail(&self, reason: impl Display) -> ! {
        complain(self.program, format_args!("{reason} (see --help)"));
        exit(2)
    }
}

fn parse_peer(text: &str) -> Result<SocketAddr, NoAddress> {
    let peer = address::parse(text)?;
    address::check_peer(peer)?;
    Ok(peer)
}

/// Ends the process because it cannot do what it was asked to.
pub(crate) fn give_up(program: &str, reason: impl Display) -> ! {
    complain(program, reason);
    exit(1)
}

/// One line on standard error. If nobody listens there, nobody needs to know.
pub(crate) fn complain(program: &str, reason: impl Display) {
    let _ = writeln!(std::io::stderr(), "{program}: {reason}");
}
