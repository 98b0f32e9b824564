"""Slots that move from shard to shard under traffic and changes of keys."""
