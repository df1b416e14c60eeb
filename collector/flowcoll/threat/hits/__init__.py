"""What has matched: gathered, kept over a restart, given as a block-list."""
