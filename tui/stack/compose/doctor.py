"""Is this machine fit to run the lakehouse in containers?"""

from __future__ import annotations

from collections.abc import Iterator

from tui.model.checks import Check
from tui.model.errors import LakehouseError
from tui.settings import Settings
from tui.stack import doctor
from tui.stack.compose import engine, names, tool
from tui.stack.compose.backend import PORTS
from tui.stack.compose.recipe import recipe
from tui.stack.local import ports

IMAGES_NEED_BYTES = 8 * 10**9
"""Images, layers that are kept for the next build, and what a build holds for a while."""


def examine(settings: Settings) -> Iterator[Check]:
    """Yield one check after the other."""
    running = False
    try:
        engine_check, compose_check = _engine(), _compose()
        running = any(c.status == "running" for c in engine.containers(settings).values())
    except LakehouseError as error:
        engine_check = Check("engine", False, "Docker answers", "no answer", str(error))
        compose_check = _compose()
    yield engine_check
    yield compose_check
    if engine_check.ok:
        yield _images(settings)
    yield from doctor.machine(settings, 0 if running else IMAGES_NEED_BYTES, running=running)
    if engine_check.ok:
        yield from _ports(settings)


def _engine() -> Check:
    with engine.failures():
        told = engine.connect().version()
    return Check(
        "engine", True, "Docker answers", f"Docker {told.get('Version', '?')} at {engine.connect().api.base_url}"
    )


def _compose() -> Check:
    try:
        return Check("compose", True, "v2 or v1", " ".join(tool.find()))
    except LakehouseError as error:
        return Check("compose", False, "v2 or v1", "neither", str(error))


def _images(settings: Settings) -> Check:
    wanted = recipe()
    missing = [image for image in names.images(settings) if engine.recipe_of(image) != wanted]
    found = f"the next `up` builds {', '.join(missing)}" if missing else "built"
    return Check("images", True, "known", found)


def _ports(settings: Settings) -> Iterator[Check]:
    found = engine.containers(settings)
    for service, wanted in PORTS.items():
        ours = service in found and found[service].status == "running"
        for name in wanted:
            port = getattr(settings, name)
            if ours or ports.is_free(port):
                yield Check(name, True, "free or ours", f"{port} is {'ours' if ours else 'free'}")
                continue
            detail = f"End it, or choose another port with --{name.replace('_', '-')}."
            yield Check(name, False, "free or ours", f"{port} is held by {ports.holder(port)}", detail)
