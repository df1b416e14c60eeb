"""Configuration files of other forms, and of ElastiFlow: what they say, and what that means here.

A systemd drop-in (drop_in.py), flowcoll.yml (options/sources.py), a Docker Compose file (compose.py), and a file of
environment variables (variables.py) are told apart by their content (reading.py) and judged (report.py).
"""
