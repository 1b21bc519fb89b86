# Every target works in a fresh clone on Debian 12, as root or as a user with sudo (sudo runs apt-get, nothing else).
# Each bootstraps what it needs; stamps make a second run take seconds. The environment (PIP_*, npm_config_*, proxies)
# is passed through untouched. No stamp depends on the network.

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
MAKEFLAGS += --no-builtin-rules --no-print-directory

VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet

RUN_PACKAGES := ca-certificates dosfstools exfat-fuse exfatprogs fdisk ffmpeg fonts-noto-cjk \
	forensics-samples-files libharfbuzz-subset0 libimage-exiftool-perl libpango-1.0-0 libpangoft2-1.0-0 \
	libusb-1.0-0 mtools openssl python3-venv tzdata
TEST_PACKAGES := chromium ntfs-3g poppler-utils postgresql rsync softhsm2 swtpm systemd tpm2-tools umockdev zbar-tools
RIG_PACKAGES := busybox-static cpio e2fsprogs fakeroot kmod mmdebstrap qemu-system-x86 qemu-utils uidmap util-linux

WEB_SOURCES := $(shell find web/src web/icons.txt web/build.mjs 2>/dev/null)

# A PostgreSQL server of its own for one command, as root or not, gone afterwards. Its locale is fixed because the
# caller's need not exist on this machine; the command gets the caller's back.
POSTGRES := LC_ALL=C.UTF-8 pg_virtualenv -t -c '--locale C.UTF-8 --encoding UTF8' -o log_min_messages=panic \
	bash -c 'export STATION_TEST_POSTGRES="postgresql+psycopg://$$PGUSER:$$PGPASSWORD@$$PGHOST:$$PGPORT/$$PGDATABASE"; \
	exec env -u LC_ALL -u PGHOST -u PGPORT -u PGUSER -u PGPASSWORD -u PGDATABASE -u PGSYSCONFDIR "$$@"' --

# $(call debian,PACKAGES): asks apt only for what dpkg says is missing.
define debian
missing=(); \
for package in $(1); do \
	[ "$$(dpkg-query -W -f '$${db:Status-Status}' "$$package" 2>/dev/null)" = installed ] || missing+=("$$package"); \
done; \
if [ "$${#missing[@]}" -gt 0 ]; then \
	root=(); [ "$$(id -u)" = 0 ] || root=(sudo -E); \
	echo "Debian packages to install: $${missing[*]}"; \
	"$${root[@]}" apt-get -q update; \
	"$${root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get -q -y -o Dpkg::Use-Pty=0 --no-install-recommends install "$${missing[@]}"; \
fi
endef

.PHONY: help
help: ## say what can be made
	@sed -nE 's/^([a-z-]+):.*## (.*)/  make \1\t\2/p' Makefile | expand -t 18

.PHONY: install
install: debian-run $(VENV)/.station web/dist/manifest.json ## Debian packages, .venv and web build; then .venv/bin/station works

.PHONY: run
run: install ## install, then a demonstration station on this machine
	exec $(BIN)/station demo

.PHONY: install-system
install-system: debian-run web/dist/manifest.json ## a station on this machine, run by systemd (systemd/README.md)
	@root=(); [ "$$(id -u)" = 0 ] || root=(sudo -E); \
	"$${root[@]}" PREFIX="$(PREFIX)" DOCK_CONTROLLERS="$(DOCK_CONTROLLERS)" systemd/install.sh all

.PHONY: uninstall-system
uninstall-system: ## take its programs away again; the evidence stays
	@root=(); [ "$$(id -u)" = 0 ] || root=(sudo -E); \
	"$${root[@]}" PREFIX="$(PREFIX)" systemd/install.sh uninstall

# One more than there are processors: many tests wait for processes that they start.
TEST_WORKERS := $(shell expr 1 + `nproc`)

.PHONY: test
test: install debian-test $(VENV)/.dev $(VENV)/ascmhl/.installed ## everything the tests need, then those that need no browser, no VM and no patience
	@$(POSTGRES) $(BIN)/python -m pytest --numprocesses $(TEST_WORKERS) --dist loadfile --no-loadscope-reorder $(PYTEST_ARGS)

.PHONY: browser
browser: install debian-test $(VENV)/.dev ## the tests in a real Chromium: people at their desks, all pages by the WCAG rules
	$(BIN)/python -m pytest -m browser tests/browser --numprocesses auto --dist loadfile --no-loadscope-reorder $(PYTEST_ARGS)

.PHONY: trials
trials: install debian-test $(VENV)/.dev ## the tests that take minutes: random trials, kills at every step, sweeps on PostgreSQL
	@$(POSTGRES) $(BIN)/python -m pytest -m "trials and not rig" --numprocesses auto --dist worksteal $(PYTEST_ARGS)

