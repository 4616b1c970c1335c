"""The container engine, through the docker SDK: every failure is a sentence that says what to do."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from tui.model.errors import LakehouseError, NotFoundError, UnavailableError
from tui.settings import Settings
from tui.stack.compose import names

if TYPE_CHECKING:
    from docker import DockerClient
    from docker.models.containers import Container

TIMEOUT_S = 10
_NO_ENGINE = (
    "No Docker engine answers ({why}): start it, or say where it is with DOCKER_HOST; `--backend local` needs none."
)
_NO_PERMISSION = (
    "This user may not use the Docker engine: join the group docker and log in again, or run as its owner; "
    "`--backend local` needs neither."
)


@lru_cache(maxsize=2)
def connect(timeout_s: int = TIMEOUT_S) -> DockerClient:
    """A client of the engine that DOCKER_HOST names, else of this machine's; raises `LakehouseError`."""
    with failures():
        import docker

        return docker.from_env(timeout=timeout_s)


def containers(settings: Settings) -> dict[str, Container]:
    """The project's containers by service, as they are now; services without one are missing."""
    with failures():
        wanted = {"label": f"{names.PROJECT_LABEL}={settings.project}"}
        found = {c.name: c for c in connect().containers.list(all=True, filters=wanted, ignore_removed=True)}
    known = {service: names.container(settings, service) for service in names.CONTAINERS}
    return {service: found[name] for service, name in known.items() if name in found}


def container(settings: Settings, service: str) -> Container:
    """The container of `service`; raises `NotFoundError` where there is none."""
    found = containers(settings).get(service)
    if found is None:
        raise NotFoundError(
            f"There is no container {names.container(settings, service)}; run `lakehouse-tui up` first."
        )
    return found


def strangers(settings: Settings) -> tuple[str, ...]:
    """Names of ours that containers of somebody else have."""
    ours = {names.container(settings, service) for service in names.CONTAINERS}
    with failures():
        found = connect().containers.list(all=True, ignore_removed=True)
    return tuple(
        sorted(c.name for c in found if c.name in ours and c.labels.get(names.PROJECT_LABEL) != settings.project)
    )


def recipe_of(image: str) -> str | None:
    """What an image was made of; `None` where there is no such image."""
    with failures():
        from docker.errors import ImageNotFound

        try:
            return str(connect().images.get(image).labels.get(names.RECIPE_LABEL, ""))
        except ImageNotFound:
            return None


def variable(found: Container, name: str) -> str | None:
    """A variable of a container's environment."""
    with failures():
        pairs = [text.partition("=") for text in found.attrs["Config"]["Env"] or ()]
    return next((value for key, _, value in pairs if key == name), None)


@contextmanager
def failures() -> Iterator[None]:
    """Turns what goes wrong between us and the engine into a `LakehouseError`."""
    import requests
    from docker.errors import APIError, DockerException, NotFound

    try:
        yield
    except NotFound as error:
        raise NotFoundError(f"The Docker engine says: {_said(error)}.") from None
    except APIError as error:
        raise LakehouseError(f"The Docker engine says: {_said(error)}.") from None
    except (DockerException, requests.RequestException, OSError) as error:
        raise sentence(error) from None
    except (KeyError, TypeError, ValueError, AttributeError, IndexError, RecursionError):
        raise UnavailableError(
            "The Docker engine's answer cannot be read: does DOCKER_HOST lead to a Docker engine?"
        ) from None


def sentence(error: BaseException) -> LakehouseError:
    """What a failed connection to the engine means."""
    text = str(error)
    if "PermissionError" in text or "Permission denied" in text:
        return LakehouseError(_NO_PERMISSION)
    if "FileNotFoundError" in text or "No such file" in text:
        return UnavailableError(_NO_ENGINE.format(why="there is no socket"))
    if "refused" in text:
        return UnavailableError(_NO_ENGINE.format(why="the connection is refused"))
    if "timed out" in text.lower():
        return UnavailableError("The Docker engine does not answer in time; is the machine busy? Try again.")
    return UnavailableError(_NO_ENGINE.format(why=" ".join(text.split()).rstrip(".")[:200]))


def _said(error: Any) -> str:
    return " ".join(str(error.explanation or error).split()).rstrip(".")
