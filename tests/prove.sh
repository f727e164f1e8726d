#!/usr/bin/env bash
# What the simulator proves, with all seeds and scripts (tests/prove.sh), or with a tenth of them (tests/prove.sh tenth).
# Wants to be root: the scripts that also run on Linux make a network namespace of their own.
set -euo pipefail
cd "$(dirname "$0")/.."

case "${1:-all}" in
  all) share=1 ;;
  tenth) share=10 ;;
  *)
    printf 'usage: tests/prove.sh [all | tenth]\n' >&2
    exit 2
    ;;
esac

step() { printf '\n--- %s\n' "$*"; }

step "the Modbus server under swarms of faults: $((10000 / share)) seeds"
PTK_SEEDS=$((10000 / share)) cargo test --release -p ptk-examples --test modbus_world

step "arq and replicas: $((10000 / share)) seeds"
PTK_SEEDS=$((10000 / share)) cargo test --release -p ptk-examples --test arq --test replicas

step "the mock against Linux: $((100000 / share)) scripts"
PTK_FIDELITY_SCRIPTS=$((100000 / share)) cargo test --release -p ptk-tests --test fidelity

step "mutants, and $((10000 / share)) seeds of the clean build"
mutants/run.sh $((10000 / share))
