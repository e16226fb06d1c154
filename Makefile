# The one door. `make help` lists what is behind it.
PREFIX ?= /usr/local
DESTDIR ?=
SECONDS_PER_TARGET ?= 10
ARGS ?=

# A target may import only what its manifest entry names.
CHECKED = --explicit-target-dependency-import-check error
# One release build for all: with Swift's library inside, so that it needs no Swift where it runs.
RELEASE = $(CHECKED) -c release --static-swift-stdlib
SOURCES = Sources Tests Benchmarks Fuzz/Sources Package.swift Fuzz/Package.swift

.PHONY: run test test-vm bench fuzz format lint install protocol setup setup-test setup-test-vm build help

run: setup ## Build and run the bridge with a live view; without a headset a demonstration (ARGS="…" adds options).
	swift build $(RELEASE) --product vrbridge
	# What looks at frames is fetched once; without a network all else goes on.
	.build/release/vrbridge models pull --default || true
	.build/release/vrbridge run --view --demo-if-no-headset --perception hands,gestures,objects,text $(ARGS)

test: setup-test ## Build everything and run all tests (VRBRIDGE_CORPUS=DIR adds those on real captures).
	swift build $(CHECKED) --build-tests
	scripts/test-models.sh
	# One after the other: tests of time and of hostile clients must not starve each other on a small machine.
	swift test --skip-build --disable-xctest --no-parallel

test-vm: setup-test-vm ## Run the scenarios of Tests/Rig under a real kernel, built once (ARGS="usb" runs some of them).
	swift build $(RELEASE) --product vrbridge
	Tests/Rig/run.sh -t 1500 'bash Tests/Rig/suite.sh .build/release/vrbridge $(ARGS)'

bench: setup ## Measure against plain C in one run; docs/performance.md explains the figures.
	swift build $(RELEASE) --product vrbridge-bench
	.build/release/vrbridge-bench $(ARGS)

fuzz: setup ## Fuzz every decoder and parser with libFuzzer, SECONDS_PER_TARGET each.
	swift build --package-path Fuzz --scratch-path .build-fuzz -c release --sanitize=fuzzer
	scripts/fuzz.sh $(SECONDS_PER_TARGET)

format: ## Format all sources.
	swift format --in-place --recursive --parallel $(SOURCES)

lint: ## Fail on anything that is not formatted.
	swift format lint --strict --recursive --parallel $(SOURCES)

build: setup ## Build the program for installation.
	swift build $(RELEASE) --product vrbridge

install: build ## Install under DESTDIR and PREFIX: program, descriptions, C header, udev rules.
	install -s -D -m 755 .build/release/vrbridge "$(DESTDIR)$(PREFIX)/bin/vrbridge"
	install -d "$(DESTDIR)$(PREFIX)/share/vrbridge/devices"
	install -m 644 devices/*.yaml "$(DESTDIR)$(PREFIX)/share/vrbridge/devices/"
	install -d "$(DESTDIR)$(PREFIX)/share/vrbridge/calibration"
	install -m 644 calibration/*.json "$(DESTDIR)$(PREFIX)/share/vrbridge/calibration/"
	install -D -m 644 models/catalog.yaml "$(DESTDIR)$(PREFIX)/share/vrbridge/models/catalog.yaml"
	install -D -m 644 Sources/CVRBridge/include/vrbridge.h "$(DESTDIR)$(PREFIX)/include/vrbridge.h"
	install -d "$(DESTDIR)$(PREFIX)/lib/udev/rules.d"
	.build/release/vrbridge udev-rules --descriptions devices > "$(DESTDIR)$(PREFIX)/lib/udev/rules.d/70-vrbridge.rules"
	chmod 644 "$(DESTDIR)$(PREFIX)/lib/udev/rules.d/70-vrbridge.rules"

# protobuf's own timestamp.proto and duration.proto: libprotobuf-dev has them.
PROTOC = protoc --swift_opt=Visibility=Public --swift_opt=UseAccessLevelOnImports=true
LOG = Sources/SessionLog
protocol: ## Generate Swift from the .proto files (needs protoc, libprotobuf-dev and protoc-gen-swift).
	$(PROTOC) --proto_path=Sources/BridgeProtocol/Protos --swift_out=Sources/BridgeProtocol/Generated vrbridge.proto
	$(PROTOC) --proto_path=$(LOG)/Protos --swift_out=$(LOG)/Generated session.proto foxglove.proto
	scripts/descriptors.sh $(LOG)/Protos session foxglove > $(LOG)/Generated/SchemaDescriptors.swift

setup:
	@scripts/setup.sh libudev-dev zlib1g-dev libzstd-dev liblz4-dev libdbus-1-dev libturbojpeg0-dev libpng-dev libusb-1.0-0-dev libsdl2-dev libcairo2 fonts-dejavu-core fonts-noto-color-emoji python3 python3-pip curl pkg-config

setup-test:
	@scripts/setup.sh libudev-dev zlib1g-dev libzstd-dev liblz4-dev libdbus-1-dev libturbojpeg0-dev libpng-dev libusb-1.0-0-dev libsdl2-dev libcairo2 fonts-dejavu-core fonts-noto-color-emoji python3 python3-pip curl pkg-config openssl python3-jsonschema python3-yaml python3-venv
	@scripts/python.sh .build/python Tests/Python/requirements.txt
	@scripts/servers.sh .build/servers Tests/Python/servers.txt

setup-test-vm: setup
	@scripts/setup.sh dbus python3-dbusmock python3-gi udev util-linux procps iproute2

help: ## This list.
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sort | sed -E 's/^([a-z-]+):[^#]*## /\1\t/' | expand -t 12
