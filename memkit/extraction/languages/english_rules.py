"""What people commonly say of themselves and their work, in English."""

from __future__ import annotations

from typing import Final

from memkit.extraction.languages.tables import Rule, group, speaker

ROLES: Final = (
    "engineer|developer|programmer|designer|architect|manager|analyst|scientist|researcher|nurse"
    "|doctor|physician|surgeon|dentist|pharmacist|therapist|counselor|counsellor|psychologist"
    "|teacher|professor|lecturer|tutor|lawyer|attorney|accountant|consultant|journalist|writer"
    "|author|editor|photographer|musician|painter|actor|actress|chef|cook|baker|barista|waiter"
    "|waitress|carpenter|plumber|electrician|mechanic|driver|pilot|firefighter|police officer"
    "|soldier|librarian|translator|biologist|chemist|physicist|economist|veterinarian|vet"
    "|paramedic|midwife|director|CTO|CEO|CFO|COO|founder|freelancer|administrator|technician"
    "|salesperson|recruiter|realtor|farmer|gardener|intern"
)

_BE: Final = speaker("{be1}{adv}", "{be3}{adv}")
_HAVE: Final = speaker("{have1}{adv}", "{have3}{adv}")
_ANYMORE: Final = r" (?:any\s?more|any longer)"


def _said(first: str, third: str) -> str:
    return speaker(f"{{adv}} {first}", f"{{adv}} {third}")


def _done(verbs: str) -> str:
    """A person or group that did something, or has."""
    past = rf"{{adv}} (?:{verbs})"
    return group(f"{{have1}}{past}", f"{{have3}}{past}")


_PEOPLE: Final = (
    Rule(
        "lives_in",
        _said("(?:live|reside)", "(?:lives|resides)") + r"{adv} in {place}",
        "{subject} lives in {object}",
    ),
    Rule(
        "lives_in",
        _BE + r" (?:living|based|residing){adv} in {place}",
        "{subject} lives in {object}",
    ),
    Rule(
        "lives_in",
        _HAVE + r" (?:lived|been living){adv} in {place}",
        "{subject} lives in {object}",
        perfect=True,
    ),
    Rule(
        "lives_in",
        _HAVE + r" (?:moved|relocated)(?: back)?(?: from (?:{name}))? to (?!{no_place}){place}",
        "{subject} lives in {object}",
    ),
    Rule(
        "lives_in",
        speaker(" no longer (?:live|reside)", " no longer (?:lives|resides)") + " in {place}",
        "{subject} lived in {object}",
        ends=True,
    ),
    Rule(
        "lives_in",
        speaker(" (?:do not|don['’]t) live", " (?:does not|doesn['’]t) live")
        + r" in (?P<object>{name})"
        + _ANYMORE,
        "{subject} lived in {object}",
        ends=True,
    ),
    Rule(
        "lives_in",
        _HAVE + r" (?:moved (?:out of|away from)) {place}",
        "{subject} lived in {object}",
        ends=True,
    ),
    Rule(
        "works_at",
        _said("work", "works") + r"{adv}(?: as an? {role_words})? (?:at|for) {org}",
        "{subject} works at {object}",
    ),
    Rule(
        "works_at",
        _BE + r" (?:working|employed){adv}(?: as an? {role_words})? (?:at|for|by) {org}",
        "{subject} works at {object}",
    ),
    Rule(
        "works_at",
        _HAVE + r" (?:worked|been working){adv}(?: as an? {role_words})? (?:at|for) {org}",
        "{subject} works at {object}",
        perfect=True,
    ),
    Rule(
        "works_at",
        _HAVE
        + r" (?:started(?: working| a (?:new )?job| my new job)?|got a (?:new )?job|took a job) "
        r"(?:at|with) {org}",
        "{subject} works at {object}",
    ),
    Rule(
        "works_at",
        _HAVE + r" joined {org}(?=\s+as\s+)",
        "{subject} works at {object}",
    ),
    Rule(
        "works_at",
        speaker(" no longer work", " no longer works") + " (?:at|for) {org}",
        "{subject} worked at {object}",
        ends=True,
    ),
    Rule(
        "works_at",
        speaker(" (?:do not|don['’]t) work", " (?:does not|doesn['’]t) work")
        + r" (?:at|for) (?P<object>{name})"
        + _ANYMORE,
        "{subject} worked at {object}",
        ends=True,
    ),
    Rule(
        "works_at",
        _HAVE + r" (?:quit (?:my|his|her|their) job at|resigned from|retired from"
        r"|(?:was |were |been )?laid off (?:from|by)) {org}",
        "{subject} worked at {object}",
        ends=True,
    ),
    Rule(
        "works_as",
        speaker("(?:{adv} work|{be1}{adv} working)", "(?:{adv} works|{be3}{adv} working)")
        + r"{adv}(?: (?:at|for) {name})? as (?:an?|the) (?P<object>{role_words}){end}",
        "{subject} works as {object}",
        "role",
    ),
    Rule(
        "works_as",
        _BE + r" (?:an? (?!(?:[\w-]+ )*(?:best|better|great|good|bad|terrible|horrible|lousy"
        r"|decent|bit"
        r"|amazing|awesome|real|born|natural|big|huge|kind|sort|former|retired|aspiring|future)\b)"
        r"|the (?=C[A-Z]O\b))(?P<object>(?:[\w-]+ ){0,3}(?:{roles}))"
        r"(?=\s*(?:[,;.!]|\Z|\b(?:at|and|but|in|for|with|based|from|who|by)\b))",
        "{subject} works as {object}",
        "role",
    ),
    Rule(
        "allergic_to",
        _BE + r"(?: \w+ly)? allergic to (?P<object>[\w'’-]+(?: [\w'’-]+){0,2}?"
        r"(?:(?:,| and| or|, and) [\w'’-]+(?: [\w'’-]+)?){0,4}?){end_list}",
        "{subject} is allergic to {object}",
        "list",
    ),
    Rule(
        "name",
        r"(?P<first>[Mm]y) (?:full |first |real )?name(?: is|['’]s) {org}",
        "The name of {subject} is {object}",
    ),
    Rule(
        "name",
        r"(?P<first>[Ii])(?: am|['’]m) (?:called|named) {org}",
        "The name of {subject} is {object}",
    ),
    Rule(
        "born_in",
        speaker(" was", " was") + r" born(?: and raised)? in {place}",
        "{subject} was born in {object}",
    ),
    Rule(
        "born_on",
        speaker(" was", " was") + r" born{adv} (?:on|in) (?P<object>[^,;!?]*\d[^;!?]*?){end}",
        "{subject} was born on {object}",
        "day",
    ),
    Rule(
        "birthday",
        r"(?:(?P<first>[Mm]y)|(?P<who>{name})['’]s) birthday is (?:on )?(?P<object>[^;!?]*\d"
        r"[^;!?]*?){end}",
        "The birthday of {subject} is {object}",
        "birthday",
    ),
    Rule(
        "married_to",
        speaker(
            "(?:{be1}{adv}|{have1}{adv} (?:been|gotten|got))",
            "(?:{be3}{adv}|{have3}{adv} (?:been|gotten|got))",
        )
        + " married to {org}",
        "{subject} is married to {object}",
    ),
    Rule(
        "married_to",
        r"(?:(?P<first>[Mm]y)|(?P<who>{name})['’]s) (?:wife|husband|spouse)"
        r"(?:['’]s name is|(?: is|['’]s) (?:called|named)) {org}",
        "{subject} is married to {object}",
    ),
    Rule(
        "reports_to",
        _said("report", "reports") + " to {org}",
        "{subject} reports to {object}",
    ),
    Rule(
        "manages",
        _said("(?:manage|lead|run)", "(?:manages|leads|runs)") + " (?:the )?{team}",
        "{subject} manages {object}",
        "thing",
    ),
    Rule(
        "owns",
        _said("own", "owns") + " {thing}",
        "{subject} owns {object}",
        "thing",
    ),
)

