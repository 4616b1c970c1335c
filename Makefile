.PHONY: check lint unit integration extended faults containers

check: ## what CI runs, to the letter
	.ci/run

lint:
	uv run ruff check .
	uv run ruff format --check .
	uv run mypy
	uv run lint-imports

unit:
	uv run pytest -m "not integration"

integration:
	uv run pytest -m integration

extended: ## the pipeline's integration tests once more, on Iceberg 1.10.0 and MinIO
	uv run pytest -m pipeline --iceberg 1.10.0 --s3 minio

faults: ## random faults on a real stack; other ones with `--seed N --runs N`, reported to a file with `--report FILE`
	uv run pytest -m faults

containers: ## the stack on Docker Compose; needs an engine, which `.ci/engine start` makes on Debian as root
	uv run pytest -m compose
