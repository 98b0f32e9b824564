"""Random faults under traffic and changes of keys: nobody gets in with a key that has ended, and no valid key is refused."""
