#!/usr/bin/env bash
# run.sh [SEEDS]: plants each bug, and fails if the simulator misses one; then runs the code as it is with so many seeds,
# 10,000 if nothing is said, and fails if anything is found. Prints the table of README.md.
set -euo pipefail
cd "$(dirname "$0")"
exec cargo run --quiet --release -- "${1:-10000}"
