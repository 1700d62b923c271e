# Two commands matter to a newcomer: `make demo` and `make test`.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check
DEMO := demo-output

.PHONY: benchmark demo test check check-install format constraints full-catalog clean system-packages

$(VENV)/bin/python:
	$(PYTHON) -m venv $(VENV)

# What a user installs: no development packages, no extras.
$(VENV)/.installed: pyproject.toml constraints.txt | $(VENV)/bin/python
	$(PIP) install --quiet --constraint constraints.txt --editable .
	@touch $@

$(VENV)/.installed-dev: pyproject.toml constraints.txt | $(VENV)/bin/python
	$(PIP) install --quiet --constraint constraints.txt --editable '.[dev]'
	@touch $@ $(VENV)/.installed

demo: $(VENV)/.installed
	$(BIN)/python -m furniture_prompter.cli.demo $(DEMO)

# Rendering tests draw off screen and need these libraries of the system.
system-packages:
	@sh scripts/check-system-packages

check: $(VENV)/.installed-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

test: $(VENV)/.installed-dev system-packages check
	$(BIN)/python -m pytest
	$(MAKE) --no-print-directory check-install

# A wheel in a fresh environment, as a user installs it.
check-install: $(VENV)/.installed-dev
	PYTHON=$(PYTHON) sh scripts/check-install

format: $(VENV)/.installed-dev
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

# Write down what is installed now, so that an install is the same tomorrow.
constraints: $(VENV)/.installed-dev
	$(PIP) freeze --exclude-editable --exclude furniture-prompter | sed 's/+cpu$$//' > constraints.txt

# Other engines, to be measured beside ours.
$(VENV)/.installed-peers: $(VENV)/.installed-dev
	$(PIP) install --quiet --constraint constraints.txt --editable '.[peers]'
	@touch $@

# The benchmark report on the builder's full set and on ../shared/data/ikea-dev, where that is.
# STUDENTS names folders of students to compare as well, REPORT further options, such as --file.
benchmark: $(VENV)/.installed-peers full-catalog/products.jsonl
	$(BIN)/furniture-prompter encoders show imagenet-ensemble > /dev/null 2>&1 \
		|| $(BIN)/furniture-prompter encoders pull imagenet-ensemble
	$(BIN)/python -m benchmarks.report full-catalog/products.jsonl $(STUDENTS) $(REPORT)

full-catalog/products.jsonl:
	$(MAKE) --no-print-directory full-catalog

# 5,766 images or more, for benchmarks; not committed.
full-catalog: $(VENV)/.installed-dev system-packages
	$(BIN)/python -m tools.catalog_builder full --out full-catalog

clean:
	rm -rf $(VENV) $(DEMO) .mypy_cache .ruff_cache .pytest_cache .import_linter_cache
