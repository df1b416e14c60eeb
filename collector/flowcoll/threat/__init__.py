"""Threat data: from a file or an answer to what a document says.

unwrap -> readers (with slices, entries) -> lists (with table, times): octets, rows, a list that addresses are matched with
source -> passivetotal (with refusals) -> last_good: PassiveTotal's list, downloaded and kept
feeds -> refresh (with surroundings): who does so, and when
"""
