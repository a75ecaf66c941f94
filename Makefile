# The one command for everything. `make help` lists what there is; ARGS="…" passes further arguments on.

PY := .venv/bin/python
ARGS ?=
# One more than there are cores, since tests also wait for servers; each begins with what is made once in a process.
WORKERS ?= $(shell echo $$(( $$(getconf _NPROCESSORS_ONLN) + 1 )))
.DEFAULT_GOAL := help
# Images of Python say the contrary; but each of the hundreds of processes that tests start would compile everything anew.
export PYTHONDONTWRITEBYTECODE :=
.PHONY: help setup develop run demo test lint check bench soak keys fuzz schema mutants lock clients proxies

# Shows what a command said when it is done, so that it stays readable beside another.
at_once = said=$$({ $(1); } 2>&1); status=$$?; printf '%s\n' "$$said"; exit $$status

help:  ## say what there is
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-8s %s\n", $$1, $$2 }' Makefile

setup:  ## make .venv from the hash-locked requirements, and nothing else
	@requirements/install core

develop: setup  ## add what tests and checks need to .venv
	@requirements/install dev

run: setup  ## start the API and its agents on 127.0.0.1, with everything under var/
	@$(PY) -m muniment serve --home var $(ARGS)

demo:  ## play a contributor's whole life against the running server
	@[ -f .venv/.core.installed ] || { echo "Nothing is set up yet: start the server with 'make run' first."; exit 1; }
	@$(PY) -m muniment demo $(ARGS)

test: develop  ## run the tests, on SQLite and PostgreSQL
	@$(PY) -m pytest -n $(WORKERS) --dist worksteal $(ARGS)

lint: develop  ## check style, types and import directions
	@$(call at_once,$(PY) -m ruff check . && $(PY) -m ruff format --check . && $(PY) -m mypy && .venv/bin/lint-imports --no-cache)

check: develop  ## lint, types, import directions, generated files, tests, clients, proxies: what CI runs
	@$(MAKE) --no-print-directory -j 2 lint test clients proxies || { echo "make check: something above does not hold."; exit 1; }
	@echo "make check: everything holds."

clients: develop tests/node/node_modules/.package-lock.json  ## check the API with the tools of its clients (needs Node 20)
	@requirements/browser
	@$(call at_once,$(PY) -m tests.node)

proxies: develop  ## check the server behind nginx
	@requirements/nginx
	@$(call at_once,$(PY) -m tests.proxies)

tests/node/node_modules/.package-lock.json: tests/node/package-lock.json
	@command -v npm >/dev/null || { echo "make clients needs Node 20 and npm on PATH."; exit 1; }
	npm ci --prefix tests/node --no-audit --no-fund --ignore-scripts
	@touch $@

bench: develop  ## measure, and compare with the baselines
	@$(PY) -m benchmarks $(ARGS)

soak: develop  ## mixed load for an hour, with every process killed in it (SOAK_MINUTES says how long)
	@$(PY) -m benchmarks soak $(ARGS)

keys: develop  ## kill a busy server 100 times, and rotate keys 20 times, beside commands: no keyset is lost
	@KEPT_KEYS_KILLS=$${KEPT_KEYS_KILLS:-100} KEPT_KEYS_ROTATIONS=$${KEPT_KEYS_ROTATIONS:-20} $(PY) -m pytest -s \
		tests/faults/test_kept_keys.py $(ARGS)

fuzz: develop  ## send the API requests that are nearly valid, for an hour (FUZZ_SECONDS says how long, FUZZ_SEED which)
	@FUZZ_SECONDS=$${FUZZ_SECONDS:-1200} $(PY) -m pytest tests/fuzz --timeout=0 -s $(ARGS)

schema: setup  ## write schema.graphql anew from the code
	@$(PY) -m muniment schema print > schema.graphql

mutants: develop  ## change the policy in every small way, and write docs/policy-mutants.md
	@$(PY) -m muniment policy mutants $(ARGS)

lock:  ## resolve requirements/*.in into the hash-locked *.lock files (needs uv)
	@command -v uv >/dev/null || { echo "make lock needs uv on PATH."; exit 1; }
	uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header --no-annotate \
		--override requirements/overrides.txt requirements/core.in -o requirements/core.lock
	uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header --no-annotate \
		--override requirements/overrides.txt requirements/kms.in -o requirements/kms.lock
	uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header --no-annotate \
		--override requirements/overrides.txt requirements/dev.in -o requirements/dev.lock
	uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header --no-annotate \
		requirements/installer.in -o requirements/installer.lock
