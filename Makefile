# Two commands are enough: `make run` and `make test`. `make help` lists the rest.
# Needs only Python 3.11 or later (with venv) and make; everything else is fetched as packages.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
DATA ?= campusgauge-data

.DEFAULT_GOAL := help
.PHONY: help run test lint types unit soak kills fuzz bench screenshots wheel clean

help: ## 列出可用命令 · list the commands
	@grep -E '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z]+):.*## /  make \1\t/' | expand -t 22

run: $(VENV)/.ready-run ## 启动采集端与本机探针并给出首份评分单 · collector + agent here, first score sheet
	@$(BIN)/campusgauge up --data $(DATA)

test: $(VENV)/.ready-dev ## 全部检查与测试 · every check and test, as in CI
	@$(PYTHON) tools/system_packages.py
	@$(MAKE) --no-print-directory lint types unit

lint: $(VENV)/.ready-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports

types: $(VENV)/.ready-dev
	$(BIN)/mypy

unit: $(VENV)/.ready-dev
	$(BIN)/python -m pytest -n 2 --dist loadfile --no-loadscope-reorder -m "not timed" $(PYTEST)
	$(BIN)/python -m pytest -m timed $(PYTEST)

fuzz: $(VENV)/.ready-dev ## 按接口描述随机请求（较久）· requests generated from the OpenAPI document
	@CAMPUSGAUGE_FUZZ_EXAMPLES=$${EXAMPLES:-40} $(BIN)/python -m pytest -n0 --log-cli-level=INFO --timeout=3600 tests/collector/app/test_openapi_fuzz.py

bench: $(VENV)/.ready-dev ## 性能与精度基准（较久）· benchmarks (long)
	@for file in $(filter-out benchmarks/soak%,$(wildcard benchmarks/*.py)); do echo "== $$file"; $(BIN)/python $$file || exit 1; done

soak: $(VENV)/.ready-dev ## 两小时随机断电式压力测试：一条不丢、一条不重 · two hours of random SIGKILL
	$(BIN)/python benchmarks/soak.py --minutes $(or $(MINUTES),120) --seed $(or $(SEED),1)

kills: $(VENV)/.ready-dev ## 断电与克隆测试的完整规模 · kills and cloned hosts in their full number
	@CAMPUSGAUGE_KILL_ROUNDS=$${ROUNDS:-20} CAMPUSGAUGE_CLONES=$${CLONES:-1000} $(BIN)/python -m pytest -n0 --timeout=1800 tests/collector/ingest/test_kill.py tests/e2e/test_clones.py

screenshots: $(VENV)/.ready-dev ## 重拍文档里的页面图 · the pictures in docs/images
	$(BIN)/python docs/screenshots.py

wheel: $(VENV)/.ready-dev ## 构建安装包（含图表脚本）· the wheel, with the scripts for charts
	$(BIN)/python -m pip wheel --no-deps --wheel-dir dist .
	$(BIN)/python tools/wheel_contents.py dist

clean: ## 删除虚拟环境与缓存，不动数据 · remove the environment and caches, never data
	rm -rf $(VENV) build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis

$(VENV)/.ready-run: pyproject.toml tools/environment.py
	@$(PYTHON) tools/environment.py $(VENV) agent,collector $@

$(VENV)/.ready-dev: pyproject.toml tools/environment.py
	@$(PYTHON) tools/environment.py $(VENV) dev $@
