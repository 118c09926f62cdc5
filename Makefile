# The front door. Two commands cover most needs:
#   make reproduce [PROFILE=smoke|quick|paper]   execute every notebook, redraw every figure
#   make test                                    lint, unit tests, all notebooks at `smoke`
PROFILE ?= paper
PYTHON  ?= $(or $(shell command -v python3.11 || command -v python3),python3.11)
# Another torch index, for a CPU-only build where the default brings a GPU one: make env TORCH_INDEX=<url>
TORCH_INDEX ?=

BIN       := .venv/bin
NOTEBOOKS := $(basename $(notdir $(sort $(wildcard notebooks/[0-9]*.ipynb))))
STAMPS    := $(or $(ALLOYGRAD_STORE),data/runs)/stamps/$(PROFILE)
SOURCES   := $(wildcard lib/*/*.py lib/*/*/*.py lib/*/*/*/*.py lib/alloygrad/features/elements.csv data/examples/*.csv data/cleed/* data/*.toml data/environments/*/card.json data/results/*.parquet data/results/compact/*.parquet data/results/*.csv data/results/optima/*.json $(addprefix figures/05_,inner_loop.csv starts.csv stations.csv verdicts.csv))
RUN       := OMP_NUM_THREADS=1 $(BIN)/
# Recorded experiments that an audit repeats; 240 are at least one of each file of trajectories
STATES    ?= $(if $(filter paper,$(PROFILE)),240,6)

# Modules are compiled once, and not again in each of the many processes.
export PYTHONDONTWRITEBYTECODE :=

# A Dask cluster for the trajectories: local, tcp://scheduler:8786, or a profile like notebooks/profiles/cluster_slurm.yaml
ifdef CLUSTER
export ALLOYGRAD_CLUSTER := $(CLUSTER)
endif

$(if $(filter smoke quick paper,$(PROFILE)),,$(error PROFILE is '$(PROFILE)'; it must be smoke, quick or paper))
# A stamp without its executed notebook is stale.
$(foreach n,$(NOTEBOOKS),$(if $(wildcard papermill_runs/$(PROFILE)/$(n).ipynb),,$(shell rm -f $(STAMPS)/$(n))))

.PHONY: env datasets reproduce recompute study record audit supplement test nightly lock vulnerabilities lint benchmark lab clean distclean help
.DELETE_ON_ERROR:

help: ## this list
	@grep -E '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 18

env: .venv/ready ## build .venv from requirements.lock (no conda needed)

.venv/ready: requirements.lock pyproject.toml
	@$(PYTHON) -c "import sys; sys.exit(sys.version_info[:2] != (3, 11))" || \
	  { echo "$(PYTHON) is not Python 3.11; name one that is: make env PYTHON=/path/to/python3.11"; exit 1; }
	$(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet $(if $(TORCH_INDEX),--extra-index-url $(TORCH_INDEX)) --requirement requirements.lock
	$(BIN)/pip install --quiet --no-deps --editable .
	@# Kernels would warn in every notebook that they talk over localhost, and report that they were told to stop.
	@mkdir -p .venv/etc/ipython && echo "c.IPKernelApp.log_level = 50" > .venv/etc/ipython/ipython_kernel_config.py
	touch $@

reproduce: datasets $(NOTEBOOKS:%=$(STAMPS)/%) audit ## execute every notebook at PROFILE (default: paper), then audit

datasets: .venv/ready ## say which published datasets are available
	@$(BIN)/python -c "from compendium.environments import datasets; print(datasets.summary())"

# One rule for every notebook: papermill executes it under the profile's parameters (a notebook's own are the paper's).
$(STAMPS)/%: notebooks/%.ipynb notebooks/profiles/$(PROFILE).yaml $(SOURCES) .venv/ready
	@mkdir -p $(@D) papermill_runs/$(PROFILE)
	@echo "— $* ($(PROFILE))"
	$(RUN)papermill --log-level ERROR --cwd notebooks $(if $(filter paper,$(PROFILE)),,-f notebooks/profiles/$(PROFILE).yaml) $(EXTRA) $< $@.ipynb
	@$(BIN)/python -m compendium.running.executed $@.ipynb papermill_runs/$(PROFILE)/$*.ipynb
	@touch $@

recompute: ## as reproduce, from an empty store (continues if interrupted; `make clean` empties it); CLUSTER=local|address|yaml
	ALLOYGRAD_STORE=$(CURDIR)/data/runs/recomputed $(MAKE) reproduce EXTRA="-p retrain true"

study: .venv/ready ## compute the planned trajectories that are missing, then further ones (continues an interrupted run); then make record
	$(RUN)python -c "from compendium.running import studies; studies.run_planned()"
	$(RUN)python -c "from compendium.running import studies; from compendium.feature_gradient.cells import FURTHER; studies.run_listed(FURTHER)"

record: .venv/ready ## pack finished trajectories and comparisons of the working store into data/results, seal data
	$(RUN)python -c "from compendium.running import records; print(records.record().to_string(index=False))"
	$(RUN)python -c "from compendium.feature_gradient import comparisons; print(comparisons.record().to_string(index=False))"
	$(RUN)python -c "from compendium.running import records; print(records.record_versions().to_string(index=False)); records.seal()"

audit: .venv/ready ## repeat STATES recorded experiments and compare
	$(RUN)python -c "from compendium.running import audit; audit.report_audit($(STATES))"

supplement: .venv/ready ## the executed notebooks as one book, data/runs/supplement/{html/index.html,supplement.pdf}
	$(RUN)python notebooks/supplement.py

test: datasets ## lint, unit tests, all notebooks at smoke, on all cores
	$(RUN)python -m pytest -n auto --dist worksteal

nightly: .venv/ready ## the tests that take too long for every commit
	$(RUN)python -m pytest -m nightly

benchmark: .venv/ready ## every inner loop on every state, and the stations against BoTorch (hours; continues an interrupted run)
	for script in line selection inner_loop stall; do $(RUN)python tests/benchmarks/$$script.py || exit 1; done

lock: .venv/ready ## rebuild requirements.lock from pyproject.toml; moves only the pins of UPGRADE="names" or UPGRADE=all (network)
	$(BIN)/python .ci/lock.py $(UPGRADE)

# In an environment of its own: nothing unlocked enters .venv. --strict fails where a package could not be looked up.
vulnerabilities: ## check every locked package for known vulnerabilities with pip-audit (network)
	$(PYTHON) -m venv data/runs/pip-audit
	data/runs/pip-audit/bin/pip install --quiet pip-audit
	data/runs/pip-audit/bin/pip-audit --strict --disable-pip --no-deps --requirement requirements.lock

lint: .venv/ready ## style (ruff), types (mypy) and the direction of imports (import-linter)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache --no-logo

lab: .venv/ready ## open JupyterLab with an index of all notebooks
	$(BIN)/jupyter lab --ServerApp.root_dir=notebooks --LabApp.default_url=/lab/tree/index.ipynb

clean: ## remove outputs of smoke and quick, and the store of recompute (what study computed stays)
	rm -rf data/runs/stamps data/runs/recomputed papermill_runs/smoke papermill_runs/quick figures/smoke figures/quick

distclean: clean ## also remove the environment and computed work that is not recorded
	rm -rf .venv data/runs data/raw
