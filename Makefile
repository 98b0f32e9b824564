# Everything is built under build/ (and .build/, Swift's own); `make help` lists the targets.

prefix  ?= /usr
DESTDIR ?=
PORT    ?= 8080
SEED    ?=
INPUTS  ?= 10000000
SEEDS   ?= 100000
ROUNDS  ?= 5
SECS    ?= 2
RESULTS ?=
SECONDS ?= 600
RELOADS ?= 1000
N       ?= 100
EXAMPLES ?= 300
T       ?=
WORKERS ?= 6
NODE    ?=

SWIFT   ?= swift
SWIFTFLAGS ?=
PYTHON  := /usr/bin/python3

# The Swift runtime is linked in: neither file needs Swift where it is installed, nor looks for libraries beside itself.
RELEASE   := $(SWIFT) build --configuration release --static-swift-stdlib --disable-local-rpath $(SWIFTFLAGS)
PRODUCTS  := .build/release
INSTALL   := scripts/install-file
E2E       := scripts/end-to-end $(PYTHON) $(WORKERS)
FUZZ      := $(PRODUCTS)/latchkey-fuzz
FUZZ_SEED := $(if $(SEED),--seed $(SEED))

# Otherwise the tests' library walks the stack at each error that is thrown, and caught: simulated worlds throw many.
export SWT_SWIFT_ERROR_BACKTRACING_ENABLED := 0

# All Swift tests: without the console's server and the packages that it needs. Swift locks a build folder, and the console is built meanwhile.
TESTS     := --scratch-path .build/tests
BUILD_TESTS := $(SWIFT) build $(TESTS) --product latchkeyPackageTests
RUN_TESTS := $(SWIFT) test $(TESTS) --skip-build --disable-xctest

executable := bin/latchkey
console    := bin/latchkey-console
libraries  := lib/latchkey
library    := $(libraries)/liblatchkey.so.$(shell scripts/abi-version)
module     := lib/nginx/modules/ngx_http_latchkey_module.so

# Debian's zsh looks for packaged completions in another folder.
zsh         := zsh/$(if $(filter /usr,$(prefix)),vendor-completions,site-functions)/_latchkey
completions := $(addprefix share/,bash-completion/completions/latchkey $(zsh) fish/vendor_completions.d/latchkey.fish)

# The console's account, folder and service.
units := $(addprefix lib/,systemd/system/latchkey-console.service sysusers.d/latchkey-console.conf tmpfiles.d/latchkey-console.conf)

# Installs the Debian packages that a target needs, then builds everything.
define built_with
@scripts/require-swift $(SWIFT)
@scripts/install-packages build $(1)
@$(MAKE) --no-print-directory build
endef

TAG   ?= HEAD
BUILT ?=
FORMER ?=

.PHONY: help build console packages test-packages reproducible up up-console down unit e2e test lint analyze fuzz fuzz-requests fuzz-console test-sanitizers valgrind slow reloads hostile trials failovers everyday moves versions fleet fleet-kill fleet-down simulate soak nginx-tests module \
	bench bench-full bench-scale bench-forged bench-check bench-topologies bench-report model install uninstall clean
.DEFAULT_GOAL := help

# The minutes in brackets are for two cores.
help: ## [1 s] List the targets, and how long each takes
	@sed -nE 's/^([a-z0-9-]+):.*## \[(.*)\] (.*)/\1|\2|\3/p' $(MAKEFILE_LIST) | \
		awk -F '|' '{ printf "  make %-15s %7s  %s\n", $$1, $$2, $$3 }'

build: ## [2 min] Build executable, library, nginx module, manual and completions into build/
	@scripts/require-swift $(SWIFT)
	@scripts/install-packages --check build
	$(RELEASE) --product LatchkeyABI
	$(RELEASE) --product latchkey
	$(INSTALL) --strip $(PRODUCTS)/libLatchkeyABI.so build/$(library)
	$(INSTALL) --strip $(PRODUCTS)/latchkey build/$(executable)
	scripts/build-module $(prefix)/$(libraries) build/$(module)
	scripts/make-manual build/$(executable) build/share $(zsh)

console: ## [6 min] Build latchkey-console, the page for owners, into build/
	@scripts/require-swift $(SWIFT)
	@scripts/install-packages --check build
	$(RELEASE) --product latchkey-console
	$(INSTALL) --strip $(PRODUCTS)/latchkey-console build/$(console)

