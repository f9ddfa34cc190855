#!/usr/bin/env bash
# Two clients that others wrote judge the stand-in of Salesforce that `weir simulate salesforce` serves: jsforce and
# go-salesforce. Usage: salesforce.sh WEIR
# They are installed into folders under build/; what cannot be is said, and does not judge.
set -euo pipefail
cd "$(dirname "$0")/../.."

weir=$1
accounts=5000
work=$PWD/build/interop-node
mkdir -p "$work"
"$weir" simulate salesforce --records "$accounts" >"$work/profile.yaml" 2>"$work/simulate.log" &
simulator=$!
trap 'kill "$simulator" 2>/dev/null || true' EXIT
for _ in $(seq 200); do
	url=$(grep -o 'http://[0-9.:]*' "$work/profile.yaml" || true)
	[ -n "$url" ] && break
	sleep 0.05
done
[ -n "$url" ] || { cat "$work/simulate.log"; exit 1; }

if (cd test/interop/gosalesforce && go build -o "$work/gosalesforce" .) 2>"$work/go.log"; then
	"$work/gosalesforce" "$url" "$accounts"
else
	echo "could not build go-salesforce's judge: $(tail -n 1 "$work/go.log")"
fi
if ! command -v npm >/dev/null; then
	echo "no npm here: jsforce did not judge"
	exit 0
fi
cp test/interop/package.json test/interop/package-lock.json test/interop/salesforce_double.mjs "$work"
if ! (cd "$work" && npm ci --ignore-scripts --no-audit --no-fund >npm.log 2>&1); then
	echo "could not install jsforce: $(tail -n 1 "$work/npm.log")"
	exit 0
fi
(cd "$work" && node salesforce_double.mjs "$url" "$accounts")
