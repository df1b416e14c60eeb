"""What the servers need before documents come: decided without them, carried out in one place."""
