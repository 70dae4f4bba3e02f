PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
EXAMPLE ?= simulated-support
DEMO := .demo$(if $(filter-out simulated-support,$(EXAMPLE)),-$(EXAMPLE))
STAMP := $(VENV)/.installed
UI_REPO = $(abspath $(or $(TAIL_PIPELINE_REPO),$(DEMO)))

.DEFAULT_GOAL := help
.PHONY: help install demo dev test check format bench clean

help: ## show this list
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*##/\t/' | sort

install: $(STAMP) ## create .venv with the command and everything for development

$(STAMP): pyproject.toml constraints.txt
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check "pip>=25.1"
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e . --group dev
	touch $(STAMP)

demo: install ## mine simulated traffic in a scratch repository (EXAMPLE=monetizy for another system)
	$(BIN)/tail-pipeline demo --example $(EXAMPLE) --to $(DEMO)

dev: install ## open Dagster's UI on the demo (TAIL_PIPELINE_REPO=... for another checkout)
	@test -n "$(TAIL_PIPELINE_REPO)" -o -d $(DEMO) || $(MAKE) demo
	@test -f "$(UI_REPO)/eval/agents.yaml" || { echo "no eval/agents.yaml in $(UI_REPO)"; exit 2; }
	mkdir -p $(UI_REPO)/.tail/dagster
	cp tail_pipeline/defs/local_instance.yaml $(UI_REPO)/.tail/dagster/dagster.yaml
	TAIL_PIPELINE_REPO=$(UI_REPO) DAGSTER_HOME=$${DAGSTER_HOME:-$(UI_REPO)/.tail/dagster} \
	$(BIN)/dagster dev --workspace workspace.yaml

test: install ## run the tests
	$(BIN)/python -m pytest -n auto --dist loadfile --no-loadscope-reorder

check: install ## format, lint, types, import contracts, workflows, code location
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/zizmor --quiet --offline --pedantic .github
	$(BIN)/check-jsonschema --quiet --builtin-schema vendor.github-workflows .github/workflows/*.yml
	$(BIN)/check-jsonschema --quiet --builtin-schema vendor.github-actions .github/actions/*/action.yml
	DAGSTER_HOME=$$(mktemp -d) $(BIN)/dagster definitions validate --workspace workspace.yaml

format: install ## format and fix what can be fixed
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

bench: install ## run the benchmarks that need no further package
	$(BIN)/python benchmarks/code_location.py
	$(BIN)/python benchmarks/cold_mine.py

clean: ## remove the environment and the demo
	rm -rf $(VENV) .demo .demo-*
