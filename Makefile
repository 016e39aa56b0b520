# The door to everything: `make` lists what there is.

CARGO ?= cargo
PREFIX ?= /usr/local
SYSCONFDIR ?= /etc
SEEDS ?= 2000
# rustup's folder last: whatever cargo the PATH already holds is the one used.
export PATH := $(PATH):$(HOME)/.cargo/bin

TARGET := $(or $(CARGO_TARGET_DIR),target)
RELEASE := $(TARGET)/release
PROGRAMS := meshchatd meshchatctl meshchat-gateway
SHELL_SCRIPTS := $(wildcard scripts/*.sh tests/*.sh tests/boot/*.sh packaging/*.sh packaging/debian/*.p*) .ci/run \
    $(filter-out examples/README.md examples/meshchat.py,$(wildcard examples/*))
# Pages carry the day of what they were made from, so that the same source makes the same pages.
SOURCE_DATE_EPOCH ?= $(shell git log -1 --format=%ct 2>/dev/null)
export SOURCE_DATE_EPOCH

.DEFAULT_GOAL := help
.PHONY: help demo test build man run status install uninstall bench size sim soak-kill fuzz fmt lint clean setup setup-lint apt-repo deb deb-check test-deb tarball test-boot test-pi test-docker

help: ## this list
	@awk -F ' *## ' '/^[a-z-]+:.*## / { sub(/:.*/, "", $$1); printf "  make %-11s %s\n", $$1, $$2 } \
	    /^## / { print substr($$0, 4) }' $(firstword $(MAKEFILE_LIST))

## First steps. Both set up what they need and say so before they use root:
demo: setup ## three nodes on this machine talk, one dies and catches up; nothing stays behind
	@CARGO='$(CARGO)' scripts/demo.sh

test: ## everything: unit tests, simulation, real daemons, networks in namespaces
	@scripts/setup.sh test
	@CARGO='$(CARGO)' scripts/test.sh

## Use it:
build: setup ## the programs, optimised, in target/release, and what `make man` makes
	$(CARGO) build --release --locked $(addprefix -p ,$(PROGRAMS) meshchat-pages)
# cargo forgets to where a package has a profile of its own.
	strip $(addprefix $(RELEASE)/,$(PROGRAMS))
	$(RELEASE)/meshchat-pages $(TARGET)

man: setup ## manual pages in target/man, files of completion in target/completions
	$(CARGO) run --release --locked -p meshchat-pages -- $(TARGET)

run: setup ## a node of your own in the foreground, as a plain user (ARGS="--name kitchen")
	$(CARGO) run --release --locked -p meshchatd -- $(ARGS)

status: setup ## what that node says about itself
	@$(CARGO) run --quiet --release --locked -p meshchatctl -- status

install: ## copy what `make build` made to PREFIX (default /usr/local); honours DESTDIR
	@DESTDIR='$(DESTDIR)' PREFIX='$(PREFIX)' SYSCONFDIR='$(SYSCONFDIR)' scripts/install.sh install '$(RELEASE)' '$(TARGET)'

uninstall: ## remove what `make install` put there (configuration, keys and messages stay)
	@DESTDIR='$(DESTDIR)' PREFIX='$(PREFIX)' SYSCONFDIR='$(SYSCONFDIR)' scripts/install.sh uninstall

## Packages:
# They carry the day of their own changelog, not that of the last commit.
deb: ## Debian packages in target/deb, on Debian, without Docker or rustup (ARCH=amd64|arm64|armhf|all)
	@for arch in $(if $(filter all,$(ARCH)),amd64 arm64 armhf,$(or $(ARCH),$$(dpkg --print-architecture))); do \
	    env -u SOURCE_DATE_EPOCH scripts/deb.sh --arch $$arch --out $(TARGET)/deb || exit 1; done

deb-check: ## build the packages twice, in different folders, and compare them byte for byte (ARCH=)
	@env -u SOURCE_DATE_EPOCH scripts/deb-check.sh $(ARCH)

test-deb: ## install, upgrade, remove and purge the packages in small Debians (DEB_DIR= for built ones)
	@scripts/setup.sh deb
	@tests/deb.sh $(DEB_DIR)

test-boot: ## the packages on a Debian of this architecture that boots: container or virtual machine
	@scripts/setup.sh boot
	@CARGO='$(CARGO)' tests/boot/run.sh

test-pi: ## the same with arm64, Debian 13 in an emulated machine that talks with a node here (root, slow)
	@scripts/setup.sh boot
	@scripts/setup.sh deb
	@CARGO='$(CARGO)' tests/boot/run.sh $(or $(ARCH),arm64)

apt-repo: ## a signed apt repository in target/apt, of the packages in target/deb (MESHCHAT_APT_KEY=FILE)
	@scripts/setup.sh apt
	@scripts/apt-repo.sh

tarball: build ## a .tar.xz in target with all that `make install` copies and a script that does it
	@scripts/tarball.sh '$(RELEASE)' '$(TARGET)' '$(TARGET)'

test-docker: ## build the container images and run packaging/docker/compose.yaml, where there is an engine
	@tests/docker.sh

## Work on it:
bench: setup ## what a message costs and how fast it arrives, in one table (ARGS="--quick --only burst")
	$(CARGO) build --release --locked $(addprefix -p ,$(PROGRAMS))
	$(CARGO) run --release --locked -p meshchat-bench -- $(ARGS)

size: build ## the optimised programs against what they may take on disk (DEBS=... for packages, too)
	@scripts/size.sh $(RELEASE) $(DEBS)

sim: setup ## simulated networks: SEEDS=100000 for that many, SEED=42 to replay one
	MESHCHAT_SIM_SEEDS=$(SEEDS) $(if $(SEED),MESHCHAT_SIM_SEED=$(SEED)) \
	    $(CARGO) test --profile sim --locked -p meshchat-core --test node sim:: -- --nocapture

soak-kill: setup ## kill -9 a node that keeps messages on disk a thousand times (KILLS=1000)
	MESHCHAT_KILLS=$(or $(KILLS),1000) $(CARGO) test --locked -p meshchat-tests --test disk \
	    -- --nocapture no_acknowledged

fuzz: ## each decoder and a whole node with mutated bytes (FUZZ_SECONDS=60 for each)
	@scripts/fuzz.sh

fmt: setup-lint ## lay out the code
	$(CARGO) fmt --all

lint: setup-lint ## layout, clippy, shellcheck and links between pages, as .ci/run does
	@tests/links.sh
	$(CARGO) fmt --all --check
	$(CARGO) clippy --workspace --all-targets --profile test --locked -- -D warnings
	@if command -v shellcheck >/dev/null; then shellcheck $(SHELL_SCRIPTS) && echo "shellcheck: ok"; \
	    else echo "shellcheck: skipped, it is not installed"; fi

clean: ## remove all that was built
	$(CARGO) clean

setup:
	@scripts/setup.sh build

setup-lint:
	@scripts/setup.sh lint
