#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# Runs a command with everything that tests need: a real API server, promtool, a real S3 server, and DuckDB as an
# independent reader of Parquet. Each is built or installed once and cached by content. What the environment names already
# is used as it is.
set -euo pipefail
cd "$(dirname "$0")/.."

cluster() { go run ./hack/cluster "$@"; }

: "${KUBEBUILDER_ASSETS:=$(cluster assets)}"
: "${VEDETTE_PROMTOOL:=$(cluster which promtool)}"
: "${VEDETTE_VERSITYGW:=$(cluster which versitygw)}"
export KUBEBUILDER_ASSETS VEDETTE_PROMTOOL VEDETTE_VERSITYGW

installed=test/duckdb/node_modules/.package-lock.json
if [ ! -e "$installed" ] || [ test/duckdb/package.json -nt "$installed" ]; then
  (cd test/duckdb && rm -rf node_modules && npm install --no-audit --no-fund --silent)
fi

exec "$@"
