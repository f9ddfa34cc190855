# Weir's daily work. `make` prints this help.
SHELL      := /bin/bash
GO         ?= go
# One setting for builds and tests, so that they share what is compiled. The race detector alone needs cgo.
export CGO_ENABLED ?= 0
BIN        := bin/weir
TOOLS      := $(CURDIR)/build/tools
VERSION    := $(shell git describe --tags --always --dirty 2>/dev/null || echo dev)
LDFLAGS    := -s -w -X weir.dev/weir/internal/app.Version=$(VERSION)
GOLANGCI   := v2.14.0
WFCHECK    := v0.6.0
FUZZTIME   ?= 60s

.DEFAULT_GOAL := help

.PHONY: help
help: ## print this help
	@grep -hE '^[a-z/-]+:.*## ' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | awk -F'\t' '{printf "  \033[1m%-16s\033[0m %s\n", $$1, $$2}'

.PHONY: build
build: ## build bin/weir
	@$(GO) build -ldflags '$(LDFLAGS)' -o $(BIN) ./cmd/weir

.PHONY: demo
demo: build ## build and run the main job on real data, with nothing to set up (KEEP=1 leaves the server up)
	@$(BIN) demo $(if $(KEEP),--keep)

.PHONY: deps
deps: ## install what the tests need: PostgreSQL, an S3 server, the AWS CLI
	@test/servers/install.sh

.PHONY: test
test: deps verify lint vuln ## set up and run all tests, on real PostgreSQL and a real S3 server
	@test/run.sh

.PHONY: test/unit
test/unit: ## run the Go tests alone, on what is installed
	@$(GO) test -shuffle=on ./...

.PHONY: test/race
test/race: ## run the Go tests with the race detector
	@CGO_ENABLED=1 $(GO) test -race -shuffle=on ./...

.PHONY: test/interop
test/interop: build ## run independent judges: boto3, DuckDB, jsforce (says what could not be installed)
	@test/interop/run.sh

.PHONY: test/terraform
test/terraform: build ## Terraform's core applies, plans, changes and destroys flows and profiles (says what could not be installed)
	@test/terraform/run.sh

.PHONY: test/slow
test/slow: build ## long crash and chaos loops: kill -9 at a hundred random moments, all fault points
	@WEIR_SLOW_TESTS=1 $(GO) test -timeout 60m -count=1 ./internal/durable/... ./test/...

.PHONY: test/simulation
test/simulation: ## play many histories of crashes, faults and jumping clocks, each from a seed (SEEDS=2000; SEED=n plays one)
	@WEIR_SEEDS=$(or $(SEEDS),2000) WEIR_SEED=$(SEED) $(GO) test -count=1 -timeout 4h ./test/simulation

.PHONY: test/deploy
test/deploy: deps build ## Helm, Kubernetes' types, Compose, BuildKit and systemd judge the files of deploy
	@cd test/deploy && WEIR_BIN=$(CURDIR)/$(BIN) GOFLAGS= $(GO) test -count=1 ./...

.PHONY: test/temporal
test/temporal: build build/temporal-server ## the fleet on a real Temporal server over PostgreSQL: crash conformance, killed processes, upgrades, outages (SHORT=1 for a short form)
	@WEIR_TEST_TEMPORAL=$(CURDIR)/build/temporal-server WEIR_BIN=$(CURDIR)/$(BIN) $(GO) test -count=1 -timeout 30m -parallel 16 $(if $(SHORT),-run 'Replay|Execution|Activities|Fences|Codec|Engine|Cancel|Conformance/Files/(Undisturbed|StartedTwice|DrainAtEveryCall)|Fleet_(ADead|Refusals|AnotherKey)') ./internal/durable/temporal ./test/chaos

# The server is a module of its own, so that nothing of it reaches Weir's. From nothing it takes some minutes.
build/temporal-server: test/temporal/go.mod test/temporal/go.sum test/temporal/main.go
	@echo "building Temporal's server (once)"
	@mkdir -p build
	@cd test/temporal && $(GO) build -ldflags '-s -w' -o ../../build/temporal-server.new .
	@mv build/temporal-server.new $@

