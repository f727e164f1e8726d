//! Descriptors of all kinds that epoll can watch.
//!
//! What must be closed everywhere is tested in a process of its own: the children of other tests hold copies for a while.

mod harness;

use std::fs::File;
use std::io::{Read, Write};
use std::os::fd::IntoRawFd;
use std::task::Poll;

use harness::{Loop, event_loop, in_process_of_its_own, turn, until};
use ptk_core::{Descriptor, Error};
use ptk_linux::{FromRawFd, OwnedFd, descriptor};

/// A descriptor of the standard library, or a new raw one, for the platform.
fn owned(raw: i32) -> OwnedFd {
    assert!(raw >= 0, "{}", std::io::Error::last_os_error());
    // SAFETY: it was opened by the caller, who keeps it no longer.
    unsafe { OwnedFd::from_raw_fd(raw) }
}

fn watch(event_loop: &mut Loop, raw: i32) -> Descriptor {
    descriptor::watch(&mut event_loop.cx(), owned(raw)).unwrap()
}

fn receive(event_loop: &mut Loop, watched: Descriptor) -> Result<Vec<u8>, Error> {
    let mut buffer = [0; 4096];
    let count = until(event_loop, |cx| cx.try_recv(watched, &mut buffer))?;
    Ok(buffer[..count].to_vec())
}

fn blocks(event_loop: &mut Loop, watched: Descriptor) -> bool {
    turn(event_loop);
    event_loop.cx().try_recv(watched, &mut [0; 4096]) == Err(Error::WouldBlock)
}

/// A pipe: what can be read and what can be written.
fn pipe() -> (i32, i32) {
    let mut ends = [0; 2];
    // SAFETY: room for two.
    assert_eq!(unsafe { libc::pipe(ends.as_mut_ptr()) }, 0);
    ends.into()
}

fn file(raw: i32) -> File {
    use std::os::fd::FromRawFd;
    // SAFETY: as in `owned`.
    unsafe { File::from_raw_fd(raw) }
}

#[test]
fn a_pipe_is_read_to_its_end() {
    in_process_of_its_own("a_pipe_is_read_to_its_end", || {
        let mut event_loop = event_loop();
        let (reader, writer) = pipe();
        let mut writer = file(writer);
        let reader = watch(&mut event_loop, reader);
        assert!(blocks(&mut event_loop, reader), "it has become non-blocking");
        for _ in 0..50 {
            writer.write_all(b"drip").unwrap();
            assert_eq!(receive(&mut event_loop, reader).unwrap(), b"drip");
            assert!(blocks(&mut event_loop, reader));
        }
        writer.write_all(b"last").unwrap();
        drop(writer);
        assert_eq!(receive(&mut event_loop, reader).unwrap(), b"last");
        assert_eq!(receive(&mut event_loop, reader).unwrap(), b"", "the end");
        assert_eq!(event_loop.cx().close(reader), Ok(()));
    });
}

#[test]
fn a_full_pipe_goes_on_where_it_stopped() {
    in_process_of_its_own("a_full_pipe_goes_on_where_it_stopped", || {
        let mut event_loop = event_loop();
        let (reader, writer) = pipe();
        let writer = watch(&mut event_loop, writer);
        let data: Vec<u8> = (0..1_000_000_u32).map(|number| (number / 7) as u8).collect();
        let expected = data.clone();
        let reader = std::thread::spawn(move || {
            let mut got = Vec::new();
            file(reader).read_to_end(&mut got).unwrap();
            got
        });
        let mut sent = 0;
        while sent < data.len() {
            sent += until(&mut event_loop, |cx| cx.try_send(writer, &data[sent..])).unwrap();
        }
        event_loop.cx().close(writer).unwrap();
        assert!(reader.join().unwrap() == expected);
    });
}

#[test]
fn a_pipe_without_reader_is_a_reset_where_the_signal_is_ignored() {
    in_process_of_its_own("a_pipe_without_reader_is_a_reset_where_the_signal_is_ignored", || {
        let mut event_loop = event_loop();
        let (reader, writer) = pipe();
        let writer = watch(&mut event_loop, writer);
        drop(file(reader));
        // The standard library has set SIGPIPE to be ignored.
        assert_eq!(until(&mut event_loop, |cx| cx.try_send(writer, b"x")), Err(Error::ConnectionReset));
        assert_eq!(event_loop.cx().last_os_error(), Some(libc::EPIPE));
    });
}

#[test]
fn a_pipe_without_reader_raises_the_signal_where_it_is_not() {
    in_process_of_its_own("a_pipe_without_reader_raises_the_signal_where_it_is_not", || {
        // SAFETY: the child makes its system calls and ends.
        let child = unsafe { libc::fork() };
        if child == 0 {
            let mut event_loop = event_loop();
            let (reader, writer) = pipe();
            let writer = watch(&mut event_loop, writer);
            drop(file(reader));
            // SAFETY: the default action.
            unsafe { libc::signal(libc::SIGPIPE, libc::SIG_DFL) };
            let _ = until(&mut event_loop, |cx| cx.try_send(writer, b"x"));
            // SAFETY: no precondition.
            unsafe { libc::_exit(0) };
        }
        let mut status = 0;
        // SAFETY: the child of above.
        assert_eq!(unsafe { libc::waitpid(child, &mut status, 0) }, child);
        assert!(libc::WIFSIGNALED(status) && libc::WTERMSIG(status) == libc::SIGPIPE, "as the documentation says");
    });
}

