# Entry point of all tasks. `make help` lists them.
PREFIX ?= /usr/local
DESTDIR ?=
SECONDS_PER_TARGET ?= 10
SOAK ?= 3600
HOSTILE ?= 60
ANSWERS ?= 5000
SANITIZER ?= address
RIG_SECONDS ?= 1500
ARGS ?=
HTTP ?= 127.0.0.1:8000
# Audio of the demonstration: its own question, or file:PATH.
QUESTION ?= demo

# SwiftPM 6.3 writes the trait flags of a package in random order; another order builds SwiftProtobuf, Hummingbird and
# all that imports them again.
BUILD = SWIFT_DETERMINISTIC_HASHING=1 swift build
# A target may import only what its manifest entry names.
CHECKED = --explicit-target-dependency-import-check error
# One release build for all tasks, with Swift's library linked statically, so that it runs without Swift.
RELEASE = $(CHECKED) -c release --static-swift-stdlib
SOURCES = Sources Tests Benchmarks examples Fuzz/Sources Package.swift Fuzz/Package.swift

.PHONY: run test build-tests docc test-vm test-subset bench soak soak-tools hostile differential differential-tools sanitize fuzz format lint install install-files deb test-deb sbom protocol setup setup-test setup-test-vm build help

run: setup ## Build and run the bridge with a live view; without a headset with emulated devices (HTTP=HOST:PORT of the dashboard, QUESTION=file:x.wav replaces the spoken question, ARGS="…" adds options).
	$(BUILD) $(RELEASE) --product vrbridge
	# Models are fetched once; without a network the bridge runs without them.
	.build/release/vrbridge models pull --default || true
	.build/release/vrbridge run --view --demo-if-no-headset --perception hands,gestures,objects,text \
		--microphone $(QUESTION) --http $(HTTP) $(ARGS)

test: build-tests ## Build everything and run all tests (VRBRIDGE_CORPUS=DIR adds those on real captures).
	scripts/test-models.sh
	scripts/test.sh

build-tests: setup-test
	$(BUILD) $(CHECKED) --build-tests

docc: setup ## Render the API documentation of the library BridgeClient into .build/docc.
	scripts/docc.sh .build/docc

test-subset: setup ## Run the part of the rig without a kernel of its own: hidraw's behaviour and hotplug, in seconds (root, or user namespaces).
	@scripts/setup.sh libfuse3-dev pkg-config gcc iproute2 python3
	$(BUILD) $(RELEASE) --product vrbridge
	Tests/Rig/subset.sh .build/release/vrbridge

test-vm: setup-test-vm ## Run the scenarios of Tests/Rig under a real kernel, built once (ARGS="usb" runs some of them).
	$(BUILD) $(RELEASE) --product vrbridge
	Tests/Rig/run.sh -t $(RIG_SECONDS) 'bash Tests/Rig/suite.sh .build/release/vrbridge $(ARGS)'

bench: setup ## Measure against plain C in one run; docs/explanation/performance.md explains the results.
	$(BUILD) $(RELEASE) --product vrbridge
	$(BUILD) $(RELEASE) --product vrbridge-eval
	.build/release/vrbridge-eval performance --commit "$$(git describe --always --dirty 2>/dev/null || echo unknown)" --stated Benchmarks/results.json $(ARGS)

soak: build soak-tools ## Run a bridge with clients, viewers and outputs for SOAK=SECONDS, and fail on leaks, losses or drift.
	@python=.build/live/bin/python; [ -x $$python ] || python=python3; $$python scripts/soak.py .build/release/vrbridge $(SOAK)

soak-tools:
	@scripts/servers.sh .build/live Tests/Python/live.txt

hostile: build ## Attack a bridge on the loopback for HOSTILE=SECONDS, and fail where a client of poses notices.
	@python3 scripts/hostile.py --self-test
	python3 scripts/hostile.py .build/release/vrbridge $(HOSTILE)

differential: build differential-tools ## Compare 5,000 answers of a bridge's models with ONNX Runtime's (ANSWERS=N, ARGS="--seed N").
	@.build/differential/bin/python scripts/differential.py --self-test
	.build/differential/bin/python scripts/differential.py .build/release/vrbridge $(ANSWERS) $(ARGS)

differential-tools:
	@scripts/servers.sh .build/differential Tests/Python/differential.txt

sanitize: setup-test ## Build some test targets with SANITIZER=address or thread, and run their suites (ARGS=all adds services).
	scripts/sanitize.sh $(SANITIZER) $(ARGS)

fuzz: setup ## Fuzz every decoder and parser with libFuzzer, SECONDS_PER_TARGET each.
	$(BUILD) --package-path Fuzz --scratch-path .build-fuzz -c release --sanitize=fuzzer
	scripts/fuzz.sh $(SECONDS_PER_TARGET)

format: ## Format all sources.
	swift format --in-place --recursive --parallel $(SOURCES)

