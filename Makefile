# `make demo` and `make test` work on a fresh machine: each installs what it needs into .venv first.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PYTEST := $(BIN)/pytest

# torchaudio's libraries can't be loaded beside a CPU PyTorch, and transformers would not be imported then.
define DROP_CUDA_LIBRARIES
import pathlib, sysconfig, torch
if torch.version.cuda is None:
    for path in pathlib.Path(sysconfig.get_path("purelib"), "torchaudio", "lib").glob("*.so"):
        path.unlink()
endef
export DROP_CUDA_LIBRARIES

.PHONY: demo test test-slow lint system clean

demo: $(VENV)/.installed
	$(BIN)/scorehub build musicscore --config sample --out demo/musicscore
	$(BIN)/scorehub demo --dataset demo/musicscore

test: $(VENV)/.installed system
	OMP_NUM_THREADS=1 $(PYTEST) -m "not slow" --numprocesses logical --dist loadfile --no-loadscope-reorder --max-worker-restart 0

test-slow: $(VENV)/.installed system
	$(BIN)/pip install --quiet "ray>=2.50"
	$(PYTEST) -m slow

# mypy finds the folders that setup.cfg maps into the package in a plain installation only.
lint: $(VENV)/.installed
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	rm -rf build $(VENV)/typed
	$(BIN)/pip install --quiet --no-deps --target $(VENV)/typed .
	cd $(VENV)/typed && ../bin/mypy --config-file ../../pyproject.toml -p scorehub

# CPU PyTorch goes in first, alone: a resolver that is free to choose takes the CUDA build.
$(VENV)/.installed: setup.cfg pyproject.toml requirements-audio.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --upgrade pip
	$(BIN)/python -c "import torch" 2>/dev/null || $(BIN)/pip install --quiet torch==2.13.0
	$(BIN)/pip install --quiet --no-deps -r requirements-audio.txt
	$(BIN)/python -c "$$DROP_CUDA_LIBRARIES"
	$(BIN)/pip install --quiet --editable ".[spaces,dev]"
	touch $@

# Poppler for the paper preset, Chromium for the tests of Spaces; without them those tests are skipped and say so.
system:
	@for pair in pdftoppm:poppler-utils chromium:chromium; do \
	  command -v $${pair%%:*} >/dev/null && continue; \
	  if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
	    apt-get install -y -qq $${pair##*:} >/dev/null 2>&1 && continue; \
	    apt-get update -qq && apt-get install -y -qq $${pair##*:} >/dev/null && continue; \
	  fi; \
	  echo "not installed: $${pair##*:}"; \
	done

clean:
	rm -rf $(VENV) demo build *.egg-info
