# make run: the whole comparison. make help: the rest.
CORES ?= all
STUDY ?=
CONFIGFILE ?=
PORT ?= 5000
PYTHON ?= python3

BIN := .venv/bin
SNAKEMAKE = $(strip $(BIN)/snakemake --cores $(CORES) $(if $(STUDY),--config study=$(STUDY)) $(if $(CONFIGFILE),--configfile $(CONFIGFILE)))
FILES = $(or $(STUDY),config.yaml) $(CONFIGFILE)
PYTEST = $(BIN)/python -m pytest --numprocesses auto --dist loadfile --no-loadscope-reorder --durations 5
SUPPORTED = import sys; sys.exit(None if (3, 11) <= sys.version_info < (3, 14) else "Python 3.11 to 3.13 is needed, not %d.%d; name one with make PYTHON=python3.12 ..." % sys.version_info[:2])

# Snakemake, pip and uv need a folder for their caches, and the home folder may be read-only.
CACHE := $(or $(XDG_CACHE_HOME),$(HOME)/.cache)
ifneq ($(shell mkdir -p '$(CACHE)' 2>/dev/null && test -w '$(CACHE)' && echo yes),yes)
export XDG_CACHE_HOME := $(CURDIR)/.snakemake/cache
endif
# They name modules other than those of .venv. Scripts and jobs clear more (scripts/stage.py).
unexport PYTHONPATH PYTHONHOME PYTHONSTARTUP PYTHONSAFEPATH

.PHONY: help setup .venv run watch report paper crate why verify gate freeze audit sync retire test test-slow lint format schema reference ui lock

help:  ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-11s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)
	@echo
	@echo 'Those that run or read a study take CORES=2 (all, if not given), STUDY=FILE (in place of config.yaml), CONFIGFILE="FILES" (merged over the study);'
	@echo 'make ui takes PORT=5000, make setup PYTHON=python3.12. For example: make run CORES=2 CONFIGFILE=config.smoke.yaml'

setup:  ## build .venv from the hash-pinned lock
	@cmp -s requirements.lock .venv/requirements.lock || $(MAKE) --no-print-directory .venv
	@for folder in .venv/lib/python3*/site-packages; do \
		test -e $$folder/convnets.pth || ! test -d $$folder || echo '../../../../scripts/plugins' > $$folder/convnets.pth; done

# uv, itself hash-pinned, takes seconds where pip takes minutes. It also compiles to bytecode, which halves the time that each job
# needs to import TensorFlow. Packages that come as source only are built with the lock's versions, too. A .venv that is a link is
# left alone: another clone may use what it points to. The last file names the folder of Snakemake's logger `convnets`.
.venv:
	@! test -L .venv || { echo 'error: .venv is a symbolic link to an environment of another lock; remove the link'; exit 1; }
	@$(PYTHON) -c '$(SUPPORTED)'
	@echo 'building .venv from requirements.lock, which takes about a minute, and longer where packages have to be downloaded ...'
	@$(PYTHON) -m venv --clear .venv
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes --only-binary :all: -r installer.lock
	@$(BIN)/uv pip install --quiet --python $(BIN)/python --require-hashes \
		--build-constraints requirements.lock --compile-bytecode -r requirements.lock
	@cp requirements.lock .venv/requirements.lock

run: setup  ## train every variant and make every figure and table
	@$(BIN)/python scripts/check_configuration.py $(FILES)
	$(SNAKEMAKE) --logger convnets

watch: setup  ## show the progress of a workflow that runs elsewhere
	@$(BIN)/python scripts/watch_workflow.py $(FILES)

report: setup  ## write the whole report, <results>/report.html, from finished runs; trains nothing
	@$(BIN)/python scripts/write_report.py --cores $(CORES) $(FILES)

paper: setup  ## write what a paper takes of the study, <results>/paper: tables, figures, methods and software for LaTeX
	@$(BIN)/python scripts/check_configuration.py $(FILES)
	$(SNAKEMAKE) --logger convnets -- write_paper

