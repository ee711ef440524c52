"""Real servers for the tests: started when a test first asks, shared by a session, then ended."""
