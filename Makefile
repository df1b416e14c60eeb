# make demo   set up, run the collector on recorded exports, print what it saw
# make test   set up, run every test (the stack tests need softflowd and pmacct: see README)
# make check  linters, types, stale derived files, hermetic tests
.PHONY: demo test check gen fmt bench setup clean

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready

setup: $(READY)

$(READY): pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "flowcoll needs Python 3.11 or newer; set PYTHON=" >&2; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || { echo "flowcoll needs Python's venv module: apt-get install python3-venv" >&2; exit 1; }
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --editable '.[dev]'
	@touch $@

demo: setup
	@$(BIN)/python demo/demo.py

test: setup
	$(BIN)/pytest

check: setup
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/python -m flowcoll.generate --check
	$(BIN)/pytest -m 'not stack'

gen: setup
	$(BIN)/python -m flowcoll.generate

fmt: setup
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench: setup
	cd tests && ../$(BIN)/python -m bench

clean:
	rm -rf $(VENV) build dist demo/out .mypy_cache .ruff_cache .pytest_cache .hypothesis
