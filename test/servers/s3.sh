#!/usr/bin/env bash
# Runs a command with a real S3 server at hand:
#
#	test/servers/s3.sh go test ./blob/s3blob/... ./connectors/s3/...
#
# Builds versitygw at the version that go.mod beside this file pins, starts it on a free loopback port over a temporary
# folder, sets WEIR_TEST_S3_ENDPOINT and AWS keys for the command, and stops the server afterwards. The exit status is
# the command's.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(cd "$here/../.." && pwd)
server=$root/build/versitygw

mkdir -p "$root/build"
(cd "$here" && go build -o "$server" github.com/versity/versitygw/cmd/versitygw)

# The server keeps attributes of objects in extended attributes, which a tmpfs may lack; the build folder has them.
data=$(mktemp -d "$root/build/s3-XXXXXX")
mkdir "$data/objects" "$data/sidecar"
pid=
stop() {
	if [[ -n $pid ]]; then
		kill "$pid" 2>/dev/null || true
		wait "$pid" 2>/dev/null || true
	fi
	rm -rf "$data"
}
trap stop EXIT

export AWS_ACCESS_KEY_ID=weir-test AWS_SECRET_ACCESS_KEY=weir-test-secret AWS_REGION=us-east-1
unset AWS_SESSION_TOKEN AWS_PROFILE AWS_ENDPOINT_URL AWS_ENDPOINT_URL_S3

answers() { (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null; }

for _ in 1 2 3 4 5; do
	port=$((20000 + RANDOM % 20000))
	answers "$port" && continue
	"$server" --quiet --keep-alive --port "127.0.0.1:$port" --access "$AWS_ACCESS_KEY_ID" --secret "$AWS_SECRET_ACCESS_KEY" \
		posix --sidecar "$data/sidecar" "$data/objects" >"$data/log" 2>&1 &
	pid=$!
	for _ in $(seq 100); do
		answers "$port" && break 2
		kill -0 "$pid" 2>/dev/null || break
		sleep 0.1
	done
	kill "$pid" 2>/dev/null || true
	wait "$pid" 2>/dev/null || true
	pid=
done
if [[ -z $pid ]]; then
	cat "$data/log" >&2
	echo "s3.sh: the server did not start" >&2
	exit 1
fi

WEIR_TEST_S3_ENDPOINT=http://127.0.0.1:$port "$@"