packages: ## [10 min] Make Debian packages of TAG= (default: HEAD) in build/packages; BUILT=build: of what is built, in seconds
	@scripts/require-swift $(SWIFT)
	@scripts/install-packages build packages
	scripts/make-packages $(if $(BUILT),--built $(BUILT)) build/packages $(TAG)
	lintian --fail-on error,warning build/packages/*.changes

test-packages: ## [10 min] Try packages of what is built in a fresh Debian 12, as root; FORMER=: a folder of earlier ones to upgrade
	$(call built_with,packages)
	@$(MAKE) --no-print-directory console
	@$(MAKE) --no-print-directory packages BUILT=build
	test -e build/packages/debian-12.tar || scripts/debian-root build/packages/debian-12.tar
	FORMER='$(FORMER)' $(PYTHON) -m pytest -rs Tests/Packages

reproducible: ## [20 min] Make the packages of TAG= twice, and compare them byte by byte
	@scripts/require-swift $(SWIFT)
	@scripts/install-packages build packages
	scripts/make-packages build/packages-again $(TAG)
	rm -rf build/packages-once
	mkdir build/packages-once
	mv build/packages-again/*.deb build/packages-once
	scripts/make-packages build/packages-again $(TAG)
	scripts/compare-packages build/packages-once build/packages-again

up: ## [10 s] Start the demonstration on 127.0.0.1:8080 (PORT=) and make a key
	$(call built_with,run)
	scripts/demo/up $(PORT)

up-console: ## [1 s] Add the page for owners to the demonstration, after `make console` (PORT= as for up)
	$(call built_with,run)
	@$(MAKE) --no-print-directory console
	scripts/demo/up --console $(PORT)

down: ## [1 s] Stop the demonstration; its data is kept
	scripts/demo/down

unit: ## [1 min] Run the Swift tests without the simulation, or only those that match T=; 10 s after a small change
	@scripts/require-swift $(SWIFT)
	@scripts/install-packages build
	$(BUILD_TESTS)
	$(RUN_TESTS) $(if $(T),--filter '$(T)',--skip GatewaySimulation)

e2e: ## [13 min] Run the end-to-end tests, WORKERS= at a time, or only those that match T= (pytest -k)
	$(call built_with,test)
	@$(MAKE) --no-print-directory console
	$(E2E) Tests/EndToEnd $(if $(T),-k '$(T)')

test: ## [20 min] Run every test except the long ones (fuzz, slow, simulate, model)
	$(call built_with,test costs)
	scripts/side-by-side '$(MAKE) --no-print-directory unit T=.' '$(MAKE) --no-print-directory console'
	scripts/check-library build/$(library)
	scripts/check-hardening build/$(library) build/$(executable) build/$(console)
	scripts/check-hardening --module CBridge/nginx/exports.map build/$(module)
	$(MAKE) --no-print-directory bench-check
	$(PYTHON) -m pytest Tests/Benchmarks
	$(E2E) Tests/EndToEnd

lint: ## [1 min] Check format and style of all sources, and analyze the C
	@scripts/require-swift $(SWIFT)
	@scripts/install-packages build lint
	scripts/lint

analyze: ## [1 min] Analyze the nginx module with clang-tidy and cppcheck
	@scripts/install-packages build lint
	scripts/analyze

fuzz: ## [15 min] Feed each parser INPUTS= generated inputs; SEED= repeats a run
	@scripts/require-swift $(SWIFT)
	@scripts/install-packages build
	$(RELEASE) --product latchkey-fuzz
	$(FUZZ) keys --inputs $(INPUTS) $(FUZZ_SEED)
	$(FUZZ) replies --inputs $(INPUTS) $(FUZZ_SEED)
	$(FUZZ) records --inputs $(INPUTS) $(FUZZ_SEED)
	$(FUZZ) gateway --inputs $(INPUTS) $(FUZZ_SEED)
	$(FUZZ) failover --inputs $(INPUTS) $(FUZZ_SEED)
	$(FUZZ) moves --inputs $(INPUTS) $(FUZZ_SEED)
	$(FUZZ) cluster --inputs $$(($(INPUTS) / 10)) $(FUZZ_SEED)
	$(FUZZ) configuration --inputs $$(($(INPUTS) / 10)) $(FUZZ_SEED)

fuzz-requests: ## [10 min] Send absurd requests to a real gateway for SECONDS=; SEED= repeats a run
	$(call built_with,test)
	SECONDS=$(SECONDS) SEED=$(SEED) $(PYTHON) -m pytest Tests/EndToEnd/nginx/test_request_fuzz.py

fuzz-console: ## [5 min] Ask the console's API EXAMPLES= generated questions an operation (Schemathesis); SEED= repeats a run
	$(call built_with,test)
	@$(MAKE) --no-print-directory console
	EXAMPLES=$(EXAMPLES) SEED=$(SEED) $(PYTHON) -m pytest Tests/EndToEnd/console/test_schemathesis.py

test-sanitizers: ## [15 min] Run the tests with AddressSanitizer and UndefinedBehaviorSanitizer in C and Swift
	@scripts/require-swift $(SWIFT)
	@scripts/install-packages build test
	scripts/test-sanitizers $(SWIFT)

valgrind: ## [5 min] Run an nginx worker under valgrind through aborts, timeouts and reloads
	$(call built_with,test)
	$(PYTHON) -m pytest Tests/EndToEnd/nginx/test_valgrind.py

slow: valgrind ## [20 min] Run the tests that take minutes, valgrind included
	PAIRS=200 $(PYTHON) -m pytest Tests/EndToEnd/keys/test_two_generates.py
	$(PYTHON) -m pytest Tests/EndToEnd/fleet/test_long_grace.py Tests/EndToEnd/keys/test_hundred_thousand.py

reloads: ## [5 min] Reload nginx RELOADS= times under traffic, with the module and without it
	$(call built_with,test)
	RELOADS=$(RELOADS) $(PYTHON) -m pytest --capture=no --quiet \
		Tests/EndToEnd/nginx/test_many_reloads.py Tests/EndToEnd/nginx/test_reloads_without_the_module.py

hostile: ## [30 min] End keys N= times in each of the situations that lose members, data or the time
	$(call built_with,test)
	HOSTILE_ROUNDS=$(N) $(E2E) Tests/EndToEnd/fleet/test_hostile_membership.py Tests/EndToEnd/store/test_hostile_store.py

trials: ## [10 min] Inject random faults for SECONDS= under traffic and key changes; SEED= repeats a run
	$(call built_with,run)
	cd Tests/EndToEnd && SECONDS=$(SECONDS) SEED=$(SEED) $(PYTHON) -m trials

failovers: ## [15 min] Change a primary 50 or N= times under traffic and key changes, and draw it; TOPOLOGY=sentinel|cluster, SEED= repeats a run
	$(call built_with,run)
	cd Tests/EndToEnd && N=$(if $(filter file,$(origin N)),50,$(N)) SEED=$(SEED) PYTHONPATH=../../Benchmarks $(PYTHON) -m failovers

everyday: ## [10 min] Restart, add, remove, back up and rebalance servers under traffic; TOPOLOGY=sentinel|cluster, T= chooses
	$(call built_with,run)
	cd Tests/EndToEnd && T='$(T)' $(PYTHON) -m everyday

moves: ## [5 min] Move 1000 or N= slots of a cluster under traffic and key changes; SEED= repeats a run
	$(call built_with,run)
	cd Tests/EndToEnd && N=$(if $(filter file,$(origin N)),1000,$(N)) SEED=$(SEED) $(PYTHON) -m moves

fleet: ## [10 min] Show servers that fail over, three gateways and a load in a table, for SECONDS=; TOPOLOGY=sentinel|cluster
	$(call built_with,run)
	@cd Tests/EndToEnd && SECONDS=$(SECONDS) $(PYTHON) -m live

fleet-kill: ## [1 s] Kill NODE= of the fleet, as its table names it: a server or sentinel comes back after 15 s
	@cd Tests/EndToEnd && $(PYTHON) -m live kill '$(NODE)'

fleet-down: ## [1 s] End the fleet
	@cd Tests/EndToEnd && $(PYTHON) -m live down

versions: ## [50 min] Run the end-to-end tests of what depends on Redis with other versions, on one server, with Sentinel and on a cluster; T= chooses
	$(call built_with,test)
	cd Tests/EndToEnd && T='$(T)' WORKERS=$(WORKERS) $(PYTHON) -m versions

simulate: ## [1 h] Simulate gateways and a store through faults: SEEDS= worlds, or SEED= one, with its log
	@scripts/require-swift $(SWIFT)
	@scripts/install-packages build
	$(BUILD_TESTS)
	SEEDS=$(SEEDS) $(if $(SEED),SEED=$(SEED)) $(RUN_TESTS) --filter SimulationTests

soak: ## [10 min] Keep two workers under mixed traffic for SECONDS=: their memory must not grow
	$(call built_with,run)
	SECONDS=$(SECONDS) $(PYTHON) Benchmarks/soak.py

nginx-tests: ## [30 min] Run nginx's own tests in NGINX_TESTS= with and without the module, and compare
	@test -e '$(NGINX_TESTS)/lib/Test/Nginx.pm' || { echo 'NGINX_TESTS= must be a checkout of nginx-tests' >&2; exit 1; }
	$(call built_with,run suite)
	$(PYTHON) Tests/NginxSuite/compare.py $(NGINX_TESTS)

module: ## [1 min] Build only the module, for another nginx: NGINX_SOURCE=, and NGINX=, the program built from it
	@test -n '$(NGINX_SOURCE)' -a -n '$(NGINX)' || { echo 'NGINX_SOURCE= and NGINX= are needed' >&2; exit 1; }
	NGINX_SOURCE='$(NGINX_SOURCE)' NGINX='$(NGINX)' scripts/build-module $(prefix)/$(libraries) \
		build/for-other-nginx/ngx_http_latchkey_module.so

bench: ## [10 min] Compare with the alternatives: the most telling workloads
	$(call built_with,bench)
	$(PYTHON) Benchmarks/memory.py
	$(PYTHON) Benchmarks/bench.py few --rounds 3

bench-full: ## [1 h] Compare everything (ROUNDS=, SECS=)
	$(call built_with,bench)
	$(PYTHON) Benchmarks/bench.py full --rounds $(ROUNDS) --seconds $(SECS)
	$(PYTHON) Benchmarks/bench.py costs

bench-scale: ## [30 min] Measure growth with organizations, workers and gateways
	$(call built_with,bench)
	$(PYTHON) Benchmarks/bench.py scale --rounds $(ROUNDS) --seconds $(SECS)

bench-forged: ## [3 min] Measure a worker that is sent 20,000 messages a second which mean nothing
	$(call built_with,bench)
	$(PYTHON) Benchmarks/forged_messages.py

bench-check: ## [1 min] Check the cost of a request against its thresholds
	$(call built_with,costs)
	$(PYTHON) Benchmarks/check_costs.py
	cd Benchmarks && $(PYTHON) -m report.documents

bench-topologies: ## [4 min] Compare the cost of a known key's check with Sentinel, a cluster and TLS with that on one Redis
	$(call built_with,costs)
	$(PYTHON) Benchmarks/check_costs.py topologies

bench-report: ## [1 min] Publish results (RESULTS=): tables and plots in the documents
	$(PYTHON) Benchmarks/bench.py report $(if $(RESULTS),--results $(RESULTS))

model: ## [5 min] Check the protocol of leases and barriers exhaustively (needs spin)
	@scripts/install-packages model
	scripts/check-model

install: ## [1 s] Install the built files (DESTDIR=, prefix=/usr)
	@grep -sqF '$(prefix)/$(library)' build/$(module) || \
		{ echo 'Nothing is built for this prefix: run `make build prefix=$(prefix)` first' >&2; exit 1; }
	$(INSTALL) build/$(executable) $(DESTDIR)$(prefix)/$(executable)
	$(INSTALL) build/$(library) $(DESTDIR)$(prefix)/$(library)
	$(INSTALL) build/$(module) $(DESTDIR)$(prefix)/$(module)
	scripts/install-share build/share $(DESTDIR)$(prefix)/share
	@if test -e build/$(console); then \
		$(INSTALL) build/$(console) $(DESTDIR)$(prefix)/$(console) && \
		scripts/install-units $(prefix) $(DESTDIR)$(prefix)/lib; fi
	@echo 'At the top of nginx.conf: load_module $(prefix)/$(module);'

uninstall: ## [1 s] Remove the installed files (same DESTDIR= and prefix=); read docs/BUILDING.md first
	rm -f $(addprefix $(DESTDIR)$(prefix)/,$(executable) $(console) $(units) $(module) $(completions) $(libraries)/liblatchkey.so*)
	rm -f $(DESTDIR)$(prefix)/share/man/man1/latchkey.1 $(DESTDIR)$(prefix)/share/man/man1/latchkey-*.1
	@rmdir $(DESTDIR)$(prefix)/$(libraries) 2>/dev/null || true

clean: down ## [1 s] Remove the demonstration, and everything that was built
	rm -rf build .build .latchkey
