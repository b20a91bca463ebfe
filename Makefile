# Two commands: `make demo` shows the main job on a real kernel, `make test` proves it. `make help` lists the rest.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PACKAGES := python3-venv user-mode-linux ipvsadm iproute2 kmod
WATCHERS := prometheus prometheus-alertmanager
NEIGHBOURS := keepalived systemd libseccomp2
HEADERS := linux-headers-amd64 linux-headers-cloud-amd64 linux-headers-6.12-amd64 linux-headers-6.12-cloud-amd64
STOCK := dkms sparse perl qemu-system-x86 busybox-static $(HEADERS)
STORIES := tests/lab/test_kernels.py tests/kernel/test_hprio*.py tests/kernel/test_scheduling.py
COMPILER := gcc make flex bison bc cpio libc6-dev libelf-dev libssl-dev xz-utils
LAB := $(BIN)/python -m tests.lab

.PHONY: help demo test check unit kernel kernel-e2e kernel-rooms module test-kernels hour systemd debug-kernel bench \
	directors directors-beside directors-whole packages packages-if-possible watchers watchers-if-possible \
	neighbours neighbours-if-possible lock clean
.DELETE_ON_ERROR:

help:
	@echo "make demo    the seed's story on a real kernel, in under 90 seconds"
	@echo "make test    everything: format, lint, types, import contracts, unit, property and real-kernel tests"
	@echo "make check   format, lint, types, import contracts"
	@echo "make unit    the tests that need no IPVS kernel"
	@echo "make kernel  the tests that need one: this kernel if it has ip_vs, else the lab"
	@echo "make bench   measured ratios (printed, never asserted)"
	@echo "make test-kernels   slow proofs: hprio on Debian's own kernels, and beside its model where time travels"
	@echo "make hour    of that, an hour in the life of a director: what operators see and what wakes them"
	@echo "make directors   of that, pairs of directors: what fails, who takes over after how long, beside keepalived too"
	@echo "make systemd the unit under a real systemd: a small Debian is made, and booted (root)"
	@echo "make debug-kernel   slower still: hprio on a kernel with KASAN and lockdep"

# Debian packages: installed when root, else the one line to run is printed. `make test` does without what is missing:
# tests that need a kernel are then skipped, with the reason.
packages:
	@tests/lab/packages $(PACKAGES)

packages-if-possible:
	@tests/lab/packages $(PACKAGES) || true

# Programs that the tests let look at lvsctl; the demo does without.
watchers:
	@tests/lab/packages $(WATCHERS)

watchers-if-possible:
	@tests/lab/packages $(WATCHERS) || true

# Other routers, with which ours has to get along; without them those tests are skipped.
neighbours:
	@tests/lab/packages $(NEIGHBOURS)

neighbours-if-possible:
	@tests/lab/packages $(NEIGHBOURS) || true

$(VENV)/ready: requirements-dev.lock pyproject.toml | packages-if-possible
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@$(BIN)/pip install --quiet --disable-pip-version-check -r requirements-dev.lock
	@$(BIN)/pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $@

# Renew the lock file from the ranges in pyproject.toml.
lock:
	rm -rf build/lock && $(PYTHON) -m venv build/lock && build/lock/bin/pip install --quiet --upgrade pip
	build/lock/bin/pip install --quiet --group dev .
	build/lock/bin/pip freeze --exclude lvsctl > requirements-dev.lock

# The scheduler hprio for the lab's kernel, built once; without a compiler the lab goes on with what its kernel has.
module: packages-if-possible $(VENV)/ready
	@tests/lab/packages $(COMPILER) && $(BIN)/python -m tests.lab.module >/dev/null || echo "the lab does without hprio"

demo: packages $(VENV)/ready module
	@$(LAB) --require -- $(BIN)/python -m tests.demo

# While the unit tests wait, as they mostly do, a kernel has its core; two at a time, as there may be no more cores.
test: check watchers-if-possible neighbours-if-possible module
	@$(MAKE) --jobs 2 --output-sync=target unit kernel-e2e kernel-rooms

check: $(VENV)/ready
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-logo

unit: watchers-if-possible $(VENV)/ready
	$(BIN)/pytest -m "not kernel and not kernels and not stock"

