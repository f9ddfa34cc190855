#!/usr/bin/env bash
# Profiles the benchmark's flows, over the input that bench/compare has made, and merges what it sees into the profile that
# the compiler takes by itself when it lies beside cmd/weir. Whoever builds a release does this; see docs/decisions/0008.
set -euo pipefail
cd "$(dirname "$0")/.."
rows=${1:-1000000}
in=$PWD/build/compare/${rows}x1/in
[ -d "$in" ] || { echo "no input in $in: run make bench/compare ROWS=$rows first" >&2; exit 1; }
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
for round in 1 2 3 4 5; do # a profile has a hundred samples a second
	for flow in f1 f2 f3 f4 f5 f6; do
		bin/weir run "bench/flows/$flow.json" --quiet --threads 2 --cpu-profile "$work/$flow.$round.prof" \
			--bucket "bench-in=file://$in" --bucket "bench-out=file://$work/out"
		rm -rf "$work/out"
	done
done
go tool pprof -proto "$work"/*.prof > cmd/weir/default.pgo 2>/dev/null
ls -l cmd/weir/default.pgo
