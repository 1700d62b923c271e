# Three commands matter to a newcomer: `make demo`, `make install` and `make test`.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check
# Every file that is installed has a hash in locks/, what builds ours too; PyTorch has its version alone.
HASHED := $(PIP) install --quiet --require-hashes --requirement locks/build.txt --requirement
OURS := $(PIP) install --quiet --no-build-isolation --editable
LOCKS := locks/build.txt locks/base.txt locks/serve.txt locks/dev.txt
DEMO := demo-output
# Processes that run the tests side by side.
PROCESSES ?= 2

.PHONY: audit benchmark check check-install clean constraints demo format full-catalog install mutants \
	sbom suite system-packages test

$(VENV)/bin/python:
	$(PYTHON) -m venv $(VENV)

# What a user installs: no development packages, no extras.
$(VENV)/.installed: pyproject.toml locks/base.txt locks/build.txt | $(VENV)/bin/python
	$(HASHED) locks/base.txt
	$(OURS) . --no-deps
	@touch $@

$(VENV)/.installed-dev: pyproject.toml constraints.txt locks/dev.txt locks/build.txt | $(VENV)/bin/python
	$(HASHED) locks/dev.txt --no-deps --no-compile
	$(OURS) '.[dev]' --constraint constraints.txt
	@touch $@ $(VENV)/.installed

# A Makefile cannot change the path of the terminal that calls it, so it says what does.
TOLD = @echo "The command is $(BIN)/furniture-prompter; this puts it on the path: . $(BIN)/activate"

install: $(VENV)/.installed
	$(TOLD)

demo: $(VENV)/.installed
	$(BIN)/python -m furniture_prompter.cli.demo $(DEMO)
	$(TOLD)

# Rendering tests draw off screen and need libraries of the system; those of the page need Chromium.
system-packages:
	@sh scripts/check-system-packages

check: $(VENV)/.installed-dev audit
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	@sh scripts/check-script-types

# Known vulnerabilities fail; a service that cannot be reached is one line that says so.
audit: $(VENV)/.installed-dev
	@$(BIN)/python -m tools.audit $(LOCKS)

# Side by side: checks use one core, installing waits for the network, and tests wait for one another.
test: $(VENV)/.installed-dev system-packages
	$(MAKE) --no-print-directory --jobs=3 check suite check-install

# In the order of their folders, the longest first: reordered, a file of one long test comes last.
suite: $(VENV)/.installed-dev
	$(BIN)/python -m pytest --numprocesses $(PROCESSES) --dist loadscope --no-loadscope-reorder

# A wheel in a fresh environment, as a user installs it.
check-install: $(VENV)/.installed-dev
	PYTHON=$(PYTHON) sh scripts/check-install

format: $(VENV)/.installed-dev
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

# Write down what is installed now, so that an install is the same tomorrow, byte for byte.
constraints: $(VENV)/.installed-dev $(VENV)/.installed-mutants
	$(PIP) freeze --all --exclude-editable --exclude furniture-prompter \
		| sed 's/+.*$$//' > constraints.txt
	sh scripts/lock

# What the API's image consists of, as CycloneDX: packages, versions, licences, who needs whom.
sbom: $(VENV)/.installed-dev
	rm -rf build/serve
	$(PYTHON) -m venv --without-pip build/serve
	$(PIP) --python build/serve/bin/python install --quiet --require-hashes --requirement locks/serve.txt
	$(BIN)/python -m hatchling build --target wheel --directory build/wheel > /dev/null
	$(PIP) --python build/serve/bin/python install --quiet --no-deps build/wheel/*.whl
	$(BIN)/cyclonedx-py environment --pyproject pyproject.toml --mc-type application \
		--output-reproducible --output-file build/furniture-prompter.cdx.json build/serve/bin/python
	@echo "written: build/furniture-prompter.cdx.json"

# How many small changes of the code the tests notice: hours, resumed where it stopped.
# MUTANTS names options, such as '--rooms domain --sample 20'.
mutants: $(VENV)/.installed-mutants
	$(BIN)/python -m benchmarks.mutation_score $(MUTANTS)

$(VENV)/.installed-mutants: $(VENV)/.installed-dev
	$(OURS) '.[mutants]' --constraint constraints.txt
	@touch $@

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
