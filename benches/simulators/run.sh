#!/usr/bin/env bash
# Measures simulators side by side, and prints a table: run.sh [ROUNDS]. Needs cargo and Python; takes some minutes.
set -euo pipefail
cd "$(dirname "$0")"

cargo build --release --workspace --exclude bench-madsim
# What madsim is depends on a flag, which would have everything else built again.
RUSTFLAGS="--cfg madsim" cargo build --release --package bench-madsim --target-dir target/madsim

exec python3 compare.py "$@"