lint: ## Check formatting, cycles between folders (.ci/folder-cycles.py) and source rules (.ci/source-rules.py).
	swift format lint --strict --recursive --parallel $(SOURCES)
	python3 .ci/folder-cycles.py
	python3 .ci/source-rules.py

build: setup ## Build the programs for installation.
	$(BUILD) $(RELEASE) --product vrbridge
	$(BUILD) $(RELEASE) --product vrbridge-eval

install: build install-files ## Install under DESTDIR and PREFIX: program, descriptions, C headers, udev rules, units, manual.

install-files:
	install -s -D -m 755 .build/release/vrbridge "$(DESTDIR)$(PREFIX)/bin/vrbridge"
	install -s -D -m 755 .build/release/vrbridge-eval "$(DESTDIR)$(PREFIX)/bin/vrbridge-eval"
	install -d "$(DESTDIR)$(PREFIX)/share/vrbridge/devices"
	install -m 644 devices/*.yaml "$(DESTDIR)$(PREFIX)/share/vrbridge/devices/"
	install -d "$(DESTDIR)$(PREFIX)/share/vrbridge/calibration"
	install -m 644 calibration/*.json "$(DESTDIR)$(PREFIX)/share/vrbridge/calibration/"
	install -D -m 644 demo/question.wav "$(DESTDIR)$(PREFIX)/share/vrbridge/demo/question.wav"
	install -d "$(DESTDIR)$(PREFIX)/share/vrbridge/dashboard"
	install -m 644 dashboard/* "$(DESTDIR)$(PREFIX)/share/vrbridge/dashboard/"
	install -D -m 644 api/openapi.json "$(DESTDIR)$(PREFIX)/share/vrbridge/api/openapi.json"
	install -d "$(DESTDIR)$(PREFIX)/share/vrbridge/models"
	install -m 644 models/* "$(DESTDIR)$(PREFIX)/share/vrbridge/models/"
	install -D -m 644 Sources/CVRBridge/include/vrbridge.h "$(DESTDIR)$(PREFIX)/include/vrbridge.h"
	install -m 644 Sources/CVRBridge/include/vrbridge_connection.h Sources/CVRBridge/include/vrbridge_annotations.h \
		Sources/CVRBridge/include/vrbridge_frames.h "$(DESTDIR)$(PREFIX)/include/"
	install -D -m 644 Sources/BridgeProtocol/Protos/vrbridge.proto "$(DESTDIR)$(PREFIX)/share/vrbridge/vrbridge.proto"
ifneq ($(filter /usr /usr/local,$(PREFIX)),)
	install -D -m 644 systemd/vrbridge.sysusers "$(DESTDIR)$(PREFIX)/lib/sysusers.d/vrbridge.conf"
	install -d "$(DESTDIR)$(PREFIX)/lib/systemd/system" "$(DESTDIR)$(PREFIX)/lib/systemd/user" "$(DESTDIR)$(PREFIX)/lib/udev/rules.d"
	sed 's#/usr/bin/vrbridge#$(PREFIX)/bin/vrbridge#' systemd/vrbridge.service > "$(DESTDIR)$(PREFIX)/lib/systemd/system/vrbridge.service"
	sed 's#/usr/bin/vrbridge#$(PREFIX)/bin/vrbridge#' systemd/vrbridge-user.service > "$(DESTDIR)$(PREFIX)/lib/systemd/user/vrbridge.service"
	chmod 644 "$(DESTDIR)$(PREFIX)"/lib/systemd/*/vrbridge.service
	XDG_CONFIG_HOME=/nonexistent .build/release/vrbridge udev-rules --group vrbridge --descriptions devices > "$(DESTDIR)$(PREFIX)/lib/udev/rules.d/70-vrbridge.rules"
	chmod 644 "$(DESTDIR)$(PREFIX)/lib/udev/rules.d/70-vrbridge.rules"
	install -D -m 644 systemd/vrbridge.tmpfiles "$(DESTDIR)$(PREFIX)/lib/tmpfiles.d/vrbridge.conf"
	install -D -m 644 systemd/vrbridge.socket "$(DESTDIR)$(PREFIX)/lib/systemd/system/vrbridge.socket"
else
	# The folder in which a user's systemd searches; other parts of the system read no folder of a user.
	install -d "$(DESTDIR)$(PREFIX)/share/systemd/user"
	sed 's#/usr/bin/vrbridge#$(PREFIX)/bin/vrbridge#' systemd/vrbridge-user.service > "$(DESTDIR)$(PREFIX)/share/systemd/user/vrbridge.service"
	XDG_CONFIG_HOME=/nonexistent .build/release/vrbridge udev-rules --descriptions devices > "$(DESTDIR)$(PREFIX)/share/vrbridge/70-vrbridge.rules"
	chmod 644 "$(DESTDIR)$(PREFIX)/share/systemd/user/vrbridge.service" "$(DESTDIR)$(PREFIX)/share/vrbridge/70-vrbridge.rules"
