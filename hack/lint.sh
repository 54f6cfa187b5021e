#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# Runs the linters: golangci-lint on all of the code, kube-api-linter on the API. Arguments go to the first.
set -euo pipefail
cd "$(dirname "$0")/.."

tool() { go tool -modfile=hack/tools/go.mod "$@"; }

tool golangci-lint run "${@:-./...}"
tool golangci-lint-kube-api-linter run --config .golangci-kal.yml ./api/...
