# Three lines to know: `make demo` runs the main job on simulated data, `make test` passes the tests,
# `make server`, `make deploy` and `make worker` (three terminals) bring up schedules and the UI.
PYTHON ?= python3
VENV ?= .venv
BIN = $(VENV)/bin

# Nothing phones home; Prefect keeps its files in the checkout; no server beyond loopback.
export DO_NOT_TRACK = 1
export PREFECT_SERVER_ANALYTICS_ENABLED = false
export GX_ANALYTICS_ENABLED = false
export PREFECT_HOME ?= $(CURDIR)/.prefect
export SEQCLS_HOME = $(CURDIR)
export PREFECT_SERVER_API_HOST = 127.0.0.1
export PREFECT_SERVER_API_PORT ?= 4200
# A page in the browser may send requests to loopback: a password is asked for (flows/server.py), only the UI's own origin
# is answered, and writes need a token.
SERVER_SETTINGS = PREFECT_SERVER_API_CORS_ALLOWED_ORIGINS=http://127.0.0.1:$(PREFECT_SERVER_API_PORT) \
	PREFECT_SERVER_CSRF_PROTECTION_ENABLED=true
SERVER_URL = http://127.0.0.1:$(PREFECT_SERVER_API_PORT)/api

PIP = $(BIN)/python -m pip install --quiet --disable-pip-version-check
INSTALL = $(PIP) -c constraints.txt -e '.[dev]'
# `make install HASHES=1`: only bytes that requirements.lock knows, whatever the index serves.
INSTALL_HASHED = $(PIP) --no-deps --require-hashes -r requirements.lock && $(PIP) --no-deps --no-build-isolation -e .

.PHONY: up down install demo fast test tests-twice coverage tests-counted \
	check lint types layers format soak fuzz bench server deploy worker clean shape docs

install: $(VENV)/.installed

$(VENV)/.installed: pyproject.toml constraints.txt requirements.lock
	$(PYTHON) -c 'import sys; sys.exit(0 if sys.version_info >= (3, 11) else "seqcls needs Python 3.11 or newer: make PYTHON=python3.11 ...")'
	@echo "making $(VENV): fetches about 1 GB, unpacks 2 GB; some minutes, longer on a busy machine ..."
	$(PYTHON) -m venv $(VENV)
	$(if $(HASHES),$(INSTALL_HASHED),$(INSTALL))
	touch $@

demo: install
	$(BIN)/python -m examples.demo

# Both calls end with what was skipped for want of what. The second is told of a processor with AVX2 and no bfloat16,
# which most are: the tests of precision, engines, races and kernels, for which that matters.
# Four workers on two cores: much of the time goes to waiting for servers and processes.
PYTEST = OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n 4 --dist loadfile --max-worker-restart 0
SMALL = $(addprefix tests/seqcls/test_,precision.py engines.py folded_engine.py races.py convolution.py dense.py \
	unrolled.py)
# Seconds for `make shape`, unless only some tests are run.
TIMED = $(BIN)/python -m benchmarks.timed

fast: install   # under a minute on two cores: no server, no kills, no trained projects
	$(if $(TESTS),,$(TIMED) fast) env OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n 2 --dist worksteal -m "not slow" $(TESTS)

test: install lint types layers   # TESTS="-n 0 -x" runs them one after another and stops at the first that fails
	$(if $(TESTS),,$(TIMED) test) $(MAKE) --no-print-directory tests-twice

tests-twice:
	$(PYTEST) $(TESTS)
	ONEDNN_MAX_CPU_ISA=AVX2 $(PYTEST) -n 2 $(TESTS) --durations=3 $(SMALL)

# Also in processes that the tests start and fork. It takes half as long again as `make test`, so CI leaves it out.
coverage: install
	COVERAGE_FILE=$(CURDIR)/build/coverage/data $(TIMED) --percent build/coverage/share.json coverage \
		$(MAKE) --no-print-directory tests-counted

tests-counted:
	mkdir -p build/coverage
	$(BIN)/python -m coverage erase
	$(PYTEST) --cov=seqcls --cov-report=json:build/coverage/share.json --cov-report=term:skip-covered $(TESTS)

check:          # what CI runs: the tests in a new environment
	bash .ci/run

lint: install
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: install
	$(BIN)/mypy

layers: install
	$(BIN)/lint-imports

format: install
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

soak: install   # every fault of docs/evidence/faults.md, kills, flipped bits, cut files; OPTIONS="--kills 1000 --seconds 3600"
	$(BIN)/python -m benchmarks.faults --run
	$(BIN)/python -m benchmarks.soak $(OPTIONS)
	$(BIN)/python -m benchmarks.launched
	$(BIN)/python -m benchmarks.oldest_torch
	$(PYTEST) -m soak
	$(MAKE) --no-print-directory coverage

fuzz: install   # damaged input files of every format; OPTIONS="--inputs 1000000 --seed 2"
	$(BIN)/python -m benchmarks.fuzz $(OPTIONS)

bench: install  # peers and us in one go: docs/evidence/benchmarks.md; OPTIONS="--list", "--only speed figures", "--quick"
	$(BIN)/python -m benchmarks.bench $(OPTIONS)

shape: install  # rooms, arrows, circles, lines of the code: docs/evidence/shape.md
	$(BIN)/python -m benchmarks.shape

docs: install   # the pages of docs/ as a site in build/docs; a broken link or a page outside the menu is an error
	NO_MKDOCS_2_WARNING=1 $(BIN)/python -m mkdocs build --strict -f docs/site/mkdocs.yml

up: install     # server and worker in the background, the deployments of the pipelines: PIPELINES="my.toml other.toml"
	$(BIN)/seqcls up $(PIPELINES)

down: install
	$(BIN)/seqcls down

server: install
	$(SERVER_SETTINGS) $(BIN)/python -m seqcls_flows.server server

deploy: install
	PREFECT_API_URL=$(SERVER_URL) $(BIN)/python -m seqcls_flows.server deploy

worker: install
	PREFECT_API_URL=$(SERVER_URL) $(BIN)/python -m seqcls_flows.server worker

clean:
	rm -rf demo build dist .pytest_cache .mypy_cache .ruff_cache
