# Every target sets up what it needs: a fresh machine needs only make and Python 3.11 or newer.
# `make PYTHON=/path/to/python3.12` picks the interpreter for the virtual environment.

SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help

PYTHON ?=
CANDIDATES := python3.11 python3.12 python3.13 python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.stamp
DEMO := demo
# Of the malformed inputs and kills that `make test` tries, so many times as many.
FUZZ ?= 20

.PHONY: help setup demo test fuzz lint format clean

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z]+:.*## / {printf "  make %-8s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: $(STAMP) ## create .venv with frugalseg (editable) and the developers' tools in it

# Installed once, and again when the dependencies change.
$(STAMP): pyproject.toml constraints.txt
	@if [ ! -x $(BIN)/python ]; then \
	  for python in $(or $(PYTHON),$(CANDIDATES)); do \
	    if command -v $$python >/dev/null 2>&1 \
	       && $$python -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then found=$$python; break; fi; \
	  done; \
	  if [ -z "$${found:-}" ]; then \
	    echo "frugalseg needs Python 3.11 or newer, and none of these is: $(or $(PYTHON),$(CANDIDATES)); try make PYTHON=/path/to/python" >&2; exit 1; \
	  fi; \
	  $$found -m venv $(VENV) || { rm -rf $(VENV); \
	    echo "$$found can't create a virtual environment; install its venv package (Debian, Ubuntu: apt-get install python3-venv)" >&2; exit 1; }; \
	fi
	$(BIN)/python -m pip install --quiet --constraint constraints.txt torch --editable '.[dev]'
	@touch $@

demo: $(STAMP) ## segment built-in synthetic cells and write a report to demo/
	$(BIN)/frugalseg demo -o $(DEMO) --overwrite

test: lint ## everything CI runs: lint, format, types, import contracts, tests
	$(BIN)/python -m pytest --numprocesses=auto --dist=loadfile --no-loadscope-reorder --durations=20

fuzz: $(STAMP) ## malformed inputs and kills in full
	FRUGALSEG_FUZZ=$(FUZZ) $(BIN)/python -m pytest -m fuzz --timeout=7200 tests/fuzz

lint: $(STAMP) ## ruff, mypy and the import contracts
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

format: $(STAMP) ## let ruff rewrite what it can
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

clean: ## remove the environment, caches and the demo's results
	rm -rf $(VENV) $(DEMO) build dist .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis
	find src tests -name __pycache__ -type d -prune -exec rm -rf {} +
