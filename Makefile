# `make demo` and `make test` work on a fresh machine: each installs what it needs into .venv first.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin

.PHONY: demo test test-slow lint clean

demo: $(VENV)/.installed
	$(BIN)/scorehub build musicscore --config sample --out demo/musicscore
	$(BIN)/scorehub demo --dataset demo/musicscore

test: $(VENV)/.installed
	$(BIN)/pytest -m "not slow"

test-slow: $(VENV)/.installed
	$(BIN)/pytest -m slow

lint: $(VENV)/.installed
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	cd $(VENV) && bin/mypy --config-file ../pyproject.toml -p scorehub

# CPU PyTorch goes in first, alone: a resolver that is free to choose takes the CUDA build.
# The strict editable mode lets mypy see the folders that setup.cfg maps into the package (from outside the checkout,
# where a folder of the package's own name would hide them).
$(VENV)/.installed: setup.cfg pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --upgrade pip
	$(BIN)/python -c "import torch" 2>/dev/null || $(BIN)/pip install --quiet torch==2.13.0
	$(BIN)/pip install --quiet --config-settings editable_mode=strict --editable ".[spaces,dev]"
	touch $@

clean:
	rm -rf $(VENV) demo build *.egg-info
