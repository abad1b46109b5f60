# The two commands: `make run` and `make test`. Both set up what they need; nothing has to be installed before but Python 3.11+.
PYTHON ?= python3
PORT ?= 8501
BIN := .venv/bin
export PIP_DISABLE_PIP_VERSION_CHECK := 1

.PHONY: run test notebook crash soak bench bench-smoke bench-check screenshots lint pins clean

run: .venv/app.ok
	@echo "Express Ops: http://127.0.0.1:$(PORT)"
	@exec $(BIN)/streamlit run app.py --server.port $(PORT)

# The same session in JupyterLab.
notebook: .venv/notebook.ok
	@cd notebooks && exec ../$(BIN)/jupyter lab session.ipynb

test: .venv/test.ok
	@PATH="$(CURDIR)/$(BIN):$$PATH" bash .ci/test $(ARGS)

# Kills processes at 200 points of their runs, ten times as many as `make test` does, and at each statement that an order takes.
crash: .venv/test.ok
	EXPRESS_OPS_CRASH_POINTS=200 $(BIN)/python -m pytest -q -o timeout=0 tests/runs/test_crash.py tests/runs/test_orders.py $(ARGS)

# Pauses, resumes, cancels and kills at 100 random points of runs of 500 customers, under rate limits and faults.
soak: .venv/test.ok
	EXPRESS_OPS_SOAK_POINTS=100 $(BIN)/python -m pytest -q -o timeout=0 tests/runs/test_soak.py $(ARGS)

# Measures every figure beside its peer (an hour or so), into benchmarks/results.json and docs/figures.md.
bench: .venv/test.ok .venv-explorer/ok
	$(BIN)/python -m benchmarks $(ARGS)

# Tries whether every benchmark runs, with few customers and one round each; writes nothing.
bench-smoke: .venv/test.ok .venv-explorer/ok
	$(BIN)/python -m benchmarks --smoke $(ARGS)

# Fails where a figure of the last `make bench` misses its target by more than its spread, or was never measured.
bench-check: .venv/test.ok
	$(BIN)/python -m benchmarks --check

# Renews the pictures of README.md and docs/ from what the browser tests see.
screenshots: .venv/test.ok
	$(BIN)/python -m pytest -q tests/test_notebook.py tests/browser/test_pages.py
	cp test-output/session.ipynb notebooks/session.ipynb
	for name in customers deactivate confirm runs overview connection; do cp test-output/screenshots/$$name-light-1280.png docs/screenshots/$$name-light.png; done
	cp test-output/screenshots/run-many-dark-1280.png docs/screenshots/run-dark.png

lint: .venv/test.ok
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

.venv/app.ok: requirements.txt constraints.txt
	@$(PYTHON) -c 'import sys; sys.version_info >= (3, 11) or sys.exit("Python 3.11 or newer is needed; this is " + sys.version.split()[0] + ". Set PYTHON=python3.12, say.")'
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv
	@echo "Installing what the app needs into .venv ..."
	@$(BIN)/python -m pip install --quiet -r requirements.txt
	@touch $@

.venv/test.ok: .venv/app.ok tests/requirements.txt
	@echo "Installing what the tests need into .venv ..."
	@$(BIN)/python -m pip install --quiet -r tests/requirements.txt
	@touch $@

.venv/notebook.ok: .venv/app.ok notebooks/requirements.txt
	@echo "Installing JupyterLab into .venv ..."
	@$(BIN)/python -m pip install --quiet -r notebooks/requirements.txt
	@touch $@

# A place of its own for the peer of our filters: what it needs would slow the start of the app that is measured.
.venv-explorer/ok: .venv/test.ok benchmarks/requirements.txt constraints.txt
	@test -x .venv-explorer/bin/python || $(PYTHON) -m venv .venv-explorer
	@echo "Installing what the benchmarks' peer needs into .venv-explorer ..."
	@.venv-explorer/bin/python -m pip install --quiet -r benchmarks/requirements.txt
	@$(BIN)/python -m pip uninstall -qq --yes streamlit-extras plotly
	@touch $@

# Renews constraints.txt after a change of a requirements file.
pins: .venv/test.ok
	$(BIN)/python -m pip install --quiet uv
	$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --no-header --no-annotate --upgrade -o constraints.txt tests/requirements.txt notebooks/requirements.txt

clean:
	rm -rf .venv .venv-explorer .pytest_cache .mypy_cache .ruff_cache .hypothesis test-output