endif
	# From the command line's own help.
	install -d "$(DESTDIR)$(PREFIX)/share/man/man1"
	for program in vrbridge vrbridge-eval; do \
		.build/release/$$program --experimental-dump-help | python3 scripts/man.py "$(DESTDIR)$(PREFIX)/share/man/man1" || exit 1; \
	done
	install -d "$(DESTDIR)$(PREFIX)/share/bash-completion/completions" \
		"$(DESTDIR)$(PREFIX)/share/zsh/vendor-completions" "$(DESTDIR)$(PREFIX)/share/fish/vendor_completions.d"
	for program in vrbridge vrbridge-eval; do \
		.build/release/$$program --generate-completion-script bash | sed '1{/^#!/d}' > "$(DESTDIR)$(PREFIX)/share/bash-completion/completions/$$program" && \
		.build/release/$$program --generate-completion-script zsh > "$(DESTDIR)$(PREFIX)/share/zsh/vendor-completions/_$$program" && \
		.build/release/$$program --generate-completion-script fish > "$(DESTDIR)$(PREFIX)/share/fish/vendor_completions.d/$$program.fish" || exit 1; \
	done

ifeq ($(filter /usr /usr/local,$(PREFIX)),)
	@case ":$$PATH:" in *":$(PREFIX)/bin:"*) ;; *) echo "vrbridge: put the program on PATH: export PATH=\"$(PREFIX)/bin:\$$PATH\"" ;; esac
	@echo "vrbridge: give your user access to devices, once:"
	@echo "  sudo install -m 644 $(PREFIX)/share/vrbridge/70-vrbridge.rules /etc/udev/rules.d/"
	@echo "  sudo udevadm control --reload && sudo udevadm trigger --subsystem-match=hidraw --action=add"
	@echo "vrbridge: run it as your service: systemctl --user daemon-reload && systemctl --user enable --now vrbridge"
endif

sbom: setup ## Write the software bill of materials (CycloneDX 1.5) to .build/vrbridge.cdx.json, and check it.
	@scripts/setup.sh python3-yaml
	test -f Package.resolved || swift package resolve
	scripts/sbom.py .build/vrbridge.cdx.json
	scripts/sbom.py --check .build/vrbridge.cdx.json

deb: build sbom ## Build Debian packages into .build/deb.
	@scripts/setup.sh debhelper dpkg-dev fakeroot
	scripts/deb.sh .build/deb

test-deb: deb ## Install, run, upgrade and remove the packages in a clean Debian 12 (needs root).
	@scripts/setup.sh debootstrap curl
	scripts/deb.sh .build/deb +next
	scripts/test-deb.sh

# protobuf's own timestamp.proto and duration.proto: libprotobuf-dev has them.
PROTOC = protoc --swift_opt=Visibility=Public --swift_opt=UseAccessLevelOnImports=true
LOG = Sources/SessionLog
protocol: ## Generate Swift from the .proto files (needs protoc, libprotobuf-dev and protoc-gen-swift).
	$(PROTOC) --proto_path=Sources/BridgeProtocol/Protos --swift_out=Sources/BridgeProtocol/Generated vrbridge.proto
	$(PROTOC) --proto_path=$(LOG)/Protos --swift_out=$(LOG)/Generated session.proto foxglove.proto
	scripts/descriptors.sh $(LOG)/Protos session foxglove > $(LOG)/Generated/SchemaDescriptors.swift

setup:
	@scripts/setup.sh libudev-dev zlib1g-dev libzstd-dev liblz4-dev libturbojpeg0-dev libpng-dev libusb-1.0-0-dev libsdl2-dev libssl-dev libcairo2 fonts-dejavu-core fonts-noto-color-emoji python3 python3-pip curl pkg-config

setup-test:
	@scripts/setup.sh libudev-dev zlib1g-dev libzstd-dev liblz4-dev libturbojpeg0-dev libpng-dev libusb-1.0-0-dev libsdl2-dev libssl-dev libcairo2 fonts-dejavu-core fonts-noto-color-emoji python3 python3-pip curl pkg-config openssl espeak-ng pulseaudio systemd chromium libsdl2-ttf-dev protobuf-compiler python3-protobuf python3-jsonschema python3-yaml python3-venv python3-torch python3-onnx
	@scripts/python.sh .build/python Tests/Python/requirements.txt
	@scripts/servers.sh .build/servers Tests/Python/servers.txt
	@scripts/servers.sh .build/chat Tests/Python/chat.txt
	@scripts/servers.sh .build/live Tests/Python/live.txt

setup-test-vm: setup
	@scripts/setup.sh dbus python3-dbusmock python3-gi udev util-linux procps iproute2

help: ## List the tasks.
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sort | sed -E 's/^([a-z-]+):[^#]*## /\1\t/' | expand -t 12
