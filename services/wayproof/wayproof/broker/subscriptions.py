"""Topic filters [MQTT-4.7] and the sessions that subscribed to them. No I/O.

A filter without wildcards is found by one look-up, as there is one for every device; those with wildcards are tried in
turn, as there are few: ingest's.
"""

from collections.abc import Mapping
from typing import Generic, TypeVar

Subscriber = TypeVar("Subscriber")


def is_filter(text: str) -> bool:
    """Tell whether a string is a topic filter: `+` and `#` fill a level, and nothing comes after `#`."""
    levels = text.split("/")
    return bool(text) and all(
        not ({"+", "#"} & set(level)) or level == "+" or (level == "#" and index == len(levels) - 1)
        for index, level in enumerate(levels)
    )


def matches(levels: list[str], pattern: tuple[str, ...]) -> bool:
    """Tell whether a topic matches a filter, both split into levels."""
    if levels[0].startswith("$") and pattern[0] in ("+", "#"):
        return False
    for index, wanted in enumerate(pattern):
        if wanted == "#":
            return True
        if index >= len(levels) or wanted not in ("+", levels[index]):
            return False
    return len(levels) == len(pattern)


class Subscriptions(Generic[Subscriber]):
    """Who gets what, and with which QoS at most."""

    def __init__(self) -> None:
        self._exact: dict[str, dict[Subscriber, int]] = {}
        self._patterns: dict[tuple[str, ...], dict[Subscriber, int]] = {}

    def add(self, topic_filter: str, subscriber: Subscriber, *, qos: int) -> None:
        """Subscribe; a second time replaces the QoS."""
        if _has_wildcard(topic_filter):
            self._patterns.setdefault(tuple(topic_filter.split("/")), {})[subscriber] = qos
        else:
            self._exact.setdefault(topic_filter, {})[subscriber] = qos

    def remove(self, topic_filter: str, subscriber: Subscriber) -> None:
        """Unsubscribe."""
        if _has_wildcard(topic_filter):
            _remove(self._patterns, tuple(topic_filter.split("/")), subscriber)
        else:
            _remove(self._exact, topic_filter, subscriber)

    def of(self, topic: str) -> Mapping[Subscriber, int]:
        """Return who gets a message of this topic, each once, with the highest QoS of its filters that match."""
        found = dict(self._exact.get(topic, {}))
        levels = topic.split("/")
        for pattern, subscribers in self._patterns.items():
            if matches(levels, pattern):
                for subscriber, qos in subscribers.items():
                    found[subscriber] = max(qos, found.get(subscriber, 0))
        return found


Key = TypeVar("Key")


def _remove(table: dict[Key, dict[Subscriber, int]], key: Key, subscriber: Subscriber) -> None:
    subscribers = table.get(key, {})
    subscribers.pop(subscriber, None)
    if not subscribers:
        table.pop(key, None)


def _has_wildcard(topic_filter: str) -> bool:
    return "+" in topic_filter or "#" in topic_filter
