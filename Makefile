# `make help` lists the targets. Everything runs in .venv, which is made when it is missing.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PORT ?= 6006

.DEFAULT_GOAL := help
.PHONY: demo test test-sweeps test-hostile test-families lint benchmark dashboard clean help

demo: $(VENV)/.installed ## Sample data to a report: 2 networks on 2 cameras and one from scratch, with attributions
	$(BIN)/python scripts/prepare.py
	$(BIN)/python scripts/train.py experiment=demo_scratch
	$(BIN)/python scripts/train.py -m experiment=demo model.backbone=tf_efficientnet_lite0,tf_efficientnet_lite1 perspective=top,side
	$(BIN)/python scripts/explain.py run=outputs/demo per_outcome=1 measured=8 explainer.max_steps=64
	$(BIN)/python scripts/report.py name=demo

test: $(VENV)/.installed ## Run the tests (some minutes on 2 cores)
	$(BIN)/python -m pytest -n auto --dist loadfile --no-loadscope-reorder

test-sweeps: $(VENV)/.installed ## Run the tests of sweeps in several processes, of compilation, damaged files, pages in a browser (long)
	$(BIN)/python -m pytest -m "sweeps or compiles or mutations or browser"

test-hostile: $(VENV)/.installed ## Run every stage in every environment that is against it (long)
	$(BIN)/python -m pytest -m hostile

test-families: $(VENV)/.installed ## Build, train and explain a small member of every family of timm's models (long)
	$(BIN)/python -m pytest -m families -n auto

lint: $(VENV)/.installed ## Check style and types
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

benchmark: $(VENV)/.installed ## Measure how fast packsight is here (40 minutes on 2 cores; leave them idle)
	$(BIN)/python scripts/benchmark.py

dashboard: $(VENV)/.installed ## Open TensorBoard over outputs/ (PORT=6006)
	$(BIN)/python -m packsight.reporting.dashboard outputs --port $(PORT)

clean: ## Remove the environment and the caches; outputs/ stays
	rm -rf $(VENV) .mypy_cache .pytest_cache .ruff_cache outputs/cache

help: ## Show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

# Installs once; again when the dependencies change.
$(VENV)/.installed: pyproject.toml constraints.txt
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "packsight needs Python 3.11 or newer: make PYTHON=python3.12")'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --constraint constraints.txt --editable ".[dev,demo]"
	touch $@