.PHONY: test/memory
test/memory: build ## ten million rows and 10,000 open partitions under a hard limit of 400 MB (ROWS=200000 for a short form)
	@test/memory.sh

.PHONY: nightly
nightly: fuzz test/slow test/simulation test/deploy test/memory test/interop test/terraform ## everything that takes hours: fuzzing, crash loops, memory limits, hostile files

.PHONY: fuzz
fuzz: ## run every fuzz target for FUZZTIME each
	@test/fuzz.sh $(FUZZTIME)

.PHONY: lint
lint: $(TOOLS)/golangci-lint-$(GOLANGCI) $(TOOLS)/workflowcheck-$(WFCHECK) ## run the linters, the check of workflow code and the import rules
	@$(TOOLS)/golangci-lint-$(GOLANGCI) run
	@$(TOOLS)/workflowcheck-$(WFCHECK) ./internal/durable/temporal
	@$(GO) test -count=1 ./internal/imports

$(TOOLS)/golangci-lint-$(GOLANGCI):
	@echo "building golangci-lint $(GOLANGCI) (once)"
	@mkdir -p $(TOOLS)
	@GOBIN=$(TOOLS)/new GOFLAGS= $(GO) install github.com/golangci/golangci-lint/v2/cmd/golangci-lint@$(GOLANGCI)
	@mv $(TOOLS)/new/golangci-lint $@

$(TOOLS)/workflowcheck-$(WFCHECK):
	@mkdir -p $(TOOLS)
	@GOBIN=$(TOOLS)/new GOFLAGS= $(GO) install go.temporal.io/sdk/contrib/tools/workflowcheck@$(WFCHECK)
	@mv $(TOOLS)/new/workflowcheck $@

.PHONY: vuln
vuln: ## look for known vulnerabilities in what the binary calls
	@test/vuln.sh

.PHONY: generate
generate: ## generate api/wire from the pinned model, and the client of Salesforce's events from its definition
	@$(GO) generate ./api/wire ./connectors/salesforce/internal/pubsub

.PHONY: verify
verify: ## check that generated code and go.mod are fresh
	@test/verify.sh

.PHONY: bench
bench: ## benchmark each stage and whole flows
	@$(GO) test -run '^$$' -bench . -benchmem ./format/... ./internal/transform/... ./internal/land/... ./internal/engine/... ./internal/server/... ./internal/store/...

.PHONY: bench/large
bench/large: build ## ten million rows, CSV to Parquet, under a memory limit
	@bench/large.sh

.PHONY: docs
docs: ## write the CLI reference and the connectors' pages under docs/
	@$(GO) run ./cmd/weir docs docs/cli
	@$(GO) run ./internal/gen/docs docs/connectors

.PHONY: pgo
pgo: build ## write cmd/weir/default.pgo, for a release built with it, from runs of the benchmark's flows (ROWS as bench/compare had them)
	@bench/pgo.sh $(or $(ROWS),1000000)

.PHONY: clean
clean: ## remove what was built
	@rm -rf bin build

.PHONY: bench/compare
bench/compare: build ## compare whole flows with DuckDB, Polars and plain Go (ROWS=1000000,10000000 ROUNDS=7 FILES=16 FLOWS=f1,f4 PEERS=polars)
	@mkdir -p build/compare
	@cd bench/compare && CGO_ENABLED=1 $(GO) build -o ../../build/compare/compare .
	@build/compare/compare -rows $(or $(ROWS),1000000) -rounds $(or $(ROUNDS),5) -files $(or $(FILES),1) \
		$(if $(FLOWS),-flows $(FLOWS)) $(if $(PEERS),-peers $(PEERS)) $(if $(UNCHECKED),-unchecked)

.PHONY: bench/latency
bench/latency: build ## how long small runs take and what they cost, over SQLite and PostgreSQL; an idle server's share (SHORT=1 for a short form)
	@$(GO) run ./bench/latency -weir $(BIN) $(if $(SHORT),-short)
