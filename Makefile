# Everything runs from .venv, which is made at the first call and again when requirements/ change.
#   make demo          the main job, on real market data
#   make test          lint, then all tests, in JOBS=3 processes
#   make fuzz          the API against its OpenAPI document: SEED=1 EXAMPLES=100 per operation
#   make faults        faults drawn from a seed against a whole ledger: SEED=7 MINUTES=2 SEEDS=3
# PYTHON names the interpreter to start from (3.11 or later).

PYTHON ?= python3
BIN := .venv/bin
UV := VIRTUAL_ENV=$(CURDIR)/.venv $(CURDIR)/$(BIN)/uv
COMPILE := $(UV) pip compile -q --universal --python-version 3.11 --generate-hashes --no-emit-index-url \
	--override requirements/overrides.txt --custom-compile-command "make requirements"
DEMO_EXTRAS := --extra embedded --extra models --extra backtest --extra demo --extra broker

.PHONY: demo test lint format up down bench fuzz faults faults-plants clean requirements env-example venv-demo venv-dev
.NOTPARALLEL:
.DEFAULT_GOAL := demo

demo: venv-demo
	$(BIN)/tape demo

# In JOBS processes, each with servers of its own: tests wait for servers more than they compute.
JOBS ?= 3
test: lint
	$(BIN)/pytest -n $(JOBS) --dist loadfile --no-loadscope-reorder

lint: venv-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

format: venv-dev
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

up: venv-demo
	$(BIN)/tape up

down: venv-demo
	$(BIN)/tape down

bench: venv-dev
	$(BIN)/python -m bench

EXAMPLES ?= 100
fuzz: venv-dev
	CONTRACT_SEED=$(SEED) CONTRACT_EXAMPLES=$(EXAMPLES) $(BIN)/pytest -q tests/api/test_contract.py

SEED ?= 1
SEEDS ?= 1
MINUTES ?= 2
faults: venv-dev
	$(BIN)/python -m tests.faults --seed $(SEED) --seeds $(SEEDS) --minutes $(MINUTES)

# Every planted bug in turn, each until one of the seeds finds it.
faults-plants: venv-dev
	$(BIN)/python -m tests.faults --plants --seed $(SEED) --seeds $(SEEDS) --minutes $(MINUTES)

clean:
	test ! -x $(BIN)/tape || $(BIN)/tape down
	rm -rf .tape .tape-cache .venv build dist *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache

# dev is demo with the same pins and more, so what demo needs is there once dev is: never sync back.
venv-demo: $(BIN)/uv
	@cmp -s .venv/installed-dev requirements/dev.txt || cmp -s .venv/installed-demo requirements/demo.txt || $(MAKE) -s .sync-demo
	@cmp -s .venv/installed-project pyproject.toml || $(MAKE) -s .install-project

venv-dev: $(BIN)/uv
	@cmp -s .venv/installed-dev requirements/dev.txt || $(MAKE) -s .sync-dev
	@cmp -s .venv/installed-project pyproject.toml || $(MAKE) -s .install-project

.PHONY: .sync-demo .sync-dev .install-project
.sync-demo .sync-dev: .sync-%:
	rm -f .venv/installed-*
	$(UV) pip sync --require-hashes requirements/$*.txt
	cp requirements/$*.txt .venv/installed-$*

.install-project:
	$(UV) pip install -q --no-deps --no-build-isolation -e .
	cp pyproject.toml .venv/installed-project

$(BIN)/uv: requirements/uv.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "error: $(PYTHON) is older than Python 3.11; PYTHON=... names another one" >&2; exit 1; }
	test -x $(BIN)/pip || $(PYTHON) -m venv --clear .venv || \
		{ rm -rf .venv; echo "error: no venv module; on Debian and Ubuntu: apt-get install python3-venv" >&2; exit 1; }
	$(BIN)/pip install -q --require-hashes -r requirements/uv.txt
	@touch $@

env-example: venv-dev
	$(BIN)/python -m runtime.env_example > .env.example

# dev takes demo's pins. Run it after a change of pyproject.toml; `uv pip compile --upgrade` options go into UPGRADE.
requirements: $(BIN)/uv
	$(COMPILE) $(UPGRADE) $(DEMO_EXTRAS) pyproject.toml requirements/build.in -o requirements/demo.txt
	$(COMPILE) $(UPGRADE) $(DEMO_EXTRAS) --extra lstm --extra dev pyproject.toml requirements/build.in -c requirements/demo.txt -o requirements/dev.txt
	echo "uv" | $(UV) pip compile -q --universal --python-version 3.11 --generate-hashes --no-emit-index-url \
		--custom-compile-command "make requirements" $(UPGRADE) - -o requirements/uv.txt
