"""Rerankers: how well each of few candidates answers a query.

None is used unless it is named. Each lives in a module of its own, whose heavy imports wait
until it is loaded: :mod:`memkit.reranking.fastembed` on this machine,
:mod:`memkit.reranking.http` through a service. :mod:`memkit.reranking.runner` holds one to a
deadline; :mod:`memkit.reranking.blending` merges what it says with the fused scores.
"""

from memkit.reranking.urls import reranker_from_url

__all__ = ["reranker_from_url"]
