"""The process behind `wayproof plausibility`: follows the log and flags readings that are not plausible.

The rules and the fold are in `wayproof.plausibility`, which is pure; `follow` takes the log's next leaves, `worker`
keeps at it. Nothing waits for it: readings are stored, receipted, sealed and anchored without it.
"""
