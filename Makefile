.PHONY: check lint test unit integration extended

check: lint test  ## what CI runs, to the letter

lint:
	uv run ruff check .
	uv run ruff format --check .
	uv run mypy
	uv run lint-imports

test:
	uv run pytest

unit:
	uv run pytest -m "not integration"

integration:
	uv run pytest -m integration

extended:  ## the integration tests once more on Iceberg 1.10.0 and on MinIO
	uv run pytest -m integration --iceberg 1.10.0 --s3 minio
