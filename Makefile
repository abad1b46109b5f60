# The two commands: `make run` and `make test`. Both set up what they need; nothing has to be installed before but Python 3.11+.
PYTHON ?= python3
PORT ?= 8501
BIN := .venv/bin
export PIP_DISABLE_PIP_VERSION_CHECK := 1

.PHONY: run test team notebook crash soak fuzz bench bench-smoke bench-check screenshots lint audit pins clean

run: .venv/app.ok
	@echo "Express Ops: http://127.0.0.1:$(PORT)"
	@exec $(BIN)/streamlit run app.py --server.port $(PORT)

# The same session in JupyterLab.
notebook: .venv/notebook.ok
	@cd notebooks && exec ../$(BIN)/jupyter lab session.ipynb

test: .venv/test.ok
	@PATH="$(CURDIR)/$(BIN):$$PATH" bash .ci/test $(ARGS)

# A team's servers on this machine, with a sandbox for the API: two app servers, PostgreSQL, HAProxy with TLS.
team: .venv/test.ok
	@exec $(BIN)/python -m tests.team

# Kills processes at 200 points of their runs, ten times as many as `make test` does, and at each statement that an order takes.
crash: .venv/test.ok
	EXPRESS_OPS_CRASH_POINTS=200 $(BIN)/python -m pytest -q -o timeout=0 tests/runs/test_crash.py tests/runs/test_orders.py $(ARGS)

# Twenty people at a team's servers for 30 minutes (or EXPRESS_OPS_SOAK_MINUTES), which fail, and one is killed every five; tells
# how it went. Then pauses, resumes, cancels and kills at 100 random points of runs of 500 customers.
soak: .venv/test.ok
	EXPRESS_OPS_SOAK_MINUTES=$${EXPRESS_OPS_SOAK_MINUTES:-30} $(BIN)/python -m pytest -q -rP tests/test_team_soak.py $(ARGS)
	EXPRESS_OPS_SOAK_POINTS=100 $(BIN)/python -m pytest -q -o timeout=0 tests/runs/test_soak.py $(ARGS)

# Tries hostile files, answers and addresses for long: 100,000 of each kind (some hours), or EXPRESS_OPS_FUZZ_EXAMPLES.
fuzz: .venv/test.ok
	EXPRESS_OPS_FUZZ_EXAMPLES=$${EXPRESS_OPS_FUZZ_EXAMPLES:-100000} $(BIN)/python -m pytest -q -n 2 -o timeout=0 tests/test_fuzz.py $(ARGS)

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

.venv/test.ok: .venv/app.ok tests/requirements.txt tests/constraints.txt
	@echo "Installing what the tests need into .venv ..."
	@$(BIN)/python -m pip install --quiet -r tests/requirements.txt
	@touch $@

.venv/notebook.ok: .venv/app.ok notebooks/requirements.txt notebooks/constraints.txt
	@echo "Installing JupyterLab into .venv ..."
	@$(BIN)/python -m pip install --quiet -r notebooks/requirements.txt
	@touch $@

# A place of its own for the peer of our filters: what it needs would slow the start of the app that is measured.
.venv-explorer/ok: .venv/test.ok benchmarks/requirements.txt benchmarks/constraints.txt
	@test -x .venv-explorer/bin/python || $(PYTHON) -m venv .venv-explorer
	@echo "Installing what the benchmarks' peer needs into .venv-explorer ..."
	@.venv-explorer/bin/python -m pip install --quiet -r benchmarks/requirements.txt
	@$(BIN)/python -m pip uninstall -qq --yes streamlit-extras plotly
	@touch $@

# Known weaknesses of what is installed (asks PyPI), and a list of what the app is made of, as CycloneDX: test-output/sbom.json.
audit: .venv-audit/ok
	@mkdir -p test-output
	.venv-audit/bin/cyclonedx-py requirements constraints.txt -o test-output/sbom.json
	.venv-audit/bin/pip-audit --strict --disable-pip --require-hashes --progress-spinner off $(foreach place,. tests notebooks benchmarks,-r $(place)/constraints.txt)

# Renews versions and hashes after a change of a requirements file: one version of each package serves the app, tests and notebook;
# theirs hold what the app's has not, or not on every system.
PIN := .venv-audit/bin/uv pip compile --quiet --universal --python-version 3.11 --no-header --no-annotate --generate-hashes
pins: .venv-audit/ok
	grep -hv '^-' requirements.txt tests/requirements.txt notebooks/requirements.txt | $(PIN) --upgrade -o .venv-audit/pins.txt -
	grep -hv '^-' requirements.txt | $(PIN) -c .venv-audit/pins.txt -o constraints.txt -
	for place in tests notebooks; do grep -hv '^-' requirements.txt $$place/requirements.txt | $(PIN) -c .venv-audit/pins.txt \
	  $$(sed -nE 's/^([^=]+)==[^ ;]+ \\$$/--no-emit-package \1/p' constraints.txt) -o $$place/constraints.txt - || exit 1; done
	grep -hv '^-' benchmarks/requirements.txt | $(PIN) -c .venv-audit/pins.txt -o benchmarks/constraints.txt -

.venv-audit/ok: Makefile
	@test -x .venv-audit/bin/python || $(PYTHON) -m venv .venv-audit
	@.venv-audit/bin/python -m pip install --quiet pip-audit==2.10.1 cyclonedx-bom==7.5.0 uv==0.13.9
	@touch $@

clean:
	rm -rf .venv .venv-explorer .venv-audit .pytest_cache .mypy_cache .ruff_cache .hypothesis test-output
