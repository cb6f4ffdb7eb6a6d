# Two commands on a fresh machine: `make figures` and `make test`. See README.md.

VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
# Processes that share the tests; each takes up to 3 GB.
PROCESSES := 2
# How long `make fuzz` looks for files that escape, and how many runs it kills.
MINUTES := 60
KILLS := 100
PYTHON := $(shell for p in python3.11 python3 python; do \
	"$$p" -c 'import sys; sys.exit(sys.version_info[:2] != (3, 11))' 2>/dev/null && echo "$$p" && break; done)

# The core runs on every later Python, too: in an environment of its own, without TensorFlow.
LATEST := .venv-latest
CORE := tests sat_nb \
	--ignore tests/ui --ignore tests/real --ignore tests/reproduction --ignore tests/fuzz
# Where the major version of pandas shows.
OF_PANDAS := tests/table/test_build.py tests/table/test_files.py tests/table/test_on_disk.py \
	tests/table/test_aggregate.py tests/stats/test_compare.py tests/stats/test_difference.py
# A shim of pyenv is on the path even where no version is chosen that has it.
LATEST_PYTHON := $(shell for p in python3.13 python3.14 python3 python \
	"$$(pyenv root 2>/dev/null)"/versions/3.1[34]*/bin/python; do \
	"$$p" -c 'import sys; sys.exit(sys.version_info < (3, 13))' 2>/dev/null && echo "$$p" && break; done)

# PyTorch and Keras 3, which exclude TensorFlow 2.14, have an environment of their own.
TORCH := .venv-torch
# What the torch engine is compared with; nothing that must pass needs it.
PEERS := .venv-peers

.PHONY: figures test test-latest test-torch torch fuzz docs lint lab lock lock-latest resolve benchmarks peers clean

figures: $(READY)  ## the main job and all studies on embedded data: figures/, and what was found
	$(BIN)/sat-nb quickstart --out figures
	$(BIN)/sat-nb study all --out figures
	$(BIN)/sat-nb study claims --out figures --report docs/reproduction.md

test: $(READY)  ## all tests and notebooks
	$(BIN)/python -m pytest --numprocesses $(PROCESSES) --dist loadfile

test-latest:  ## the core's tests on Python 3.13 or later; those of tables with pandas 2, too
ifeq ($(LATEST_PYTHON),)
	@echo "test-latest is skipped: no Python 3.13 or later was found. Install it, or name one:"
	@echo "  make test-latest LATEST_PYTHON=/path/to/python"
else
	$(MAKE) $(LATEST)/.ready $(LATEST)/pandas-2/.ready
	$(LATEST)/bin/python -m pytest -rsfE --numprocesses $(PROCESSES) --dist loadfile $(CORE)
	PYTHONPATH=$(LATEST)/pandas-2 $(LATEST)/bin/python -m pytest -rsfE $(OF_PANDAS)
endif

torch: $(TORCH)/.ready  ## the environment of the torch engine, .venv-torch

test-torch: $(TORCH)/.ready  ## the tests of the torch engine, where PyTorch is
	$(TORCH)/bin/python -m pytest -rsfE tests/saliency/torch

fuzz: $(READY)  ## an hour of damaged files (MINUTES=60), then a hundred killed runs (KILLS=100)
	$(BIN)/python -m tests.fuzz.hunt --minutes $(MINUTES)
	$(BIN)/python -m tests.fuzz.kills --kills $(KILLS)
	$(BIN)/python -m tests.fuzz.kills --kills 4 --tensorflow

docs: $(READY)  ## the site, in docs/_build/html; its links are checked
	$(BIN)/python -m sphinx --fail-on-warning --jobs $(PROCESSES) -c docs -d docs/_build/doctrees . docs/_build/html

lint: $(READY)  ## ruff and the type checker
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy

lab: $(READY)  ## JupyterLab on the notebooks
	$(BIN)/jupyter lab --notebook-dir notebooks

benchmarks: $(READY)  ## list them all, run the two that take seconds
	@grep -E '^\| `(python|make) [^`]*` \|' benchmarks/README.md
	$(BIN)/python benchmarks/join.py
	$(BIN)/python benchmarks/bootstrap.py

peers: $(PEERS)/.ready  ## captum and zennit beside the torch engine, zennit beside the Keras engine
	$(PEERS)/bin/python benchmarks/torch_engine.py
	$(PEERS)/bin/python benchmarks/zennit/lrp.py

$(PEERS)/.ready: benchmarks/zennit/requirements.txt pyproject.toml
	test -x $(PEERS)/bin/python || $(PYTHON) -m venv $(PEERS)
	$(PEERS)/bin/python -m pip install --quiet --disable-pip-version-check -r $<
	touch $@

$(LATEST)/.ready: requirements-latest.lock pyproject.toml
	test -x $(LATEST)/bin/python || $(LATEST_PYTHON) -m venv $(LATEST)
	$(LATEST)/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r $<
	$(LATEST)/bin/python -m pip install --quiet --disable-pip-version-check --no-build-isolation --no-deps -e .
	touch $@

# The pandas of requirements.lock, which PYTHONPATH puts before the one of the environment.
$(LATEST)/pandas-2/.ready: requirements.lock $(LATEST)/.ready
	rm -rf $(@D) && mkdir $(@D)
	awk '/^[^ ]/ { wanted = /^(pandas|pytz)==/ } wanted' $< > $(@D)/requirements.lock
	$(LATEST)/bin/python -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes \
		--target $(@D) --requirement $(@D)/requirements.lock
	touch $@

lock: $(READY)  ## resolve requirements.lock anew from pyproject.toml (needs uv)
	uv pip compile pyproject.toml --no-python-downloads --extra dev --extra keras --python-version 3.11 --universal \
		--generate-hashes --no-emit-index-url --no-header -o requirements.lock

lock-latest:  ## resolve requirements-latest.lock anew: the core and its tests on Python 3.13
	uv pip compile pyproject.toml --no-python-downloads --extra test --python-version 3.13 --universal \
		--generate-hashes --no-emit-index-url --no-header -o requirements-latest.lock

resolve:  ## whether each Python finds wheels of everything that the core needs (needs uv)
	for version in 3.11 3.12 3.13 3.14; do \
		echo "Python $$version:" && uv pip compile pyproject.toml --python-version $$version --no-python-downloads \
			--only-binary :all: --no-header --no-annotate \
			| grep -E '^(aeon|duckdb|numba|numpy|pandas|pyarrow|scipy)==' || exit 1; done

clean:  ## remove the environment and everything that is kept between runs
	rm -rf $(VENV) $(LATEST) $(TORCH) $(PEERS) .cache .pytest_cache .mypy_cache .ruff_cache .hypothesis

$(TORCH)/.ready: requirements-torch.txt pyproject.toml
	test -x $(TORCH)/bin/python || $(PYTHON) -m venv $(TORCH)
	$(TORCH)/bin/python -m pip install --quiet --disable-pip-version-check -r requirements-torch.txt
	touch $@

$(READY): requirements.lock pyproject.toml
ifeq ($(PYTHON),)
	@echo "Python 3.11 is missing: TensorFlow 2.14, which iNNvestigate needs, runs on no later one."
	@echo "Install it, or go one of two other ways:"
	@echo "  conda:  conda env create -f environment.yml && conda activate sat_nb"
	@echo "          pip install --no-deps -e ."
	@echo "  uv:     uv venv --python 3.11 --seed $(VENV)   and then this command again"
	@test -x $(BIN)/python
endif
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-build-isolation --no-deps -e .
	touch $@