# Sixteen recorders at once have the machine to themselves: beside another guest they wait too long for each other.
# Both runs start from one snapshot, kept in the folder of STATION_RIG_RUN.
RIG_CROWD := tests/rig/test_dock.py::test_sixteen_recorders_plugged_in_within_a_second_are_all_taken_in

# What takes minutes and shows what a quicker test shows in another way is in `make rig-trials` alone.
.PHONY: rig
rig: install debian-rig $(VENV)/.dev ## tests with recorders plugged into a virtual machine; builds it once
	$(BIN)/python -m tests.rig.image
	@export STATION_RIG_RUN="$$(mktemp -d -t rig-XXXXXX)"; trap 'rm -rf "$$STATION_RIG_RUN"' EXIT; \
	$(if $(PYTEST_ARGS),,$(BIN)/python -m pytest -m rig $(RIG_CROWD);) \
	$(BIN)/python -m pytest -m "rig and not trials" tests/rig --numprocesses 2 --dist worksteal \
		$(or $(PYTEST_ARGS),--deselect $(RIG_CROWD))

.PHONY: rig-trials
rig-trials: install debian-rig $(VENV)/.dev ## what `make rig` leaves out; STATION_YANKS=100 pulls as many times
	$(BIN)/python -m tests.rig.image
	$(BIN)/python -m pytest -m "rig and trials" tests/rig --numprocesses 2 --dist worksteal $(PYTEST_ARGS)

.PHONY: check
check: install $(VENV)/.dev ## ruff, mypy --strict, import-linter, profile linter
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy --strict station
	$(BIN)/lint-imports --no-logo
	$(BIN)/station profiles check

.PHONY: bench
bench: install debian-test $(VENV)/.dev ## measure; a table on the terminal and JSON in bench/results
	$(BIN)/python -m bench $(BENCH_ARGS)

.PHONY: dev
dev: install $(VENV)/.dev ## install what `make check` and pytest need

.PHONY: lock
lock: $(VENV)/.dev ## renew requirements/*.lock and web/package-lock.json within what the manifests allow
	$(LOCK) --group build --output-file requirements/run.lock
	$(LOCK) --group build --group dev --constraints requirements/run.lock --output-file requirements/dev.lock
	cd web && npm install --package-lock-only

# Python 3.11 is Debian 12's; --no-header and --no-annotate keep paths and index addresses out of the locks.
LOCK = $(BIN)/uv pip compile pyproject.toml --quiet --upgrade --generate-hashes --no-header --no-annotate \
	--python-version 3.11

.PHONY: clean
clean: ## remove everything that make built; homes such as ./var are left alone
	rm -rf $(VENV) *.egg-info build web/dist web/node_modules .mypy_cache .pytest_cache .ruff_cache \
		.import_linter_cache .hypothesis
	find . -name __pycache__ -type d -not -path './var/*' -prune -exec rm -rf {} +

.PHONY: debian-run
debian-run:
	@$(call debian,$(RUN_PACKAGES))
	@if ! { command -v npm && node -e 'process.exit(parseInt(process.versions.node) >= 18 ? 0 : 1)'; } \
			>/dev/null 2>&1; then \
		$(call debian,nodejs npm); \
	fi

.PHONY: debian-rig
debian-rig:
	@$(call debian,$(RIG_PACKAGES))

# What a station needs installed; the guest of the rig gets the same.
.PHONY: run-packages
run-packages:
	@echo $(RUN_PACKAGES)

.PHONY: debian-test
debian-test:
	@$(call debian,$(TEST_PACKAGES))

$(VENV)/bin/python: | debian-run
	/usr/bin/python3 -m venv $(VENV)

$(VENV)/.run: requirements/run.lock | $(VENV)/bin/python
	$(PIP) install --require-hashes --requirement requirements/run.lock
	@touch $@

$(VENV)/.station: pyproject.toml $(VENV)/.run
	$(PIP) install --no-deps --no-build-isolation --editable .
	@touch $@

$(VENV)/.dev: requirements/dev.lock $(VENV)/.station
	$(PIP) install --require-hashes --requirement requirements/dev.lock
	@touch $@

# A tool of others that tests check packages with; it wants another click than ours, so it lives by itself.
$(VENV)/ascmhl/.installed: requirements/ascmhl.lock | $(VENV)/bin/python
	/usr/bin/python3 -m venv $(VENV)/ascmhl
	$(VENV)/ascmhl/bin/python -m pip --disable-pip-version-check --quiet install --require-hashes --requirement $<
	@touch $@

web/node_modules/.installed: web/package.json web/package-lock.json web/.npmrc | debian-run
	cd web && npm ci --no-progress
	@touch $@

web/dist/manifest.json: web/node_modules/.installed $(WEB_SOURCES)
	cd web && npm run --silent build