/// A pseudoterminal that passes bytes on as they are: master and slave.
fn terminal() -> (i32, i32) {
    let (mut master, mut slave) = (0, 0);
    let (name, mode, size) = (std::ptr::null_mut(), std::ptr::null_mut(), std::ptr::null_mut());
    // SAFETY: places for two descriptors; the rest may be null.
    assert_eq!(unsafe { libc::openpty(&mut master, &mut slave, name, mode, size) }, 0);
    // SAFETY: a structure that the calls fill and read.
    unsafe {
        let mut mode = std::mem::zeroed();
        assert_eq!(libc::tcgetattr(slave, &mut mode), 0);
        libc::cfmakeraw(&mut mode);
        assert_eq!(libc::tcsetattr(slave, libc::TCSANOW, &mode), 0);
    }
    (master, slave)
}

#[test]
fn a_terminal_is_read_and_written_like_a_serial_port() {
    in_process_of_its_own("a_terminal_is_read_and_written_like_a_serial_port", || {
        let mut event_loop = event_loop();
        let (master, slave) = terminal();
        let mut master = file(master);
        let port = watch(&mut event_loop, slave);
        for _ in 0..50 {
            master.write_all(b"AT\r").unwrap();
            let mut got = Vec::new();
            while got.len() < 3 {
                got.extend(receive(&mut event_loop, port).unwrap());
            }
            assert_eq!(got, b"AT\r");
            assert_eq!(until(&mut event_loop, |cx| cx.try_send(port, b"OK")), Ok(2));
            let mut answer = [0; 2];
            master.read_exact(&mut answer).unwrap();
            assert_eq!(&answer, b"OK");
        }
        drop(master);
        assert_eq!(receive(&mut event_loop, port).unwrap(), b"", "it was hung up");
        assert_eq!(event_loop.cx().try_send(port, b"x"), Err(Error::ConnectionReset));
    });
}

#[test]
fn a_terminal_whose_programs_are_gone_is_at_its_end() {
    in_process_of_its_own("a_terminal_whose_programs_are_gone_is_at_its_end", || {
        let mut event_loop = event_loop();
        let (master, slave) = terminal();
        let master = watch(&mut event_loop, master);
        let mut program = file(slave);
        program.write_all(b"bye").unwrap();
        assert_eq!(receive(&mut event_loop, master).unwrap(), b"bye");
        assert!(blocks(&mut event_loop, master));
        drop(program);
        assert_eq!(receive(&mut event_loop, master).unwrap(), b"", "the kernel says EIO");
    });
}

/// Records: a short read says nothing about what is behind it. Nothing may be lost when many came in one event.
#[test]
fn file_events_come_one_after_another() {
    let directory = std::env::temp_dir().join(format!("ptk-inotify-{}", std::process::id()));
    std::fs::create_dir_all(&directory).unwrap();
    let path = std::ffi::CString::new(directory.to_str().unwrap()).unwrap();
    // SAFETY: a string that ends.
    let raw = unsafe {
        let raw = libc::inotify_init1(0);
        assert!(libc::inotify_add_watch(raw, path.as_ptr(), libc::IN_CREATE) > 0);
        raw
    };
    let mut event_loop = event_loop();
    let events = watch(&mut event_loop, raw);
    for number in 0..10 {
        File::create(directory.join(format!("file{number}"))).unwrap();
    }
    // Each has 16 bytes and a name of 16: room for one at a time.
    let mut buffer = [0; 40];
    for number in 0..10 {
        let count = until(&mut event_loop, |cx| cx.try_recv(events, &mut buffer)).unwrap();
        let name = format!("file{number}");
        assert_eq!((count, &buffer[16..16 + name.len()]), (32, name.as_bytes()));
    }
    assert_eq!(event_loop.cx().try_recv(events, &mut buffer), Err(Error::WouldBlock));
    File::create(directory.join("late")).unwrap();
    assert_eq!(until(&mut event_loop, |cx| cx.try_recv(events, &mut buffer)), Ok(32));
    File::create(directory.join("larger")).unwrap();
    let small = until(&mut event_loop, |cx| cx.try_recv(events, &mut [0; 20]));
    assert_eq!(small, Err(Error::InvalidArgument), "no room for a record");
    std::fs::remove_dir_all(&directory).unwrap();
}

