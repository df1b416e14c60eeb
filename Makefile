# make demo   set up, run the collector on recorded exports, print what it saw
# make test   set up, run every test (the stack tests need softflowd, pmacct, a JDK and Maven: see README)
# make check  linters, types, stale derived files, hermetic tests
# make deb    a package for Debian and Ubuntu in dist/; make rpm for the Red Hat family and SUSE: see packaging/README.md
# make soak   run the collector under load and faults for MINUTES=30, and see that nothing is lost or grows
.PHONY: demo test check lint hermetic stack gen fmt bench soak deb rpm setup clean

# The distribution's interpreter is built for speed; one built by hand often is not, and costs a fifth more a flow.
PYTHON ?= $(shell for p in /usr/bin/python3 python3; do $$p -c 'import sys, ensurepip, venv; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$p && break; done || true)
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready

setup: $(READY)

$(READY): pyproject.toml
	@test -n "$(PYTHON)" || { echo "flowcoll needs Python 3.11 or newer with its venv module: apt-get install python3-venv" >&2; exit 1; }
	@echo "setting up $(VENV) with $$($(PYTHON) --version), about a minute"
	@$(PYTHON) -m venv $(VENV)
	@$(BIN)/pip install --quiet --disable-pip-version-check --editable '.[dev]'
	@touch $@

demo: setup
	@$(BIN)/python demo/demo.py

test: hermetic stack

check: lint hermetic

lint: setup
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/python -m flowcoll.generate --check

# what needs nothing but this checkout, side by side; `make check test` runs it once
hermetic: setup
	$(BIN)/pytest -m 'not stack' -n $$(nproc)

# the proofs of packages side by side, since what is built for them is built once; those with a real node share it
stack: setup
	$(BIN)/pytest -m stack -n 2 --dist loadgroup tests/packages
	$(BIN)/pytest -m stack --ignore=tests/packages

gen: setup
	$(BIN)/python -m flowcoll.generate

fmt: setup
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench: setup
	cd tests && ../$(BIN)/python -m bench

MINUTES ?= 30
soak: setup
	cd tests && ../$(BIN)/python -m soak --minutes $(MINUTES)

deb: setup
	@PYTHON=$(CURDIR)/$(BIN)/python packaging/deb/build dist

rpm: setup
	@PYTHON=$(CURDIR)/$(BIN)/python packaging/rpm/build dist

clean:
	rm -rf $(VENV) build dist demo/out .mypy_cache .ruff_cache .pytest_cache .hypothesis
