"""Threat data: from a file or an answer to what a document says.

unwrap -> readers (with slices, entries) -> spans -> sections: octets, rows, what is flattened, the file of a match table
table -> lists: the file as it is mapped, and the lists that addresses are matched with
systems -> system_table (with systems_feed): the same for autonomous systems, which are no threats
kinds -> feed (with source): which lists the options ask for, and where each comes from
download (with account, body, refusals) -> last_good: a list downloaded and kept, or why not
jobs -> shelf: what is made of a feed, and where its table lies
refresh (with tries), local -> keeper (with surroundings, desk, refresher): the process that makes tables, and when
following, ruling (with giveway, rules, scope, blocks): workers that use tables, and what may match
feeds: lists where no such process runs
hits (with hit_file) -> blocklist: what has matched, remembered, and as a block-list
words -> present, explained, screen: how the lists are, in words, for the log and for `flowcoll threats`
looked_up, trial, asked_refresh: its look-ups, its tests of lists, its refreshes
"""
