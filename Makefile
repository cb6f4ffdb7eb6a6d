# Two commands on a fresh machine: `make figures` and `make test`. See README.md.

VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
ZENNIT := benchmarks/zennit
# Processes that share the tests; each takes up to 3 GB.
PROCESSES := 2
# How long `make fuzz` looks for files that escape, and how many runs it kills.
MINUTES := 60
KILLS := 100
PYTHON := $(shell for p in python3.11 python3 python; do \
	"$$p" -c 'import sys; sys.exit(sys.version_info[:2] != (3, 11))' 2>/dev/null && echo "$$p" && break; done)

.PHONY: figures test fuzz lint lab lock benchmarks zennit clean

figures: $(READY)  ## the main job and all studies on embedded data: figures/, and what was found
	$(BIN)/sat-nb quickstart --out figures
	$(BIN)/sat-nb study all --out figures
	$(BIN)/sat-nb study claims --out figures --report docs/reproduction.md

test: $(READY)  ## all tests and notebooks
	$(BIN)/python -m pytest --numprocesses $(PROCESSES) --dist loadfile

fuzz: $(READY)  ## an hour of damaged files (MINUTES=60), then a hundred killed runs (KILLS=100)
	$(BIN)/python -m tests.fuzz.hunt --minutes $(MINUTES)
	$(BIN)/python -m tests.fuzz.kills --kills $(KILLS)
	$(BIN)/python -m tests.fuzz.kills --kills 4 --tensorflow

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

zennit: $(ZENNIT)/.venv/.ready  ## the peer of benchmarks/saliency.py, in an environment of its own
	$(ZENNIT)/.venv/bin/python $(ZENNIT)/lrp.py

$(ZENNIT)/.venv/.ready: $(ZENNIT)/requirements.txt
	$(PYTHON) -m venv $(ZENNIT)/.venv
	$(ZENNIT)/.venv/bin/pip install --quiet --disable-pip-version-check -r $<
	touch $@

lock: $(READY)  ## resolve requirements.lock anew from pyproject.toml (needs uv)
	uv pip compile pyproject.toml --extra dev --python-version 3.11 --universal \
		--generate-hashes --no-emit-index-url --no-header -o requirements.lock

clean:  ## remove the environment and everything that is kept between runs
	rm -rf $(VENV) $(ZENNIT)/.venv .cache .pytest_cache .mypy_cache .ruff_cache .hypothesis

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
