# Every target makes .venv itself where it is missing; PYTHON=python3.12 picks another interpreter.
PYTHON ?= python3
VENV   ?= .venv
BIN     = $(VENV)/bin
STAMP   = $(VENV)/.installed

.DEFAULT_GOAL := help
.PHONY: help demo test check slow bench clean

help:  ## what can be made
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-8s %s\n", $$1, $$2}'

$(STAMP): pyproject.toml constraints.txt
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e . 'pip>=25.1'
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt --group dev
	@touch $(STAMP)

demo: $(STAMP)  ## run the sample jobs against the bundled server, with no network
	@$(BIN)/scraper demo

test: $(STAMP)  ## the tests (about a minute)
	@$(BIN)/python -m pytest -n auto -m "not slow"

slow: $(STAMP)  ## the slow tests: kill -9 at random moments, and the like
	@$(BIN)/python -m pytest -m slow

check: $(STAMP)  ## ruff, mypy, and the test of the floors
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/python -m pytest tests/test_house.py

bench: $(STAMP)  ## measure against a plain requests pool
	@$(BIN)/python bench/small_files.py

clean:  ## remove the environment and what was built
	rm -rf $(VENV) build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
