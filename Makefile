# wayproof: two commands do all the set-up: `make demo` and `make test`.
# Everything bootstraps itself into .venv (uv comes from PyPI). Nothing is installed outside this folder, but for Chromium,
# SoftHSM, Mosquitto, libfaketime and TimescaleDB from Debian's packages, by `make test`, where root asks for it and they
# are missing; TimescaleDB, where this Debian has none, in a Debian 13 of its own in the cache folder.
PYTHON ?= python3
BIN := .venv/bin
DISTRIBUTIONS := chaincode services/aiofabric services/verifier services/wayproof
MANIFESTS := pyproject.toml requirements.lock $(addsuffix /pyproject.toml,$(DISTRIBUTIONS))
UV_VERSION := 0.13.9

WEB := services/wayproof/web
PAGES := services/wayproof/wayproof/api/static/index.html

.DEFAULT_GOAL := help
.PHONY: timescaledb help demo fabric-binaries fabric-fixtures web browser test test-fabric lint format lock clean bench-ledger bench-chaincode bench-verify bench-telemetry bench-trace bench-readings bench-ingest soak bench-fabric faults fuzz fabric-kills

help: ## Say what can be done here
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-16s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

.venv/.ready: $(MANIFESTS)
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "wayproof needs Python 3.11 or later; set PYTHON=/path/to/python3"; exit 1; }
	@$(PYTHON) -c 'import venv, ensurepip' || { echo "Python's venv module is missing (Debian, Ubuntu: apt install python3-venv)"; exit 1; }
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv
	@test -x $(BIN)/uv || $(BIN)/python -m pip install --quiet --disable-pip-version-check uv==$(UV_VERSION)
	@echo "Preparing the environment in .venv …"
	@$(BIN)/uv pip sync --quiet --python $(BIN)/python --require-hashes requirements.lock
	@$(BIN)/uv pip install --quiet --python $(BIN)/python --no-deps --no-build-isolation $(addprefix -e ,$(DISTRIBUTIONS))
	@touch $@

web: $(PAGES) ## Build the web pages (Node from PATH, else from PyPI)

$(PAGES): $(shell find $(WEB) -name node_modules -prune -o -type f -print) | .venv/.ready
	@echo "Building the web pages …"
	@$(WEB)/build.sh
	@touch $@

demo: .venv/.ready web ## Run the story, then leave the pages up (ONCE=1: end by itself; CSV=FILE: replay a real logger; LEDGER=fabric)
	@$(BIN)/wayproof demo $(if $(ONCE),--once) $(if $(CSV),--csv "$(CSV)") $(if $(LEDGER),--ledger "$(LEDGER)") $(DEMO_ARGUMENTS)

fabric-binaries: .venv/.ready ## Get Fabric's programs into a cache outside this folder (FABRIC_ARCHIVE=FILE or folder at hand)
	@$(BIN)/wayproof network fetch $(if $(FABRIC_ARCHIVE),--archive "$(FABRIC_ARCHIVE)")

fabric-fixtures: .venv/.ready ## Record blocks, evidence and refusals of real Fabric again (tests/fixtures/fabric)
	@PYTHONPATH=tests $(BIN)/python tests/fabric/record_evidence.py bft raft embedded
	@PYTHONPATH=tests $(BIN)/python tests/fabric/record_gateway_errors.py

test: .venv/.ready lint web browser softhsm mosquitto faketime ## Pass every check and test that this machine can run
	@$(BIN)/pytest -n 2 --dist loadfile --no-loadscope-reorder $(PYTEST_ARGUMENTS)

test-fabric: .venv/.ready web ## What needs Fabric's programs: scenarios, faults, the demo; fails without them (make fabric-binaries)
	@WAYPROOF_REQUIRE_FABRIC=1 $(BIN)/pytest tests/fabric tests/scenarios tests/integration/test_containers.py $(PYTEST_ARGUMENTS)

browser: # Chromium for the tests of the pages, from Debian's packages
	@command -v chromium >/dev/null || command -v chromium-browser >/dev/null || command -v google-chrome >/dev/null || { \
	  if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
	    echo "Installing Chromium for the tests of the pages …"; \
	    { apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends chromium; } >/dev/null 2>&1 \
	      || echo "Chromium could not be installed: the tests of the pages will be skipped"; \
	  else echo "No Chromium here (Debian, Ubuntu: apt install chromium): the tests of the pages will be skipped"; fi; }

softhsm: # SoftHSM for the tests of keys in tokens, from Debian's packages
	@command -v softhsm2-util >/dev/null || { \
	  if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
	    echo "Installing SoftHSM for the tests of keys in tokens …"; \
	    { apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends softhsm2; } >/dev/null 2>&1 \
	      || echo "SoftHSM could not be installed: the tests of keys in tokens will be skipped"; \
	  else echo "No SoftHSM here (Debian, Ubuntu: apt install softhsm2): the tests of keys in tokens will be skipped"; fi; }

faketime: # libfaketime for the tests of wrong clocks, from Debian's packages
	@command -v faketime >/dev/null || { \
	  if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
	    echo "Installing libfaketime for the tests of wrong clocks …"; \
	    { apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends faketime; } >/dev/null 2>&1 \
	      || echo "libfaketime could not be installed: the tests of wrong clocks will be skipped"; \
	  else echo "No libfaketime here (Debian, Ubuntu: apt install faketime): the tests of wrong clocks will be skipped"; fi; }

