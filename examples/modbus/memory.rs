//! How much memory the program has, table by table: all of it static, all of it known when the program is compiled.

use std::io::Write;

use ptk_core::Tables;

/// One line of the table: a name, how many there are, and the size of one.
pub(crate) struct Part(pub(crate) &'static str, pub(crate) usize, pub(crate) usize);

/// Prints the loop's tables and the application's parts.
pub(crate) fn print(tables: &Tables, parts: &[Part]) {
    let mut out = std::io::stdout().lock();
    let mut line = |name, count: usize, bytes: usize| {
        let _ = writeln!(out, "  {name:<22} {count:>4}   {bytes:>7} bytes");
    };
    let loops =
        [("tasks", tables.tasks), ("sockets", tables.sockets), ("timers", tables.timers), ("events", tables.events)];
    for (name, usage) in loops {
        line(name, usage.capacity, usage.bytes);
    }
    let counted: usize = loops.iter().map(|(_, usage)| usage.bytes).sum();
    line("rest of the loop", 1, tables.bytes - counted);
    for &Part(name, count, size) in parts {
        line(name, count, count * size);
    }
    let parts: usize = parts.iter().map(|Part(_, count, size)| count * size).sum();
    let _ = writeln!(out, "  {:<22}        {:>7} bytes", "together", tables.bytes + parts);
}
