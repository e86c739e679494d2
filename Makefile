# SPDX-License-Identifier: Apache-2.0
# The two commands of the README, and what is behind them. Meson builds; this only strings commands together.
.PHONY: all docs run test drill coverage tsan fuzz bench deb image dist format lint install clean

BUILD    ?= build
SECONDS  ?= 120
MESON     = meson setup --reconfigure
JOBS     := $(shell nproc)

all: $(BUILD)/build.ninja
	ninja -C $(BUILD)

$(BUILD)/build.ninja:
	tools/deps.sh build
	meson setup $(BUILD) -Dtests=false

run: all
	./$(BUILD)/src/daemon/sluice serve $(ARGS)

# The short form, some minutes: what tools/test.sh says. `make test WIRE=manage/test_keys.py` picks other wire tests.
test:
	tools/deps.sh test
	tools/test.sh

# Everything, an hour or so: all wire tests on both builds, all units under sanitizers, threads, clang, real clients, the benchmark, and fuzzers for a while.
drill:
	tools/deps.sh test
	WIRE=all WIRE_ASAN=all UNITS_ASAN=all CLANG=1 TSAN=1 COVERAGE=1 CLIENTS=1 RULES=1 BENCH=1 PACKAGES=1 FUZZ=$(SECONDS) SCENARIO_CALLS=10000 CHAOS_SEEDS=60 tools/test.sh

# How many lines of four folders units and golden cases reach; fails under 80 % of one of them. Also a part of `make drill`.
coverage:
	tools/deps.sh test
	tools/coverage.sh

# What several threads share, under the thread sanitizer; also a part of `make drill`.
tsan:
	tools/deps.sh test
	tools/tsan.sh

fuzz:
	tools/deps.sh test
	tools/fuzz.sh $(SECONDS)

bench:
	tools/deps.sh test
	test -f build-bench/build.ninja || meson setup build-bench -Dbench=true -Dtests=false
	ninja -C build-bench
	python3 bench/run.py --sluice build-bench/src/daemon/sluice --out bench/results.json $(ARGS)

# The pages that come from tables.
docs:
	test -f build-test/build.ninja || meson setup build-test
	ninja -C build-test tools/gendocs
	for page in configuration errors features metrics; do \
	    ./build-test/tools/gendocs $$page >build-test/$$page.md && mv build-test/$$page.md docs/$$page.md || exit 1; done
	./build-test/tools/gendocs types --into docs/providers.md >build-test/providers.md && mv build-test/providers.md docs/providers.md

format:
	clang-format -i $$(git ls-files '*.c' '*.h')

# Debian packages of what is committed, in build-deb/.
deb:
	tools/deps.sh deb
	tools/deb.sh

# Container images of the packages, in build-image/, without Docker.
image:
	test -d build-deb || $(MAKE) deb
	tools/deps.sh deb
	tools/image.sh

# The release tarball of what is committed, in build-dist/.
dist:
	tools/dist.sh

lint:
	tools/lint.sh

install: all
	meson install -C $(BUILD)

clean:
	rm -rf build build-*
