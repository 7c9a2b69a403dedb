# Every target sets up what it needs: Debian packages (as root), a virtual environment in .venv. A second run is fast.
#
#   make conformance                                    every suite on an embedded cluster
#   make conformance KUBECONFIG=file CONTEXT=name       the same on an existing cluster
#   make conformance CLUSTER=kind CNI=kindnet           the same on a kind cluster, made and removed
#                                                       (also LB, INGRESS, K8S, NODES, FAMILIES, KUBE_PROXY)
#   make matrix CNI=kindnet,calico KUBE_PROXY=iptables,nftables   every combination on kind clusters, compared
#   make conformance ARGS="-k dns --wait policy_live=30"    more arguments for pytest
#   make bench KUBECONFIG=file CONTEXT=name             the numbers of a real cluster instead of an embedded one
#   make test | test-kind | lint | bench | catalogue | clean

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DELETE_ON_ERROR:
MAKEFLAGS += --no-builtin-rules --no-print-directory

VENV := .venv
PYTHON := $(VENV)/bin/python
PACKAGES := crun containernetworking-plugins nftables iptables iproute2 conntrack haproxy python3 python3-venv util-linux
JOBS := auto
# Tests that ask a cluster mostly wait for it: two of them a processor, and four at least. An embedded cluster answers
# at once, so there they are twice as many; beyond sixteen they would wait for its one API server, a single process.
# The project's own tests mostly work.
most = $(if $(embedded),16,1000)
each = $(if $(embedded),4,2)
suite_jobs = $(if $(filter auto,$(JOBS)),$(shell \
	jobs=$$(($(each) * $$(nproc))); jobs=$$((jobs < 4 ? 4 : jobs)); echo $$((jobs > $(most) ? $(most) : jobs))),$(JOBS))

# Only what stands on make's own command line counts: an exported KUBECONFIG must never choose the cluster.
given = $(if $(filter command,$(origin $1)),$($1))
cluster_options = \
	$(if $(call given,CLUSTER),--cluster '$(CLUSTER)') \
	$(if $(call given,KUBECONFIG),--kubeconfig '$(KUBECONFIG)') \
	$(if $(call given,CONTEXT),--context '$(CONTEXT)') \
	$(if $(call given,CNI),--cni '$(CNI)') \
	$(if $(call given,LB),--lb '$(LB)') \
	$(if $(call given,INGRESS),--ingress '$(INGRESS)') \
	$(if $(call given,K8S),--k8s '$(K8S)') \
	$(if $(call given,NODES),--nodes '$(NODES)') \
	$(if $(call given,FAMILIES),--families '$(FAMILIES)') \
	$(if $(call given,KUBE_PROXY),--kube-proxy '$(KUBE_PROXY)')
elsewhere := $(call given,KUBECONFIG)$(call given,CONTEXT)$(call given,CNI)
embedded := $(if $(filter embedded,$(or $(call given,CLUSTER),$(if $(elsewhere),other,embedded))),yes)

.PHONY: conformance matrix test test-kind lint bench catalogue clean packages may-make-namespaces
.DEFAULT_GOAL := conformance

# Whatever the caller says of bytecode: with none each worker compiles the harness and its suites anew, two seconds of work.
conformance matrix: export PYTHONDONTWRITEBYTECODE :=

conformance: $(if $(embedded),may-make-namespaces) $(VENV)/ready
	@$(PYTHON) -m pytest suites -n $(suite_jobs) $(cluster_options) $(ARGS)

matrix: $(VENV)/ready
	@$(VENV)/bin/harness matrix $(cluster_options) -- -n $(suite_jobs) $(ARGS)

test: packages $(VENV)/ready
	@$(PYTHON) -m pytest tests/unit tests/contract tests/repo tests/system -n $(JOBS) $(ARGS)

test-kind: packages $(VENV)/ready
	@$(PYTHON) -m pytest tests/kind $(ARGS)

lint: $(VENV)/ready-lint
	@failed=; \
	for tool in "ruff format --check ." "ruff check ." "lint-imports" "mypy"; do \
		echo "== $$tool"; $(VENV)/bin/$$tool || failed="$$failed [$$tool]"; \
	done; \
	[ -z "$$failed" ] || { echo "failed:$$failed"; exit 1; }

bench: $(if $(embedded),may-make-namespaces) $(VENV)/ready
	@$(PYTHON) -m tests.bench $(cluster_options) $(ARGS)

catalogue: $(VENV)/ready
	@$(VENV)/bin/harness list --markdown > $(VENV)/CATALOGUE.md
	@mv $(VENV)/CATALOGUE.md suites/CATALOGUE.md
	@$(PYTHON) -m tests.system.fault_proofs

# Reports are results: they stay.
clean:
	@rm -rf $(VENV) build dist *.egg-info .pytest_cache .mypy_cache .ruff_cache .import_linter_cache
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +

# -- set-up ------------------------------------------------------------------------------------------------------------

# What is missing is installed by root, and named in one line otherwise. A target that needs none of it goes on.
packages:
	@missing=; \
	for package in $(PACKAGES); do \
		[ "$$(dpkg-query -W -f '$${db:Status-Status}' $$package 2>/dev/null)" = installed ] || missing="$$missing $$package"; \
	done; \
	[ -n "$$missing" ] || exit 0; \
	if [ "$$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then \
		echo "not installed:$$missing; run: sudo apt-get install$$missing" >&2; exit 0; \
	fi; \
	export DEBIAN_FRONTEND=noninteractive; \
	install="apt-get install -qq --yes --no-install-recommends$$missing"; \
	$$install >/dev/null 2>&1 || { apt-get update -qq && $$install >/dev/null; } || \
		echo "could not install:$$missing" >&2

# Asked before anything is installed: the module that answers needs nothing but the standard library.
may-make-namespaces: packages | $(VENV)/bin/python
	@$(PYTHON) -c 'import sys; from harness.clusters.embedded import refusal; sys.exit(refusal())'

$(VENV)/bin/python:
	@for python in python3 python3.13 python3.12 python3.11 /usr/bin/python3; do \
		$$python -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && break; \
		python=; \
	done; \
	[ -n "$$python" ] || { echo "no Python >= 3.11 with venv here; run: apt-get install python3 python3-venv" >&2; exit 1; }; \
	$$python -m venv $(VENV)

$(VENV)/ready: pyproject.toml | packages $(VENV)/bin/python
	@echo "installing into $(VENV)"
	@$(PYTHON) -m pip install --quiet --disable-pip-version-check --editable .
	@touch $@

$(VENV)/ready-lint: pyproject.toml | $(VENV)/ready
	@$(PYTHON) -m pip install --quiet --disable-pip-version-check --editable '.[lint]'
	@touch $@
