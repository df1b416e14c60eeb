"""The RiskIQ output: packed flow records, made into frames by an encoder, which a transport sends."""
