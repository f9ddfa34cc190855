#!/usr/bin/env bash
# Installs what the tests need and this machine lacks: PostgreSQL and the AWS CLI from Debian's packages, and an S3 server
# built from its Go module. Quiet when all is there.
set -euo pipefail
cd "$(dirname "$0")"

packages=()
ls /usr/lib/postgresql/*/bin/postgres >/dev/null 2>&1 || packages+=(postgresql)
command -v aws >/dev/null 2>&1 && aws --version >/dev/null 2>&1 || packages+=(awscli)
command -v curl >/dev/null 2>&1 || packages+=(curl)
command -v systemd-analyze >/dev/null 2>&1 || packages+=(systemd)
if [ ${#packages[@]} -gt 0 ]; then
  echo "installing ${packages[*]}"
  sudo=; [ "$(id -u)" = 0 ] || sudo=sudo
  $sudo apt-get update -qq >/dev/null
  DEBIAN_FRONTEND=noninteractive $sudo apt-get install -y -qq --no-install-recommends "${packages[@]}" >/dev/null
fi
