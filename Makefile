# One door to everything. All it needs is make and Python 3.11 or later with pip and
# venv; what else a target needs it installs into .venv, once.
#
#   make demo     a server that fails at random, and a source that lives through it
#   make test     all tests but those that take long; fails below full branch coverage
#   make endurance   those that take long: kills, crash points, fleets, leaks, faults
#   make test-uvloop   those of the transports and of the subscription, on uvloop
#   make lowest   the quick ones, with the lowest versions that are allowed
#   make pythons  the quick ones, with each later Python that is installed
#   make neighbours   that what others need installs beside us, in its newest version
#   make chaos    ten times 100,000 events through a proxy that breaks connections, then
#                 bombs, of which none may keep anything waiting for 100 ms, and ten more
#                 minutes of faults on each face (SOAK=600) in which no memory may grow;
#                 and a thousand kills of a consumer with each store, and fifty restarts,
#                 kills and frozen owners of a worker with a lease of ten seconds, and
#                 fleets of 300 feeds whose store stands still for thirty
#   make check    format, lint and types
#   make docs     the site, into docs/_build/html; a broken link or reference fails
#   make peers    what other clients do, probe by probe, into docs/explanation/guarantees.md
#   make bench    how fast they and we are, into docs/benchmarks.md
#   make bench-against BASE=main    how fast we are, and that revision or folder was
#   make build    the wheel and the source distribution, into dist, and looked over
#   make clean    removes all that the others made
#
# ARGS is passed on:   make demo ARGS="--seed 7"   make test ARGS="-k decoder"
# PYTHON says which:   make test PYTHON=python3.13   (after a make clean)

VENV := .venv
BIN := $(VENV)/bin
PIP_IN := python -m pip --disable-pip-version-check
PIP := $(BIN)/$(PIP_IN)
EXTRAS := compression,otel,prometheus,redis,socks,sql,testing
PYTHON ?=
PYTHONS := python3 python3.11 python3.12 python3.13 python3.14 python
ARGS ?=
SEED ?=
SOAK ?= 600

# The stamps: younger than what they were made from, or made again.
READY := $(VENV)/.ready
RUNTIME := $(VENV)/.runtime
DEVELOPMENT := $(VENV)/.development

# The package once more, with the lowest versions that it allows.
LOWEST := .venv-lowest
LOWEST_READY := $(LOWEST)/.ready

# And once for each later Python that there is.
LATER := 3.12 3.13 3.14
LATER_HERE = $(foreach version,$(LATER),$(shell \
	python$(version) -c 'print("$(version)")' 2>/dev/null))

# Other clients are kept apart from what we need ourselves.
BENCH := .venv-bench
PEERS := $(BENCH)/.peers

# More processes than cores: many tests wait for sockets and children most of the time.
PYTEST := -m pytest -n 4 --dist worksteal -rs
ON_UVLOOP := tests/project/test_running.py tests/subscription tests/transports
# What rests on a dependency, and takes no process of its own for each test.
QUICK := tests/cli/test_cli_tail.py tests/connect/test_connect.py tests/core
QUICK += tests/exchange tests/testing tests/transports
QUICK += $(addprefix tests/stores/test_,at_once.py beside.py fleets.py letters.py stores.py)
QUICK += $(addprefix tests/subscription/test_,log.py prepare.py scenarios.py source.py)
QUICK += $(addprefix tests/workers/test_,probes.py telemetry.py)
QUICK += --ignore-glob='tests/core/test_decoder*'

# Their tests are skipped without; what only they reach is then not covered.
SERVERS := nginx redis-server mariadbd postgres promtool
FOUND = $(shell for name in $(SERVERS); do \
	PATH="$$PATH:/usr/sbin:$$(echo /usr/lib/postgresql/*/bin | tr ' ' ':')" \
	command -v "$$name" >/dev/null && echo "$$name"; done)
MISSING = $(filter-out $(FOUND),$(SERVERS))
IS_WHOLE = $(if $(ARGS),,$(or $(CI),$(if $(MISSING),,yes)))

.PHONY: help demo test endurance test-uvloop lowest pythons neighbours chaos check docs
.PHONY: peers bench bench-against build clean

help:
	@sed -n 's/^#   //p' Makefile

demo: $(RUNTIME)
	@$(BIN)/reconnecting-sse demo $(ARGS)

# A part of the tests need not reach full coverage.
test: $(DEVELOPMENT)
	$(BIN)/coverage erase
	$(BIN)/coverage run $(PYTEST) $(or $(ARGS),-m 'not endurance')
	$(BIN)/coverage combine --quiet
	$(BIN)/coverage report $(if $(IS_WHOLE),,--fail-under=0)
	@$(if $(or $(CI),$(if $(MISSING),,yes)),,echo 'Not installed: $(MISSING).' \
		'Their tests were skipped, and full coverage was not asked for.')

