#!/usr/bin/env bash
# Looks for known vulnerabilities in what the binary really calls. Where the vulnerability database cannot be reached it
# says so and lets the build go on: that is the network's fault, not the code's.
set -uo pipefail
cd "$(dirname "$0")/.."
out=$(GOFLAGS= go run golang.org/x/vuln/cmd/govulncheck@v1.9.0 ./cmd/weir 2>&1)
code=$?
if [ $code -ne 0 ] && grep -qE 'fetching vulnerabilities|dial tcp|no such host|connection refused|i/o timeout|Forbidden' <<<"$out"; then
  echo "govulncheck: not run, the vulnerability database cannot be reached from here"
  exit 0
fi
[ $code -eq 0 ] || echo "$out"
exit $code
