# What a developer runs and what CI runs: `make check`. `make help` lists the rest.

PYTHON ?= $(shell command -v python3.11 || command -v python3)
VENV ?= .venv
BIN := $(VENV)/bin
INSTALLED := $(VENV)/.installed
# pip takes minutes for what uv does in one.
UV := $(BIN)/uv pip install --quiet
# The frameworks that memkit has adapters for, but CrewAI: it holds the protocol's SDK at its first
# major, and so has an environment of its own.
FRAMEWORKS := agent-framework,autogen,google-adk,langgraph,llamaindex,openai-agents,pydantic-ai,strands
OLDER := .venv-older
# Many tests wait, for a process that starts or a lock that is held: more of them than cores.
WORKERS ?= $(shell echo $$((2 * $$(getconf _NPROCESSORS_ONLN))))
# What npm fetches for the tests, once.
export TEST_NPM_FOLDER ?= $(CURDIR)/$(VENV)/npm

.DEFAULT_GOAL := help
.PHONY: help install format lint types layers docs package test older check clean

help: ## Show this list
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-9s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

install: $(INSTALLED) ## Make .venv with memkit (editable), every extra and the tools

# --clear, for a virtual environment that an interrupted install left half-made, or that
# holds memkit as a copy.
$(INSTALLED): pyproject.toml
	$(PYTHON) -m venv --clear $(VENV)
	$(BIN)/python -m pip --disable-pip-version-check --quiet install "uv>=0.9"
	$(UV) --python $(BIN)/python --editable ".[all,$(FRAMEWORKS)]" --group dev
	$(UV) --python $(BIN)/python --no-deps --group files
	@touch $@

format: $(INSTALLED) ## Format the code and mend what the linter can
	$(BIN)/ruff check --fix-only --quiet .
	$(BIN)/ruff format .

lint: $(INSTALLED) ## Check format and lint rules
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .

types: $(INSTALLED) $(OLDER)/.installed ## Check types, strictly
	$(BIN)/mypy
	$(BIN)/mypy --python-executable $(OLDER)/bin/python --cache-dir .mypy_cache/older \
		$(wildcard adapters/memkit_crewai/*.py tests/adapters/crewai/*.py) \
		examples/crewai_crew.py examples/three_frameworks.py

layers: $(INSTALLED) ## Check which layer imports which
	$(BIN)/lint-imports --no-cache

docs: $(INSTALLED) ## Build the documentation into site/; a warning is an error
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict --quiet

package: $(INSTALLED) ## Build sdist and wheel into dist/; try the wheel in an empty environment
	rm -rf dist
	$(BIN)/python -m build --outdir dist . > /dev/null
	$(BIN)/python -m venv --clear dist/venv
	dist/venv/bin/pip --disable-pip-version-check --quiet install "$$(ls dist/*.whl)[local]"
	cd dist && HOME="$$PWD/home" venv/bin/memkit demo
	rm -rf dist/venv dist/home

test: $(INSTALLED) ## Run the tests
	$(BIN)/pytest --numprocesses=$(WORKERS) --dist=loadfile

$(OLDER)/.installed: $(INSTALLED)
	$(PYTHON) -m venv --clear $(OLDER)
	$(UV) --python $(OLDER)/bin/python \
		--editable ".[server,local,postgres-embedded,crewai,langgraph,llamaindex]" --group older
	@touch $@

older: $(OLDER)/.installed ## Run the tests of CrewAI, and those that its environment could change
	$(OLDER)/bin/pytest --numprocesses=$(WORKERS) --dist=loadfile \
		tests/server/mcp tests/adapters tests/docs/test_examples.py tests/docs/test_example_programs.py

# The types keep one core busy: what else there is goes beside. The tests come last, so that their
# summary is what is read last.
check: $(INSTALLED) ## Everything that CI runs
	+$(MAKE) --jobs=2 --output-sync=target lint types layers docs package older
	+$(MAKE) test

clean: ## Remove what the other commands made
	rm -rf $(VENV) $(OLDER) dist site .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
