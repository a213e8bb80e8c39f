"""What all organisations of a channel must agree on (docs/reference/contract.md)."""
