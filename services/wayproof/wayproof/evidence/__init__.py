"""Evidence, what leaves the platform: `plan` says what a file needs, `assemble` writes it, `collect` asks."""