crate: setup  ## write <results>/crate/, an RO-Crate of code, runs, tables, figures and page, from finished runs; AGENT="Name" of who ran them
	@$(BIN)/python scripts/write_crate.py --cores $(CORES) $(if $(AGENT),--agent "$(AGENT)") $(FILES)

why: setup  ## say what is stale, why, and how long it will take to update
	@$(BIN)/python scripts/explain_steps.py --cores $(CORES) $(FILES)

verify: setup  ## let runs that new code or libraries made stale count as fresh, where they are the same bits; RUN=variant/seedN: one of them
	@$(BIN)/python scripts/verify_runs.py --cores $(CORES) $(if $(RUN),--run $(RUN)) $(FILES)

gate: setup  ## compare the verdicts with those of finished runs elsewhere: make gate BASELINE=FOLDER
	@$(BIN)/python scripts/gate_study.py --cores $(CORES) --baseline $(or $(BASELINE),$(error name the results folder of the baseline: make gate BASELINE=FOLDER)) $(FILES)

freeze: setup  ## record the digest of the claims, and which seeds will judge them, before the runs
	@$(BIN)/python scripts/freeze_claims.py $(FILES)

audit: setup  ## compare the results with the tracking store, both ways
	@$(BIN)/python scripts/audit_results.py $(FILES)

sync: setup  ## deliver to the tracking store what it lacks of the finished results
	@$(BIN)/python scripts/sync_runs.py $(FILES)

retire: setup  ## remove results that left the configuration and retire their runs; YES=1: without asking
	@$(BIN)/python scripts/retire_runs.py $(if $(YES),--yes) $(FILES)

test: setup  ## run the fast tests, in at most 8 minutes on two cores
	$(PYTEST) -m 'not slow'

test-slow: setup  ## run the slow tests, in at most 45 minutes: whole workflows, batch systems, databases, a browser
	$(PYTEST) -m slow

lint: setup  ## run every linter, formatter check and type check
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	cd scripts && ../$(BIN)/lint-imports ../pyproject.toml
	$(BIN)/snakefmt --check Snakefile rules
	$(BIN)/snakemake --lint

format: setup  ## format the code
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .
	$(BIN)/snakefmt Snakefile rules

schema: setup  ## write the names of Keras and the schema of the configuration again, from Keras and the settings
	PYTHONPATH=scripts $(BIN)/python -m convnets.training.keras_names > .venv/keras_names.json
	cp .venv/keras_names.json scripts/convnets/settings/keras_names.json
	PYTHONPATH=scripts $(BIN)/python -m convnets.study.schema > schemas/config.schema.json

reference: setup  ## copy figures, tables, histories and summaries from results/ to results/reference, and write its overview
	@$(SNAKEMAKE) --dry-run --quiet all | grep -q 'Nothing to be done' || { echo 'the runs are not finished: make run'; exit 1; }
	cd results && tar cf reference.tar data/manifest.json figures tables runs/*/*/history.csv runs/*/*/metrics.json \
		runs/*/*/record.json runs/*/*/stamp.json $$(ls runs/*/*/verified.json 2>/dev/null)
	mkdir -p results/reference && cd results/reference && rm -rf data figures tables runs report && mkdir report
	tar xf results/reference.tar -C results/reference && rm results/reference.tar
	$(BIN)/snakemake --cores $(CORES) --configfile config.reference.yaml --logger convnets -- results/from_reference/report/overview.html
	cp results/from_reference/report/overview.html results/reference/report/
	$(BIN)/python tests/support/quoted.py

ui: setup  ## open the MLflow user interface on the runs, on 127.0.0.1
	$(BIN)/python scripts/serve_ui.py --port $(PORT) $(FILES)

lock: setup  ## resolve the locks again from pyproject.toml
	$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header --upgrade \
		pyproject.toml --extra workflow --group dev --output-file requirements.lock
	$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header --upgrade \
		--group installer --output-file installer.lock
	$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header --upgrade \
		--group validator --output-file tests/validator.lock
