"""What `compose/` says is what the local stack runs: versions, options, names; and what Docker Compose is told."""

from __future__ import annotations

import re
import tomllib
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest

from tui.resources import resource
from tui.settings import Settings, as_environment, load
from tui.stack import minio, options
from tui.stack.compose import names, tool
from tui.stack.compose.recipe import recipe
from tui.stack.local.credentials import Credentials

COMPOSE = resource("compose")
KEYS = Credentials("access", "s3cret", "password")


def settings(tmp_path: Path, **values: object) -> Settings:
    return load({"home": tmp_path, "backend": "compose", **values}, {})


def used_variables() -> set[str]:
    return set(re.findall(r"\$\{(\w+)\}", (COMPOSE / "docker-compose.yml").read_text()))


def test_every_variable_of_the_compose_file_has_a_default() -> None:
    assert used_variables() <= names.defaults().keys()


def test_the_defaults_are_those_of_the_settings(tmp_path: Path) -> None:
    told = names.environment(settings(tmp_path), KEYS, "r", {})
    different = {k for k, v in names.defaults().items() if k in told and told[k] != v}
    assert different == {"LAKEHOUSE_S3_ACCESS_KEY", "LAKEHOUSE_S3_SECRET_KEY"}
    assert {v for v in used_variables() if v.startswith("LAKEHOUSE_")} - told.keys() == {"LAKEHOUSE_VERSION"}


def test_versions_are_those_of_the_local_stack() -> None:
    assert names.defaults()["MINIO_VERSION"] == minio.VERSION
    project = tomllib.loads((COMPOSE.parent / "pyproject.toml").read_text())
    assert names.defaults()["LAKEHOUSE_VERSION"] == project["project"]["version"]
    pins = {*project["project"]["dependencies"], *project["tool"]["uv"]["constraint-dependencies"]}
    locked = re.findall(r"^(\S+==\S+)", (COMPOSE / "requirements.txt").read_text(), re.MULTILINE)
    assert locked
    assert set(locked) <= pins


def test_s3a_has_the_options_of_the_local_stack_and_no_secret() -> None:
    found = {
        p.findtext("name"): p.findtext("value") for p in ET.parse(COMPOSE / "conf" / "core-site.xml").iter("property")
    }
    assert {name: found.get(name) for name in options.S3A} == {name: str(v) for name, v in options.S3A.items()}
    assert found["fs.s3a.secret.key"] == "${env.AWS_SECRET_ACCESS_KEY}"


def test_ports_are_published_on_loopback_only_and_nobody_is_root() -> None:
    text = (COMPOSE / "docker-compose.yml").read_text()
    published = re.findall(r"ports: \[(.*)\]", text)
    assert len(published) == 3
    assert all(port.strip().startswith('"127.0.0.1:') for line in published for port in line.split(","))
    stages = re.split(r"^FROM ", (COMPOSE / "Dockerfile").read_text(), flags=re.MULTILINE)[1:]
    by_name = {stage.split()[2]: stage for stage in stages}
    for name in ("minio", "kafka", "flink"):
        assert "USER 1000:1000" in by_name[name]


@pytest.mark.parametrize("project", ["lakehouse", "second"])
def test_a_second_project_has_names_of_its_own(tmp_path: Path, project: str) -> None:
    found = settings(tmp_path, project=project)
    name = names.container(found, "jobmanager")
    assert name == {"lakehouse": "flink-jobmanager", "second": "second-flink-jobmanager"}[project]
    told = names.environment(found, KEYS, "r", {"PATH": "/bin"})
    assert told["COMPOSE_PROJECT_NAME"] == project
    assert f"{told['LAKEHOUSE_PREFIX']}flink-jobmanager" == name
    assert told["PATH"] == "/bin"


def test_checkpoints_of_a_database_have_a_place_of_their_own(tmp_path: Path) -> None:
    text = (COMPOSE / "docker-compose.yml").read_text()
    told = names.environment(settings(tmp_path), KEYS, "r", {})
    place = re.search(r"JOB_CHECKPOINT_DIR: (\S+)", text)
    assert place
    filled = re.sub(r"\$\{(\w+)\}", lambda m: told[m[1]], place[1])
    assert filled == names.state_uri(settings(tmp_path), "checkpoints")


def test_settings_survive_the_way_through_the_environment(tmp_path: Path) -> None:
    found = settings(tmp_path, kafka_port="19092", project="other", refresh_interval_s="2.5")
    assert load({}, as_environment(found)) == found


def test_the_recipe_changes_with_what_the_images_are_made_of(tmp_path: Path) -> None:
    (tmp_path / "compose").mkdir()
    (tmp_path / "compose" / "Dockerfile").write_text("FROM a")
    before = recipe(tmp_path)
    (tmp_path / "compose" / "Dockerfile").write_text("FROM b")
    assert recipe(tmp_path) != before
    (tmp_path / "README.md").write_text("else")
    after = recipe(tmp_path)
    (tmp_path / "README.md").write_text("other")
    assert recipe(tmp_path) == after


def fake(folder: Path, name: str, status: int) -> None:
    path = folder / name
    path.write_text(f"#!/bin/sh\nexit {status}\n")
    path.chmod(0o755)


def test_compose_is_the_plugin_or_the_program_whichever_there_is(tmp_path: Path) -> None:
    where = {"PATH": str(tmp_path)}
    with pytest.raises(tool.LakehouseError, match="There is no Docker Compose"):
        tool.find(where)
    fake(tmp_path, "docker", 1)  # Docker without its plugin
    with pytest.raises(tool.LakehouseError, match="There is no Docker Compose"):
        tool.find(where)
    fake(tmp_path, "docker-compose", 0)
    assert tool.find(where) == (str(tmp_path / "docker-compose"),)
    fake(tmp_path, "docker", 0)
    assert tool.find(where) == (str(tmp_path / "docker"), "compose")


def test_what_compose_says_is_passed_on_without_colours(tmp_path: Path) -> None:
    said: list[str] = []
    program = ("/bin/sh", "-c", r"printf '\033[32mone\033[0m\n\ntwo\n'")
    tool.run(program, (), tmp_path, {}, said.append)
    assert said == ["one", "two"]
    with pytest.raises(tool.LakehouseError, match="`docker compose up` failed: error: no such thing"):
        tool.run(("/bin/sh", "-c", "echo error: no such thing; exit 1"), ("up",), tmp_path, {}, said.append)