# Each in a lab of its own.
kernel: neighbours-if-possible $(VENV)/ready module
	@$(MAKE) --jobs 2 --output-sync=target kernel-e2e kernel-rooms

kernel-e2e: FOLDERS := tests/e2e tests/pair
kernel-rooms: FOLDERS := tests/cli tests/daemon tests/kernel tests/lab
kernel-e2e kernel-rooms: $(VENV)/ready module
	$(LAB) --timeout 1800 -- $(BIN)/pytest -p no:cacheprovider -m "kernel and not kernels" $(FOLDERS)

# Debian's packaged kernels in qemu, with two CPUs; then user-mode-linux kernels of both generations of the overload
# code, in which time travels, each on a core of its own.
test-kernels: packages neighbours $(VENV)/ready
	@tests/lab/packages $(COMPILER) $(STOCK)
	$(BIN)/pytest -rP -m stock tests/stock
	$(BIN)/python -m tests.lab.kernels old new
	$(MAKE) --jobs 2 --output-sync=target directors-beside directors-whole stories-old stories-new hour

stories-%: $(VENV)/ready
	$(LAB) --kernel $* --timeout 3000 -- $(BIN)/pytest -p no:cacheprovider -m "kernel or kernels" $(STORIES)

# An hour in the life of a director; its kernel sleeps it away.
hour: $(VENV)/ready
	$(LAB) --kernel new --timeout 1800 -- $(BIN)/pytest -p no:cacheprovider tests/hour

# Pairs of directors. What is measured there is the protocol, however busy this machine is. In two labs, one to a core:
# speakers beside keepalived, in every form and mixture; and whole directors, with traffic, faults and orders.
directors:
	@$(MAKE) --jobs 2 --output-sync=target directors-beside directors-whole

BESIDE := $(addprefix tests/directors/test_,interop.py alike_and_not.py several.py)
directors-beside: CASES := $(BESIDE)
directors-whole: CASES := tests/directors $(addprefix --ignore=,$(BESIDE))
directors-beside directors-whole: neighbours-if-possible $(VENV)/ready
	$(LAB) --kernel new --timeout 3600 -- $(BIN)/pytest -p no:cacheprovider $(CASES)

# KASAN, lockdep, RCU and list debugging; last the control, a mutant that they have to catch.
debug-kernel: packages $(VENV)/ready
	@tests/lab/packages $(COMPILER)
	$(BIN)/python -m tests.lab.kernels debug
	$(BIN)/python -m tests.lab.mutant
	$(MAKE) stories-debug
	$(LAB) --kernel debug -- $(BIN)/pytest -p no:cacheprovider -m "kernel and kernels" tests/kernel/test_mutant.py

# The sandbox that the tests of `make test` do without.
systemd: packages $(VENV)/ready
	@tests/lab/packages debootstrap
	$(BIN)/python -m tests.systemd

bench: packages $(VENV)/ready
	@tests/lab/packages nginx-light
	$(BIN)/python -m tests.bench.checks
	$(BIN)/python -m tests.bench.cli
	$(BIN)/python -m tests.bench.scrape
	$(BIN)/python -m tests.bench.vrrp
	$(BIN)/python -m tests.bench.peer
	$(LAB) --require --timeout 1800 -- $(BIN)/python -m tests.bench.kernel
	$(LAB) --require -- unshare --net $(BIN)/python -m tests.bench.addresses
	$(LAB) --require -- $(BIN)/python -m tests.bench.status
	$(LAB) --require -- $(BIN)/python -m tests.bench.memory
	$(LAB) --require --timeout 600 -- unshare --net $(BIN)/python -m tests.bench.adverts
	@tests/lab/packages $(STOCK)
	$(BIN)/python -m tests.bench.picks
	$(LAB) --require --memory 3000M -- $(BIN)/python -m tests.bench.picks
	$(LAB) --require -- $(BIN)/python -m tests.bench.switch

clean:
	rm -rf $(VENV) build dist .hypothesis .mypy_cache .ruff_cache .pytest_cache .import_linter_cache
	find . -name __pycache__ -prune -exec rm -rf {} +
