#!/usr/bin/env bash
# Generated code, generated pages and go.mod must be what their sources give.
set -euo pipefail
cd "$(dirname "$0")/.."

before=$(git status --porcelain)
make --no-print-directory generate
make --no-print-directory docs
if [ "$(git status --porcelain)" != "$before" ]; then
  echo "generated code or documentation is stale; commit what 'make generate docs' changed:"
  git status --porcelain
  exit 1
fi
go mod tidy -diff >/dev/null || { echo "go.mod is not tidy; run 'go mod tidy'"; exit 1; }
sha256sum --quiet --check --strict <(sed 's#  #  api/model/#' api/model/*.sha256)
