"""Who may connect: certificates of devices, from the first claim to revocation (docs/reference/enrolment.md).

`certificate` and `proof` are pure; `authority` signs; `desk` decides over the store, `register` over the ledger;
`folder` and `mosquitto` write what a broker reads, and `gate` keeps that equal to the ledger's register.
"""
