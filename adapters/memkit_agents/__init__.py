"""memkit in the smaller agent frameworks: one module each, and each under an extra of its own.

Importing this package imports no framework: import the module of the one that you use, such as
``memkit_agents.openai_agents``.
"""
