# `make tour` shows what the library does; `make test` checks that it does; `make bench` times it.
# Each makes .venv when it is missing, and calls pip only when what pyproject.toml asks for has changed.

# The first Python that is new enough; `make PYTHON=...` names another.
PYTHON ?= $(shell for p in python3 python3.14 python3.13 python3.12 python3.11; do \
	$$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$p && exit; done; echo python3)
RUN := .venv/bin/python
PYTEST_FLAGS ?= -q -n auto --maxprocesses=8

.PHONY: tour test lint types tests bench environment environment-dev clean
.NOTPARALLEL:    # pytest takes all cores itself, and the quick checks belong before it

tour: environment
	@$(RUN) -m pellucid tour

test: lint types tests

lint: environment-dev
	$(RUN) -m ruff check

types: environment-dev
	$(RUN) -m pyright --pythonpath $(RUN)

tests: environment-dev
	$(RUN) -m pytest $(PYTEST_FLAGS)

bench: environment-dev
	$(RUN) benchmarks/run.py

environment:
	@$(PYTHON) .ci/environment.py

environment-dev:
	@$(PYTHON) .ci/environment.py dev

clean:
	rm -rf .venv benchmarks/.peers build dist .pytest_cache .ruff_cache .hypothesis
