# The routine commands. Everything runs from this tree; nothing is installed outside .venv.
SHELL     := /bin/sh
PYTHON    ?= python3
BIN       := .venv/bin
STAMP     := .venv/.made-from-requirements.lock
SCENARIO  ?= scenarios/xian.toml
WORKERS   ?= 2
# Where it is set, each of the hundred processes of a run of the tests compiles every source again.
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
.PHONY: help setup run test slow benchmark coverage mutate validate fuzz golden docs reference gallery lock clean

help: ## list these commands
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-10s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup: $(STAMP) ## make .venv from requirements.lock and compile the kernel (done once)

run: $(STAMP) ## simulate SCENARIO (scenarios/xian.toml) and draw its figures
	@$(BIN)/python run.py run $(SCENARIO)

test: $(STAMP) ## lint, types and tests; warnings are errors
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/pyright
	$(BIN)/python -m pytest -n $(WORKERS) --dist worksteal -m "not slow"

slow: $(STAMP) ## the tests that take minutes: kills at random moments, a cluster that fails, every kind of report
	$(BIN)/python -m pytest -n $(WORKERS) -m slow

benchmark: $(STAMP) ## beside NumPy, Mesa, JAX and vc-fund-sim; how cost grows; a million firms (QUICK=1: a look)
	@$(BIN)/python -m benchmarks $(if $(QUICK),--quick)
	@$(BIN)/python -m benchmarks.phases
	@$(BIN)/python -m benchmarks.first_summary
	@$(if $(QUICK),:,$(BIN)/python -m benchmarks.indices)
	@$(if $(QUICK),:,$(BIN)/python -m benchmarks.pairing)
	@$(if $(QUICK),:,$(BIN)/python -m benchmarks.sweep)

coverage: $(STAMP) ## which lines of the kernel run: small worlds of every kind and the exact tests, interpreted
	@$(BIN)/python -m tests.covering

mutate: $(STAMP) ## change accounts and waterfalls in one place at a time: some test must notice (goes on where it was)
	@$(BIN)/python -m tests.mutating --processes $(WORKERS)

validate: $(STAMP) ## recompute published tables; audit the accounts of every shipped scenario, 100 worlds each
	@$(BIN)/python run.py verify
	@for f in $(filter-out scenarios/national.toml scenarios/us.toml scenarios/china.toml scenarios/china-angel.toml,$(wildcard scenarios/*.toml)) \
	        scenarios/xian/*.toml scenarios/policies/*.toml; do \
	    $(BIN)/python run.py run $$f --audit --replications 100 --no-figures --quiet --out results/audit >/dev/null \
	        && echo "accounts close: $$f" || exit 1; done; rm -rf results/audit
	@$(BIN)/python run.py calibrate scenarios/wuxi.toml --check sbc --samples 60 --replications 8 --no-figures --quiet \
	    --out results/calibration-check

fuzz: $(STAMP) ## 20 000 mutated inputs, ten times the random examples, every fault at every step, more kills
	@$(BIN)/python -m tests.fuzzing --inputs 20000 --processes $(WORKERS)
	@HEADWATER_FAULTS=all $(BIN)/python -m pytest -q tests/test_faults.py
	@HYPOTHESIS_PROFILE=fuzz $(BIN)/python -m pytest -n $(WORKERS) -m "hypothesis and not slow"

golden: $(STAMP) ## put the numbers of every shipped scenario on record anew (tests/golden.json)
	@$(BIN)/python -m tests.golden

docs: $(STAMP) ## build the handbook in both languages into site/
	@NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --quiet --strict
	@NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --quiet --strict -f mkdocs.zh.yml
	@echo "open site/index.html (中文: site/zh/index.html); its search needs a server: python -m http.server -d site"

reference: $(STAMP) ## print the handbook's scenario reference from the model anew
	@$(BIN)/python -m sim.scenario.reference

gallery: $(STAMP) ## draw the pictures of README and handbook anew
	@$(BIN)/python docs/img/draw.py

lock: ## resolve pyproject.toml into requirements.lock anew (needs uv)
	uv pip compile pyproject.toml --group dev --universal --upgrade --generate-hashes --no-header --no-annotate \
	    --no-emit-index-url -o requirements.lock >/dev/null

clean: ## remove .venv, caches and results (results/README.md stays)
	rm -rf .venv .kernels .pytest_cache .ruff_cache .hypothesis build site
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
	find results -mindepth 1 -maxdepth 1 ! -name README.md -exec rm -rf {} +

# uv where it is on the path; else venv and pip; else venv and a pip that stands outside it. An interrupted set-up has no
# stamp and is done again from the start. A kernel that does not compile stops no linter: it shows again in the run.
$(STAMP): requirements.lock
	@command -v $(PYTHON) >/dev/null || { echo "headwater: no $(PYTHON) on the path; Python 3.11 or newer is needed" >&2; exit 1; }
	@$(PYTHON) -c 'import sys; v = sys.version_info; v >= (3, 11) or sys.exit("headwater: Python 3.11 or newer is needed; $(PYTHON) is %d.%d (try: make setup PYTHON=python3.11)" % v[:2])'
	@echo "making .venv from requirements.lock: seconds with uv, about a minute with pip ..."
	@rm -rf .venv
	@if command -v uv >/dev/null \
	    && uv venv --quiet --python "$$(command -v $(PYTHON))" .venv \
	    && uv pip install --quiet --python $(BIN)/python --require-hashes -r requirements.lock; then :; \
	elif rm -rf .venv && $(PYTHON) -m venv .venv 2>/dev/null; then \
	    $(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock; \
	elif rm -rf .venv && $(PYTHON) -m venv --without-pip .venv && $(PYTHON) -m pip --version >/dev/null 2>&1; then \
	    $(PYTHON) -m pip --python $(BIN)/python install --quiet --disable-pip-version-check --require-hashes -r requirements.lock; \
	else \
	    rm -rf .venv; \
	    echo "headwater: $(PYTHON) came without venv and pip: install uv, or on Debian: apt-get install python3-venv" >&2; exit 1; \
	fi
	@$(BIN)/python -m compileall -qq -j 0 .venv/lib sim || true # uv leaves it to the first start, which takes a second longer
	@touch $@
	-@$(BIN)/python run.py warm
