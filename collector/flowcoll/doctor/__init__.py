"""`flowcoll doctor`: whether everything the collector needs is there and works, and what to do where it is not.

A part (examination.py) is probed once, within a time, and then judged by small pure functions over the facts that were
found. Nothing is changed by a probe.
"""
