"""What the product does, without I/O of its own."""
