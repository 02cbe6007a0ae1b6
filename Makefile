# What can be done here: `make help`. The two commands that matter: `make demo` and `make test`.
#
# Each installs what the machine lacks (.ci/setup), so a fresh clone needs nothing else first. Demo and tests use the
# same `dev` profile, so that HDF5, which takes minutes, is compiled once for both; in that profile what is hot is
# optimised already. `make build` makes the optimised binary to install.

SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.NOTPARALLEL:
MAKEFLAGS += --no-print-directory

# Build products and tools: target/, or with CI set a cache outside the tree. CARGO_TARGET_DIR overrides both.
BUILD := $(shell : $${HOME:=$$(getent passwd $$(id -u) | cut -d: -f6)}; \
	build=$${CARGO_TARGET_DIR:-$${CI:+$${XDG_CACHE_HOME:-$$HOME/.cache}/h5inbox}}; realpath -m "$${build:-target}")
TOOLS := $(BUILD)/tools
export CARGO_TARGET_DIR := $(BUILD)
# The environment that .ci/setup found or made: where cargo, CMake and the Python readers are.
WITH_TOOLS := { [ -f "$(TOOLS)/env" ] || .ci/setup test; } && . "$(TOOLS)/env" &&

.PHONY: help demo test build deb wheel tools fmt clippy doc unit units unit-file example-config readback fuzz soak kinds bench bench-stages bench-hosts clean distclean

help: ## What can be done here
	@sed -n 's/^\([a-z-]*\):[^#]*## /\1\t/p' Makefile | while IFS=$$'\t' read -r target text; do printf '  make %-16s %s\n' "$$target" "$$text"; done

demo: ## Try it: files dropped into an inbox come out as HDF5 that pandas opens
	@.ci/setup demo
	@$(WITH_TOOLS) cargo build --locked
	@$(WITH_TOOLS) .ci/demo "$(BUILD)/debug/h5inbox"

test: tools fmt clippy doc unit-file example-config unit ## Every check and every test, with all pinned pandas versions

build: ## The optimised binary, to install as /usr/bin/h5inbox
	@.ci/setup build
	@$(WITH_TOOLS) cargo build --release --locked
	@echo "built $(BUILD)/release/h5inbox"