#[test]
fn signals_are_received() {
    in_process_of_its_own("signals_are_received", || {
        // SAFETY: a set of this function's own.
        let raw = unsafe {
            let mut set = std::mem::zeroed();
            libc::sigemptyset(&mut set);
            libc::sigaddset(&mut set, libc::SIGUSR1);
            libc::sigaddset(&mut set, libc::SIGUSR2);
            assert_eq!(libc::pthread_sigmask(libc::SIG_BLOCK, &set, std::ptr::null_mut()), 0);
            libc::signalfd(-1, &set, 0)
        };
        let mut event_loop = event_loop();
        let signals = watch(&mut event_loop, raw);
        for _ in 0..10 {
            for number in [libc::SIGUSR1, libc::SIGUSR2] {
                // SAFETY: no pointers.
                unsafe { libc::pthread_kill(libc::pthread_self(), number) };
            }
            for number in [libc::SIGUSR1, libc::SIGUSR2] {
                let mut record = [0; 128];
                assert_eq!(until(&mut event_loop, |cx| cx.try_recv(signals, &mut record)), Ok(128));
                assert_eq!(i32::from_ne_bytes([record[0], record[1], record[2], record[3]]), number);
            }
            assert!(blocks(&mut event_loop, signals));
        }
    });
}

#[test]
fn counters_are_received() {
    let mut event_loop = event_loop();
    // SAFETY: no pointers.
    let counter = watch(&mut event_loop, unsafe { libc::eventfd(0, 0) });
    for number in 1..50_u64 {
        assert_eq!(until(&mut event_loop, |cx| cx.try_send(counter, &number.to_ne_bytes())), Ok(8));
        assert_eq!(receive(&mut event_loop, counter).unwrap(), number.to_ne_bytes());
        assert!(blocks(&mut event_loop, counter));
    }
}

#[test]
fn a_socket_of_another_kind_keeps_its_records_and_raises_no_signal() {
    in_process_of_its_own("a_socket_of_another_kind_keeps_its_records_and_raises_no_signal", || {
        let mut ends = [0; 2];
        // SAFETY: room for two.
        assert_eq!(unsafe { libc::socketpair(libc::AF_UNIX, libc::SOCK_SEQPACKET, 0, ends.as_mut_ptr()) }, 0);
        // SAFETY: the default action, which would end this process.
        unsafe { libc::signal(libc::SIGPIPE, libc::SIG_DFL) };
        let mut event_loop = event_loop();
        let socket = watch(&mut event_loop, ends[0]);
        let mut peer = file(ends[1]);
        for record in [&b"one"[..], b"three", b"two"] {
            peer.write_all(record).unwrap();
        }
        turn(&mut event_loop);
        let mut looked = [0; 10];
        assert_eq!(event_loop.cx().peek(socket, &mut looked), Poll::Ready(Ok(3)));
        assert_eq!(&looked[..3], b"one");
        for record in [&b"one"[..], b"three", b"two"] {
            assert_eq!(receive(&mut event_loop, socket).unwrap(), record);
        }
        drop(peer);
        assert_eq!(until(&mut event_loop, |cx| cx.try_send(socket, b"x")), Err(Error::ConnectionReset));
    });
}

#[test]
fn what_epoll_cannot_watch_is_refused_and_closed() {
    in_process_of_its_own("what_epoll_cannot_watch_is_refused_and_closed", || {
        let mut event_loop = event_loop();
        let before = harness::descriptors();
        for path in ["/proc/self/exe", "/"] {
            let regular = owned(File::open(path).unwrap().into_raw_fd());
            assert_eq!(descriptor::watch(&mut event_loop.cx(), regular), Err(Error::NotSupported), "{path}");
            assert_eq!(event_loop.cx().last_os_error(), Some(libc::EPERM));
        }
        // SAFETY: a string that ends.
        let path_only = owned(unsafe { libc::open(c"/".as_ptr(), libc::O_PATH) });
        assert_eq!(descriptor::watch(&mut event_loop.cx(), path_only), Err(Error::InvalidHandle));
        assert_eq!(harness::descriptors(), before);
    });
}

#[test]
fn what_is_no_socket_has_neither_settings_nor_addresses_nor_a_look_ahead() {
    let mut event_loop = event_loop();
    let (reader, writer) = pipe();
    let mut writer = file(writer);
    let reader = watch(&mut event_loop, reader);
    writer.write_all(b"x").unwrap();
    turn(&mut event_loop);
    let mut cx = event_loop.cx();
    assert_eq!(cx.local_address(reader), Err(Error::NotSupported));
    assert_eq!(cx.peer_address(reader), Err(Error::NotSupported));
    assert_eq!(cx.set_receive_buffer(reader, 1), Err(Error::NotSupported));
    assert_eq!(cx.set_hop_limit(reader, 1), Err(Error::NotSupported));
    assert_eq!(cx.peek(reader, &mut [0; 10]), Poll::Ready(Err(Error::NotSupported)));
    assert_eq!(receive(&mut event_loop, reader).unwrap(), b"x");
}

#[test]
fn it_becomes_cloexec() {
    in_process_of_its_own("it_becomes_cloexec", || {
        let mut event_loop = event_loop();
        let (reader, _writer) = pipe();
        watch(&mut event_loop, reader);
        // SAFETY: no pointers.
        assert_eq!(unsafe { libc::fcntl(reader, libc::F_GETFD) }, libc::FD_CLOEXEC);
    });
}
