# SPDX-License-Identifier: Apache-2.0

SHELL := /usr/bin/env bash -o pipefail -e
.DEFAULT_GOAL := help

TOOL    := go tool -modfile=hack/tools/go.mod
CLUSTER := go run ./hack/cluster
# Where images go, and what deploy runs.
REGISTRY ?= vedette.dev
TAG      ?= dev
# What deploy and undeploy are about: a kustomization.
CONFIG   ?= config/default
# The programs that ship, one image each.
PROGRAMS := manager capture analyze review
# The programs of people's machines.
PLUGINS  := kubectl-vedette

##@ Try it

# Compiled as the cluster's programs are (hack/cluster/programs), the demo shares with them what both import.
demo demo-down: export CGO_ENABLED = 0
demo demo-down: export GOFLAGS = -buildvcs=false -trimpath -gcflags=all=-dwarf=false

.PHONY: demo
demo: ## Run the whole loop on real flights, on a cluster of its own (or KUBECONFIG's), and check what it shows.
	go run ./test/demo

.PHONY: demo-down
demo-down: ## Remove everything that the demo made.
	go run ./test/demo down

##@ Test

.PHONY: test
test: ## Run all tests but the end-to-end ones; builds a real API server, Prometheus and an S3 server the first time.
	hack/with-assets.sh go test -race -timeout 40m ./...

.PHONY: e2e
e2e: ## Run the end-to-end tests on a real cluster (or KUBECONFIG's).
	hack/with-assets.sh go test -tags e2e -count=1 -parallel 8 -timeout 45m -v ./test/e2e

.PHONY: prove
prove: ## Run the proofs that take minutes, on a real cluster and beside it; their dated results go to docs/proof.
	hack/with-assets.sh go test -tags e2e -count=1 -timeout 60m -v -run '^TestProve' ./test/e2e -proof "$(CURDIR)/docs/proof"
	hack/with-assets.sh go test -count=1 -p 1 -timeout 180m -v -run '^TestProve' ./internal/analyze/upkeep ./internal/cmd/review ./internal/review/db ./internal/criteria -proof "$(CURDIR)/docs/proof"

.PHONY: bench
bench: ## Measure the proxy beside its rivals, the analysis on a million rows, and the queue's intake.
	go run ./test/bench
	go run ./test/bench -rate 200 -length 5s
	go test -run '^$$' -bench . -benchmem ./internal/analyze/...
	hack/with-assets.sh go test -run '^$$' -bench . ./internal/review/db

.PHONY: update-golden
update-golden: ## Rewrite golden files from what the code gives now; read the diff.
	hack/with-assets.sh go test $$(grep -rl --include='*_test.go' internal/testing/golden . | xargs -n1 dirname | sort -u) -update

##@ Check

.PHONY: verify
verify: generate manifests tidy lint ## Everything generated is current, and the linters are content.
	@git diff --exit-code -- . || { echo "verify: the files above are out of date: commit them" >&2; exit 1; }
	@test -z "$$(git ls-files --others --exclude-standard)" || { git ls-files --others --exclude-standard; echo "verify: the files above are new: commit them" >&2; exit 1; }

.PHONY: lint
lint: ## Run the linters: golangci-lint for the code, kube-api-linter for the API.
	hack/lint.sh

.PHONY: generate
generate: ## Generate deep copies.
	$(TOOL) controller-gen object:headerFile=hack/boilerplate.go.txt paths=./api/...

.PHONY: manifests
manifests: ## Generate CustomResourceDefinitions, roles, webhooks and the reference pages.
	$(TOOL) controller-gen crd paths=./api/... output:crd:artifacts:config=config/crd/bases
	$(TOOL) controller-gen rbac:roleName=vedette-manager webhook paths="./controllers/...;./internal/webhook/...;./internal/cmd/manager/..." output:rbac:artifacts:config=config/rbac output:webhook:artifacts:config=config/webhook
	go run ./hack/apidoc

.PHONY: tidy
tidy: ## Tidy the module.
	go mod tidy

##@ Build

.PHONY: build
build: ## Build the programs into bin.
	CGO_ENABLED=0 go build -trimpath -ldflags "-s -w" -o bin/ $(addprefix ./internal/cmd/,$(PROGRAMS) $(PLUGINS))
	install -m 0755 internal/cmd/kubectl-vedette/kubectl_complete-vedette bin/

.PHONY: images
images: ## Build the images with docker.
	$(foreach p,$(PROGRAMS),docker build --target $(p) -t $(REGISTRY)/$(p):$(TAG) . &&) true

.PHONY: push
push: ## Push the images to REGISTRY.
	$(foreach p,$(PROGRAMS),docker push $(REGISTRY)/$(p):$(TAG) &&) true

.PHONY: run
run: ## Run the manager on this machine against KUBECONFIG's cluster, without injection.
	go run ./internal/cmd/manager --injection=Disabled --leader-elect=false

.PHONY: install
install: ## Install the CustomResourceDefinitions into KUBECONFIG's cluster.
	$(TOOL) kustomize build config/crd | kubectl apply --server-side -f -

.PHONY: deploy
deploy: ## Deploy the operator, with the images of REGISTRY, into KUBECONFIG's cluster.
	$(TOOL) kustomize build $(CONFIG) | sed -E 's#ghcr\.io/vedette-dev/(manager|capture|analyze):[^ ,"]+#$(REGISTRY)/\1:$(TAG)#' | kubectl apply --server-side -f -

.PHONY: undeploy
undeploy: ## Remove the operator and its definitions, and with them every object of theirs; models keep serving, once no ShadowRollout is left.
	$(TOOL) kustomize build $(CONFIG) | kubectl delete --ignore-not-found -f -

.PHONY: help
help: ## Show this help.
	@awk 'BEGIN {FS = ":.*##"} /^##@/ {printf "\n%s\n", substr($$0, 5)} /^[a-z0-9-]+:.*##/ {printf "  %-14s %s\n", $$1, $$2}' $(MAKEFILE_LIST)
