#!/usr/bin/env bash
# Generates the client from pubsub_api.proto. Where there is no protoc it says so and leaves what is there.
set -euo pipefail
cd "$(dirname "$0")"
if ! command -v protoc >/dev/null; then
	echo "no protoc here (Debian's package protobuf-compiler): the client of Salesforce's Pub/Sub API was not generated anew"
	exit 0
fi
tools=$(cd ../../../.. && pwd)/build/tools/protoc
mkdir -p "$tools"
for plugin in google.golang.org/protobuf/cmd/protoc-gen-go@v1.36.12 google.golang.org/grpc/cmd/protoc-gen-go-grpc@v1.6.2; do
	name=${plugin##*/}
	if [ ! -x "$tools/$name" ]; then # a folder for each version
		GOBIN=$tools/new GOFLAGS= go install "$plugin"
		mv "$tools/new/${name%@*}" "$tools/$name"
	fi
done
package='weir.dev/weir/connectors/salesforce/internal/pubsub;pubsub'
protoc --plugin=protoc-gen-go="$tools/protoc-gen-go@v1.36.12" --plugin=protoc-gen-go-grpc="$tools/protoc-gen-go-grpc@v1.6.2" \
	--go_out=. --go_opt=paths=source_relative,Mpubsub_api.proto="$package" \
	--go-grpc_out=. --go-grpc_opt=paths=source_relative,Mpubsub_api.proto="$package" pubsub_api.proto
# What it says of protoc's own version would make the same code look stale.
sed -i -E '/^\/\/ (-|\t)? ?protoc +(\(unknown\)|v)/d' pubsub_api.pb.go pubsub_api_grpc.pb.go
