"""Parts that backends are built from: what each would otherwise write for itself.

Of memkit a backend imports these, the contracts (``protocols``, ``types``, ``filters``,
``errors``) and nothing else. Each module here stands alone and loads no driver.
"""
