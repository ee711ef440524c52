"""The server: projections of the table of operations, and who may use them."""
