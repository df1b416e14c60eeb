"""The running service: sockets, the receive loop, the HTTP API."""