_TASTES: Final = (
    Rule(
        "prefers",
        _said("prefer", "prefers") + r" (?P<object>[^,;:!?]+?)[\s.!]*\Z",
        "{subject} prefers {object}",
        "thing",
        "preference",
    ),
    Rule(
        "likes",
        _said("(?:love|like|enjoy|adore)", "(?:loves|likes|enjoys|adores)") + " {thing}",
        "{subject} likes {object}",
        "thing",
        "preference",
    ),
    Rule(
        "likes",
        _BE + r" (?:a (?:big|huge|great) fan of|fond of|really into) {thing}",
        "{subject} likes {object}",
        "thing",
        "preference",
    ),
    Rule(
        "dislikes",
        _said(
            "(?:hate|dislike|detest|can['’]?t stand)", "(?:hates|dislikes|detests|can['’]?t stand)"
        )
        + " {thing}",
        "{subject} dislikes {object}",
        "thing",
        "preference",
    ),
    Rule(
        "dislikes",
        speaker(" (?:do not|don['’]t)", " (?:does not|doesn['’]t)")
        + "{adv} (?:like|enjoy) {thing}",
        "{subject} dislikes {object}",
        "thing",
        "preference",
    ),
    Rule(
        "favourite",
        r"(?:(?P<first>[Mm]y)|(?P<who>{name})['’]s) (?:all-time )?fav(?:ou?rite)? "
        r"(?P<object>(?!part\b|thing\b|one\b|bit\b)[\w-]+(?: [\w-]+){0,3}? (?:is|are) "
        r"[^,;:!?]+?)[\s.!]*\Z",
        "{subject}'s favourite {object}",
        "thing",
        "preference",
    ),
)

