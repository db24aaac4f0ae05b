# `make demo` and `make test` set up everything they need; the rest is for those who work on jaxgen.
PYTHON ?= python3
VENV ?= .venv
BIN = $(VENV)/bin
# Test processes side by side.
JOBS ?= 2
DEMO_DIR ?= runs/demo

.PHONY: demo test configs test-all oracles lint format types check wheel clean help

help:  ## Show this list.
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*##/\t/' | expand -t 14

$(BIN)/.ready: pyproject.toml constraints.txt
	$(PYTHON) -c 'import sys; sys.exit("jaxgen needs Python 3.11 or newer; run make PYTHON=python3.11 ..." if sys.version_info < (3, 11) else 0)'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade pip
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[dev]'
	@touch $@

demo: $(BIN)/.ready  ## Set up, train a diffusion model on real handwritten digits, draw samples.
	$(BIN)/jaxgen train diffusion/edm_digits --workdir $(DEMO_DIR)
	$(BIN)/jaxgen sample $(DEMO_DIR) -n 64 --out $(DEMO_DIR)/samples.png
	@echo "The trained model, its metrics and its pictures lie in $(DEMO_DIR); look at $(DEMO_DIR)/samples.png"

test: $(BIN)/.ready  ## Set up and run the tests (under 15 minutes on 2 cores).
	$(BIN)/python -m pytest --numprocesses $(JOBS)

configs: $(BIN)/.ready  ## Train the smallest form of every config for two steps and run its tasks.
	$(BIN)/python -m pytest --numprocesses $(JOBS) --long tests/conformance -k trains_and_does_its_tasks

test-all: $(BIN)/.ready oracles  ## The tests, the long tests, and the comparisons with other projects.
	$(BIN)/python -m pytest --numprocesses $(JOBS) --long

.venv-oracles/.ready: pyproject.toml requirements-oracles.txt
	$(PYTHON) -m venv .venv-oracles
	.venv-oracles/bin/python -m pip install --quiet --upgrade pip
	.venv-oracles/bin/python -m pip install --quiet torch==2.13.0
	.venv-oracles/bin/python -m pip install --quiet --constraint constraints.txt --requirement requirements-oracles.txt --editable '.[test]'
	@touch $@

oracles: .venv-oracles/.ready  ## Compare with other projects' code, in an environment of its own.
	.venv-oracles/bin/python -m pytest tests/oracles

lint: $(BIN)/.ready  ## Style.
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

format: $(BIN)/.ready  ## Put the style right.
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

types: $(BIN)/.ready  ## Types.
	$(BIN)/mypy

check: lint types test  ## Everything a change must pass.

wheel: $(BIN)/.ready  ## Build the wheel, configs inside.
	$(BIN)/python -m build --wheel

clean:  ## Remove what was built; runs stay.
	rm -rf $(VENV) .venv-oracles build dist
