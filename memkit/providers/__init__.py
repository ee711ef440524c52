"""What embedders and rerankers share: their URLs, their entry points, the optional packages
they need and the services behind HTTP that they ask.
"""
