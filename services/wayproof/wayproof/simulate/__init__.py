"""Devices: a key of their own, a spool on disk, numbered and chained messages, sent until a receipt names them.

`Device` measures and keeps, `DeviceClient` sends; `worker` is what `wayproof simulate` does with many of them.
"""
