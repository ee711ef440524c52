"""Export and import: JSON lines that hold records whole, versioned, one line a record."""
