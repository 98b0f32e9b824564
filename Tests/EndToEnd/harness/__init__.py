"""The foundation of the end-to-end tests: real servers, each in a folder of its own, and clients for them."""
