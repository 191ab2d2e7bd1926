# `make demo` and `make test` do all set-up themselves: they need Python 3.11 or newer with venv, make and a package index.
# PYTHON names the interpreter that .venv is made with: make test PYTHON=python3.12 (after `make clean`).

PYTHON ?= python3
PORT ?= 8000
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
# The test suite's worker processes, and what else pytest is to get: make test ARGS="-k keys -x"
WORKERS ?= 2
ARGS ?=
COVERAGE_MINIMUM ?= 95
PYTEST = $(BIN)/python -m pytest -n $(WORKERS) $(ARGS)

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:

.PHONY: help
help: ## what there is to make
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  make \1\t\2/p' $(MAKEFILE_LIST) | expand -t 18

# Installed anew only when pyproject.toml changed. The stamp comes last: a broken-off installation is done again.
$(STAMP): pyproject.toml
	@$(PYTHON) -c 'import sys; sys.version_info >= (3, 11) or sys.exit("Python 3.11 or newer is needed, this is %s. Name another: make PYTHON=python3.12" % sys.version.split()[0])'
	@$(BIN)/python -m pip --version >/dev/null 2>&1 || $(PYTHON) -m venv --clear $(VENV)
	@echo "Installing into $(VENV) (once) ..."
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[all,dev]'
	@touch $@

.PHONY: venv
venv: $(STAMP) ## the virtual environment, .venv

.PHONY: demo
demo: $(STAMP) ## the example project on 127.0.0.1:8000, with keys to try (PORT=8001: elsewhere)
	@$(BIN)/python scripts/demo.py --port $(PORT)

.PHONY: test
test: $(STAMP) ## the test suite on SQLite, with coverage, then on PostgreSQL where there is one
	@rm -f .coverage .coverage.*
	env -u DATABASE_URL $(BIN)/python scripts/with_redis.py -- $(PYTEST) --cov --cov-report=
	$(BIN)/python scripts/with_postgres.py --optional -- $(BIN)/python scripts/with_redis.py -- $(PYTEST) -m "not once"

.PHONY: coverage
coverage: test ## the test suite, and how much of the package it ran through
	$(BIN)/python -m coverage report --fail-under=$(COVERAGE_MINIMUM)

.PHONY: check
check: check-lint check-types check-layers check-migrations check-docs ## lint, format, types, layers, migrations, documentation (all: make -k check)

.PHONY: check-lint
check-lint: $(STAMP)
	$(BIN)/python -m ruff check .
	$(BIN)/python -m ruff format --check --quiet .

.PHONY: check-types
check-types: $(STAMP)
	$(BIN)/python -m mypy --strict django_apiaccess

.PHONY: check-layers
check-layers: $(STAMP)
	$(BIN)/lint-imports --no-cache --no-logo

.PHONY: check-migrations
check-migrations: $(STAMP)
	$(BIN)/python -m django makemigrations --check --dry-run --settings tests.settings

.PHONY: check-docs
check-docs: $(STAMP)
	$(BIN)/python -m mkdocs build --strict --quiet

.PHONY: test-all
test-all: ## the test suite on every Python (3.11 to 3.13) and Django (5.2, newest) that is found
	@$(PYTHON) scripts/test_matrix.py $(ARGS)

.PHONY: docs
docs: $(STAMP) ## the documentation, in site/
	$(BIN)/python -m mkdocs build --strict
	@echo "Open site/index.html"

.PHONY: clean
clean: ## remove everything that was made here, the demo's database too
	rm -rf $(VENV) .venvs site build dist htmlcov .coverage .coverage.* .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis
	rm -f example_project/db.sqlite3 example_project/db.sqlite3-*
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
