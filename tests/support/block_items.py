"""What the three kinds of block events have in common."""

from aiofabric.gateway.connection import Message


def block_number(kind: str, item: Message) -> int:
    """Return the number of a block of any of the three kinds."""
    if kind == "filtered_block_events":
        return int(item.number)
    return int((item if kind == "block_events" else item.block).header.number)
