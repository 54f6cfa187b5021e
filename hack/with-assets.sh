#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# Runs a command with everything that tests need: a real API server, a real Prometheus and promtool, a real S3 server, a
# real Postgres, a real browser, and from npm DuckDB, an independent reader of Parquet, and axe-core, which judges pages.
# Each is built or installed once and cached by content. What the environment names already is used as it is.
set -euo pipefail
cd "$(dirname "$0")/.."

cluster() { go run ./hack/cluster "$@"; }

# postgres prints the folder of the newest Postgres of this machine. Debian keeps initdb off the PATH. Its package would
# start a server of its own, which no test uses.
postgres() {
  local found
  find_postgres() { ls -d /usr/lib/postgresql/*/bin 2>/dev/null | sort -V | tail -n 1; }
  found=$(find_postgres)
  if [ -z "$found" ] && type -P initdb >/dev/null; then
    found=$(dirname "$(type -P initdb)")
  fi
  if [ -z "$found" ] && [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
    mkdir -p /etc/postgresql-common
    [ -e /etc/postgresql-common/createcluster.conf ] || echo "create_main_cluster = false" >/etc/postgresql-common/createcluster.conf
    { apt-get update && DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends postgresql; } >&2
    found=$(find_postgres)
  fi
  if [ -z "$found" ]; then
    echo "with-assets: found no Postgres: install it, or set VEDETTE_POSTGRES_BIN to the folder of initdb and postgres" >&2
    return 1
  fi
  echo "$found"
}

# chromium prints the path of Chromium. "command -v" would find this function.
chromium() {
  local found
  find_chromium() { type -P chromium || type -P chromium-browser || type -P google-chrome; }
  found=$(find_chromium || true)
  if [ -z "$found" ] && [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
    { apt-get update && DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends chromium fonts-inter; } >&2
    found=$(find_chromium || true)
  fi
  if [ -z "$found" ]; then
    echo "with-assets: found no Chromium: install it, or set VEDETTE_CHROMIUM to its path" >&2
    return 1
  fi
  echo "$found"
}

# packages installs what the folder's package.json pins.
packages() {
  local installed=$1/node_modules/.package-lock.json
  if [ ! -e "$installed" ] || [ "$1/package.json" -nt "$installed" ]; then
    (cd "$1" && rm -rf node_modules && npm install --no-audit --no-fund --silent)
  fi
}

# Each by a statement of its own, so that one that cannot be had ends this, instead of letting its tests skip.
KUBEBUILDER_ASSETS=${KUBEBUILDER_ASSETS:-$(cluster assets)}
VEDETTE_PROMTOOL=${VEDETTE_PROMTOOL:-$(cluster which promtool)}
VEDETTE_PROMETHEUS=${VEDETTE_PROMETHEUS:-$(cluster which prometheus)}
VEDETTE_VERSITYGW=${VEDETTE_VERSITYGW:-$(cluster which versitygw)}
VEDETTE_POSTGRES_BIN=${VEDETTE_POSTGRES_BIN:-$(postgres)}
VEDETTE_CHROMIUM=${VEDETTE_CHROMIUM:-$(chromium)}
export KUBEBUILDER_ASSETS VEDETTE_PROMTOOL VEDETTE_PROMETHEUS VEDETTE_VERSITYGW VEDETTE_POSTGRES_BIN VEDETTE_CHROMIUM

packages test/duckdb
packages test/axe

exec "$@"
