# Every target does its own set-up, once: a virtual environment in .venv. `make` alone lists the targets.
SHELL := /bin/bash
PYTHON ?= python3
VENV := .venv
RUN := $(VENV)/bin/python -m
DATA ?= ../shared/data
# the CPU build of torch: TORCH_OPTIONS='OPTIONS', those that pytorch.org (Get Started, CPU) shows; see docs/howto/install.md
TORCH := $(shell grep -i '^torch==' constraints.txt)

# the pages are tested in a browser; without one, and without root to install it, those tests say so and are left out
BROWSER := command -v chromium >/dev/null || { [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null && \
  { apt-get -qq update; DEBIAN_FRONTEND=noninteractive apt-get -qq install -y --no-install-recommends chromium; } >/dev/null; } || \
  echo "no Chromium: the tests of the pages will not run (as root: apt-get install chromium)"

.DEFAULT_GOAL := help
.PHONY: help setup demo test lint coverage soak known-answers benchmark docs hooks clean

help:            ## list the targets
	@grep -hE '^[a-z-]+:.*##' Makefile | sed -E 's/:[^#]*##/\t/' | expand -t 18

setup: $(VENV)/.ready  ## make the virtual environment in .venv

$(VENV)/.ready: pyproject.toml constraints.txt setup.py
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed")'
	$(PYTHON) -m venv $(VENV)
	$(VENV)/bin/pip install -q --disable-pip-version-check -c constraints.txt '$(TORCH)' $(TORCH_OPTIONS)
	$(VENV)/bin/pip install -q --disable-pip-version-check -c constraints.txt -e '.[dev]'
	@$(BROWSER)
	@touch $@

demo: $(VENV)/.ready  ## simulated people through every stage, to a report and a prediction
	@$(RUN) pulsewise demo

test: $(VENV)/.ready lint  ## lint, types, import rules and all tests but the long ones
	OMP_NUM_THREADS=1 $(RUN) pytest -n 2 --dist worksteal -m "not soak and not known_answers and not interrupts" $(COUNTING)
	OMP_NUM_THREADS=1 $(RUN) pytest -q -m "interrupts and not soak"

lint: $(VENV)/.ready  ## style, types and import rules
	$(RUN) ruff check .
	$(RUN) ruff format --check .
	$(RUN) mypy
	$(VENV)/bin/lint-imports

coverage:        ## the same tests, and which lines they do not reach; half as long again
	$(MAKE) test COUNTING="--cov --cov-report=term:skip-covered"

soak: $(VENV)/.ready  ## full counts of mutations, kills and long runs
	$(RUN) pytest -m soak

known-answers: $(VENV)/.ready  ## figures on real recordings (DATA=folder)
	PULSEWISE_DATA=$(DATA) $(RUN) pytest -m known_answers -s

benchmark: $(VENV)/.ready  ## speed, as ratios against other libraries
	$(RUN) benchmarks

docs: $(VENV)/.ready  ## the documentation, in docs/_build/html
	$(RUN) sphinx -W --keep-going -q -b html docs docs/_build/html
	@echo "docs/_build/html/index.html"

hooks: $(VENV)/.ready  ## check every commit before it is made
	$(VENV)/bin/pre-commit install

clean:           ## remove the environment and everything built
	rm -rf $(VENV) docs/_build docs/reference/generated
