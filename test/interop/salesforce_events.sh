#!/usr/bin/env bash
# Salesforce's Pub/Sub API client and jsforce judge the events of the stand-in that `weir simulate salesforce` serves.
# Usage: salesforce_events.sh WEIR. The clients are installed into a folder under build/; where that cannot be, it is said
# and nothing was judged.
set -euo pipefail
cd "$(dirname "$0")/../.."

weir=$1
work=$PWD/build/interop-events
for tool in npm openssl; do
	if ! command -v "$tool" >/dev/null; then
		echo "no $tool here: Salesforce's clients did not judge the stand-in's events"
		exit 0
	fi
done
mkdir -p "$work"
cp test/interop/salesforce_events/* "$work"
if ! (cd "$work" && npm ci --ignore-scripts --no-audit --no-fund >npm.log 2>&1); then
	echo "could not install Salesforce's clients: $(tail -n 1 "$work/npm.log")"
	exit 0
fi
openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=127.0.0.1 -keyout "$work/key.pem" -out "$work/cert.pem" 2>/dev/null

"$weir" simulate salesforce --records 0 >"$work/profile.yaml" 2>"$work/simulate.log" &
simulator=$!
trap 'kill "$simulator" 2>/dev/null || true' EXIT
for _ in $(seq 200); do
	url=$(grep -o 'http://[0-9.:]*' "$work/profile.yaml" || true)
	[ -n "$url" ] && break
	sleep 0.05
done
[ -n "$url" ] || { cat "$work/simulate.log"; exit 1; }
(cd "$work" && node judge.mjs "$url" key.pem cert.pem)
