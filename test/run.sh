#!/usr/bin/env bash
# All tests: unit, conformance on real PostgreSQL and a real S3 server, and the built binary driven by the AWS CLI.
set -euo pipefail
cd "$(dirname "$0")/.."
make --no-print-directory build
export CI=${CI:-true} WEIR_BIN="$PWD/bin/weir"
# The short form of test/memory; the long one is nightly.
if [ -x /usr/bin/time ]; then ROWS=100000 test/memory.sh; fi
exec test/servers/s3.sh go test -shuffle=on -timeout 40m ./...
