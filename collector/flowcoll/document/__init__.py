"""Sets to documents: three tables and the compiler that joins them."""
