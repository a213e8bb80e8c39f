"""A fast decoder: it reads what it has seen the shape of, exactly as the verifier does, and leaves the rest to it.

`wayproof_verifier.telemetry.decode` defines what a message says. A device's messages differ in their numbers only, so
the shape of a pack (all bytes but its numbers) is learnt once **from the verifier's own answer**; of the next message
with the same bytes around its numbers only the numbers are read, by the verifier's functions. Nothing is ever refused
here: `Decoder.decode` answers None wherever it is not certain, and the verifier decides.

Read in this order: `numbers`, `shape` (what a pack says, its numbers left open), `json_packs` and `cbor_packs` (how a
shape is found, `hot_shapes` how it is found sooner), `envelopes` (the signed form), `decoder`.
"""

from wayproof.ingest.decoding.decoder import Decoder, Quick

__all__ = ["Decoder", "Quick"]
