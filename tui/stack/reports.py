"""Writes reports; a file that is there is never touched."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from tui.model.errors import LakehouseError, UsageError


def save(path: str, texts: Mapping[str, str]) -> tuple[str, ...]:
    """Write each text to `path` with its suffix (`.json`, …); returns the paths.

    A suffix among them that `path` has already is not doubled, `~` is the user's home. The last folder is made if it is
    missing. Raises `LakehouseError` where a file exists or cannot be written; then none of them is left.
    """
    base = _base(path, tuple(texts))
    files = {base.with_name(base.name + suffix): text for suffix, text in texts.items()}
    written: list[Path] = []
    try:
        base.parent.mkdir(exist_ok=True)
        for file, text in files.items():
            with file.open("x", encoding="utf-8") as handle:
                written.append(file)
                handle.write(text)
    except FileExistsError as error:
        _remove(written)
        raise LakehouseError(f"{error.filename} exists already; give another name.") from None
    except FileNotFoundError:
        raise LakehouseError(f"There is no folder {base.parent.parent}; give another path.") from None
    except OSError as error:
        _remove(written)
        raise LakehouseError(f"{base} cannot be written: {error.strerror}; give another path.") from None
    return tuple(map(str, files))


def _base(path: str, suffixes: tuple[str, ...]) -> Path:
    text = path.strip()
    for suffix in suffixes:
        text = text.removesuffix(suffix)
    try:
        base = Path(text).expanduser()
    except RuntimeError:
        raise UsageError(f"{path} names no user's home; give another path.") from None
    if not base.name or "\0" in text or text.endswith("/"):
        raise UsageError(f"{path or 'Nothing'} is no name of a file; give one such as reports/today.")
    return base.absolute()


def _remove(files: list[Path]) -> None:
    for file in files:
        with suppress(OSError):
            file.unlink()
