# Two commands for everybody: `make demo` and `make test`. Each sets up what it needs, in .venv beside this file.
PYTHON ?= python3
BIN := .venv/bin
SOURCES := $(shell find dc_monitor collectors -name '*.py' -o -name '*.toml' -o -path '*/page/*' -type f)

.PHONY: demo test format dev bench clean

demo: .venv/.ready-demo
	$(BIN)/dc-monitor demo

test: .venv/.ready-test
	scripts/system-packages
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/pytest

format: .venv/.ready-test
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

# Work on the code: the checkout itself is what runs.
dev: .venv/bin/python
	$(BIN)/pip install --quiet --constraint constraints.txt --editable '.[test,bench]'
	touch .venv/.ready-test .venv/.ready-demo

bench: .venv/bin/python
	$(BIN)/pip install --quiet --constraint constraints.txt '.[test,bench]'
	$(BIN)/python benchmarks/energy_kernel.py
	$(BIN)/python benchmarks/agent_footprint.py

# The wheel is what runs and what tests import, so both come again when a source file changes.
.venv/.ready-%: .venv/bin/python pyproject.toml constraints.txt $(SOURCES)
	$(BIN)/pip install --quiet --constraint constraints.txt '.[$*]'
	touch $@

.venv/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
	  || { echo "dc-monitor needs Python 3.11 or newer; name one with: make PYTHON=python3.11 …" >&2; exit 1; }
	$(PYTHON) -m venv .venv \
	  || { rm -rf .venv; echo "no venv module: on Debian and Ubuntu run: sudo apt install python3-venv" >&2; exit 1; }

clean:
	rm -rf .venv build *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis
