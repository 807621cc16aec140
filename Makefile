# Veritas: every verb of the project. A fresh machine needs Python >= 3.11 and make, nothing else.
#   make demo    a simulated class, live in this terminal        make test    the whole suite on real servers
#   make up      hub, worker, PostgreSQL and Redis, supervised   make check   lint, format, types, import laws
# Arguments go through ARGS:  make demo ARGS="--students 40 --seconds 40 --headless --json demo.json"

PYTHON ?= python3
VENV   ?= .venv
BIN    := $(VENV)/bin
ARGS   ?=

.DEFAULT_GOAL := help
.PHONY: help demo up serve work migrate admin simulate verify web test test-long test-external coverage bench docs sbom screenshots check format lock clean

help:  ## this list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 16

demo:      ## a simulated class, live in this terminal
up:        ## hub, worker, PostgreSQL and Redis here, supervised
serve:     ## one hub process of a real deployment
work:      ## one worker process of a real deployment
migrate:   ## bring the schema up to date
admin:     ## accounts: make admin ARGS="create NAME --name ..."
simulate:  ## a scripted class at any hub
verify:    ## the record against its laws

$(VENV)/python: 
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Veritas needs Python 3.11 or newer: make PYTHON=python3.12 ..." >&2; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || { echo "This Python cannot make virtual environments. On Debian or Ubuntu: apt-get install python3-venv" >&2; exit 1; }
	$(PYTHON) -m venv $(VENV)
	@touch $@

# Hash mode refuses editable installs, and build isolation would fetch unhashed code: hence three steps.
$(VENV)/runtime: $(VENV)/python requirements.lock pyproject.toml
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@

$(VENV)/dev: $(VENV)/runtime requirements-dev.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-dev.lock
	@touch $@

# The pages: built when their sources have changed, by the system's node or by one from a wheel (web/npm).
DIST  := hub/pages/dist/.built
PAGES := $(shell find web \( -name node_modules -o -name dist \) -prune -o -type f -print)
NPM   := VENV="$(abspath $(VENV))" web/npm

$(VENV)/node: $(VENV)/runtime requirements-web.lock web/npm
	@$(NPM) --found || $(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-web.lock
	@touch $@

web/node_modules/.locked: $(VENV)/node web/package.json web/package-lock.json $(wildcard web/*/package.json)
	$(NPM) ci --silent
	@touch $@

$(DIST): web/node_modules/.locked $(PAGES)
	$(NPM) run build --silent
	@touch $@

web: $(DIST)  ## build the pages; only when their sources have changed

demo up serve: $(DIST)
demo up serve work migrate admin simulate verify: $(VENV)/runtime
	@$(BIN)/veritas $@ $(ARGS)

test: $(VENV)/dev $(DIST)  ## the suite: real PostgreSQL, real Redis, real sockets, a real browser
	$(NPM) test --silent
	$(BIN)/python -m pytest -n 3 --dist loadfile --no-loadscope-reorder -m "not long" $(ARGS)

test-long: $(VENV)/dev $(DIST)  ## what takes longer: attacks, kills in the middle of an exam, every route against its schema
	$(BIN)/python -m pytest -m long $(ARGS)

# Pure modules need no server: their own tests must reach every branch that a caller can reach.
PURE_TESTS := tests/protocol tests/judgement tests/hub/monitor/session tests/hub/monitor/test_se*.py tests/hub/monitor/test_fair_share.py tests/hub/ingest/test_b*.py tests/hub/board/test_board.py \
  tests/hub/presence/test_presence.py tests/hub/auth/test_tokens.py tests/veritas/client/test_queue.py tests/veritas/client/test_progress.py \
  tests/veritas/client/test_reconnect.py tests/veritas/simulation/test_report.py tests/workers/llm/test_breaker.py \
  tests/workers/llm/test_evidence.py tests/workers/llm/test_verdict.py
PURE := protocol judgement hub.monitor.ending hub.monitor.fair_share hub.monitor.instructions hub.monitor.sequence hub.monitor.session hub.ingest.batcher hub.ingest.budget hub.board.board hub.presence.presence \
  hub.auth.tokens veritas.client.queue veritas.client.progress veritas.client.reconnect veritas.simulation.report workers.llm.breaker \
  workers.llm.evidence workers.llm.verdict

# What runs in other processes is not counted, so the tests that only run processes are left out. Counting takes time,
# so what measures time is left out, too.
IN_PROCESS := --ignore=tests/browser --ignore=tests/journeys --ignore=tests/faults --ignore=tests/deploy --ignore=tests/laws/test_loop_time.py

coverage: $(VENV)/dev $(DIST)  ## the suite again, counting branches: 95 % of pure modules by their own tests, 90 % of all
	$(BIN)/python -m pytest -q -p no:cacheprovider $(PURE_TESTS) $(PURE:%=--cov=%) --cov-report=term:skip-covered --cov-fail-under=95
	$(BIN)/python -m pytest -q -n 2 --dist loadfile -m "not long" $(IN_PROCESS) --cov --cov-report=json --cov-report=term:skip-covered --cov-fail-under=90 $(ARGS)

test-external: $(VENV)/dev  ## the same on Debian's PostgreSQL 15 and Redis 7 over TCP, started and stopped here
	$(BIN)/python -m pytest --external tests/db tests/hub tests/workers tests/faults tests/laws/test_board.py tests/journeys/test_deployment.py tests/deploy $(ARGS)

bench: $(VENV)/runtime  ## figures as ratios of one run: make bench ARGS="ingest --json bench.json"
	@$(BIN)/python -m bench $(ARGS)

docs: $(VENV)/runtime  ## schemas, AsyncAPI, codes and the types of the pages, generated from the code
	@$(BIN)/python -m veritas.codegen.wire_docs
	@$(BIN)/python -m veritas.codegen.web_types

sbom: $(VENV)/runtime  ## sbom.json: all packages of the lock files with their hashes (CycloneDX)
	@$(BIN)/python -m veritas.codegen.sbom

screenshots: $(VENV)/dev $(DIST)  ## every view of the pages, light, dark and narrow, into docs/screenshots
	$(BIN)/python -m tests.browser.screenshots $(ARGS)

check: $(VENV)/dev web/node_modules/.locked  ## lint, format, types, import laws
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(NPM) run check --silent

format: $(VENV)/dev web/node_modules/.locked  ## write the one format
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .
	$(NPM) run format --silent

LOCK = uv pip compile --quiet --universal --no-strip-extras --no-annotate --no-header --generate-hashes --python-version 3.11
lock: $(VENV)/dev  ## renew the lock files
	$(BIN)/python -m pip install --quiet uv==0.13.9
	$(BIN)/$(LOCK) pyproject.toml --group build -o requirements.lock
	$(BIN)/$(LOCK) --group dev -c requirements.lock -o requirements-dev.lock
	$(BIN)/$(LOCK) --group web -o requirements-web.lock

clean:  ## the virtual environment, the built pages and the local data go
	rm -rf $(VENV) .veritas web/node_modules hub/pages/dist
