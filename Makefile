# Everything is made under build/ (and .build/, Swift's own); `make help` lists what can be made.

prefix  ?= /usr
DESTDIR ?=
PORT    ?= 8080
SEED    ?=
INPUTS  ?= 10000000
SEEDS   ?= 100000
ROUNDS  ?= 5
SECS    ?= 2
RESULTS ?=

SWIFT   ?= swift
PYTHON  := /usr/bin/python3

# The runtime is linked in, so that neither file needs Swift where it is installed.
RELEASE   := $(SWIFT) build --configuration release --static-swift-stdlib
PRODUCTS  := .build/release
INSTALL   := scripts/install-file
FUZZ      := $(PRODUCTS)/latchkey-fuzz
FUZZ_SEED := $(if $(SEED),--seed $(SEED))

executable := bin/latchkey
library    := lib/latchkey/liblatchkey.so
module     := lib/nginx/modules/ngx_http_latchkey_module.so

.PHONY: help build up down test lint fuzz valgrind slow simulate bench bench-full bench-scale bench-check bench-report model install uninstall clean
.DEFAULT_GOAL := help

help: ## List what can be made
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

build: ## Build the executable, the library and the nginx module into build/
	@scripts/require-swift $(SWIFT)
	$(RELEASE) --product LatchkeyABI
	$(RELEASE) --product latchkey
	$(INSTALL) --strip $(PRODUCTS)/libLatchkeyABI.so build/$(library)
	$(INSTALL) --strip $(PRODUCTS)/latchkey build/$(executable)
	scripts/build-module $(prefix)/$(library) build/$(module)

up: ## Start the demonstration on 127.0.0.1:8080 (PORT=) and make a key
	@scripts/require-swift $(SWIFT)
	scripts/install-packages build run
	$(MAKE) --no-print-directory build
	scripts/demo/up $(PORT)

down: ## Stop the demonstration; its data stay
	scripts/demo/down

test: build ## Run every test but those that take long (fuzz, slow, simulate, model)
	$(SWIFT) build --build-tests
	$(SWIFT) test --skip-build --disable-xctest
	scripts/check-library build/$(library)
	$(MAKE) --no-print-directory bench-check
	$(PYTHON) -m pytest Tests/Benchmarks
	$(PYTHON) -m pytest Tests/EndToEnd

lint: ## Check the format and the style of all sources
	scripts/lint

fuzz: ## Feed each parser with INPUTS= generated inputs; SEED= repeats a run
	@scripts/require-swift $(SWIFT)
	$(RELEASE) --product latchkey-fuzz
	$(FUZZ) keys --inputs $(INPUTS) $(FUZZ_SEED)
	$(FUZZ) replies --inputs $(INPUTS) $(FUZZ_SEED)
	$(FUZZ) records --inputs $(INPUTS) $(FUZZ_SEED)
	$(FUZZ) gateway --inputs $(INPUTS) $(FUZZ_SEED)
	$(FUZZ) configuration --inputs $$(($(INPUTS) / 10)) $(FUZZ_SEED)

valgrind: build ## Run an nginx worker under valgrind through aborts, timeouts and reloads
	$(PYTHON) -m pytest Tests/EndToEnd/test_valgrind.py

slow: valgrind ## Run the tests that take minutes, that one included
	$(PYTHON) -m pytest Tests/EndToEnd/test_long_grace.py

simulate: ## Simulate gateways and a store through faults: SEEDS= worlds, or SEED= one with its story
	@scripts/require-swift $(SWIFT)
	$(SWIFT) build --build-tests
	SEEDS=$(SEEDS) $(if $(SEED),SEED=$(SEED)) $(SWIFT) test --skip-build --disable-xctest --filter SimulationTests

bench: build ## Compare with what people use instead: the most telling, 10 minutes
	scripts/install-packages bench
	$(MAKE) --no-print-directory bench-check
	$(PYTHON) Benchmarks/memory.py
	$(PYTHON) Benchmarks/bench.py few --rounds 4

bench-full: build ## Compare everything (ROUNDS=, SECS=): about an hour
	scripts/install-packages bench
	$(PYTHON) Benchmarks/bench.py full --rounds $(ROUNDS) --seconds $(SECS)
	$(PYTHON) Benchmarks/bench.py costs

bench-scale: build ## Measure growth with organizations, workers and gateways
	scripts/install-packages bench
	$(PYTHON) Benchmarks/bench.py scale --rounds $(ROUNDS) --seconds $(SECS)

bench-check: build ## Hold what a check costs against the thresholds
	$(PYTHON) Benchmarks/check_costs.py
	cd Benchmarks && $(PYTHON) -m report.documents

bench-report: ## Publish results (RESULTS=): tables and plots in the documents
	$(PYTHON) Benchmarks/bench.py report $(if $(RESULTS),--results $(RESULTS))

model: ## Check the protocol of leases and barriers exhaustively (needs spin)
	scripts/install-packages model
	scripts/check-model

install: ## Install what was built (DESTDIR=, prefix=/usr)
	@grep -sqF '$(prefix)/$(library)' build/$(module) || \
		{ echo 'Nothing is built for this prefix: run `make build prefix=$(prefix)` first' >&2; exit 1; }
	$(INSTALL) build/$(executable) $(DESTDIR)$(prefix)/$(executable)
	$(INSTALL) build/$(library) $(DESTDIR)$(prefix)/$(library)
	$(INSTALL) build/$(module) $(DESTDIR)$(prefix)/$(module)

uninstall: ## Remove what was installed
	rm -f $(addprefix $(DESTDIR)$(prefix)/,$(executable) $(library) $(module))

clean: down ## Stop the demonstration and remove it, and all that was built
	rm -rf build .build .latchkey
