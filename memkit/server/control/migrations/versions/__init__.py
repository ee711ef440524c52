"""One module a step; steps that were released do not change any more."""
