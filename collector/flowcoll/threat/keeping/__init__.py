"""Lists kept by a process of their own: which the options ask for, where each is had, and what serves meanwhile."""
