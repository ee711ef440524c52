"""Messages: records with the tag of a channel, and consumers that are given each of them."""
