#!/usr/bin/env bash
# Independent judges: boto3 drives a real server through the whole life of flows; boto3, AWS's client for Go and the AWS CLI
# call every operation and are given every error that the model declares; and DuckDB reads what flows wrote and
# compares it with its own SQL over the sources. jsforce and go-salesforce judge the stand-in of Salesforce. Tools are
# installed into folders under build/; what cannot be installed is named and left out. Fails when anything that could be
# judged was judged wrong.
set -euo pipefail
cd "$(dirname "$0")/../.."

weir=${WEIR_BIN:-$PWD/bin/weir}
[ -x "$weir" ] || make --no-print-directory build
test/interop/salesforce.sh "$weir"
test/interop/salesforce_events.sh "$weir"
if ! command -v python3 >/dev/null; then
	echo "no python3 here: nothing was judged"
	exit 0
fi
venv=$PWD/build/interop
if [ ! -x "$venv/bin/python" ] && ! python3 -m venv "$venv"; then
	echo "python3 cannot make a virtual environment here: nothing was judged"
	rm -rf "$venv"
	exit 0
fi
while read -r requirement; do
	"$venv/bin/pip" install --quiet --disable-pip-version-check "$requirement" >"$venv/pip.log" 2>&1 ||
		echo "could not install $requirement: $(tail -n 1 "$venv/pip.log")"
done <test/interop/requirements.txt

export PYTHONDONTWRITEBYTECODE=1
awsgo=$PWD/build/awsgo
go build -o "$awsgo" ./test/interop/awsgo
exec "$venv/bin/python" test/interop/judge.py "$weir" "$awsgo"
