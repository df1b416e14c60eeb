"""Threat data: readers turn files into entries, lists match addresses against them."""
