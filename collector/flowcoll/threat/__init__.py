"""Threat data: from a file or an answer to what a document says.

keeping   which lists the options ask for, downloads and files of them, the process that keeps tables of them fresh
reading   octets of a list to rows
matching  rows to a table, an address to what tables and rules say; workers follow the tables
hits      what has matched, and block-lists of it
showing   what people ask about all this
"""
