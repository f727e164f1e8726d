//! PTK and async Rust together: a future as a task of a PTK loop, and a PTK loop inside any executor. `no_std`, no
//! allocation.
//!
//! # A future as a task of a loop
//!
//! An [`AsyncTask`] is a protothread that polls a future, whose memory is the author's: `pin!` puts it on the stack. Inside
//! the future, what a loop offers is awaited through a [`Bridge`], of which one serves all tasks of the loop. Futures and
//! protothreads are tasks of one set, and await each other.
//!
//! ```
//! use core::pin::pin;
//!
//! use embedded_io_async::{Read, Write};
//! use ptk_async::{AsyncTask, Bridge};
//! use ptk_core::prelude::*;
//! use ptk_mock::Mock;
//!
//! let mut event_loop = EventLoop::<Mock, 2, 4>::new(0, Mock::new());
//! event_loop.open()?;
//! let listener = event_loop.cx().listen(([127, 0, 0, 1], 7).into())?;
//!
//! let bridge = Bridge::new();
//! let server = pin!(async {
//!     let mut connection = bridge.accept(listener).await?;
//!     let mut buffer = [0; 64];
//!     let count = connection.read(&mut buffer).await?;
//!     connection.write_all(&buffer[..count]).await
//! });
//! let client = pin!(async {
//!     let connect = bridge.connect(([127, 0, 0, 1], 7).into());
//!     let mut connection = bridge.timeout(Duration::from_secs(3), connect).await??;
//!     connection.write_all(b"hello").await?;
//!     let mut buffer = [0; 5];
//!     connection.read_exact(&mut buffer).await.map_err(|_| Error::UnexpectedEnd)?;
//!     assert_eq!(&buffer, b"hello");
//!     Ok(())
//! });
//!
//! /// Futures have no name that a field could have; `dyn Future` has.
//! #[derive(TaskSet)]
//! #[task(platform = Mock)]
//! struct App<'a> {
//!     server: AsyncTask<'a, Mock, dyn Future<Output = Result<(), Error>> + 'a>,
//!     client: AsyncTask<'a, Mock, dyn Future<Output = Result<(), Error>> + 'a>,
//! }
//!
//! let mut app = App { server: AsyncTask::new(&bridge, server), client: AsyncTask::new(&bridge, client) };
//! event_loop.run(&mut app)?;
//! assert_eq!(event_loop.counters().failed_tasks, 0);
//! # Ok::<(), ptk_core::Error>(())
//! ```
//!
//! | to await | |
//! |---|---|
//! | connections | [`Bridge::connect`], [`Bridge::accept`], [`Listener`], [`TcpConnection`] |
//! | datagrams | [`Bridge::udp`], [`UdpIo`] |
//! | time | [`Bridge::sleep`], [`Bridge::timeout`] |
//! | any operation of a context | [`Bridge::wait`] |
//! | a protothread | [`Bridge::run`] |
//! | a channel of another crate | [`AsyncTask::with_waker`] |
//! | a future, in a protothread | `wait!(self.task.run(cx, &mut ()))` of an [`AsyncTask`] that is a field |
//!
//! # The traits that others' crates ask for
//!
//! [`TcpConnection`] and [`DescriptorIo`] have `Read`, `Write`, `ReadReady` and `WriteReady` of `embedded-io-async` 0.7;
//! a [`Bridge`] is the network stack of `embedded-nal-async` 0.9: `TcpConnect`, `Dns`, and, as `&Bridge`, `UdpStack`. The
//! example `reqwless` runs the HTTP client of the crate `reqwless` on them without a heap.
//!
//! # A loop in any executor
//!
//! [`drive`] runs a loop and its tasks as a future, [`run_to_end`] one protothread, [`run_operation`] one operation. The
//! executor's means of sleeping come in as a [`Sleeper`]; on Linux that is one descriptor (`LinuxSleeper`), whatever the
//! executor. Here it is the mock's clock:
//!
//! ```
//! use core::task::Poll;
//!
//! use ptk_async::{Sleeper, run_operation};
//! use ptk_core::prelude::*;
//! use ptk_mock::Mock;
//!
//! struct Skip;
//!
//! impl Sleeper<Mock> for Skip {
//!     async fn sleep(&mut self, mock: &mut Mock, deadline: Option<Instant>) -> Result<(), Error> {
//!         let now = mock.now();
//!         mock.advance(deadline.ok_or(Error::Deadlock)? - now);
//!         Ok(())
//!     }
//! }
//!
//! let mut event_loop = EventLoop::<Mock, 1>::new(0, Mock::new());
//! event_loop.open()?;
//! let noon = Instant::from_nanos(12 * 3_600_000_000_000);
//! let sleep = |cx: &mut Cx<'_, Mock>| cx.sleep_until(noon);
//! embassy_futures::block_on(run_operation(&mut event_loop, sleep, &mut Skip))?;
//! assert_eq!(event_loop.platform_mut().now(), noon);
//! # Ok::<(), ptk_core::Error>(())
//! ```
//!
//! # What is not as in a protothread
//!
//! - A future is not `Clone + Hash + Debug`: a world with one in it cannot be copied, compared or explored. It runs on the
//!   mock as deterministically as everything else.
//! - It starts once. A task that is to start again has to be a protothread.
//! - Its size is the compiler's choice; an author's field is what the author wrote.
//! - A task has [`WAIT_NODES`](ptk_core::WAIT_NODES) wait nodes, two unless ptk-core's features `wait-nodes-4` or
//!   `wait-nodes-8` say more, and with a [`TaskWaker`] one of them is for wakes. Joining more operations that are pending
//!   gives [`TooManyWaits`](ptk_core::Error::TooManyWaits). Sleeps and timeouts take none.
//! - What is dropped in a poll is closed at once, or, while the context is in use, when the closure that uses it returns.
//!   What is dropped elsewhere (a future after its loop has ended) is closed with its task. The limits stand with
//!   [`Bridge`](Bridge#dropping).
//!
//! # Giving up
//!
//! Dropping the future of an operation gives up its registration, and whatever it had opened: a connect that was under way
//! is closed, an awaited protothread's handles are. [`Bridge`](Bridge#dropping) says when. A read, write, send, receive or
//! accept that was dropped before it was ready has done nothing.
//!
//! # Soundness
//!
//! All `unsafe` stands in one file, `raw.rs`, with the reasons. Everything that refers to a [`Bridge`] is neither `Send`
//! nor `Sync`; polled elsewhere than in its task, an operation fails and touches nothing.
//!
//! # Features
//!
//! `linux`: `LinuxSleeper`, which sleeps on the descriptor of a loop on Linux. `dns`: names of hosts, of ptk-core.
#![no_std]
#![deny(unsafe_code)]

mod bridge;
mod datagram;
mod drive;
mod frame;
#[cfg(feature = "linux")]
mod linux;
mod nal;
mod operation;
#[allow(unsafe_code, reason = "the one module that may")]
mod raw;
mod resume;
mod stream;
mod task;
mod task_waker;
mod time;

pub use bridge::Bridge;
pub use datagram::UdpIo;
pub use drive::{Sleeper, drive, run_operation, run_to_end};
#[cfg(feature = "linux")]
pub use linux::LinuxSleeper;
pub use raw::each_pin_mut;
pub use stream::{DescriptorIo, Listener, StreamIo, TcpConnection};
pub use task::AsyncTask;
pub use task_waker::TaskWaker;
