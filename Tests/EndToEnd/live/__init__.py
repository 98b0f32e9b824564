"""A fleet to look at: servers that fail over, three gateways, and a bounded load, on the loopback interface."""
