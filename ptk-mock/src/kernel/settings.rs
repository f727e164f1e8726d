//! Settings of open sockets. Most are kept and change nothing here: a network without loss and delay has no use for
//! them.

use std::net::{IpAddr, Ipv4Addr};

use ptk_core::{Duration, Error, Instant, Interface, Keepalive, Membership, SocketOption};

use super::Kernel;
use super::endpoint::Endpoint;
use super::listener::Listener;
use crate::socket::{Name, Socket};

/// How many IPv4 groups a socket can be a member of (Linux: `net.ipv4.igmp_max_memberships`). IPv6 has no such limit.
const MAX_GROUPS: usize = 20;

/// The number of the only interface.
const LOOPBACK_INDEX: u32 = 1;

/// The settings of a listener, or of one end of a connection, beside the sizes of its buffers. Accepted connections
/// inherit them.
#[derive(Clone, Copy, Hash, Debug)]
pub(crate) struct TcpSettings {
    pub(crate) nodelay: bool,
    pub(crate) keepalive: Option<Keepalive>,
    pub(crate) user_timeout: Duration,
    hop_limit: Option<u8>,
}

impl TcpSettings {
    /// What a socket begins with.
    pub(crate) const fn new(nodelay: bool) -> TcpSettings {
        TcpSettings { nodelay, keepalive: None, user_timeout: Duration::ZERO, hop_limit: None }
    }

    fn set(&mut self, option: SocketOption) -> Result<(), Error> {
        match option {
            SocketOption::Nodelay(on) => self.nodelay = on,
            SocketOption::Keepalive(keepalive) => {
                keepalive.as_ref().map_or(Ok(()), check_keepalive)?;
                self.keepalive = keepalive;
            }
            SocketOption::UserTimeout(timeout) => self.user_timeout = check_user_timeout(timeout)?,
            SocketOption::HopLimit(hops) => self.hop_limit = Some(check_hop_limit(hops)?),
            _ => return Err(Error::NotSupported),
        }
        Ok(())
    }
}

impl Kernel {
    /// Changes a setting. See [`Platform::set_option`](ptk_core::Platform::set_option).
    pub(crate) fn set_option(&mut self, socket: &Socket, option: SocketOption, now: Instant) -> Result<(), Error> {
        match socket.0 {
            Name::Closed => Err(Error::InvalidHandle),
            Name::Listener(..) => {
                let id = self.listener_id(socket)?;
                self.listeners.get_mut(id.0).ok_or(Error::InvalidHandle)?.set(option)
            }
            Name::Stream(..) => self.set_stream_option(socket, option, now),
            Name::Endpoint(..) => self.endpoint_mut(self.endpoint_id(socket)?)?.set(option),
        }
    }

    fn set_stream_option(&mut self, socket: &Socket, option: SocketOption, now: Instant) -> Result<(), Error> {
        let id = self.stream_id(socket)?;
        let stream = self.stream_mut(id)?;
        let capacity = stream.incoming.capacity();
        match option {
            SocketOption::ReceiveBuffer(bytes) => stream.incoming.resize(bytes),
            SocketOption::SendBuffer(bytes) => stream.outgoing.resize(bytes),
            option => {
                stream.settings.set(option)?;
                self.schedule_probe(id, now);
                return Ok(());
            }
        }
        let grown = stream.incoming.capacity().saturating_sub(capacity);
        if let Some(peer) = stream.peer {
            self.pump(peer);
        }
        self.make_room(id, grown);
        self.refresh(id);
        Ok(())
    }
}

impl Listener {
    fn set(&mut self, option: SocketOption) -> Result<(), Error> {
        match option {
            SocketOption::ReceiveBuffer(bytes) => self.options.receive_buffer = bytes,
            SocketOption::SendBuffer(bytes) => self.options.send_buffer = bytes,
            option => return self.settings.set(option),
        }
        Ok(())
    }
}

impl Endpoint {
    fn set(&mut self, option: SocketOption) -> Result<(), Error> {
        match option {
            SocketOption::ReceiveBuffer(bytes) => self.inbox.resize(bytes),
            SocketOption::SendBuffer(bytes) => self.send_buffer = bytes,
            SocketOption::HopLimit(hops) => self.hop_limit = Some(check_hop_limit(hops)?),
            SocketOption::Broadcast(on) if self.local.is_ipv4() => self.broadcast = on,
            SocketOption::MulticastHops(hops) => self.multicast_hops = hops,
            SocketOption::MulticastLoopback(on) => self.multicast_loopback = on,
            SocketOption::MulticastInterface(interface) => self.multicast_source = self.address_of(interface)?,
            SocketOption::Join(membership) => return self.join(membership),
            SocketOption::Leave(membership) => return self.leave(membership),
            _ => return Err(Error::NotSupported),
        }
        Ok(())
    }

    fn join(&mut self, membership: Membership) -> Result<(), Error> {
        let group = membership.group;
        if !group.is_multicast() || group.is_ipv4() != self.local.is_ipv4() {
            return Err(Error::InvalidArgument);
        }
        self.address_of(membership.interface)?;
        if self.groups.contains(&group) {
            return Err(Error::AddressInUse);
        }
        if group.is_ipv4() && self.groups.len() >= MAX_GROUPS {
            return Err(Error::OutOfMemory);
        }
        self.groups.insert(group);
        Ok(())
    }

    /// As on Linux, no group and no interface are places where the socket is no member; IPv6 refuses what is no group.
    fn leave(&mut self, membership: Membership) -> Result<(), Error> {
        let Membership { group, interface } = membership;
        let is_ipv4 = self.local.is_ipv4();
        let is_senseless = !is_ipv4 && (!group.is_multicast() || matches!(interface, Interface::Address(_)));
        if is_senseless || group.is_ipv4() != is_ipv4 {
            return Err(Error::InvalidArgument);
        }
        if self.address_of(interface).is_err() || !self.groups.remove(&group) {
            return Err(Error::AddressNotAvailable);
        }
        Ok(())
    }

    /// The address by which the only interface was chosen, if it was that one, and by an address.
    fn address_of(&self, interface: Interface) -> Result<Option<Ipv4Addr>, Error> {
        match interface {
            Interface::Any | Interface::Index(0 | LOOPBACK_INDEX) => Ok(None),
            Interface::Address(_) if self.local.is_ipv6() => Err(Error::InvalidArgument),
            Interface::Address(Ipv4Addr::UNSPECIFIED) => Ok(None),
            Interface::Address(address) if self.home.is_local(IpAddr::V4(address)) => Ok(Some(address)),
            Interface::Address(_) | Interface::Index(_) => Err(Error::InvalidArgument),
        }
    }
}

/// The limits are Linux's: up to 32,767 seconds, rounded up, and 127 probes.
fn check_keepalive(keepalive: &Keepalive) -> Result<(), Error> {
    let is_possible = |time: Duration| time > Duration::ZERO && time <= Duration::from_secs(32_767);
    let is_valid =
        is_possible(keepalive.idle) && is_possible(keepalive.interval) && (1..=127).contains(&keepalive.probes);
    if is_valid { Ok(()) } else { Err(Error::InvalidArgument) }
}

/// The limit is Linux's: an `int` of milliseconds.
fn check_user_timeout(timeout: Duration) -> Result<Duration, Error> {
    if timeout <= Duration::from_millis(i32::MAX as u64) { Ok(timeout) } else { Err(Error::InvalidArgument) }
}

/// A packet that passes no router at all does not leave its sender.
fn check_hop_limit(hops: u8) -> Result<u8, Error> {
    if hops > 0 { Ok(hops) } else { Err(Error::InvalidArgument) }
}
