"""Telemetry, defined once (docs/reference/telemetry.md): topics, messages, readings, receipts. Pure: no I/O, no clock.

message = decode(payload, topic=topic)   # a Message or a Rejection, never an exception
verify(message, key=key)                 # None, or why the signature does not count
"""

from wayproof_verifier.telemetry.envelope import SENML_CBOR, SENML_JSON, PublicKey, es256_signer, key_id
from wayproof_verifier.telemetry.message import Message, decode, encode_message, verify
from wayproof_verifier.telemetry.receipt import Held, Receipt, Refused, decode_receipt, encode_receipt, verify_receipt
from wayproof_verifier.telemetry.rejection import Rejection, RejectionCode
from wayproof_verifier.telemetry.senml import Reading, TextReading
from wayproof_verifier.telemetry.topic import Topic, messages_topic, parse_topic, receipts_topic

__all__ = [
    "SENML_CBOR",
    "SENML_JSON",
    "Held",
    "Message",
    "PublicKey",
    "Reading",
    "Receipt",
    "Refused",
    "Rejection",
    "RejectionCode",
    "TextReading",
    "Topic",
    "decode",
    "decode_receipt",
    "encode_message",
    "encode_receipt",
    "es256_signer",
    "key_id",
    "messages_topic",
    "parse_topic",
    "receipts_topic",
    "verify",
    "verify_receipt",
]
