"""One failover after another under traffic and changes of keys: what clients and operators see of each."""
