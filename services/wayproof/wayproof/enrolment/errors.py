"""What goes wrong around certificates, by code.

claim_unknown         no claim has this token or serial number
claim_expired         it was not used in time: ask for another one
claim_used            another key has used it
device_exists         the device is registered with another key, or by another organisation
device_revoked        the device is revoked: register another one
request_malformed     what was sent is no certificate, no request for one, or has a key that devices do not have
proof_refused         a signature does not verify, or was made too long ago
certificate_unknown   we did not issue it, or not for a device of the register
device_unknown        no such device is registered
certificate_expired   it ended: claim the device again
authority_missing     the folder of the authority is not complete: `wayproof device authority` makes it
broker_missing        Mosquitto is not installed
api_unreachable       the API does not answer: try again
"""

from wayproof.errors import WayproofError


class EnrolmentError(WayproofError):
    """A certificate is not issued, or an authority is not usable, for the reason that its code names."""

    code = "request_malformed"