endurance: $(DEVELOPMENT)
	$(BIN)/python $(PYTEST) -m endurance $(ARGS)

test-uvloop: $(DEVELOPMENT)
	TEST_LOOP=uvloop $(BIN)/python $(PYTEST) $(ON_UVLOOP) $(ARGS)

lowest: $(LOWEST_READY)
	$(LOWEST)/bin/python -m tests.project.lowest --check
	$(LOWEST)/bin/python $(PYTEST) $(QUICK) $(ARGS)

pythons: $(LATER_HERE:%=.venv-%/.ready)
	@for version in $(LATER_HERE); do \
		.venv-$$version/bin/python --version && \
		.venv-$$version/bin/python $(PYTEST) $(QUICK) $(ARGS) || exit 1; \
	done
	@$(if $(filter-out $(LATER_HERE),$(LATER)),\
		echo 'Not here and not tried: $(filter-out $(LATER_HERE),$(LATER))')

neighbours: $(DEVELOPMENT)
	$(BIN)/python -m tests.project.neighbours

# A seed that failed is replayed by   make chaos SEED=7
chaos: $(DEVELOPMENT)
	@$(BIN)/python -m tests.chaos $(SEED) $(ARGS)
	@$(if $(SEED),,$(BIN)/python -m tests.chaos.deadlines)
	@$(if $(SEED),,KILLS=167 STEP=1 $(BIN)/python $(PYTEST) -q --timeout 1200 \
		tests/durable/test_kills.py tests/durable/test_crash_points.py \
		tests/workers/test_worker_kills.py)
	@$(if $(SEED),,LEASE=10 HANDOVERS=50 $(BIN)/python $(PYTEST) -q \
		tests/workers/test_standby.py tests/workers/test_fleet_processes.py \
		--timeout 3000)
	@$(if $(SEED),,$(BIN)/python -m tests.chaos.soak sync $(SOAK))
	@$(if $(SEED),,$(BIN)/python -m tests.chaos.soak async $(SOAK))

# pyright looks for the package in the environment of the first python on the path.
check: $(DEVELOPMENT)
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	PATH="$(CURDIR)/$(BIN):$$PATH" pyright --verifytypes reconnecting_sse --ignoreexternal
	PATH="$(CURDIR)/$(BIN):$$PATH" pyright tests/typing

docs: $(DEVELOPMENT)
	@$(BIN)/sphinx-build -nW --keep-going --quiet --fresh-env docs docs/_build/html
	@echo 'docs/_build/html/index.html'

peers: $(PEERS)
	$(BENCH)/bin/python -m benchmarks.peers $(ARGS)

bench: $(PEERS)
	@$(BENCH)/bin/python -m benchmarks $(ARGS)

bench-against: $(DEVELOPMENT)
	@$(BIN)/python -m benchmarks.against "$(BASE)" $(ARGS)

build: $(DEVELOPMENT)
	rm -rf dist
	$(BIN)/python -m build
	$(BIN)/twine check --strict dist/*
	$(BIN)/check-wheel-contents dist/*.whl

clean:
	rm -rf $(VENV) $(LOWEST) $(LATER:%=.venv-%) $(BENCH) .venv-against build dist docs/_build .coverage .coverage.* .hypothesis
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
	@$(PIP) install --quiet --group dev --editable '.[$(EXTRAS)]'
	@touch $(RUNTIME) $@

$(LOWEST_READY): $(DEVELOPMENT) pyproject.toml tests/project/lowest.py
	@echo "Installing the lowest versions that are allowed into $(LOWEST)"
	@$(BIN)/python -m venv --clear $(LOWEST)
	@$(LOWEST)/bin/$(PIP_IN) install --quiet --upgrade 'pip>=25.1'
	@$(BIN)/python -m tests.project.lowest > $(LOWEST)/requirements.txt
	@$(LOWEST)/bin/$(PIP_IN) install --quiet --requirement $(LOWEST)/requirements.txt \
		--group test --editable '.[$(EXTRAS)]'
	@touch $@

.venv-%/.ready: pyproject.toml
	@echo "Installing the package and what its tests need into .venv-$*"
	@python$* -m venv --clear .venv-$*
	@.venv-$*/bin/$(PIP_IN) install --quiet --upgrade 'pip>=25.1'
	@.venv-$*/bin/$(PIP_IN) install --quiet --group test --editable '.[$(EXTRAS)]'
	@touch $@

$(PEERS): $(READY) pyproject.toml benchmarks/requirements.txt benchmarks/peers/requirements.txt
	@echo "Installing the other clients into $(BENCH)"
	@$(BIN)/python -m venv $(BENCH)
	@$(BENCH)/bin/$(PIP_IN) install --quiet \
		-r benchmarks/requirements.txt -r benchmarks/peers/requirements.txt --editable .
	@touch $@
