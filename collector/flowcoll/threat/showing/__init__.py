"""What people ask about lists: why nothing matches, what is said of an address, whether a file is a list."""
