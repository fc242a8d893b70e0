# Targets for people and for the gate. `make` lists them; what is behind `##` is the help.

GO        ?= go
RACE      ?= 1
FUZZTIME  ?= 10s
BENCHTIME ?= 1s
VERSION   ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo dev)

# Modules of their own inside this one: their requirements stay out of go.mod.
NESTED    := $(patsubst %/go.mod,%,$(wildcard */go.mod */*/go.mod))
# Files that `make generate` writes and that are committed; `make check` finds them out of date.
GENERATED :=

BUILD     := CGO_ENABLED=0 $(GO) build -trimpath -buildvcs=false -ldflags '-s -w -X main.version=$(VERSION)'
# Linters are built from tools.mod, so their modules stay out of go.mod too.
LINT      := $(GO) tool -modfile=tools.mod golangci-lint
LINT_PATH  = $$($(GO) tool -n -modfile=tools.mod golangci-lint)

SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory
# One target at a time: they share the generated files and two cores.
.NOTPARALLEL:

ifeq ($(shell command -v $(GO) 2>/dev/null),)
$(error Go is missing: install it from https://go.dev/dl/ and put it in PATH)
endif

.PHONY: help
help: ## list the targets
	@bold=; plain=; if [ -t 1 ]; then bold=$$'\e[1m'; plain=$$'\e[0m'; fi; \
	awk -F ':.*## ' -v b="$$bold" -v p="$$plain" \
		'/^[a-z][a-z-]*:.*## / {printf "  %s%-12s%s %s\n", b, $$1, p, $$2}' $(MAKEFILE_LIST)

## --- run

.PHONY: build
build: ## build bin/ordinaut, static
	@mkdir -p bin
	$(BUILD) -o bin/ ./cmd/...

.PHONY: demo
demo: build ## the main job from end to end, visibly, in under a minute
	@bin/ordinaut demo

.PHONY: image
image: ## build the container image ordinaut:local
	docker build --build-arg VERSION=$(VERSION) -t ordinaut:local .

## --- prove

.PHONY: test
test: servers ## all tests, with the race detector (RACE=0: without)
	@race=; \
	if [ "$(RACE)" = 1 ]; then \
		if .ci/need cc; then race=-race; else echo 'going on without the race detector' >&2; fi; \
	fi; \
	export CGO_ENABLED=$${race:+1}; \
	set -x; $(GO) test $$race -timeout 15m ./...

.PHONY: servers
servers: # the binaries that tests start their private Postgres and Redis from
	@.ci/need servers

.PHONY: check
check: check-modules check-fmt vet lint check-generated architecture docs-check ops-lint ## all that the gate checks besides the tests

.PHONY: fuzz
fuzz: servers ## every fuzz target for FUZZTIME (10s)
	@{ grep -rE '^func Fuzz' --include='*_test.go' . || echo 'there is no fuzz target' >&2; } | \
	sed -E 's#^(.*)/[^/]+_test\.go:func (Fuzz[A-Za-z0-9_]*).*#\1 \2#' | sort | \
	while read -r dir name; do \
		(set -x; $(GO) test -run '^$$' -fuzz "^$$name\$$" -fuzztime $(FUZZTIME) "$$dir"); \
	done

.PHONY: bench
bench: servers ## the hot functions, for benchstat (BENCHTIME=1s)
	$(GO) test -run '^$$' -bench . -benchmem -benchtime $(BENCHTIME) ./...

.PHONY: duel
duel: servers ## measure against River and raw SQL on one private Postgres
	cd bench && $(GO) run . $(DUEL)

## --- keep in order

.PHONY: fmt
fmt: ## format the code
	$(LINT) fmt

.PHONY: generate
generate: ## write the generated files anew
	$(GO) generate ./...

.PHONY: lint
lint: ## linters over every module
	@lint=$(LINT_PATH); set -x; "$$lint" run ./...; \
	for module in $(NESTED); do (cd "$$module" && "$$lint" run ./...); done

.PHONY: vet
vet: ## go vet over every module
	$(GO) vet ./...
	@for module in $(NESTED); do (set -x; $(GO) -C "$$module" vet ./...); done

.PHONY: check-fmt
check-fmt: # fails, with the difference, if `make fmt` would change something
	@lint=$(LINT_PATH); "$$lint" fmt --diff || { echo 'not formatted: run make fmt' >&2; exit 1; }

.PHONY: check-modules
check-modules: # fails if a go.mod is untidy or a module differs from its checksum
	$(GO) mod tidy -diff
	@for module in $(NESTED); do (set -x; $(GO) -C "$$module" mod tidy -diff); done
	$(GO) mod verify

.PHONY: check-generated
check-generated: # fails if a file in GENERATED is not what `make generate` writes
	@before=$$(mktemp -d); trap 'rm -rf "$$before"' EXIT; \
	for path in $(GENERATED); do mkdir -p "$$before/$$(dirname "$$path")"; cp -R "$$path" "$$before/$$path"; done; \
	$(MAKE) generate; \
	for path in $(GENERATED); do \
		diff -ru "$$before/$$path" "$$path" || { echo "$$path was out of date and is written anew: commit it" >&2; exit 1; }; \
	done

.PHONY: architecture
architecture: # the arrows between packages, and other laws of the tree
	$(GO) test -run '^TestArchitecture' .

.PHONY: docs-check
docs-check: ## links and make targets named in the documents exist
	$(GO) test -run '^TestDocuments' .

.PHONY: ops-lint
ops-lint: ## lint Dockerfile and docker-compose.yml
	$(GO) -C ops/lint test ./...

.PHONY: clean
clean: ## remove what the targets built
	rm -rf bin dist
