//! An HTTP client of another crate does its work on a loop, without memory from the heap.

use std::cell::Cell;
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::TcpListener;
use std::pin::pin;
use std::thread::JoinHandle;

use ptk_async::{AsyncTask, Bridge};
use ptk_core::prelude::*;
use ptk_linux::Linux;

#[path = "../../tests/tests/counting_allocator/mod.rs"]
mod counting_allocator;
#[path = "../examples/shared/fetch.rs"]
mod fetch;

use counting_allocator::allocations;

const PAGES: usize = 20;
const BODY: usize = 20_000;

/// Serves pages, one a connection: those with an even number with their length, the others in chunks.
fn serve(listener: TcpListener) -> JoinHandle<()> {
    std::thread::spawn(move || {
        for page in 0..PAGES {
            let mut stream = listener.accept().unwrap().0;
            let mut lines = BufReader::new(stream.try_clone().unwrap()).lines();
            let request = lines.next().unwrap().unwrap();
            assert_eq!(request, format!("GET /page/{page} HTTP/1.1"));
            while !lines.next().unwrap().unwrap().is_empty() {}
            let body = vec![b'x'; BODY];
            if page % 2 == 0 {
                write!(stream, "HTTP/1.1 200 OK\r\nContent-Length: {BODY}\r\n\r\n").unwrap();
                stream.write_all(&body).unwrap();
                continue;
            }
            write!(stream, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n").unwrap();
            for chunk in body.chunks(3000) {
                write!(stream, "{:x}\r\n", chunk.len()).unwrap();
                stream.write_all(chunk).unwrap();
                stream.write_all(b"\r\n").unwrap();
            }
            stream.write_all(b"0\r\n\r\n").unwrap();
        }
    })
}

#[test]
fn an_http_client_fetches_pages_without_memory_from_the_heap() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let server = listener.local_addr().unwrap();
    let peer = serve(listener);
    let urls: Vec<String> = (0..PAGES).map(|page| format!("http://{server}/page/{page}")).collect();

    let before = allocations();
    let mut event_loop = EventLoop::<Linux, 1, 2>::new(0, Linux::new());
    event_loop.open().unwrap();
    let bridge = Bridge::new();
    let received = Cell::new(0);
    let future = pin!(async {
        for url in &urls {
            let count = |piece: &[u8]| {
                received.set(received.get() + piece.len());
                piece.iter().all(|byte| *byte == b'x')
            };
            let fetched = bridge.timeout(Duration::from_secs(20), fetch::get(&bridge, url, count)).await;
            assert_eq!(fetched, Ok(Ok(200)));
        }
    });
    let mut tasks = [AsyncTask::new(&bridge, future)];
    let ran = event_loop.run(&mut tasks);
    let counters = event_loop.counters();
    let open = event_loop.tables().sockets.used;
    drop(event_loop);
    let count = allocations() - before;

    assert_eq!((ran, counters.failed_tasks, open, count), (Ok(()), 0, 0, 0));
    assert_eq!(received.get(), PAGES * BODY);
    peer.join().unwrap();
}

#[test]
fn an_http_client_says_that_nobody_listens() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    drop(listener);
    let mut event_loop = EventLoop::<Linux, 1, 2>::new(0, Linux::new());
    event_loop.open().unwrap();
    let bridge = Bridge::new();
    let future = pin!(async { fetch::get(&bridge, &url, |_| true).await.map(drop) });
    let mut tasks = [AsyncTask::new(&bridge, future)];
    event_loop.run(&mut tasks).unwrap();
    assert_eq!((event_loop.counters().failed_tasks, event_loop.last_error()), (1, Some(Error::Network)));
}
