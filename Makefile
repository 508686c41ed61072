# Cloud Agency. `make help` lists what there is to make.

GO      ?= go
BIN     := bin
VERSION ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo unknown)
LDFLAGS := -s -w -X main.version=$(VERSION)
BENCH   ?= .
COUNT   ?= 5

.DEFAULT_GOAL := help
.PHONY: help build static image examples-image demo test check lint tidy-check generate bench bench-scale \
	bench-vendors crash-test foreign-vendor-test testbed-up testbed-down conformance story bench-mediation fuzz clean

help: ## List the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  %-20s %s\n", $$1, $$2}'

build: ## Build bin/agency
	@$(GO) build -trimpath -ldflags '$(LDFLAGS)' -o $(BIN)/agency ./cmd/agency

static: ## Build bin/static/agency, which needs nothing beside it: for containers
	@$(GO) build -trimpath -tags 'sqlite_omit_load_extension,netgo,osusergo' -ldflags '$(LDFLAGS) -linkmode external -extldflags -static' \
		-o $(BIN)/static/agency ./cmd/agency

image: static ## Build the container image agency:local, of bin/static/agency alone (a Docker engine)
	@DOCKER_BUILDKIT=0 docker build --quiet --tag agency:local .

examples-image: static ## Import agency-examples on a Docker engine: the programs of the examples, for their containers
	@DOCKER_BUILDKIT=0 docker build --quiet --tag agency-examples --file examples/containers/Dockerfile .

demo: build ## Run the main job once, everything on this machine: bids, plan, deployment, scaling, removal
	@$(BIN)/agency demo

test: ## Run every test, with the race detector; no network, no root
	$(GO) test -race -timeout 20m ./...
	$(GO) test ./vendormodules/vsphere # the simulator of its cloud has races of its own

check: lint tidy-check test foreign-vendor-test crash-test ## Everything that CI runs (foreign-vendor-test needs node and npm)

lint: ## Vet, style, and the direction of imports
	$(GO) vet ./...
	$(GO) tool -modfile=.ci/tools/go.mod golangci-lint run ./...

tidy-check: ## Fail if go.mod or what is generated is not up to date
	$(GO) mod tidy -diff

generate: ## Write the schemas, the reference pages and the tables of states anew
	$(GO) generate ./...

bench: ## Figures: calls, operations, start-up; ratios side by side (COUNT=5, BENCH=regexp)
	$(GO) test -run '^$$' -bench '$(BENCH)' -benchmem -count $(COUNT) ./agents/... ./cmd/... ./sla/... ./proto/...

bench-scale: ## Deploy very many applications in one go, and ask, change and start anew what stands (APPLICATIONS=1000)
	$(GO) test -run '^$$' -bench Applications -benchtime 1x -timeout 60m ./agents/scale -applications $(or $(APPLICATIONS),1000)

bench-vendors: ## Call very many vendors at once (VENDORS=10,100,1000)
	$(GO) test -run '^$$' -bench Call -benchtime 10x -timeout 60m ./agents/scale -vendors $(or $(VENDORS),10,100,1000)

crash-test: build ## Kill the agency at random moments of a deployment, a hundred times
	$(GO) test -run '^TestCrash' -count 1 -timeout 20m -tags crash ./cmd/agency

foreign-vendor-test: build ## Put the vendor agent in JavaScript through the protocol, and to work (node, npm)
	@examples/foreign-vendor/test $(BIN)/agency

testbed-up: ## Install and start real providers on this machine (root, Debian; PROVIDERS="docker podman libvirt openstack")
	@testbed/all up $(PROVIDERS)

testbed-down: ## Stop what testbed-up started, or PROVIDERS of it
	@testbed/all down $(PROVIDERS)

conformance: ## Put modules through the suite, against the testbed too: prints a table (MODULES=./vendormodules/... RUN=regexp)
	@$(GO) test -tags testbed -count 1 -p 1 -timeout 40m -json -run '$(RUN)' $(or $(MODULES),./vendormodules/...) \
		| $(GO) run ./vendormodules/vendortest/summary

story: build ## Broker examples/webshop.yaml over five vendors: ptc, Docker, libvirt, OpenStack, vSphere (testbed-up first)
	$(GO) test -tags testbed -count 1 -timeout 40m -run '^TestStory$$' -v ./cmd/agency

bench-mediation: ## What the agency adds to OpenStack, vSphere and libvirt: SDK, module, agency, Libcloud in one run (RUNS=30)
	$(GO) test -tags testbed -count 1 -timeout 90m -run '^Test(Mediation|SigningIn)' -v ./agents/vendor -runs $(or $(RUNS),30)

fuzz: ## Fuzz every decoder for a while (FUZZTIME=20s each)
	@.ci/fuzz $(or $(FUZZTIME),20s)

clean: ## Remove what was built
	rm -rf $(BIN)
