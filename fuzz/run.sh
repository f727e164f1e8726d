#!/usr/bin/env bash
# run.sh SECONDS [TARGET..]: runs each fuzz target for its share of the time; fails if one finds something.
#
# Builds with the toolchain that is there and the flags that cargo-fuzz gives to the compiler, so that nothing needs to be
# installed; the library is free of unsafe code, and there is nothing for a sanitizer to find.
set -euo pipefail
cd "$(dirname "$0")"

seconds=${1:?usage: run.sh SECONDS [TARGET..]}
shift
targets=("$@")
[ ${#targets[@]} -gt 0 ] || mapfile -t targets < <(basename -s .rs fuzz_targets/*.rs)

host=$(rustc -vV | sed -n 's/^host: //p')
export CARGO_TARGET_DIR=${CARGO_TARGET_DIR:-target}
# With a target named, build scripts and procedural macros are not instrumented.
RUSTFLAGS="--cfg fuzzing -Cpasses=sancov-module -Cllvm-args=-sanitizer-coverage-level=4 \
-Cllvm-args=-sanitizer-coverage-inline-8bit-counters -Cllvm-args=-sanitizer-coverage-pc-table \
-Cllvm-args=-sanitizer-coverage-trace-compares" cargo build --release --bins --target "$host"

plant() { # TARGET: puts its seeds into its corpus; those called .hex are bytes in hexadecimal, with comments
  local seed
  for seed in "seeds/$1"/*; do
    case $seed in
      *.hex) printf "$(sed 's/#.*//' "$seed" | tr -d ' \n' | sed 's/../\\x&/g')" >"corpus/$1/$(basename "$seed" .hex)" ;;
      *) [ ! -f "$seed" ] || cp "$seed" "corpus/$1/" ;;
    esac
  done
}

share=$((seconds / ${#targets[@]}))
[ "$share" -gt 0 ] || share=1
failed=()
for target in "${targets[@]}"; do
  mkdir -p "corpus/$target" "artifacts/$target"
  plant "$target"
  printf '=== %s, %s s\n' "$target" "$share"
  log=$(mktemp)
  # An input that takes 5 s hangs, and one for which 512 MB are not enough has no bound.
  if "$CARGO_TARGET_DIR/$host/release/$target" -max_total_time="$share" -max_len=2048 -timeout=5 -rss_limit_mb=512 \
    -print_final_stats=1 -artifact_prefix="artifacts/$target/" "corpus/$target" >"$log" 2>&1; then
    grep -E '^stat::(number_of_executed_units|average_exec_per_sec)' "$log"
  else
    failed+=("$target")
    tail -n 40 "$log"
  fi
  rm -f "$log"
done
if [ ${#failed[@]} -gt 0 ]; then
  printf 'found something: %s; the inputs are in fuzz/artifacts\n' "${failed[*]}" >&2
  exit 1
fi
