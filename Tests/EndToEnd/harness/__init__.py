"""What the end-to-end tests stand on: real servers in a folder of their own, and clients for them."""
