#!/usr/bin/env bash
# Runs every fuzz target for the given time each, and ends with those that failed. What a target finds it keeps under its
# package's testdata/fuzz; TARGETS is a pattern of names, to run only some.
set -uo pipefail
cd "$(dirname "$0")/.."
time=${1:-60s}
failed=()
while read -r dir; do
  while read -r target; do
    [[ $target =~ ${TARGETS:-.} ]] || continue
    if out=$(go test "$dir" -run '^$' -fuzz "^$target\$" -fuzztime "$time" 2>&1); then
      echo "$dir $target: $(grep -oE 'execs: [0-9]+' <<<"$out" | tail -1)"
    else
      echo "$dir $target FAILED"
      tail -40 <<<"$out"
      failed+=("$dir $target")
    fi
  done < <(grep -hoE '^func Fuzz[A-Za-z0-9_]+' "$dir"/*_test.go | sed 's/func //' | sort -u)
done < <(grep -rlE '^func Fuzz' --include='*_test.go' --exclude-dir=build . | xargs -n1 dirname | sort -u)
if [ ${#failed[@]} -gt 0 ]; then
  printf 'failed: %s\n' "${failed[@]}"
  exit 1
fi
