"""Threat data: from a file or an answer to what a document says.

unwrap -> readers (with slices, entries) -> lists (with table, times): octets, rows, a list that addresses are matched with
source -> passivetotal (with refusals) -> last_good: PassiveTotal's list, downloaded and kept
refresher -> refresh (with surroundings): the process that does so, and when
feeds -> following (with giveway): workers that use what is kept
"""
