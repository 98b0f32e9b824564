"""What operators do to a store with sentinels in everyday life, and what clients and owners notice."""
