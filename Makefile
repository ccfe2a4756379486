# One door to everything. All it needs is make and Python 3.11 or later with pip and
# venv; what else a target needs it installs into .venv, once.
#
#   make demo     a server that fails at random, and a source that lives through it
#   make test     all tests; fails below full branch coverage
#   make chaos    ten times 100,000 events through a proxy that breaks connections
#   make check    format, lint and types
#   make peers    what other clients do, probe by probe, into docs/guarantees.md
#   make bench    how fast they and we are, into docs/benchmarks.md
#   make build    the wheel and the source distribution, into dist
#   make clean    removes all that the others made
#
# ARGS is passed on:   make demo ARGS="--seed 7"   make test ARGS="-k decoder"
# PYTHON says which:   make test PYTHON=python3.13   (after a make clean)

VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check
PYTHON ?=
PYTHONS := python3 python3.11 python3.12 python3.13 python3.14 python
ARGS ?=
SEED ?=

# The stamps: younger than what they were made from, or made again.
READY := $(VENV)/.ready
RUNTIME := $(VENV)/.runtime
DEVELOPMENT := $(VENV)/.development

# Other clients are kept apart from what we need ourselves.
BENCH := .venv-bench
PEERS := $(BENCH)/.peers

.PHONY: help demo test chaos check peers bench build clean

help:
	@sed -n 's/^#   //p' Makefile

demo: $(RUNTIME)
	@$(BIN)/reconnecting-sse demo $(ARGS)

# More processes than cores: many tests wait for sockets and children most of the time.
# A part of the tests need not reach full coverage.
test: $(DEVELOPMENT)
	$(BIN)/coverage erase
	$(BIN)/coverage run -m pytest -n 4 --dist worksteal -rs $(ARGS)
	$(BIN)/coverage combine --quiet
	$(BIN)/coverage report $(if $(ARGS),--fail-under=0)

# A seed that failed is replayed by   make chaos SEED=7
chaos: $(DEVELOPMENT)
	@$(BIN)/python -m tests.chaos $(SEED) $(ARGS)

# pyright looks for the package in the environment of the first python on the path.
check: $(DEVELOPMENT)
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	PATH="$(CURDIR)/$(BIN):$$PATH" pyright --verifytypes reconnecting_sse --ignoreexternal
	PATH="$(CURDIR)/$(BIN):$$PATH" pyright tests/typing

peers: $(PEERS)
	$(BENCH)/bin/python -m benchmarks.peers $(ARGS)

bench: $(PEERS)
	@$(BENCH)/bin/python -m benchmarks $(ARGS)

build: $(DEVELOPMENT)
	rm -rf dist
	$(BIN)/python -m build

clean:
	rm -rf $(VENV) $(BENCH) build dist .coverage .coverage.* .hypothesis
	rm -rf .mypy_cache .pytest_cache .ruff_cache
	find src tests -name __pycache__ -prune -exec rm -rf {} +

$(READY):
	@for python in $(or $(PYTHON),$(PYTHONS)); do \
		if "$$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; \
		then break; fi; \
		python=; \
	done; \
	if [ -z "$$python" ]; then \
		echo 'No Python 3.11 or later was found. Install one, or name it:' >&2; \
		echo '    make PYTHON=/where/it/is/python3' >&2; \
		exit 1; \
	fi; \
	echo "Setting up $(VENV) with $$("$$python" --version)"; \
	if ! "$$python" -m venv $(VENV); then \
		echo 'This Python cannot make a virtual environment. On Debian and Ubuntu:' >&2; \
		echo '    apt install python3-venv' >&2; \
		exit 1; \
	fi
	@touch $@

$(RUNTIME): $(READY) pyproject.toml
	@echo "Installing the package and what it needs"
	@$(PIP) install --quiet --editable .
	@touch $@

# Dependency groups need pip 25.1 or later.
$(DEVELOPMENT): $(READY) pyproject.toml
	@echo "Installing the package and what its tests and checks need"
	@$(PIP) install --quiet --upgrade 'pip>=25.1'
	@$(PIP) install --quiet --group dev --editable '.[testing]'
	@touch $(RUNTIME) $@

$(PEERS): $(READY) pyproject.toml benchmarks/requirements.txt benchmarks/peers/requirements.txt
	@echo "Installing the other clients into $(BENCH)"
	@$(BIN)/python -m venv $(BENCH)
	@$(BENCH)/bin/python -m pip --disable-pip-version-check install --quiet \
		-r benchmarks/requirements.txt -r benchmarks/peers/requirements.txt --editable .
	@touch $@
