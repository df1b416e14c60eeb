"""Table 1: every option, said once; and how what a person gives becomes its value.

table.py and elastiflow.py hold the rows, groups.py says how a row is written and types.py what values it takes. names.py
knows aliases and namespaces, sources.py reads files, environment and command line, values.py decides which one counts,
checks.py looks at what belongs together, docs.py renders what readers get. `flowcoll.config` is the way in.
"""
