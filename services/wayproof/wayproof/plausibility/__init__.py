"""How plausible readings are: named rules, and the fold over a stream that flags what looks wrong, and says why. Pure.

A flag is an opinion about a reading that was accepted: the reading stays as it is, nothing is refused, and no evidence
speaks of it (docs/reference/plausibility.md). Read in this order: `units` (one unit for each measurement), `series`,
`copies`, `message`, `position` (the rules), `profile` (which rules hold for a device model), `judge` (the fold).
"""
