# For developers. People who only want to see it: ./demo and ./check.
BUILD ?= build
GENERATOR ?= Ninja
CONFIGURE = cmake -S . -B $(1) -G $(GENERATOR) -DCMAKE_BUILD_TYPE=$(2) $(3) --log-level=WARNING
FLAGS ?=
PREFIX ?= /usr/local
DESTDIR ?=

.PHONY: all test install asan tsan bench format check-format clean

all:
	@$(call CONFIGURE,$(BUILD),Release,-DCMAKE_INSTALL_PREFIX=$(PREFIX) $(FLAGS))
	@cmake --build $(BUILD)

test: all
	@ctest --test-dir $(BUILD) -j2 --output-on-failure

install: all
	@DESTDIR=$(DESTDIR) cmake --install $(BUILD) --prefix $(PREFIX)

asan:
	@$(call CONFIGURE,build-asan,Debug,-DZEUS_SAN=address$(,)undefined $(FLAGS))
	@cmake --build build-asan
	@ctest --test-dir build-asan -j2 --output-on-failure

tsan:
	@$(call CONFIGURE,build-tsan,Debug,-DZEUS_SAN=thread $(FLAGS))
	@cmake --build build-tsan
	@ctest --test-dir build-tsan -j2 --output-on-failure

bench: all
	@scripts/bench $(BUILD)

format:
	@scripts/format --fix

check-format:
	@scripts/format --check

clean:
	rm -rf build build-asan build-tsan

, := ,
