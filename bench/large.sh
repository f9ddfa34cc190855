#!/usr/bin/env bash
# Runs the benchmark flows over ROWS rows (default ten million, about 2.5 GB of CSV) with --memory 256MiB and prints wall
# time, processor time, input rate and peak memory of each, as the operating system counts them.
set -euo pipefail
cd "$(dirname "$0")/.."
rows=${ROWS:-10000000}
flows=${FLOWS:-f1 f2 f3 f4 f5 f6}
data=build/bench/$rows
command -v /usr/bin/time >/dev/null || { echo "GNU time is missing: apt-get install time"; exit 1; }
for kind in csv jsonl; do
  [ -e "$data/in/$kind/contacts.$kind" ] || go run ./bench/gen -rows "$rows" -format $kind -dir "$data/in/$kind"
done
printf '%-4s %8s %8s %8s %10s %8s %s\n' flow wall user sys MB/s RSS_MB rows
for f in $flows; do
  rm -rf "$data/out"; mkdir -p "$data/out"
  kind=csv; [ "$f" = f4 ] && kind=jsonl
  size=$(stat -c %s "$data/in/$kind/contacts.$kind")
  /usr/bin/time -f '%e %U %S %M' -o "$data/time" bin/weir run "bench/flows/$f.json" --memory 256MiB \
    --bucket bench-in="file://$PWD/$data/in" --bucket bench-out="file://$PWD/$data/out" >"$data/log" 2>&1 || { cat "$data/log"; exit 1; }
  read -r wall user sys rss <"$data/time"
  awk -v f="$f" -v w="$wall" -v u="$user" -v s="$sys" -v r="$rss" -v b="$size" -v n="$rows" \
    'BEGIN { printf "%-4s %8.2f %8.2f %8.2f %10.0f %8.0f %d\n", f, w, u, s, b/1e6/w, r/1024, n }'
done
