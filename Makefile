# Everything a checkout needs. `make demo` and `make test` set up what is missing by themselves.
SHELL := /bin/bash
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
export THONGSUOT_STATE_DIR ?= $(CURDIR)/.state
APT_BASE := python3-venv ca-certificates iproute2 nftables util-linux
APT_TEST := chromium fonts-dejavu-core iputils-ping systemd
JOBS ?= 3

.PHONY: help setup demo test check bench bench-long lab clean lock debian-base debian-test

help:
	@echo 'make setup   environment in .venv, Debian packages where missing'
	@echo 'make demo    a small real province on this machine, with a story; Ctrl-C ends it'
	@echo 'make test    lint, types, unit, property, contract, rules, end-to-end, browser'
	@echo 'make check   lint and types only'
	@echo 'make bench   measurements, as tables and JSON'
	@echo 'make bench-long   the long ones, in pieces: stop and go on at will (MINUTES=30)'
	@echo 'make lab     the province without the story, to try things in'
	@echo 'make lock    resolve constraints.txt again'
	@echo 'make clean   remove .venv and .state'

debian-base:
	@deploy/debian-packages.sh $(APT_BASE)

debian-test:
	@deploy/debian-packages.sh $(APT_TEST)

$(VENV)/.done: constraints.txt pyproject.toml | debian-base
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or later is needed")'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes -r constraints.txt
	@# setuptools warns about the top-level folder names, which are meant
	PYTHONWARNINGS=ignore $(BIN)/pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@

setup: $(VENV)/.done

demo: setup
	@$(BIN)/thongsuot demo

lab: setup
	@$(BIN)/thongsuot lab

check: setup
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

# Most of a test's time is waiting, so more of them run at once than there are cores; a file of lab tests
# keeps its lab to itself.
test: check debian-test
	$(BIN)/thongsuot tools
	$(BIN)/pytest -n $(JOBS) --dist worksteal -m 'not lab'
	$(BIN)/pytest -n $(JOBS) --dist loadfile -m lab

bench: setup debian-test
	$(BIN)/thongsuot tools --bench
	$(BIN)/python -m tests.bench --json $(THONGSUOT_STATE_DIR)/bench.json

# What is done stands in the state directory and is not done again; the tables go into docs/benchmarks.md.
# A missed target of the first does not keep the second from being run.
bench-long: setup debian-test
	$(BIN)/thongsuot tools --bench
	@missed=0; \
	$(BIN)/python -m tests.bench._locating_long $(THONGSUOT_STATE_DIR)/locating.jsonl \
	  $(if $(MINUTES),--minutes $(MINUTES)) --page docs/benchmarks.md || missed=1; \
	$(BIN)/python -m tests.bench.locating_lab $(THONGSUOT_STATE_DIR)/locating-lab \
	  $(if $(MINUTES),--minutes $(MINUTES)) --page docs/benchmarks.md || missed=1; \
	exit $$missed

lock:
	$(BIN)/pip-compile --quiet --all-extras --generate-hashes --allow-unsafe --strip-extras \
	  --no-emit-index-url --no-emit-find-links --no-emit-trusted-host --no-header \
	  -o constraints.txt pyproject.toml

clean:
	rm -rf $(VENV) .state .mypy_cache .ruff_cache .pytest_cache .hypothesis *.egg-info
