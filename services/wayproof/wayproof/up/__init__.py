"""Everything of a deployment on one machine: `provision` makes its folder, `services` runs it with the `supervisor`.

For trying out, tests and small sites. In production each process is a container, and database, broker and ledger are
somebody else's.
"""
