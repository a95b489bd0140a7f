# make demo   a small Spirit LM listens, speaks and tells stories, in a fresh .venv
# make test   the tests; make test-slow the slow ones; make lint types imports docs the other checks
PYTHON ?= $(shell for p in python3 python3.13 python3.12 python3.11; do \
	$$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$p && break; done)
BIN := .venv/bin
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt
# fairseq2 has wheels for some platforms only; elsewhere its plugin, and its tests, are left out.
FAIRSEQ2 := $(shell $(PYTHON) -c 'import platform, sys; where = platform.system(), platform.machine(); print(int( \
	sys.version_info < (3, 13) and where in (("Linux", "x86_64"), ("Darwin", "arm64"))))' 2>/dev/null)
PLUGINS := $(filter-out $(if $(filter 0,$(FAIRSEQ2)),plugins/spiritkit-fairseq2),$(sort $(wildcard plugins/*)))
# What only training and evaluation need, and fairseq2, which needs one version of PyTorch, are left out of the demo.
DEMO_PLUGINS := $(filter-out $(addprefix plugins/spiritkit-,fairseq2 lhotse lm-eval smallworld tasks),$(PLUGINS))
PROJECTS := pyproject.toml $(wildcard plugins/*/pyproject.toml) constraints.txt
DEMO := .demo

.PHONY: demo test test-slow lint types imports docs benchmark clean

demo: .venv/demo
	OMP_NUM_THREADS=1 $(BIN)/spiritkit run tiny/demo output_dir=$(DEMO)/base
	OMP_NUM_THREADS=1 $(BIN)/spiritkit run tiny/demo-expressive output_dir=$(DEMO)/expressive

test: .venv/test
	$(BIN)/python -m pytest -n 2 --dist loadfile -m "not slow"

test-slow: .venv/test
	$(BIN)/python -m pytest -n 2 --dist load -m slow

lint: .venv/test
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: .venv/test
	$(BIN)/mypy

imports: .venv/test
	$(BIN)/lint-imports

docs: .venv/test
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict --quiet

benchmark: .venv/test
	$(BIN)/python benchmarks/encode.py --size full

.venv/bin/python:
	@test -n "$(PYTHON)" || { echo "Python 3.11 or newer is needed; give it as PYTHON=/path/to/python"; exit 1; }
	$(PYTHON) -m venv .venv

.venv/demo: .venv/bin/python $(PROJECTS)
	$(PIP) --editable . $(addprefix --editable ,$(DEMO_PLUGINS))
	@touch $@

.venv/test: .venv/bin/python $(PROJECTS)
	$(PIP) --editable ".[dev,docs,train]" $(addprefix --editable ,$(PLUGINS))
	$(PIP) --editable "plugins/spiritkit-f0[pyin]" --editable "plugins/spiritkit-hubert[convert]" \
		--editable "plugins/spiritkit-llama[device-map]" --editable "plugins/spiritkit-whisper[dev]"
	@touch $@ .venv/demo

clean:
	rm -rf .venv $(DEMO) site