_WORK: Final = (
    Rule(
        "uses",
        group("{adv} use", "{adv} uses") + " {tool}",
        "{subject} uses {object}",
        "tool",
    ),
    Rule(
        "uses",
        _done("switched|migrated")
        + r"(?: (?:everything|all of it|over|[\w-]+(?: [\w-]+)?))??(?: from (?P<old>[^\s,;]+"
        r"(?: [^\s,;]+){0,3}?))? to {tool}",
        "{subject} uses {object}",
        "tool",
        was="{subject} used {object}",
    ),
    Rule(
        "uses",
        group(" (?:no longer|stopped)", " (?:no longer|stopped)") + " (?:use|uses|using) {tool}",
        "{subject} used {object}",
        "tool",
        ends=True,
    ),
    Rule(
        "decided",
        _done("decided|agreed|opted|chose|chosen")
        + r" (?P<object>(?:(?:to|on|against|for|that) )[^\n?]+?)[\s.!]*\Z",
        "{subject} decided {object}",
        "action",
        "decision",
    ),
    Rule(
        "decided",
        r"(?:(?P<we>{we}){be2}|(?P<group>{group}){be3}){adv}"
        + r" (?:going with|settling on) (?P<object>[^\n?]+?)[\s.!]*\Z",
        "{subject} decided on {object}",
        "action",
        "decision",
    ),
    Rule(
        "decided",
        _done("settled on") + r" (?P<object>[^\n?]+?)[\s.!]*\Z",
        "{subject} decided on {object}",
        "action",
        "decision",
    ),
    Rule(
        "decided",
        r"(?P<bare>(?:[Ff]inal )?(?:[Dd]ecision|[Dd]ecided)|DECISION|DECIDED):\s?{rest}",
        "Decision: {object}",
        "sentence",
        "decision",
    ),
    Rule(
        "renamed_to",
        r"(?:We|we|I|They|{name})(?: have| has|['’]ve)?{adv} renamed (?P<named>{item}) to (?:the )?"
        r"(?P<object>[\w./@'-]+(?: [\w./@'-]+){0,3}?){end}",
        "{subject} was renamed to {object}",
        "label",
    ),
    Rule(
        "renamed_to",
        r"(?P<named>{item}) (?:was|has been|is now|got){adv} (?:renamed|called)(?: from [^\s,;]+)?"
        r"(?: to| as)? (?P<object>[\w./@'-]+(?: [\w./@'-]+){0,3}?){end}",
        "{subject} was renamed to {object}",
        "label",
    ),
    Rule(
        "deadline",
        r"[Tt]he (?:new |final )?(?:deadline|due date) for (?P<named>{item})"
        r" (?:is|was moved to|has moved to|moved to)(?: now)? (?:on |by )?{rest}",
        "The deadline of {subject} is {object}",
        "day",
    ),
    Rule(
        "deadline",
        r"(?P<named>{item}) (?:is|are) due (?:on |by )?{rest}",
        "The deadline of {subject} is {object}",
        "day",
    ),
    Rule(
        "version",
        r"(?:[Tt]he )?(?:[Cc]urrent |[Ll]atest )?version of (?P<named>{item}) is(?: now)? "
        r"{version}",
        "The version of {subject} is {object}",
        "version",
    ),
    Rule(
        "version",
        r"(?P<named>{item}) (?:is|runs|is running)(?: now| currently)?(?: at| on)? version "
        r"{version}",
        "The version of {subject} is {object}",
        "version",
    ),
    Rule(
        "version",
        r"(?P<named>{item}) (?:was|has been) (?:upgraded|updated|bumped) to (?:version )?{version}",
        "The version of {subject} is {object}",
        "version",
    ),
    Rule(
        "version",
        _done("upgraded|updated|bumped") + r" (?P<named>{item}) to (?:version )?{version}",
        "The version of {subject} is {object}",
        "version",
    ),
    Rule(
        "owned_by",
        r"(?P<named>{item}) is owned by (?:the )?{org}",
        "{subject} is owned by {object}",
    ),
    Rule(
        "must",
        r"(?P<object>(?:(?:[Tt]he|[Aa]ll|[Ee]very|[Ee]ach|[Nn]o|[Oo]ur)(?: [\w/.'’-]+){0,6}?"
        r"|[A-Z][\w-]+s(?: [\w/.'’-]+){0,4}?) (?:must(?: not| never|n['’]t| always)? {duty}"
        r"|may (?:not|never) be {done}\b|(?:is|are) (?:not allowed|forbidden|prohibited"
        r"|mandatory)\b)"
        r"(?!.*\b(?:so much|such a|really|i|you|your)\b).*)\Z",
        "{object}",
        "sentence",
        "constraint",
    ),
    Rule(
        "must",
        r"(?P<object>(?:[Nn]ever|[Aa]lways|Do not ever|Don['’]t ever) {order}\b .{3,})\Z",
        "{object}",
        "sentence",
        "constraint",
    ),
)

#: Tried in this order.
RULES: Final = (*_PEOPLE, *_TASTES, *_WORK)
