
use ptk_core::*;

#[derive(TaskSet)]
enum Choice {
    A,
}

#[derive(TaskSet)]
union Either {
    a: u8,
}

#[derive(TaskSet)]
#[task(events = Self::on_event)]
struct Unknown {
    #[task(share)]
    a: u8,
    #[task(shared)]
    b: u8,
    #[task(shared)]
    c: u8,
    #[task(skip, done = Self::done)]
    d: u8,
    #[task(done)]
    e: u8,
    #[task(done = Self::done, done = Self::done)]
    f: u8,
}

fn main() {}
