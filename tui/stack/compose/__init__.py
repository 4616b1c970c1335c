"""The stack in containers: an engine, `compose/docker-compose.yml`, and what watches over it from outside."""
