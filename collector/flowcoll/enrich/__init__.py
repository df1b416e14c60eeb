"""One fact each: what an address, a port, a protocol number or a flow's five-tuple says beyond itself."""
