"""English: the words that its rules stand on; the rules are in :mod:`.english_rules`."""

from __future__ import annotations

from typing import Final

from memkit.extraction.languages.english_rules import ROLES, RULES
from memkit.extraction.languages.tables import Language

ENGLISH: Final = Language(
    code="en",
    rules=RULES,
    adverbs=(
        "just|recently|now|also|currently|really|actually|finally|still|already|absolutely|totally"
        "|officially|usually|always|generally|definitely|strongly|both|all|mostly|personally"
        "|truly|simply|genuinely|happily|permanently|formally|jointly|secretly|much|only|since then"
    ),
    openers=(
        "well|so|oh|yeah|yes|yep|no|nope|hey|hi|hello|btw|by the way|actually|anyway|also|and"
        "|but|now"
        "|currently|right now|these days|nowadays|personally|honestly|fyi|note|ok|okay|sure|thanks"
        "|thank you|haha|lol|wow|hmm|update|reminder|fun fact|for the record|as you know|just so "
        "you"
        " know|remember|remember that|please note that|please note|note that|good news|bad news"
        "|plus"
        "|then|today|to be clear|in fact|of course|important|rule|constraint|policy"
    ),
    hedges=(
        "maybe|might|haha|lol|just kidding|, then to|"
        "perhaps|possibly|probably|presumably|likely|thinking (?:of|about)"
        "|consider(?:ing)?"
        "|if|unless|whether|would|could|['’]d|hop(?:e|es|ing)|wish|want(?:s|ed)?|plan(?:s|ning)?"
        "|going to"
        "|gonna|about to|intend(?:s|ing)?|i think|i guess|i suppose|i believe|i feel|seems?|appears"
        "|apparently|allegedly|supposedly|rumou?r|almost|nearly|wonder(?:ing)?|imagine|pretend"
        "|as though"
        "|not sure|unsure|no idea|dream(?:ed|t|s|ing)?|used to|joking|kidding|suppose|let['’]s say"
        "|hypothetically|will|won['’]t|['’]ll|should|trying to|tried to|tentatively|or so|in theory"
        "|for example|e\\.g|such as if|someday|one day|looking to|hardly|never(?= (?:lived"
        "|worked|liked))"
        "|(?:have|has|had)(?: not|n['’]t)|before i|when i was|as a (?:kid|child)|back then"
        "|character"
        "|novel|movie|story|song|game|book"
    ),
    questions=(
        "what|when|where|who|whom|whose|why|how|which|do|does|did|is|are|am|was|were|can|could"
        "|would"
        "|will|shall|should|have|has|had|may|might|isn['’]t|aren['’]t|don['’]t you|doesn['’]t"
        "|didn['’]t"
    ),
    reporting=(
        "said|says|saying|told|tells|claim(?:s|ed|ing)?|thinks|thought|believes|asked|asks|wrote"
        "|writes"
        "|mentioned|reckons|insists|insisted|according to|heard|hears|quoted?|swears|suggested"
        "|suggests"
        "|announced|reported|lied|assumes|assumed|tweeted|posted"
    ),
    breaks=(
        r"[;]|\s[–—-]\s|—|,?\s+(?:but|although|though|whereas|while|because)\s+"
        r"|,?\s+and\s+(?=(?:[Ii]\b|we\b|my\b|the team\b|[A-Z][\w'’-]+ (?:is|has|lives|works"
        r"|likes|loves"
        r"|hates|prefers|was|uses|owns|manages|reports)\b))|,\s+(?=(?:[Ii](?:['’]m|['’]ve)?"
        r"|[Ww]e|[Mm]y)\s)"
    ),
    ends=(
        "and|but|because|so|since|when|while|whenever|if|which|who|where|that|as|after|before"
        "|for|with"
        "|now|too|anymore|any more|again|these days|at the moment|right now|currently|though"
        "|although"
        "|or|than|from|until|instead|together|already|especially|just|very|in order|thanks|every"
        "|on|to be"
        "|and then|ever since|by|near|like|either|lately|via|despite|during|at|in"
    ),
    narrowing="that|who|which|where|when|with|about|in|for|at|from|of|on|like|to|than|as|if|by"
    "|near|through|during",
    own="i|i['’]m|i['’]ve|me|my|mine|we|us|our|ours|you|your|yours",
    future="will be",
    group_says="We",
    not_names=frozenset(
        "I It He She They We You This That These Those There Here Who What Which Where When Why "
        "How "
        "Everyone Everybody Nobody Someone Somebody Anyone Anybody Nothing Something Everything "
        "Anything None One Some Any All Each Both Either Neither Another Other Others Many Most "
        "Mom "
        "Mum Dad Mommy Daddy Mother Father Grandma Grandpa Granny Nana Sis Bro Auntie Aunt Uncle "
        "Sir "
        "Madam My Your His Her Its Our Their The A An And But Or If So Yes No Not Now Then Also "
        "Just "
        "Well Oh Hey Hi Hello Thanks Thank God Please Maybe Perhaps Today Yesterday Tomorrow "
        "Monday "
        "Tuesday Wednesday Thursday Friday Saturday Sunday January February March April June July "
        "August September October November December Life Love Nature Music Art Time Work Family "
        "Home "
        "Night Free Heaven Hell Fear Data Config Code Nowadays Currently Recently Whoever "
        "Whatever People Folks Guys Man Dude Honey Babe Lol".split()
    ),
    not_values=frozenset(
        "it its it's that that's this these those him her hers them they you me us my mine your "
        "yours "
        "his our ours their theirs how what when where who why which the everything anything "
        "nothing "
        "something everyone anyone someone one ones some any all each every so such both lot lots "
        "having getting being seeing hearing knowing doing talking telling saying making having "
        "to be "
        "not no more most best better worse myself yourself himself herself themselves ourselves "
        "here "
        "also very quite too always never there and or then with "
        "about for in on at i we he she".split()
    ),
    vague=frozenset(
        "it that this these those you your yours him them there here one thing things stuff way "
        "lot "
        "idea part something anything everything someone me my mine our us his her their he she "
        "they "
        "i we i'm i've we've feeling myself yourself himself herself ourselves themselves".split()
    ),
    parts={
        "first": "[Ii]",
        "we": "[Ww]e",
        "group": r"(?:[Tt]he|[Oo]ur) (?:[\w-]+ )?(?:team|company|group|project|squad|department)",
        "be1": r"(?: am|['’]m)",
        "be2": r"(?: are|['’]re)",
        "be3": r"(?: is|['’]s)",
        "have1": r"(?: have|['’]ve)?",
        "have3": r"(?: has|['’]s)?",
        "end_list": r"(?=\s*(?:[.!;:()–—]|\Z|, (?:so|but|which|and (?:I|i|we|my)\b)|\b(?:but"
        r"|because|so|since"
        r"|which|that|as|after|for|with)\b))",
        "no_place": (
            "(?:Linux|Windows|Mac|macOS|Ubuntu|Debian|Python|Ruby|Rust|Go|Java|JavaScript"
            "|TypeScript"
            "|React|Vue|Kotlin|Swift|Postgres|PostgreSQL|MySQL|SQLite|MongoDB|Redis|Kubernetes"
            "|Docker"
            "|AWS|Azure|GCP|GitHub|GitLab|Jira|Slack|Teams|Notion|Discord|Zoom|Gmail|Outlook"
            "|Firefox"
            "|Chrome|Vim|Emacs|VS|Team|Plan|Phase|Apartment|Room|Stage|Level|Step|Chapter"
            "|Section|Part)"
            r"\b"
        ),
        "roles": ROLES,
        "role_words": r"[\w-]+(?: [\w-]+){0,3}?",
        "team": r"(?P<object>(?:[\w-]+ ){0,3}(?:team|department|project|group|squad|division|store"
        r"|restaurant|company|program|programme))(?=\s*(?:[,;.!]|\Z|\b(?:{ends}|of)\b))",
        "item": r"(?!(?:[Tt]he |[Mm]y )?baby\b)(?:(?:[Tt]he|[Oo]ur|[Mm]y) )?[\w./@'-]+(?: "
        r"[\w./@'-]+){0,3}?",
        "version": r"(?P<object>v?\d+(?:\.\d+)*(?:[.-]?(?:rc|alpha|beta"
        r"|dev)[.-]?\d*)?)(?![\w%]){end}",
        "done": (
            "(?:used|signed|encrypted|hashed|stored|kept|reviewed|approved|tested|logged|documented"
            "|validated|enabled|disabled|deployed|updated|rotated|checked|written|run|set|served"
            "|sent"
            "|deleted|removed|reported|submitted|done|named|formatted|escaped|pinned|merged"
            "|versioned"
            "|backed up|included|changed|edited|shared|exposed|committed|sanitized|translated"
            "|confirmed"
            "|answered|paid|returned|installed|locked|cached|limited|escalated|archived|copied"
            "|moved"
            "|published|verified|authenticated|authorized|authorised|compatible|unique|idempotent"
            "|at least|at most|less than|under|below|above|no more than)"
        ),
        "duty": (
            r"(?:be {done}\b|(?:use|run|pass|log|return|support|follow|include|contain|stay"
            "|fit|work|call|send|store|accept|reject|respond|answer|ask|encrypt|check|validate"
            "|review"
            "|approve|sign|commit|deploy|exceed|depend|import|touch|write|change|delete|expose"
            "|leave"
            "|require|finish|wear|report|submit|match|respect|handle|block|retry"
            r"|expire|happen|block|hold|mention|reveal|share)\b)"
        ),
        "order": (
            "(?:use|deploy|commit|push|merge|run|store|log|share|send|write|call|delete|remove"
            "|update"
            "|test|check|ask|validate|encrypt|include|add|answer|reply|respond|respect|avoid"
            "|suggest"
            "|recommend|sign|book|order|buy|schedule|create|open|close|return|quote|cite|mention"
            "|mock"
            "|import|expose|trust|hardcode|hard-code|disable|enable|ship|release|rebase|force-push"
            "|squash|print|back up|document|review|verify|sanitize|escape|pin|prefer|install|skip"
            "|confirm|round|format|translate|summarize|summarise|load|copy|post|publish|reveal"
            "|disclose|contact|email|address|refer|name|set|pay|edit|change|modify|touch|put|pass)"
        ),
    },
    times=(
        (
            r"\bfor (?:the (?:last|past) )?(\d{1,2}|a|one|two|three|four|five|six|seven|eight"
            r"|nine|ten)"
            r" (year|month|week)s?(?: now)?\b",
            r"{\1} \2s ago",
        ),
    ),
    words={"a": "1", "one": "1"},
)
