# Every target does its own set-up: a virtual environment in .venv, once.
SHELL := /bin/bash
PYTHON ?= python3
VENV := .venv
RUN := $(VENV)/bin/python -m
DATA ?= ../shared/data
READY := $(VENV)/.ready

.PHONY: demo test soak known-answers benchmark docs lint setup clean

setup: $(READY)

$(READY): pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(VENV)/bin/pip install -q -c constraints.txt 'torch==2.13.0'
	$(VENV)/bin/pip install -q -c constraints.txt -e '.[dev]'
	@touch $(READY)

demo: $(READY)
	@$(RUN) pulsewise demo

test: $(READY) lint
	$(RUN) pytest -n 2 -m "not soak and not known_answers" --cov --cov-report=term:skip-covered

lint: $(READY)
	$(RUN) ruff check .
	$(RUN) ruff format --check .
	$(RUN) mypy
	$(VENV)/bin/lint-imports

soak: $(READY)
	$(RUN) pytest -m soak

known-answers: $(READY)
	PULSEWISE_DATA=$(DATA) $(RUN) pytest -m known_answers -s

benchmark: $(READY)
	$(RUN) benchmarks

docs: $(READY)
	$(RUN) sphinx -W -b html docs docs/_build/html

clean:
	rm -rf $(VENV) demo docs/_build
