# The commands of the house; `make help` lists them. Each does the set-up that it needs, and is quick when none is.

PYTHON ?= $(shell for python in python3 python3.13 python3.12 python3.11; do \
	$$python -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$python && break; done)
BIN := .venv/bin

# A wheel is built in an environment of its own, which takes its pins from a variable: which one depends on pip's age.
# Warnings are off, as setuptools warns of folders that bear a package's name: ours do, that is where the packages are.
PIP := PYTHONWARNINGS=ignore PIP_CONSTRAINT=constraints.txt PIP_BUILD_CONSTRAINT=constraints.txt \
	PIP_DISABLE_PIP_VERSION_CHECK=1 $(BIN)/pip install --quiet

# Debian's packages by the program that each brings.
PROGRAMS := redis-server:redis-server promtool:prometheus faketime:faketime chromium:chromium

TWO := -n 2 --dist worksteal
AGAIN := --reruns 1 -raR

# Tests of what is compiled that are not among the laws.
PARTITION := tests/worker/test_forgetting.py tests/worker/test_metrics.py tests/worker/test_policy_source.py \
	tests/unit/test_partition.py tests/unit/test_alert_recall.py tests/unit/test_sketch.py tests/worker/test_boards.py

.PHONY: help install services test test-compiled compiled faults bench check format docs demo clean

help:  ## This list
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  make \1\t\2/p' $(firstword $(MAKEFILE_LIST)) | expand -t 18

install: .venv/.tools services  ## The virtual environment .venv, and the servers that the tests start

# Two at a time, for most of them wait most of the time; those that measure how long something takes go alone.
# They work in real time on real servers: one that fails is tried once more, and named as RERUN. Look into those too.
test: install  ## All tests (ARGS="-k calendar tests/unit" for some); what cannot run says why
ifeq ($(ARGS),)
	$(BIN)/pytest --durations=15 $(AGAIN) -m "not alone" $(TWO)
	$(BIN)/pytest $(AGAIN) -m alone
	$(MAKE) --no-print-directory test-compiled
else
	$(BIN)/pytest $(ARGS)
endif

test-compiled: var/compiled/.complete  ## The laws and the partition's tests once more, on the compiled data path
	SLAWATCH_COMPILED=1 PYTHONPATH=$(CURDIR)/var/compiled $(BIN)/pytest $(TWO) tests/laws tests/unit/test_compiled.py $(PARTITION)

compiled: var/compiled/.complete  ## The data path compiled in a copy of the packages: PYTHONPATH=var/compiled runs it

faults: install  ## The fault tests at full length, an hour and a half, and docs/reliability.md's table from their figures
ifeq ($(ARGS),)
	SLAWATCH_FAULTS=full $(BIN)/pytest --timeout=5400 tests/faults -m "not alone" $(TWO)
	SLAWATCH_FAULTS=full $(BIN)/pytest --timeout=5400 tests/faults -m alone
else
	SLAWATCH_FAULTS=full $(BIN)/pytest --timeout=5400 tests/faults $(ARGS)
endif
	$(BIN)/python tests/support/reliability_table.py

bench: install .venv/.bench var/compiled/.complete  ## Every figure of docs/performance.md, about an hour (ARGS="throughput --events=3000000" for one)
	PYTHONPATH=$(CURDIR)/var/compiled $(BIN)/python bench $(ARGS)

check: .venv/.tools  ## Lint, format, types, layers
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-logo

format: .venv/.tools  ## Sort imports and format
	$(BIN)/ruff check --select I --fix .
	$(BIN)/ruff format .

docs: .venv/.tools  ## Write what follows from the code: docs/schemas, docs/asyncapi.yaml, tables in docs/*.md, Grafana's JSON
	$(BIN)/python -m config.schema policy >docs/policy.schema.json
	$(BIN)/python -m config.schema routing >docs/routing.schema.json
	$(BIN)/python -m config.schema staffing >docs/staffing.schema.json
	$(BIN)/python -m config.schema quality >docs/quality.schema.json
	$(BIN)/python -m config.schema goals >docs/goals.schema.json
	$(BIN)/python -m agents.documents
	PYTHONPATH=deploy/grafana $(BIN)/python -m dashboards
	for language in en zh; do $(BIN)/slawatch report daily --events examples/events.jsonl.gz \
		--policies examples/policies.yaml --goals examples/goals.yaml --date 2026-03-03 --role supervisor \
		--as-of 2026-03-04T08:00:00+08:00 --lang $$language --format html --out examples/report || exit; done

demo: .venv/.application  ## A simulated call centre on an embedded Kafka: wheels alone, no server
	$(BIN)/slawatch demo

clean:  ## Drop .venv, var and the caches
	rm -rf .venv var build dist *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache

.venv/.application: pyproject.toml constraints.txt
	@test -n "$(PYTHON)" || { echo "install Python 3.11 or later"; exit 1; }
	@test -x $(BIN)/pip || $(PYTHON) -m venv .venv || { echo "install python3-venv"; exit 1; }
	@echo "installing the wheels of constraints.txt into .venv"
	@$(PIP) --editable .
	@touch $@

.venv/.tools: .venv/.application
	@$(PIP) --editable '.[dev]'
	@touch $@

.venv/.bench: .venv/.tools
	@$(PIP) --editable '.[bench]'
	@touch $@

# What is missing is said, never fatal: the tests that need it are skipped with the reason, or fail where CI asks for all.
services: var/kafka/.complete
	@absent=; for pair in $(PROGRAMS); do \
		command -v $${pair%%:*} >/dev/null || absent="$$absent $${pair##*:}"; done; \
	test -z "$$absent" && exit; \
	if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
		export DEBIAN_FRONTEND=noninteractive; \
		apt-get -qq update && apt-get -qq install -y --no-install-recommends $$absent </dev/null >/dev/null && exit; \
	fi; \
	echo "missing for the tests; install (these are Debian's names):$$absent"

var/kafka/.complete: deploy/kafka/pom.xml
	@command -v java >/dev/null && command -v mvn >/dev/null \
		|| { echo "missing for the tests on Kafka; install a Java 17 runtime and Maven (mvn)"; exit 0; }; \
	rm -rf var/kafka; mkdir -p var/kafka; \
	mvn --batch-mode --file $< dependency:copy-dependencies -DoutputDirectory=$(CURDIR)/var/kafka/libs >var/kafka/log \
		&& touch $@ || { grep -m 1 ERROR var/kafka/log; echo "missing for the tests on Kafka: Maven could not bring its jars"; }

# A copy: beside the sources a compiled module would hide every later change of them.
var/compiled/.complete: .venv/.tools setup.py pyproject.toml $(shell find streams config reports agents -name '*.p[yx]*' -not -name '*.pyc')
	@command -v $(firstword $(CC)) >/dev/null || { echo "install a C compiler (gcc)"; exit 1; }
	@echo "compiling the data path into var/compiled"
	@rm -rf var/compiled && mkdir -p var/compiled
	@cp -r streams config reports agents setup.py pyproject.toml README.md var/compiled
	@cd var/compiled && PATH="$(CURDIR)/$(BIN):$$PATH" SLAWATCH_COMPILE=1 PYTHONWARNINGS=ignore \
		python setup.py -q build_ext --inplace >build.log 2>&1 || { cat build.log; exit 1; }
	@touch $@
