//! A listener and its backlog.

use std::collections::VecDeque;
use std::net::SocketAddr;

use ptk_core::{Handle, Options, Readiness};

use super::StreamId;
use super::ready::Signal;
use super::settings::TcpSettings;

/// The backlog if nobody chose one.
const DEFAULT_BACKLOG: u16 = 128;

/// A socket that takes connections.
#[derive(Clone, Hash, Debug)]
pub(crate) struct Listener {
    pub(crate) token: Handle,
    pub(crate) address: SocketAddr,
    pub(crate) options: Options,
    pub(crate) settings: TcpSettings,
    /// Connections that are up and that nobody has accepted, oldest first.
    pub(crate) waiting: VecDeque<StreamId>,
    pub(crate) signal: Signal,
}

impl Listener {
    /// A listener without connections.
    pub(crate) fn new(token: Handle, address: SocketAddr, options: &Options) -> Listener {
        Listener {
            token,
            address,
            options: *options,
            settings: TcpSettings::new(options.nodelay),
            waiting: VecDeque::new(),
            signal: Signal::new(Readiness::NONE),
        }
    }

    /// Whether there is no room for one more. As on Linux, a backlog of n holds n + 1.
    pub(crate) fn is_full(&self) -> bool {
        let backlog = if self.options.backlog == 0 { DEFAULT_BACKLOG } else { self.options.backlog };
        self.waiting.len() > usize::from(backlog)
    }

    /// What the core would find.
    pub(crate) fn readiness(&self) -> Readiness {
        if self.waiting.is_empty() { Readiness::NONE } else { Readiness::READ }
    }
}
