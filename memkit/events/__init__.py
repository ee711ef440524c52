"""Events: what happened to the records that a reader may see, told as it happens."""