# PROFILE=dev packs the binary that the tests use, in seconds.
PROFILE ?= release
deb: ## The Debian package: binary, units, user, folders, manual pages, completions
	@.ci/setup deb
	@$(WITH_TOOLS) cargo build --profile $(PROFILE) --locked
	@rm -f "$(BUILD)"/debian/*.deb
	@$(WITH_TOOLS) .ci/deb "$(BUILD)/$(if $(filter dev,$(PROFILE)),debug,$(PROFILE))/h5inbox" "$(BUILD)/debian"

wheel: ## The Python module as a wheel for every CPython from 3.9 on (docs/python.md)
	@.ci/setup wheel
	@$(WITH_TOOLS) .ci/wheel "$(PROFILE)" "$(BUILD)/wheels"

tools: ## Install what the tests need and this machine lacks
	@.ci/setup test

# The targets below are what `make test` is made of; each works by itself, too.

fmt: ## Formatting
	$(WITH_TOOLS) cargo fmt --check
	$(WITH_TOOLS) rustfmt --check fuzz/fuzz_targets/*.rs

clippy: ## Lints
	$(WITH_TOOLS) cargo clippy --locked --all-targets -- -D warnings
	$(WITH_TOOLS) cargo clippy --locked --lib --features fuzzing -- -D warnings
	$(WITH_TOOLS) cargo clippy --locked --lib --features python -- -D warnings
	$(WITH_TOOLS) cargo clippy --locked --lib --benches --features bench -- -D warnings

doc: ## Documentation, private items included
	$(WITH_TOOLS) RUSTDOCFLAGS="-D warnings" cargo doc --locked --quiet --document-private-items --no-deps

# Unit, integration and architecture tests. They find the pinned readers through H5INBOX_READERS and run
# tests/python/ in each; what a failed test says is enough without the stack that led to it. The last line adds up what
# cargo counted for each test binary.
unit: ## Unit and integration tests, read back by real pandas
	$(WITH_TOOLS) RUST_BACKTRACE=0 cargo test --locked 2>&1 | tee "$(BUILD)/test.log"
	@awk '/^test result: ok/ { passed += $$4; ignored += $$8 } END { print passed " tests passed, 0 failed, " ignored + 0 " ignored" }' "$(BUILD)/test.log"

# The unit of many agents is that of one without its comments and with their names (systemd/instance.sed).
INSTANCE = sed -f systemd/instance.sed systemd/h5inbox.service | cat -s

units: ## Make systemd/h5inbox@.service of systemd/h5inbox.service
	@$(INSTANCE) >systemd/h5inbox@.service

# systemd wants the binary it names to exist, so a copy names the one just built. 11 is an exposure of 1.1 of 10.
unit-file: ## The systemd units: valid, and hardened to a score of 1.1 or better
	@diff <($(INSTANCE)) systemd/h5inbox@.service || { echo "h5inbox@.service is not made of h5inbox.service: make units"; false; }
	$(WITH_TOOLS) cargo build --locked --quiet
	@folder=$$(mktemp -d) && trap 'rm -rf "$$folder"' EXIT && \
	ln -s "$(BUILD)/debug/h5inbox" "$$folder/binary" && \
	for unit in h5inbox.service h5inbox@.service; do \
	  sed "s|/usr/bin/h5inbox|$$folder/binary|" systemd/$$unit >"$$folder/$$unit" && \
	  systemd-analyze verify --man=no --recursive-errors=no "$$folder/$$unit" && \
	  { systemd-analyze security --offline=true --no-pager --threshold=11 "$$folder/$$unit" >"$$folder/score" || \
	    { cat "$$folder/score"; false; }; } && \
	  tail -n 1 "$$folder/score" || exit 1; \
	done

# The shipped example as an operator would use it, its folders moved to a temporary place, its defaults spelled out.
example-config: ## The example configuration passes check-config
	$(WITH_TOOLS) cargo build --locked --quiet
	@folder=$$(mktemp -d) && trap 'rm -rf "$$folder"' EXIT && \
	mkdir -p "$$folder"/srv/{inbox,outbox,archive,quarantine} "$$folder/lib" && \
	sed -E "s|/srv/h5inbox|$$folder/srv|; s|/var/lib/h5inbox|$$folder/lib|; s|^# ?([a-z_]+ = \".*$$folder.*)|\1|" \
	  config.example.toml >"$$folder/config.toml" && \
	{ "$(BUILD)/debug/h5inbox" check-config "$$folder/config.toml" >"$$folder/out" 2>&1 || { cat "$$folder/out"; false; }; } && \
	echo "config.example.toml is valid"

# More than `make test` does, for an afternoon: make readback SEED=7 N=5000
SEED ?= 1
N ?= 500
readback: ## Many cases through `convert`, compared with every pandas, and the parser with Python's: SEED=… N=…
	$(WITH_TOOLS) cargo build --locked --quiet
	@$(WITH_TOOLS) .ci/readback "$(BUILD)/debug/h5inbox" "$(SEED)" "$(N)"

# `make test` runs the corpus and some mutations of it; this looks for more, with an instrumented build that takes minutes
# the first time: make fuzz FUZZ_SECS=3600 FUZZ_TARGETS=parser
FUZZ_SECS ?= 60
FUZZ_TARGETS ?= splitter parser numbers pickles file
fuzz: ## Look for inputs that break a promise, a minute for each target: FUZZ_SECS=… FUZZ_TARGETS=… SEED=…
	@.ci/setup fuzz
	@$(WITH_TOOLS) .ci/fuzz "$(BUILD)" "$(FUZZ_SECS)" "$(SEED)" $(FUZZ_TARGETS)

# `make test` plays the same games for seconds: make soak SOAK_SECS=3600 SEED=7 KILLS=10000 CUTS=200
SOAK_SECS ?= 600
KILLS ?= 1000
CUTS ?= 25
soak: tools ## Nothing lost, torn or done twice, for longer than `make test` looks: SOAK_SECS=… SEED=… KILLS=… CUTS=…
	$(WITH_TOOLS) H5INBOX_THOROUGH=1 cargo test --locked --test it kill_matrix:: -- --nocapture
	$(WITH_TOOLS) H5INBOX_SEED=$(SEED) H5INBOX_ROUNDS=$(CUTS) cargo test --locked --test it power_loss:: -- --nocapture
	$(WITH_TOOLS) H5INBOX_SEED=$(SEED) H5INBOX_ROUNDS=$(KILLS) cargo test --locked --test it random_kills -- --nocapture
	$(WITH_TOOLS) H5INBOX_SEED=$(SEED) SOAK_SECS=$(SOAK_SECS) cargo test --locked --test it after_all_that_can_happen -- --nocapture

# SHAPES="stock wide" and PARTS="shapes memory" measure less (see benches/run.py); data are kept under $(BUILD)/bench.
# A quick look that all of it still works: make bench SCALE=0.01 ROUNDS=1
bench: ## Speed, against the script and other tools: SCALE=0.1 less data, BIG=1 4 GiB too, README=1 notes it there
	@.ci/setup bench
	@$(WITH_TOOLS) cargo build --release --locked
	@$(WITH_TOOLS) .ci/bench "$(BUILD)/release/h5inbox" "$(BUILD)/bench"
export SCALE BIG README SHAPES PARTS ROUNDS

# One core, from memory; STAGE=parser measures those whose name holds it, and says what changed since the run before.
bench-stages: ## Each stage of a conversion by itself, in a minute or two: STAGE=…
	@.ci/setup build
	@$(WITH_TOOLS) cargo bench --locked --features bench --bench stages -- $(if $(STAGE),"$(STAGE)")

bench-hosts: ## How a ledger that several agents share scales, on a PostgreSQL of its own: WAITING=… JOBS=… SMALL=… LARGE=…
	@.ci/setup test
	@$(WITH_TOOLS) cargo bench --locked --features bench --bench hosts
export WAITING JOBS SMALL LARGE

kinds: ## What each tool makes of each kind of input, as a table (installs the tools)
	@.ci/setup bench
	@$(WITH_TOOLS) cargo build --locked --quiet
	@$(WITH_TOOLS) "$(TOOLS)/bench/bin/python" benches/kinds.py "$(BUILD)/debug/h5inbox"

clean: ## Remove build products, keep the installed tools
	rm -rf "$(BUILD)"/{debug,release,doc,package,debian,wheels,maturin,tmp,bench,fuzz,test.log}

distclean: clean ## Remove build products and tools
	rm -rf "$(TOOLS)"
