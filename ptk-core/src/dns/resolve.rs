//! What tasks call: resolving names, and connecting to them.

use core::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use core::task::Poll;

use crate::cx::Cx;
use crate::dns::addresses::Addresses;
use crate::dns::cache;
use crate::dns::name::is_localhost;
use crate::dns::service::{Servers, Service, numeric, plain};
use crate::error::Error;
use crate::handle::TcpSocket;
use crate::options::Options;
use crate::platform::Platform;
use crate::wait::Source;

/// Tells names apart where scopes do not, as the tags of connects do. The function is FNV-1a.
fn tag(host: &str, port: u16) -> u32 {
    let bytes = host.bytes().chain(port.to_be_bytes());
    bytes.fold(0x811c_9dc5, |hash, byte| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193))
}

impl<P: Platform> Cx<'_, P> {
    /// The addresses of `host`: a name, or a numeric address. Where they come from and how servers are asked is the
    /// [module](crate::dns)'s text.
    ///
    /// ```
    /// # use ptk_core::prelude::*;
    /// # #[derive(Clone, Hash, Debug)]
    /// # struct Client { pt: PtTimed, addresses: ptk_core::dns::Addresses }
    /// # impl<P: Platform> Protothread<P> for Client {
    /// #     type Output = Result<(), Error>;
    /// #     #[protothread]
    /// #     fn run(&mut self, cx: &mut Cx<'_, P>, _: &mut ()) -> Result<(), Error> {
    /// self.addresses = wait!(cx.resolve("server.com"), timeout = Duration::from_secs(10))??;
    /// #         Ok(())
    /// #     }
    /// # }
    /// ```
    ///
    /// A lookup that asks servers takes a slot of the loop and one UDP or TCP socket at a time, and one wait node. Giving
    /// the wait up frees them. Without a timeout it ends by itself when every server was asked as often as the settings
    /// say. Two equal names in one wait need a `first!` around them to be told apart.
    ///
    /// Outside a task, numeric addresses and what is known without a server are found; else that is
    /// [`Error::NotSupported`].
    ///
    /// # Errors
    ///
    /// - [`Error::InvalidArgument`]: no name. Labels have 1 to 63 letters, digits, hyphens and underscores, names 253
    ///   characters, and the last label is no number. Names in other scripts are refused.
    /// - [`Error::NameNotFound`]: no such name in any search domain, or a name without addresses.
    /// - [`Error::NoNameServer`]: nobody to ask.
    /// - [`Error::TimedOut`]: no server answered.
    /// - [`Error::NameServerRefused`]: a server refused, failed, or does not listen. Names in other search domains are
    ///   tried before this is reported.
    /// - [`Error::Protocol`]: an answer made no sense, or aliases went round in circles. Reported likewise.
    /// - [`Error::TableFull`]: no socket left, or the loop has no slots for lookups at all.
    /// - [`Error::TooManyWaits`]; whatever else the platform says.
    ///
    /// Where servers failed differently, it is what the last one said that said anything.
    pub fn resolve(&mut self, host: &str) -> Poll<Result<Addresses, Error>> {
        let tag = tag(host, 0);
        if self.lookup_here(tag).is_none() {
            match self.known_addresses(host) {
                Ok(None) => {}
                Ok(Some(_)) if !self.poll.may_progress() => {
                    // Ready all the same in the next turn: an operation that never waits would keep the loop.
                    return self.wait_for(Source::LOOKUP_ROOM).map(Err);
                }
                Ok(Some(known)) => {
                    self.poll.progress();
                    return Poll::Ready(Ok(known));
                }
                Err(error) => return Poll::Ready(Err(self.fail(error))),
            }
        }
        let found = self.run_lookup(tag, |lookup, cx| lookup.search(cx, host));
        if let Poll::Ready(result) = &found {
            note_result(host, result);
        }
        found
    }

    /// Connects to `port` of `host`: a name, or a numeric address. Ready with the socket, whose handle belongs to the
    /// current task and scope.
    ///
    /// ```
    /// # use ptk_core::prelude::*;
    /// # #[derive(Clone, Hash, Debug)]
    /// # struct Client { pt: PtTimed, socket: TcpSocket }
    /// # impl<P: Platform> Protothread<P> for Client {
    /// #     type Output = Result<(), Error>;
    /// #     #[protothread]
    /// #     fn run(&mut self, cx: &mut Cx<'_, P>, _: &mut ()) -> Result<(), Error> {
    /// self.socket = wait!(cx.connect_to("server.com", 80), timeout = Duration::from_secs(10))??;
    /// #         Ok(())
    /// #     }
    /// # }
    /// ```
    ///
    /// The addresses of a name are tried in their order until one is connected, each for two seconds while others are
    /// left or may come, and the last one without limit. Where all of them fail and one family was not answered for, its
    /// addresses are asked for once more, of each server once, and tried too. A name takes a slot for lookups until then,
    /// whatever its addresses come from. Giving the wait up frees the slot and closes what is open.
    ///
    /// # Errors
    ///
    /// As [`resolve`](Self::resolve), and as [`connect`](Self::connect) for the address that was tried last.
    pub fn connect_to(&mut self, host: &str, port: u16) -> Poll<Result<TcpSocket, Error>> {
        self.connect_to_with(host, port, &Options::DEFAULT)
    }

    /// As [`connect_to`](Self::connect_to), with `options`.
    ///
    /// # Errors
    ///
    /// As [`connect_to`](Self::connect_to).
    pub fn connect_to_with(&mut self, host: &str, port: u16, options: &Options) -> Poll<Result<TcpSocket, Error>> {
        if let Some(address) = numeric(host) {
            return self.connect_with(SocketAddr::new(address, port), options);
        }
        if port == 0 {
            return Poll::Ready(Err(self.fail(Error::InvalidArgument)));
        }
        self.run_lookup(tag(host, port), |lookup, cx| lookup.connect(cx, host, port, options))
    }

    /// Replaces the name servers that the platform tells, for lookups that begin from now on; none of them gives those
    /// back. Empties the cache. At most [`MAX_NAME_SERVERS`](crate::dns::MAX_NAME_SERVERS). The platform's search domains
    /// and settings stay.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidArgument`] for too many, an unspecified address or port 0; nothing is changed then.
    pub fn set_name_servers(&mut self, servers: &[SocketAddr]) -> Result<(), Error> {
        match Servers::new(servers) {
            Ok(servers) => {
                self.names.shared.servers = servers;
                self.names.cache.fill(cache::Entry::VACANT);
                Ok(())
            }
            Err(error) => Err(self.fail(error)),
        }
    }

    /// What is known of `host` without asking a server.
    pub(crate) fn known_addresses(&mut self, host: &str) -> Result<Option<Addresses>, Error> {
        if let Some(address) = numeric(host) {
            return Ok(Some(address.into()));
        }
        let name = plain(host)?;
        if is_localhost(name) {
            let (v6, v4) = (IpAddr::V6(Ipv6Addr::LOCALHOST), IpAddr::V4(Ipv4Addr::LOCALHOST));
            return Ok(Some(Addresses::by_turns(&[v6], &[v4])));
        }
        let mut lists = [Addresses::NONE; 2];
        let [v6, v4] = &mut lists;
        self.platform.host_addresses(name, &mut |address| match address {
            IpAddr::V6(_) => v6.push(address),
            IpAddr::V4(_) => v4.push(address),
        });
        let own = Addresses::by_turns(v6, v4);
        if !own.is_empty() {
            return Ok(Some(own));
        }
        let now = self.platform.now();
        Ok(cache::get(self.names.cache, host, now))
    }

    /// Whom to ask, and how.
    pub(crate) fn name_service(&mut self) -> Service {
        Service::of(self.platform, self.names.shared.servers)
    }

    /// Keeps what was found for `ttl` seconds.
    pub(crate) fn keep_addresses(&mut self, host: &str, addresses: Addresses, ttl: u32) {
        let now = self.platform.now();
        cache::put(self.names.cache, host, addresses, ttl, now);
    }
}

/// Logs how a lookup ended.
fn note_result(host: &str, result: &Result<Addresses, Error>) {
    match result {
        Ok(found) => note!(debug, "{} has {} addresses", host, found.len()),
        Err(error) => note!(debug, "{} was not found: {}", host, error),
    }
}
