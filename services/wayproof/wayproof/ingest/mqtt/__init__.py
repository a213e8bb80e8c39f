"""A lean MQTT client for one purpose: read many messages of QoS 1, acknowledge them by hand, publish receipts.

It exists because paho's loop was the limit (docs/benchmarks.md has both). Read in this order: `packets` (bytes of
single packets; pure), `framer` (a stream of bytes into arrivals and other packets; pure), `outbox` (what waits to be
sent), `reader` (the connection and its thread).
"""

from wayproof.ingest.mqtt.reader import Reader

__all__ = ["Reader"]
