"""The stylesheet of an application whose themes change while it runs: nothing is parsed or matched twice.

Textual parses every rule at each change of the theme, looks anew for the rules of each widget, and for each colour that
differs (some twenty a widget) marks the widget and all that is in it as changed.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NamedTuple

from textual.app import App
from textual.cache import LRUCache
from textual.css._style_properties import ColorProperty
from textual.css.styles import RulesMap, StylesBase
from textual.css.stylesheet import Stylesheet
from textual.dom import DOMNode
from textual.widget import Widget

_PARSED, _PLACES = 256, 1024
"""So many sources, and so many kinds of places in the tree, are remembered for each theme."""
_COLOURS = frozenset(name for name, kind in vars(StylesBase).items() if isinstance(kind, ColorProperty))
_OWN = ("scrollbar_", "link_", "border_title_", "border_subtitle_")
"""Colours that begin so are not seen through what is inside of the widget."""

Variables = tuple[tuple[str, str], ...]
Place = tuple[Any, ...]
"""All that decides which rules match a widget: type, id, classes and state of it and of all around it."""


class Match(NamedTuple):
    """What the rules make of a widget in one place: what it must listen to, its styles, and those of its parts."""

    heeds: tuple[bool, bool, bool, bool]
    rules: RulesMap
    parts: dict[str, RulesMap]


class KeptStylesheet(Stylesheet):
    """Keeps what it has parsed and matched, by the variables of each theme."""

    def __init__(self, *, variables: dict[str, str] | None = None) -> None:
        super().__init__(variables=variables)
        self._parsed: dict[Variables, LRUCache[tuple[Any, ...], Any]] = {}
        self._matched: dict[Variables, LRUCache[Place, Match]] = {}
        self._matches: LRUCache[Place, Match] = LRUCache(_PLACES)
        self._sources: tuple[object, ...] = ()
        self._marked: set[DOMNode] | None = None

    # --- parsing

    def set_variables(self, variables: dict[str, str]) -> None:
        """Take up the rules that were parsed with these variables before."""
        if variables == self._variables:
            return
        before, now = _key(self._variables), _key(variables)
        self._parsed[before], self._matched[before] = self._parse_cache, self._matches
        self._parse_cache = LRUCache(1)  # is emptied now
        super().set_variables(variables)
        self._parse_cache = self._parsed.get(now, LRUCache(_PARSED))
        self._matches = self._matched.get(now, LRUCache(_PLACES))

    def foresee(self, variables: dict[str, str]) -> None:
        """Parse the rules with the variables of a theme that may be chosen; nothing changes."""
        now = self._variables
        self.set_variables(variables)
        self.parse()
        self.set_variables(now)
        self.parse()

    def reparse(self) -> None:
        """Parse what was not parsed with these variables yet."""
        self.parse()

    def parse(self) -> None:
        """Parse the sources; where there are others than before, every place is looked at anew."""
        super().parse()
        sources = tuple(self.source.items())
        if sources != self._sources:
            self._sources = sources
            for matches in (self._matches, *self._matched.values()):
                matches.clear()

    # --- matching

    def apply(self, node: DOMNode, *, animate: bool = False, cache: dict[Any, Any] | None = None) -> None:
        """Give `node` its styles; `cache` holds the places of the nodes that are looked at together."""
        if type(node) is DOMNode:  # a part of a widget: kept with it
            super().apply(node, animate=animate)
            return
        if self._require_parse:
            self.parse()
        place = _place(node, {} if cache is None else cache)
        match = self._matches.get(place)
        if match is None:
            noted: dict[Any, RulesMap] = {}
            super().apply(node, animate=animate, cache=noted)
            for found in noted.values():  # none where the order among the siblings counts
                parts = {name: styles.base.get_rules() for name, styles in node._component_styles.items()}
                self._matches[place] = Match(_heeds(node), found, parts)
            return
        node._has_hover_style, node._has_focus_within, node._has_order_style, node._has_odd_or_even = match.heeds
        self.replace_rules(node, match.rules, animate=animate)
        self._replace_parts(node, match.parts)

    def _replace_parts(self, node: DOMNode, parts: dict[str, RulesMap]) -> None:
        if parts.keys() != node._component_styles.keys():
            self._process_component_classes(node)
            return
        differ = [name for name, styles in node._component_styles.items() if styles.base._rules != parts[name]]
        for name in differ:
            base = node._component_styles[name].base
            base.reset()
            base.merge_rules(parts[name])
        if differ:
            node.refresh()

    # --- styling

    def update_nodes(self, nodes: Iterable[DOMNode], animate: bool = False) -> None:
        """Style `nodes`; none is marked as changed twice."""
        self._marked = set()
        try:
            super().update_nodes(nodes, animate=animate)
        finally:
            self._marked = None

    def replace_rules(self, node: DOMNode, rules: RulesMap, animate: bool = False) -> None:  # type: ignore[override]
        """Give `node` these styles, and mark it once for all its colours."""
        base = node.styles.base
        before: dict[str, Any] = base._rules  # type: ignore[assignment]
        if animate and ("transitions" in rules or "transitions" in before):
            super().replace_rules(node, rules, animate=True)
            return
        differ = [key for key in before.keys() | rules.keys() if before.get(key) != rules.get(key)]
        for key in differ:
            if key in _COLOURS:
                base.set_rule(key, rules.get(key))
            else:
                setattr(base, key, rules.get(key))
        self._mark(node, _COLOURS.intersection(differ))
        node.notify_style_update()

    def _mark(self, node: DOMNode, colours: Iterable[str]) -> None:
        """Have it painted anew, with what is in it where that lets these colours through."""
        if not colours:
            return
        if isinstance(node, Widget):
            if node.show_horizontal_scrollbar:
                node.horizontal_scrollbar.refresh()
            if node.show_vertical_scrollbar:
                node.vertical_scrollbar.refresh()
        marked = self._marked
        if marked is not None and not marked.isdisjoint(node.ancestors_with_self):
            return
        inside = not all(name.startswith(_OWN) for name in colours)
        node.styles.base.refresh(children=inside)
        if inside and marked is not None and node._is_mounted:
            marked.add(node)


def _key(variables: dict[str, str]) -> Variables:
    return tuple(sorted(variables.items()))


def _place(node: DOMNode, known: dict[Any, Any]) -> Place:
    place: Place | None = known.get(node)
    if place is None:
        around = _place(node._parent, known) if isinstance(node._parent, DOMNode) else ()
        focus = node.app_focus if isinstance(node, App) else isinstance(node, Widget) and node.allow_focus()
        place = (around, type(node), node._id, node.classes, node._pseudo_classes_cache_key, focus)
        known[node] = place
    return place


def _heeds(node: DOMNode) -> tuple[bool, bool, bool, bool]:
    return node._has_hover_style, node._has_focus_within, node._has_order_style, node._has_odd_or_even
