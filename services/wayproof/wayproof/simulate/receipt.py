"""What a device believes of a receipt: only what its log's receipt key signed, for this device. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass

from wayproof_verifier.telemetry import PublicKey, Receipt, Rejection, decode_receipt, verify_receipt
from wayproof_verifier.telemetry.envelope import KEY_ID


@dataclass(frozen=True, slots=True)
class ReceiptRejection:
    """A receipt that frees nothing: a code (a rejection code, `other_device`, `other_log`) and details for people."""

    code: str
    detail: str


def check_receipt(
    data: bytes, *, device_id: str, log_id: str, keys: Mapping[bytes, PublicKey]
) -> Receipt | ReceiptRejection:
    """Return the receipt if one of the log's receipt keys (by key id) signed it for this device. Never raises."""
    receipt = decode_receipt(data)
    if isinstance(receipt, Rejection):
        return ReceiptRejection(str(receipt.code), receipt.detail)
    fault = _signature_fault(receipt, keys)
    if fault is not None:
        return ReceiptRejection(str(fault.code), fault.detail)
    if receipt.log_id != log_id:
        return ReceiptRejection("other_log", f"the receipt is of log {receipt.log_id}, the device's is {log_id}")
    if receipt.device_id != device_id:
        return ReceiptRejection("other_device", f"the receipt is for device {receipt.device_id}")
    return receipt


def _signature_fault(receipt: Receipt, keys: Mapping[bytes, PublicKey]) -> Rejection | None:
    """Verify under the key that the receipt names; an unknown key id fails under any key, as the wrong key."""
    named = receipt.envelope.header[KEY_ID] if receipt.envelope is not None else b""
    key = keys.get(named) or next(iter(keys.values()))
    return verify_receipt(receipt, key=key)
