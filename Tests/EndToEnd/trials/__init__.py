"""Random faults under traffic and changes of keys: no ended key is accepted, and no valid key is refused."""
