# Two commands on a fresh machine: `make demo` and `make test`. Everything lives in .venv.
# PYTHONDONTWRITEBYTECODE triples every start where a machine sets it, so it is unset here.
unexport PYTHONDONTWRITEBYTECODE
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
export DAGSTER_DISABLE_TELEMETRY := yes
export GX_ANALYTICS_ENABLED := false

.PHONY: install demo test chaos nightly lint bench lock schema clean

install: $(STAMP)

# uv comes out of the same lock, by hash, and installs the rest: six times faster than pip.
$(STAMP): requirements.lock pyproject.toml
	@echo "Installing into $(VENV) (about 2 GB, a minute or two)"
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@awk '/^uv==/{p=1} p{print; if ($$0 !~ /\\$$/) exit}' requirements.lock > $(VENV)/uv.lock.txt
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes -r $(VENV)/uv.lock.txt
	@$(BIN)/uv pip install --python $(BIN)/python --compile-bytecode --no-deps --require-hashes -r requirements.lock
	@$(BIN)/uv pip install --python $(BIN)/python --quiet --no-deps --no-build-isolation -e .
	@touch $(STAMP)

demo: install
	$(BIN)/shopfloor demo --live

test: install
	$(BIN)/python -m pytest -n auto --maxprocesses 4 --dist loadfile --no-loadscope-reorder

# Servers cut, delayed and restarted, disks full and read only, the collector killed 100 times: no value may be lost
# or doubled. One process, about ten minutes; one line a suite at the end.
chaos: install
	$(BIN)/python -m pytest -n 0 --timeout 1200 tests/chaos

# Every property test with the nightly profile (tests/conftest.py): 2,000 examples each, 100,000 random machine
# days against the naive oracle among them. About half an hour on two cores.
nightly: install
	HYPOTHESIS_PROFILE=nightly $(BIN)/python -m pytest -n auto --maxprocesses 4 --dist load --timeout 7200 \
	  -k "not browser" tests/plant tests/kernels tests/warehouse tests/pipelines

lint: install
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

bench: install
	$(BIN)/python -m benchmarks $(if $(ONLY),--only $(ONLY)) $(if $(DATA),--data $(DATA))

lock:
	$(BIN)/uv pip compile pyproject.toml --group dev --universal --generate-hashes --no-strip-extras \
	  --no-emit-index-url --no-emit-find-links --no-annotate --no-header -q -o requirements.lock

schema: install
	$(BIN)/shopfloor schema > plant.schema.json

clean:
	rm -rf $(VENV) .shopfloor build dist
