"""Refused payloads judged again: published to the broker once more, so that they come in by the only way there is.

`replaying` decides what may be replayed, notes it, and finds out what became of it; `publisher` is the connection.
"""
