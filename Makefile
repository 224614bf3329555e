# Few verbs. Each makes what it needs first; `make help` lists them.
SHELL := /bin/bash
.DEFAULT_GOAL := help
PYTHON ?= python3
POETRY_VERSION := 2.5.1
POETRY := .poetry/bin/poetry
RUN := .venv/bin/python -m
WORKERS ?= 2
# One after the other: figures taken side by side must not disturb each other.
BENCH := $(RUN) pytest -q -s -p no:xdist -o python_files='bench_*.py' -o timeout=7200
export POETRY_VIRTUALENVS_IN_PROJECT := true
export POETRY_NO_INTERACTION := 1
# Bytecode is kept: without it every process pays for compiling what it imports, about twice its start.
export PYTHONDONTWRITEBYTECODE :=
# Poetry asks for each release's JSON, which not every package index serves; through
# the plugin it reads the simple pages of the index pip is set up for.
POETRY_ENV = POETRY_PYPI_MIRROR_URL="$${POETRY_PYPI_MIRROR_URL:-$$(.poetry/bin/python scripts/package_index.py)}"

.PHONY: help install demo up test test-long faults honesty ops-day check mutants format render lock bench bench-long bench-peers bench-quality wheel

help: ## list the verbs
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 15

install: .venv/installed ## make .venv with everything in poetry.lock

demo: install ## load real data, train, score three days, show where it all lies
	.venv/bin/tierra demo

up: install ## Prefect, MLflow, receipts, deployments and a worker, until Ctrl-C
	@$(RUN) deployments.services.up

test: install ## unit, property, integration and end-to-end tests
	$(RUN) pytest -q -m "not long" -n $(WORKERS) --dist loadscope --no-loadscope-reorder

test-long: install ## the tests that take minutes each
	$(RUN) pytest -q -s -m long
	EXAMPLES=all $(RUN) pytest -q -s tests/property tests/unit/test_report.py tests/integration/test_nights.py \
		tests/integration/test_messy_files.py tests/integration/test_why.py

faults: install ## every fault on every sink, about four minutes; prints what survived
	FAULTS=all $(RUN) pytest -q -n $(WORKERS) --dist loadscope --no-loadscope-reorder tests/faults tests/integration/test_kill.py

honesty: install ## what is promised about chance, simulated: gate, leaks, intervals, decisions; a table with bounds
	$(RUN) tests.honesty $(ARGS)

ops-day: install ## accidents of a day of operation, each made and repaired: what ops sees of it, where and after how long
	$(RUN) tests.day_of_ops $(ARGS)

mutants: install ## small changes that no test notices, of MODULE=tierra/store/predictions.py, or of a sample: at most an hour
	$(RUN) tests.mutants $(or $(MODULE),--each 12 --minutes 60) $(ARGS)

check: install ## linters, types, architecture, lock and rendered files
	$(RUN) ruff check .
	$(RUN) black --check --quiet .
	$(RUN) flake8
	$(RUN) mypy
	.venv/bin/lint-imports
	$(POETRY_ENV) $(POETRY) check --lock
	$(RUN) deployments.render --check
	$(RUN) scripts.render_docs --check
	@! grep -rnE '@logger\.catch\b(\(\)|$$)' tierra tasks flows deployments projects --include='*.py' || \
		{ echo "logger.catch without reraise=True turns a failure into None"; exit 1; }

format: install ## put the code in its form
	$(RUN) ruff check --fix --quiet .
	$(RUN) black --quiet .

render: install ## write prefect.yaml, the schema of project files and the reference pages
	$(RUN) deployments.render
	$(RUN) scripts.render_docs

bench: install ## print the measured figures
	$(BENCH) -m "not long" tests/bench

bench-long: install ## the figures that take minutes each: 20 million rows, and the peers
	$(BENCH) -m long tests/bench

bench-peers: install ## Kedro, Dagster and Metaflow beside Tierra, each in a venv below var/peers
	$(BENCH) tests/bench/bench_peers.py

bench-quality: install ## three lines of Tierra beside boosting, a linear model, FLAML and AutoGluon on real data; ARGS="ames --write"
	$(RUN) tests.bench.quality $(ARGS)

wheel: install ## build the library's wheel and use it in an empty environment
	rm -rf dist
	POETRY_VIRTUALENVS_CREATE=false $(POETRY) build --format wheel
	$(RUN) scripts.check_wheel dist/*.whl

lock: .poetry/installed ## resolve the dependencies anew
	$(POETRY_ENV) $(POETRY) lock

.venv/installed: poetry.lock pyproject.toml .poetry/installed
	$(POETRY_ENV) $(POETRY) env use --quiet "$$(command -v $(PYTHON))"
	$(POETRY_ENV) $(POETRY) install --compile
	@touch $@

.poetry/installed:
	$(PYTHON) -c 'import sys; assert sys.version_info >= (3, 11), "Tierra needs Python 3.11 or later"'
	$(PYTHON) -m venv .poetry
	.poetry/bin/python -m pip install --quiet "poetry==$(POETRY_VERSION)" "poetry-plugin-pypi-mirror>=0.6"
	@touch $@