mosquitto: # Mosquitto for the tests of certificates and topics, from Debian's packages; its service is not started
	@command -v mosquitto >/dev/null || test -x /usr/sbin/mosquitto || { \
	  if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
	    echo "Installing Mosquitto for the tests of certificates and topics …"; \
	    { apt-get update -qq && DEBIAN_FRONTEND=noninteractive RUNLEVEL=1 SYSTEMD_OFFLINE=1 apt-get install -y -qq --no-install-recommends mosquitto mosquitto-clients; } >/dev/null 2>&1 \
	      || echo "Mosquitto could not be installed: the tests with it will be skipped"; \
	  else echo "No Mosquitto here (Debian, Ubuntu: apt install mosquitto): the tests with it will be skipped"; fi; }

timescaledb: ## Get a PostgreSQL with TimescaleDB for tests: Debian's package, or a Debian 13 in a cache folder (root)
	@tests/support/timescaledb.sh

lint: .venv/.ready ## Style, types and import rules
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@MYPYPATH=infra $(BIN)/mypy chaincode/wayproof_contract services/wayproof/wayproof services/verifier/wayproof_verifier services/aiofabric/aiofabric services/aiofabric/examples tests
	@MYPYPATH=infra $(BIN)/mypy infra/fabric
	@$(BIN)/lint-imports

bench-ledger: .venv/.ready ## Submits a second, beside the official Go client (needs Go)
	@PYTHONPATH=tests $(BIN)/python tests/benchmarks/ledger_submit.py $(BENCH_ARGUMENTS)

bench-chaincode: .venv/.ready ## What the chaincode server costs, beside the Node shim (needs Fabric's programs and Node)
	@PYTHONPATH=tests $(BIN)/python tests/benchmarks/chaincode_overhead.py $(BENCH_ARGUMENTS)

bench-verify: .venv/.ready ## Messages verified offline a second, and in how much memory
	@PYTHONPATH=tests $(BIN)/python tests/benchmarks/verify_messages.py $(BENCH_ARGUMENTS)

bench-telemetry: .venv/.ready ## What decoding and verifying one message costs
	@PYTHONPATH=tests $(BIN)/python tests/benchmarks/telemetry_decode.py $(BENCH_ARGUMENTS)

bench-readings: .venv/.ready ## Readings as one table, in weeks, as a hypertable: what each costs to write, keep and ask
	@PYTHONPATH=tests $(BIN)/python tests/benchmarks/reading_storage.py $(BENCH_ARGUMENTS)

bench-ingest: .venv/.ready ## Ingest through Mosquitto beside Telegraf (needs Go once) and psql, then up to the ledger (PART=rivals|anchored: only that)
	@$(if $(filter anchored,$(PART)),,PYTHONPATH=tests $(BIN)/python tests/benchmarks/ingest.py $(BENCH_ARGUMENTS))
	@$(if $(filter rivals,$(PART)),,PYTHONPATH=tests $(BIN)/python tests/benchmarks/ingest_anchored.py $(ANCHORED_ARGUMENTS))

faults: .venv/.ready ## Do to the platform what may happen to it, and audit what is left (FAULTS_ARGUMENTS=--help)
	@$(BIN)/python tests/faults/faults.py --directory .build/faults $(FAULTS_ARGUMENTS)

fuzz: .venv/.ready ## Fuzz every parser of hostile bytes for FUZZ_SECONDS (60) CPU seconds each (FUZZ_ARGUMENTS=--help)
	@$(BIN)/python tests/faults/parsers_fuzz.py $(if $(FUZZ_SECONDS),--seconds $(FUZZ_SECONDS)) $(FUZZ_ARGUMENTS)

soak: .venv/.ready ## Ingest for half an hour and more: memory, and cost of a reading up to 100 million (SOAK_ARGUMENTS=--help; resumable)
	@PYTHONPATH=tests $(BIN)/python tests/benchmarks/ingest_soak.py $(SOAK_ARGUMENTS)

bench-trace: .venv/.ready ## One shipment's trace among 10,000, over HTTP, with its plan
	@PYTHONPATH=tests $(BIN)/python tests/benchmarks/shipment_trace.py $(BENCH_ARGUMENTS)

bench-fabric: .venv/.ready ## What real Fabric does a second: BFT and Raft, 2 and 3 peers (BENCH_ARGUMENTS=--help; needs Fabric's programs)
	@PYTHONPATH=tests $(BIN)/python tests/benchmarks/fabric_rates.py $(BENCH_ARGUMENTS)

fabric-kills: .venv/.ready ## Kill orderers, peers, chaincode and clients of real Fabric under load, and audit (KILLS_ARGUMENTS=--help)
	@PYTHONPATH=tests $(BIN)/python tests/faults/fabric_kills.py --directory .build/fabric-kills $(KILLS_ARGUMENTS)

format: .venv/.ready ## Let ruff write the layout
	@$(BIN)/ruff format .
	@$(BIN)/ruff check --fix .

lock: ## Write requirements.lock anew (hashes, no addresses)
	@test -x $(BIN)/uv || { $(PYTHON) -m venv .venv && $(BIN)/python -m pip install --quiet uv==$(UV_VERSION); }
	@$(BIN)/uv export --quiet --all-packages --all-extras --group dev --no-emit-workspace --no-header --format requirements-txt --no-annotate > requirements.lock
	@rm -f uv.lock
	@infra/images/lock.sh

clean: ## Remove the environment and every cache in this folder
	rm -rf .venv .build .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis
