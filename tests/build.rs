//! Writes the bodies that `tests/random_programs.rs` runs. `PTK_PROGRAMS` says how many, `PTK_PROGRAM_SEED` which.

#[path = "generator/mod.rs"]
mod generator;

use std::fmt::Write as _;
use std::path::PathBuf;
use std::str::FromStr;
use std::{env, fs};

use generator::{Program, Random};

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-changed=generator");
    let seed = setting("PTK_PROGRAM_SEED", 1);
    let count = setting("PTK_PROGRAMS", 250);
    let mut random = Random::new(seed);
    let programs: Vec<_> = (0..count).map(|number| Program::random(number, &mut random)).collect();
    let target = PathBuf::from(env::var_os("OUT_DIR").expect("cargo sets OUT_DIR")).join("programs.rs");
    fs::write(target, source(&programs)).expect("OUT_DIR is writable");
}

/// The environment's value of `name`, or the usual one.
fn setting<T: FromStr>(name: &str, usual: T) -> T {
    println!("cargo::rerun-if-env-changed={name}");
    env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(usual)
}

/// Each program twice, as a method of `Thread` and of `Plain`, and the table of all.
fn source(programs: &[Program]) -> String {
    let mut source = String::new();
    for program in programs {
        let Program { name, output, body } = program;
        let method = format!("fn {name}(&mut self, cx: &mut World) -> {output} {{\n{body}}}\n");
        let _ = write!(source, "impl Thread {{\n#[protothread]\n{method}}}\nimpl Plain {{\n{method}}}\n\n");
    }
    source.push_str("const PROGRAMS: &[Program] = &[\n");
    for Program { name, body, .. } in programs {
        let _ = writeln!(
            source,
            "Program {{ name: {name:?}, text: {body:?}, thread: |thread, cx| thread.{name}(cx).map(|output| format!(\"{{output:?}}\")), \
             plain: |plain, cx| format!(\"{{:?}}\", plain.{name}(cx)) }},"
        );
    }
    source.push_str("];\n");
    source
}
