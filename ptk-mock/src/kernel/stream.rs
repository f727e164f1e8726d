//! One end of a connection.

use std::net::SocketAddr;

use ptk_core::{Error, Handle, Options, Readiness};

use super::StreamId;
use super::address;
use super::pipe::Pipe;
use super::ready::Signal;
use super::settings::TcpSettings;
use super::wire::Wire;
use crate::mutant::Mutant;

/// Where an end is in its life.
///
/// ```text
///               the listener has room             a reset, or both sides have ended
///   Connecting -----------------------> Up -----------------------------------------> Over
///        |                                                                             ^
///        +-------------------- nobody listens, or nobody answers ----------------------+
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(crate) enum Phase {
    /// The listener was asked this many times and had no room.
    Connecting(u8),
    /// Each side that has not ended can send.
    Up,
    /// Nothing more is sent or arrives; what has arrived can be received.
    Over,
}

/// Who holds an end.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(crate) enum Owner {
    /// A listener's backlog.
    Backlog,
    /// The core, under this token.
    Core(Handle),
    /// Nobody: it was closed, and stays until what it accepted for sending is gone.
    Nobody,
}

/// See the module's text.
#[derive(Clone, Hash, Debug)]
pub(crate) struct Stream {
    pub(crate) owner: Owner,
    pub(crate) phase: Phase,
    pub(crate) local: SocketAddr,
    pub(crate) remote: SocketAddr,
    /// Whether this end asked for the connection.
    is_opener: bool,
    /// The other end. `None` before there is one, and when it is gone: then what is sent is answered by a reset.
    pub(crate) peer: Option<StreamId>,
    /// What is known of the other end if that is on another host; `peer` is `None` then.
    pub(crate) wire: Option<Wire>,
    /// Arrived and not received.
    pub(crate) incoming: Pipe,
    /// Accepted for sending and not arrived.
    pub(crate) outgoing: Pipe,
    /// This side sends no more.
    pub(crate) ended: bool,
    /// The end of this side's data has reached the peer.
    pub(crate) end_sent: bool,
    /// An urgent byte has arrived, and the core was not told: it hears of it as of any other.
    pub(crate) has_alarm: bool,
    /// The end of the peer's data has arrived.
    pub(crate) end_arrived: bool,
    /// This side receives no more: behind what has arrived it finds the end.
    pub(crate) deaf: bool,
    /// Why the connection failed, until a call has told.
    pub(crate) error: Option<Error>,
    pub(crate) settings: TcpSettings,
    pub(crate) signal: Signal,
}

impl Stream {
    /// An end in `phase`, without a peer. Its owner knows nothing about it yet.
    pub(crate) fn new(owner: Owner, phase: Phase, local: SocketAddr, remote: SocketAddr, options: &Options) -> Stream {
        Stream {
            owner,
            phase,
            local,
            remote,
            is_opener: matches!(phase, Phase::Connecting(_)),
            peer: None,
            wire: None,
            incoming: Pipe::new(options.receive_buffer),
            outgoing: Pipe::new(options.send_buffer),
            ended: false,
            end_sent: false,
            has_alarm: false,
            end_arrived: false,
            deaf: false,
            error: None,
            settings: TcpSettings::new(options.nodelay),
            signal: Signal::new(Readiness::NONE),
        }
    }

    /// Whether a listener at `address` would be in the way: not in that of what a listener made, which another may follow.
    pub(crate) fn excludes(&self, address: SocketAddr) -> bool {
        self.is_opener && self.phase != Phase::Over && address::collide(self.local, address)
    }

    /// Takes over the options that an open socket can still change.
    pub(crate) fn apply(&mut self, options: &Options) {
        self.settings.nodelay = options.nodelay;
        self.incoming.resize(options.receive_buffer);
        self.outgoing.resize(options.send_buffer);
    }

    /// What the core would find.
    pub(crate) fn readiness(&self) -> Readiness {
        match self.phase {
            Phase::Connecting(_) => Readiness::NONE,
            Phase::Over => Readiness::ALL,
            Phase::Up => {
                let bit = |set, bit| if set { bit } else { Readiness::NONE };
                let is_readable = self.incoming.readable() > 0 || self.has_alarm;
                bit(is_readable || self.end_arrived || self.deaf, Readiness::READ)
                    .with(bit(self.outgoing.room() > 0 || self.ended, Readiness::WRITE))
                    .with(bit(self.end_arrived, Readiness::HANGUP))
            }
        }
    }

    /// The connection has failed, or a reset has arrived: what has not been sent is lost, what has arrived is not.
    pub(crate) fn fail(&mut self, error: Error) {
        self.phase = Phase::Over;
        self.peer = None;
        self.outgoing.clear();
        if Mutant::ResetEatsData.is_on() {
            self.incoming.clear();
        }
        self.error = Some(error);
    }
}
