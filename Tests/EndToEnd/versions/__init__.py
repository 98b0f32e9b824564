"""The end-to-end tests of what depends on Redis, with other versions than Debian's."""
