#!/usr/bin/env bash
# Runs large flows under a hard limit of memory and few open files, and fails when one does not get through: ROWS rows
# (default ten million, 2.5 GB of CSV) to each format, then a fifth as many into 10,000 partitions that are all open at
# once. The limit is a control group's where one can be made (version 2 or 1); the kernel then kills what needs more.
# Elsewhere peak memory is measured by GNU time and compared. Input is made in a temporary folder and removed.
set -euo pipefail
cd "$(dirname "$0")/.."
weir=${WEIR_BIN:-$PWD/bin/weir}
rows=${ROWS:-10000000}
limit=$((${LIMIT_MB:-400} * 1000000))
files=${FILES:-256}

work=$(mktemp -d "${TMPDIR:-/tmp}/weir-memory.XXXXXX")
group=
finish() {
	rm -rf "$work"
	if [ -n "$group" ]; then rmdir "$group"; fi
}
trap finish EXIT

for place in /sys/fs/cgroup /sys/fs/cgroup/memory; do
	[ -e "$place/cgroup.procs" ] || continue
	mkdir "$place/weir-memory-$$" 2>/dev/null || continue
	group=$place/weir-memory-$$
	for file in memory.max memory.limit_in_bytes; do
		if [ -e "$group/$file" ] && echo "$limit" >"$group/$file" 2>/dev/null; then break 2; fi
	done
	rmdir "$group"
	group=
done
if [ -n "$group" ]; then
	echo "limit: $((limit / 1000000)) MB by the control group $group, $files open files"
else
	echo "limit: no control group can be made here; peak memory is measured, $((limit / 1000000)) MB allowed, $files open files"
	[ -x /usr/bin/time ] || { echo "GNU time is missing: apt-get install time"; exit 1; }
fi

# limited runs a command inside the limits; its peak memory in bytes goes to $work/peak.
limited() {
	if [ -n "$group" ]; then
		for file in memory.peak memory.max_usage_in_bytes; do
			if [ -e "$group/$file" ]; then echo 0 >"$group/$file" 2>/dev/null || true; fi
		done
		(
			ulimit -n "$files"
			echo "$BASHPID" >"$group/cgroup.procs"
			exec "$@"
		) || return $?
		for file in memory.peak memory.max_usage_in_bytes; do
			if [ -e "$group/$file" ]; then cp "$group/$file" "$work/peak"; fi
		done
		return 0
	fi
	(
		ulimit -n "$files"
		exec /usr/bin/time -f '%M' -o "$work/rss" "$@"
	) || return $?
	awk '{ print $1 * 1024 }' "$work/rss" >"$work/peak"
	awk -v most="$limit" '{ exit $1 > most }' "$work/peak"
}

# flow writes a definition: name, source folder, output format as JSON, further tasks.
flow() {
	cat >"$work/$1.json" <<-END
		{"flowName": "$1", "triggerConfig": {"triggerType": "OnDemand"},
		 "sourceFlowConfig": {"connectorType": "S3", "sourceConnectorProperties": {"S3": {"bucketName": "inbox", "bucketPrefix": "$2/"}}},
		 "destinationFlowConfigList": [{"connectorType": "S3", "destinationConnectorProperties": {"S3": {"bucketName": "lake", "s3OutputFormatConfig": $3}}}],
		 "tasks": [{"taskType": "Map_all", "sourceFields": []}$4]}
	END
}

# check runs a flow and wants so many rows and files.
check() {
	local name=$1 want=$2 least=$3 begin=$SECONDS
	mkdir -p "$work/lake" "$work/tmp"
	if ! TMPDIR=$work/tmp limited "$weir" run "$work/$name.json" --memory 256MiB --bucket inbox="file://$work/in" --bucket lake="file://$work/lake" --output json \
		>"$work/out.json" 2>"$work/log"; then
		echo "FAILED $name within the limits"
		tail -5 "$work/log"
		exit 1
	fi
	local written made
	written=$(grep -o '"written": *[0-9]*' "$work/out.json" | head -1 | grep -o '[0-9]*$')
	made=$(find "$work/lake" -type f | wc -l)
	printf '%-20s %10d rows %6d files %4d s  peak %s MB\n' "$name" "$written" "$made" "$((SECONDS - begin))" "$(awk '{ printf "%d", $1 / 1e6 }' "$work/peak")"
	if [ "$written" != "$want" ] || [ "$made" -lt "$least" ]; then
		echo "FAILED $name: $want rows and at least $least files were wanted"
		exit 1
	fi
	rm -rf "$work/lake" "$work/tmp"
}

mkdir -p "$work/in/parts"
go run ./bench/gen -rows "$rows" -format csv -dir "$work/in/contacts"
flow to-parquet contacts '{"fileType": "PARQUET", "aggregationConfig": {"aggregationType": "SingleFile"}}' ''
flow to-json contacts '{"fileType": "JSON", "aggregationConfig": {"targetFileSize": 16}}' ''
flow to-csv contacts '{"fileType": "CSV", "aggregationConfig": {"aggregationType": "None"}}' ''
check to-parquet "$rows" 1
check to-json "$rows" 2
check to-csv "$rows" 1
rm -rf "$work/in/contacts"

parts=$((rows / 5))
awk -v n="$parts" 'BEGIN { print "id,key,note"; for (i = 0; i < n; i++) printf "%d,k%04d,%s\n", i, (i * 7919) % 10000, "some text that makes the row a hundred bytes long as rows of a real table tend to be or more" }' >"$work/in/parts/parts.csv"
by=', {"taskType": "Partition", "sourceFields": [], "taskProperties": {"ORDERED_PARTITION_KEYS_LIST": "[\"key\"]"}}'
flow parts-parquet parts '{"fileType": "PARQUET", "aggregationConfig": {"aggregationType": "SingleFile"}}' "$by"
flow parts-json parts '{"fileType": "JSON", "aggregationConfig": {"aggregationType": "SingleFile"}}' "$by"
check parts-parquet "$parts" 10000
check parts-json "$parts" 10000
