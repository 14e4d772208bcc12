# Every target makes .venv itself where it is missing; PYTHON=python3.12 picks another interpreter.
PYTHON ?= python3
VENV   ?= .venv
BIN     = $(VENV)/bin
STAMP   = $(VENV)/.installed

.DEFAULT_GOAL := help
.PHONY: help demo test check slow kill faults browser conformance bench docs man clean

help:  ## what can be made
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-11s %s\n", $$1, $$2}'

$(STAMP): pyproject.toml constraints.txt
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e . 'pip>=25.1'
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt --group dev
	@touch $(STAMP)

demo: $(STAMP)  ## run the sample jobs against the bundled server, with no network
	@$(BIN)/scraper demo

# Every process of the tests would compile the program anew where bytecode is not written.
test slow kill faults: export PYTHONDONTWRITEBYTECODE =
# Temporary folders in memory, where a gigabyte is free there: a ledger on a disk waits for it with each commit.
test: export PYTEST_DEBUG_TEMPROOT = $(shell test -w /dev/shm && df -Pk /dev/shm | awk 'NR == 2 && $$4 > 1000000 { print "/dev/shm" }')

test: $(STAMP)  ## the tests (about two minutes)
	@$(BIN)/python -m pytest -n auto -m "not slow" -rs

slow: $(STAMP)  ## the slow tests: kill -9 at random moments, and the like
	@$(BIN)/python -m pytest -m "slow and not kill" -rs

kill: $(STAMP)  ## 200 kill -9 over a batch of 2,000 files, by each transport (about four minutes); tells figures
	@$(BIN)/python -m pytest -m kill

faults: $(STAMP)  ## every fault, SEEDS times each, injected into replays of the sample jobs (180 is 20 a job: 20 minutes)
	@SEEDS=$(or $(SEEDS),20) $(BIN)/python -m pytest -n auto -m "" tests/faults/test_injected.py

browser: $(STAMP)  ## the report in headless Chromium; AXE=.../axe.min.js adds the check by axe-core, SHOTS=folder screenshots
	@AXE="$(AXE)" SHOTS="$(SHOTS)" $(BIN)/python -m pytest -m slow tests/report/test_browser.py -rs

# The cases are data of others, and no part of this: CONFORMANCE=folder names where their JSON files lie.
conformance: $(STAMP)  ## the published cases of others, in the folder CONFORMANCE=... names; tells figures
	@test -d "$(CONFORMANCE)" || { echo "make conformance: CONFORMANCE must name the folder of the published cases:" \
	  "make conformance CONFORMANCE=/path/to/conformance" >&2; exit 2; }
	@CONFORMANCE="$(CONFORMANCE)" $(BIN)/python -m pytest tests/conformance tests/net/transport/test_published_lengths.py

check: $(STAMP)  ## ruff, mypy, and the test of the floors
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/python -m pytest tests/test_house.py

# RUNS=1 SCALE=0.05 WORKLOADS="W1 W2" BENCH="--image --peers curl": less, or other; the whole takes about two hours.
WORKLOADS ?= all
RUNS      ?= 5
SCALE     ?= 1

bench: $(STAMP)  ## measure against curl, wget2, aria2, Scrapy and others; writes docs/speed.md
	@$(BIN)/python -m bench $(WORKLOADS) --runs $(RUNS) --scale $(SCALE) --install --write docs/speed.md $(BENCH)

docs: $(STAMP)  ## write what is made of the program: docs/reference.md, docs/scraper.1, jobs/job.schema.json
	@$(BIN)/python -m scraper.cli.manual docs
	@$(BIN)/scraper schema > jobs/job.schema.json

man: docs  ## show the manual page
	@man -l docs/scraper.1

clean:  ## remove the environment and what was built
	rm -rf $(VENV) build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
