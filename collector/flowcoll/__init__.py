"""flowcoll: NetFlow, IPFIX and sFlow in, enriched ECS documents out."""

__version__ = "0.1.0"
