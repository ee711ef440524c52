"""What is known of a user or a project: constraints, preferences, decisions, facts."""
