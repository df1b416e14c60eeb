.TH flowcoll 1
