# Tradewinds. Two commands are all that a new user needs: `make up` and `make test`.
# Everything works on a machine with Python 3.11 or later and nothing else.

# A distribution builds its Python with a profile of it; one that a version manager built on the spot mostly has none, and takes a quarter longer for everything.
PYTHON ?= $(shell for python in /usr/bin/python3 python3; do \
    $$python -c 'import sys, ensurepip, venv; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && break; done; echo $$python)
VENV   := .venv
BIN    := $(VENV)/bin
STAMP  := $(VENV)/.installed
ARGS   ?=

# Compiled once and kept, also where the environment says otherwise: every test and every service starts from it.
export PYTHONDONTWRITEBYTECODE :=

.DEFAULT_GOAL := help
.PHONY: help up test chaos install proto contracts lint format types bench lock clean

help: ## Show this list
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

up: $(STAMP) ## Start everything on this machine: a strategy trades within seconds (ARGS="--rest-port 0 --replay FILE")
	@exec $(BIN)/tradewinds up $(ARGS)

# All workers must find the same tests in the same order: a set is in the order of the hash seed.
test: $(STAMP) ## Run every test against real parts (ARGS="-k orders")
	@PYTHONHASHSEED=$${PYTHONHASHSEED:-0} $(BIN)/python -m pytest -n auto --no-loadscope-reorder $(ARGS)

chaos: export CHAOS_ORDERS ?= 1000
chaos: export CHAOS_STRATEGIES ?= 20
chaos: export ORDER_LIFE_EXAMPLES ?= 500
chaos: export ORDER_LIFE_STEPS ?= 50
chaos: export FLEET_STRATEGIES ?= 30
chaos: export FLEET_RUNNERS ?= 3
chaos: export FLEET_ROUNDS ?= 28
chaos: export FLEET_FAULTS ?= all
chaos: export FLEET_LEASE_TTL ?= 6
chaos: export FLEET_SOAK_SECONDS ?= 300
chaos: export NOTIFIER_LOAD ?= 20000
chaos: export NOTIFIER_SECONDS ?= 60
chaos: $(STAMP) ## A thousand orders, a fleet of 30 strategies and notifiers at 20,000/s under every fault, and a compressed night; a line a run (CHAOS_SEED=7)
	@$(BIN)/python -m pytest -q -s tests/unit/oms/test_order_life_model.py tests/robustness/test_orders_under_faults.py tests/robustness/test_one_fault_at_a_time.py tests/robustness/test_naive_variants.py tests/robustness/test_fleet_under_faults.py tests/robustness/test_notifiers_under_faults.py $(ARGS)

install: $(STAMP) ## Create the virtual environment and install the hash-pinned dependencies

$(STAMP): requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(0 if sys.version_info >= (3, 11) else f"Python 3.11 or later is needed, {sys.executable} is {sys.version.split()[0]}; set PYTHON=…")'
	@echo "installing into $(VENV) (once; about a minute)"
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	@PYTHONWARNINGS=ignore $(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@$(BIN)/python -c "import notifier.rpc.scanning"  # compiled now, and not when it is started for the first time
	@touch $@

proto: $(STAMP) ## Regenerate the stubs and the gateway's descriptor from proto/
	@$(BIN)/python -m tools.proto generate
	@$(BIN)/python -m tools.manifests generate
	@$(BIN)/python -m tools.openapi

contracts: $(STAMP) ## Lint the contracts, and check that what is generated is fresh
	@$(BIN)/python -m tools.proto lint
	@$(BIN)/python -m tools.proto check
	@$(BIN)/python -m tools.manifests check

lint: $(STAMP) ## Style, format and layers
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/lint-imports

format: $(STAMP) ## Format the code and mend what can be mended
	@$(BIN)/ruff check --fix .
	@$(BIN)/ruff format .

types: $(STAMP) ## mypy --strict
	@$(BIN)/mypy .

bench: $(STAMP) ## Measure every speed beside its ceiling, as JSON lines (ARGS="order tick")
	@$(BIN)/python -m bench $(ARGS)

lock: $(STAMP) ## Pin the dependencies of pyproject.toml again
	@$(BIN)/pip-compile --quiet --generate-hashes --extra dev --no-emit-index-url --no-emit-find-links --no-emit-trusted-host \
	  --strip-extras --allow-unsafe --no-header --annotation-style=line --output-file requirements.lock pyproject.toml

clean: ## Remove the virtual environment, caches and the default state directory
	@rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache *.egg-info .tradewinds
