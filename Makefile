# `make repro` runs the whole pipeline on the embedded fleet; `make test` runs the tests, WORKERS files at a time, whose
# threads wait without spinning, as they share cores; `make ablations TABLE=pgan1` trains the models of a paper's table
# over seeds; `make test-sharing` pushes to and pulls from servers it starts. Each installs what it needs, `make install`
# that alone.

PYTHON ?= python3
DATASET ?= synthetic
SEEDS ?= 3
REMOTES ?= folder,ssh,s3,webdav
WORKERS ?= 2
BIN := .venv/bin
INSTALLED := .venv/.installed

.PHONY: install repro test test-sharing lint ablations clean

install: $(INSTALLED)

repro: $(INSTALLED)
	@PATH="$(CURDIR)/$(BIN):$$PATH" dvc repro
	@echo
	@$(BIN)/python -m stages.summary

test: $(INSTALLED) lint
	@PATH="$(CURDIR)/$(BIN):$$PATH" OMP_WAIT_POLICY=passive $(BIN)/python -m pytest -n $(WORKERS) \
		--dist loadfile --no-loadscope-reorder

test-sharing: $(INSTALLED)
	@UV_PROJECT_ENVIRONMENT=.venv $(BIN)/uv sync --locked --inexact -q --group sharing --python $(BIN)/python
	@case ",$(REMOTES)," in *,ssh,*) PATH="$$PATH:/usr/sbin" command -v sshd > /dev/null \
		|| { apt-get update -qq && apt-get install -qq -y --no-install-recommends openssh-server; } \
		|| { echo "sshd is needed; as root: apt install openssh-server"; exit 1; } ;; esac
	@PATH="$(CURDIR)/$(BIN):$$PATH" $(BIN)/python -m pytest --remotes $(REMOTES) tests/sharing/test_remotes.py

lint: $(INSTALLED)
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports

ablations: $(INSTALLED)
	@test -n "$(TABLE)" || { echo "Name a table: make ablations TABLE=pgan1 (docs/ablations.md lists them)"; exit 1; }
	@$(BIN)/python -m stages.ablations --dataset $(DATASET) --table $(TABLE) --seeds $(SEEDS)

# uv comes from PyPI by hash, everything else from uv.lock by hash; --inexact keeps uv itself in the environment.
$(INSTALLED): uv.lock pyproject.toml .ci/uv.txt
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' \
		|| { echo "Python 3.11 to 3.13 is needed; choose one with make PYTHON=python3.12 ..."; exit 1; }
	@test -x $(BIN)/pip || $(PYTHON) -m venv .venv \
		|| { echo "The venv module is needed; on Debian and Ubuntu: apt install python3-venv"; rm -rf .venv; exit 1; }
	@echo "Installing the locked dependencies (about 6 GB the first time) ..."
	@$(BIN)/pip install -q --disable-pip-version-check --require-hashes -r .ci/uv.txt
	@UV_PROJECT_ENVIRONMENT=.venv $(BIN)/uv sync --locked --inexact -q --python $(BIN)/python
	@touch $@

clean:
	rm -rf .venv .scratch .pytest_cache .mypy_cache .ruff_cache
