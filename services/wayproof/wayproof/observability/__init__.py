"""What a process lets others see: its log, what it counts, whether it can work, what became of single messages.

`logs`, `metrics`, `health` and `tracing` need nothing but the standard library, and cost next to nothing where nobody
looks. `exposition` and `endpoint` show metrics and health over HTTP; `tracing_export` sends traces to a collector.
"""

from wayproof.observability.logs import JsonFormatter, configure

__all__ = ["JsonFormatter", "configure"]
