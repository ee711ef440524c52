"""The words that carry no meaning of their own, per script, as data of the word analysis.

A change here changes what :func:`memkit.retrieval.analysis.analyze` returns: bump its
``ANALYZER``.
"""

from __future__ import annotations


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


# "may" (a month), "before" and "after" are absent on purpose. Question words are present: a
# question's "when" says nothing of the answer.
ENGLISH = _words(
    """
    a about above again against all am an and any are as at be because been being below between
    both but by can cannot could did do does doing done down each either else ever few for from
    further had has have having he her here hers herself him himself his how i if in into is it its
    itself just let me more most much my myself no nor not of off on once only or other our ours
    ourselves out over own same shall she should so some such than that the their theirs them
    themselves then there these they this those though through to too under until up upon us
    very was we were what whatever when where whether which who whom whose why will with would
    you your yours yourself yourselves
    """
)

# Contractions without their apostrophe. Those that are words too ("well", "were", "its",
# "wont", "hell", "shell", "ill") are not needed: with an apostrophe they lose their clitic.
ENGLISH_CONTRACTIONS = _words(
    """
    aint arent cant couldnt didnt doesnt dont hadnt hasnt havent isnt mustnt neednt shant
    shouldnt wasnt werent wouldnt im ive youre youve theyre theyve weve whats thats hes shes
    wheres theres
    """
)

RUSSIAN = _words(
    """
    а без бы был была были было быть в вам вас весь во вот все всего всех вы где да для до его
    ее если есть еще ж же за здесь и из или им их к как какая какие какой ко когда которая
    которые который которое кто ли либо между меня мне мой моя мы на над нам нас наш него нее
    них но о об обо он она они оно от по под при про с свой со та так также там те тем то того
    тоже той только том ты у уже чего чем что чтобы эта эти это этого этой этот я
    """
)

# Accents and final sigma folded, as the analysis folds them.
GREEK = _words(
    """
    ο η το οι τα του τησ των τον την και κι κε σε στο στη στην στον στα στισ με για απο ωσ να
    θα ειναι ηταν που ποιοσ ποια ποιο ποτε τι πωσ γιατι αν αλλα η ενα ενασ μια εγω εσυ αυτοσ
    αυτη αυτο μου σου μασ σασ τουσ
    """
)

# Hamza carriers and alef maqsura folded, as the analysis folds them.
ARABIC = _words(
    """
    في من الي علي عن مع هذا هذه ذلك تلك هو هي هم انا انت نحن كان كانت يكون ان او و ثم قد التي
    الذي الذين ما ماذا متي اين كيف لماذا هل كل بعد قبل حتي اذا لكن
    """
)

# Characters that form hardly any word alone; they still take part in bigrams.
HAN_FUNCTION = frozenset(
    "的了是在和有我你您他她它们們这這那之也就都而及與与着著或吗嗎呢吧啊么麼个個"
)
