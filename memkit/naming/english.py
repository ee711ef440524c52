"""What the rules know of English: words that are written large and name nothing.

Few words are needed where a text is written as is usual: names are large and words are small. At
the beginning of a sentence both are large.
"""

from __future__ import annotations


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


#: Never a name, nor a part of one, wherever it stands with a capital.
NEVER = _words(
    """
    a about above after again against all am an and any are as at be because been before being
    below between both but by can cannot could did do does doing down during each either else even
    every few for from further had has have having he her here hers herself him himself his how i
    if in into is it its itself just let me more most much my myself no nor not now of off on once
    only or other our ours ourselves out over own same she should so some such than that the their
    theirs them themselves then there these they this those though through thus to too under until
    up upon us very was we were what whatever when where whether which while who whom whose why
    with within without would yes yet you your yours yourself yourselves ok okay hi hello hey dear
    thanks thank please sorry bye cheers wow yeah yep nope haha lol oh ah hmm today tomorrow
    yesterday tonight btw fyi asap imo tbd todo wip am pm eta nb ps cc also however maybe perhaps
    """
)
#: In front of a name, and no part of it.
TITLES = _words("mr mrs ms mx miss dr prof professor sir madam herr frau")
#: First names that are words too: names only where something else says so.
NAMES_TOO = _words(
    "mark max bill grant will hope guy art summer autumn may april june august jan rose grace joy"
    " dean chase hunter mason frank rich nick rob sue pat ray drew dawn eve iris"
)
#: Words with the ending of a kind of word, and names all the same.
IN_SPITE = _words(
    "emily kelly sally molly billy polly lilly holly willy italy beverly kimberly sterling fleming"
    " beijing nanjing boeing clement trinity ahmed mohammed mohamed muhammed alfred manfred"
    " winifred wilfred mildred siegfried felicity charity chastity"
)
#: Between the words of a name.
BETWEEN = _words(
    "of van von de der den da di del della dos du la le y bin ibn al el ter ten zu & af av"
)
#: In front of the first large word of a name.
BEFORE = _words("van von ibn bin ter")
#: Ends of words that are no names, of six letters and more.
ENDINGS = ("ing", "tion", "tions", "ment", "ments", "ness", "ity", "ities", "ly", "ed")

#: Words that often begin a sentence or a line of notes.
ORDINARY = _words(
    """
    abort about above absent absolute abstract accept acceptable access account accumulate accuracy
    acquire across active actual adapt adapter adaptive add added additional address adds adjust
    admin advance adventure after afternoon afterwards again against age agenda agent agree ah al
    alert algorithm alias align all allergy allocate allow almost alone along alpha already also
    alternate alternative although always am among amount an analysis analyze and animal anniversary
    another answer any anybody anyone anytime anyway anywhere apart api apis app append apple
    applies apply appreciate approximate apps arbitrary are aren arithmetic around array artificial
    as asap ask asked assert assign assistant associate assume async asynchronous at ate attach
    attaches attempt attribute audio aunt auth auto automatic available average avoid aw await
    awesome aww awww axis baby back backend background backup backward bad bag balance banana
    bandwidth bank bare base based basic basis basketball batch bathroom battery be beach beautiful
    because bedroom beef been beer before began begin behaves behavior being believe below benchmark
    besides best bet beta better between bias bidirectional big bike bin binary bind bird birth
    birthday bit bitwise black block blue boat body book bookmarks boolean boss both bottom bought
    bound box boy branch brave bread break breakfast breath bright bring broadcast brother brought
    brown btw bucket buddy budget buffers bug bugfix bugs build built bummer bundle bus busy but
    butter buy by bye bypass byte cache cake calculate call callable callback caller calm came can
    cancel candidate cannot canonical canvas cap capture car care career carries cars case cast cat
    catch category cats causal cc center certain certificate chain chair challenge change changelog
    channel chapter character chat check checkpoint cheers cheese cherish chess chicken child
    children chocolate choose christmas chunk church city claim clamp class classes classic classify
    clause clean cleanup clear click client clip clock clone close cluster cmon coat code codebook
    coerce coffee cold collapse colleague collect color column combine come comma command commit
    common compact companies company compare comparison compatible competitive compile complete
    complex component compose compress compression compute computer concert conclusion concrete
    concurrency confidence config configure confirm congrats connect consecutive consider
    consistency console constant constrain constraint construct constructor consume container
    contains content context contextual continue continuous contrary control convenience conversion
    convert converter convolutional cool coordinates copies copy core corpus correct corresponds
    cost could couldn count counter country course cousin coverage covers cozy crazy create
    credentials crop cross cumulative current cursor custom customer customize cute dad damn dance
    dark darn data database dataset date daughter day deadline deal dear death decide decision
    declare decode decoder decompose decorate decorator default defer define delay delegate delete
    delivery delta denotes dense dependencies dependency deploy derivative derive describe
    descriptor deserialize design designer desk despite destroy detach details detect determine
    determinism deterministic developer device dictionary did didn difference different dimension
    dinner direct directive directories directory dirty disable discard disclaimer discover
    discovery discrete disk dispatch dispatches display distance distinct ditto divide do doctor
    does doesn dog dogs doing domain don done door dot double down download downstream dozen dr
    drain drank draw dream dress drink drive drop dropout drove dry due dummy dump duplicate dynamic
    each earlier early earth easter easy eat edge edit effect effective efficient egg eggs eight
    eighty either eleven else email embed embeddings emit empty enable encode encoder end ended
    endpoint ends enforce engine engineer enjoy enough ensure enter entries entry enum equal
    equivalent error escape establish estimate estimator eta evaluate even event ever every
    everybody everyone everywhere exact exam example excellent except exchange exclude exclusive
    executable execute executor exercise exit expand expect experimental explain explicit export
    expose expression extend extension external extra extract factor factory fail failure fake fall
    fallback false fantastic farm fast faster father fear feature feed feedback feel felt fetch
    fetches few fewer field fields fifty figure file filename fill film filter final finalize
    finance find finger finish firework first fish fit five fix fixed fixes flag flat flatten flight
    float floor flower flush fold folder follow font food football for force forest forget forgot
    form format formatter former forty forward found four frame free friend from front frontend
    fruit full fully fun funny further furthermore fuse future fwd fyi game gamma garage garden
    gated gather gave general generate generator generic get gets giant girl git give given glad
    global go goal goes going gone gonna good goodbye gosh got gotcha gotta grab gracias gradient
    grandfather grandma grandmother grandpa graph gray great green grey grid ground group growth
    guard guess guest guidance guys gym ha hack had haha half hand handle handler hang happy harbor
    harbour hard has hash hat hate hated have he head headache header heads health heard heavy
    height hello help helper hence her here hers heuristic hey hi hidden hide hierarchical high
    higher highlight hill hills him hint his history hmm hobbies hobby hold holiday home homework
    hook hoped horse hospital host hot hotel hour house how however huge human husband hypothesis id
    idea idempotent identical identifier identifies identify if ignore image imo implicit import
    important impressive improve in incident include incompatible increase incremental independent
    index indexes indicate indices indirect individual infer inference infinite info inherit init
    initial initializes initiate inject inline inner input insert inside inspect install instance
    instantiate instead integer interactive intercept interface intermediate internal interpolate
    interpret interpreter interrupt interval into invalid invalidate inverse invoice invoke is
    island isn issue it item iterate iterator its job join joint joke jokes journey just keen keep
    kept kernel kettle key keyboard keyed keys keyword kid kids kind kitchen knew know known kudos
    label lake lambda lamp language laptop large larger last late latency later latest launch layer
    layout lazy leak learn least leave left legacy legal lemme lemon length less lesson let lets
    letter level lib library life lifecycle light like liked likewise limit line linear link list
    listeners literal little live lived load loader local locale locate lock log logger logic
    logical login logs lol long longer look lookup loop lose loss lost lot love loved low lower luck
    lucky lunch machine madam made mail main major make man manage manager many map mapper maps
    market mask match matcher matches matrix maximum maybe me meal mean meanwhile measure meat media
    medicine meet meetings members membership memories memory men mental merge mesh message met meta
    metadata method metrics middle middleware midnight might migrate milk million milliseconds mimic
    mind mine minimal minimize minimum minor minute mirror mistake mix mixed mm mmm mock mode model
    modern modifies modify module mom money monitor month moon more moreover most mother mountain
    move moved movie mr mrs ms much multi multidimensional multiple multiplier mum music must
    mutable mutates my nah naive name named namespace narrow native natural nature nb near need
    negative neighbor neighbour neither net network never nevertheless new next nice night nine
    ninety no nobody node noise non none noon nope nor norm normal normalize not note notice notify
    now nowhere null number numerical object obstacle obtain ocean of off office offset often oh ok
    okay old older omit on once one online only onto onward oof ooh ooo op opaque open operates
    operator opt optimize optimizer optional or orange order original orphan other otherwise ouch
    our ours out outage output outside over override overview overwrite own owner pack package pad
    pads page paid pain pair pairwise paper paragraph parallel parameter parent park parse parser
    part partial particle partner party pass passes password past pasta patch patent path pattern
    pause pay payload people per percent percentage perfect perform performance perhaps permission
    perseverance persist person pet pets phew phone photo photography physical pick picture piece
    pin pink pipe pixel pizza place placeholder plain plan plane plant platform play please plot
    plugin plus point pointer policies policy poll pool pop populate pork port positional positive
    possible post pottery power pre precious precision precompute predicate predict prefer
    preference prefix prepare prepend preprocess present preserve pretty prevent previous price
    primary primitive print printer prior private probabilistic problem process processes processor
    produce product prof profile profit program progress project prompt propagate properties
    property props protocol proud provide provider proxy prune ps pseudo public publish pull pure
    purple push put py quarter queries query queue quick quite quote rain raise ran random range
    rank rate rather ratio raw re read reader ready real reason rebuild recall receive recent recipe
    reciprocal recognize recompute reconstruct record recover recurse recursive red redact reduce
    ref refer reference refine refresh refuse regardless regenerate region register registry
    regression regular reject relationship relative release remember remind reminder reminds removal
    remove rename render rent reorder repeat replace replay report repository represent request
    require research reset reshape residual resize resolve resolver resource response restore
    restrict result resume retain retrieve retry return reuse revenue reverse review rewrite rice
    right ring river road rock role roll roof room root rotates round route router row rows rule run
    runner runs runtime rustic sad safe safety said salad salary sales salt same sample sampler sand
    sandbox sanitize save saw say says scalar scale scan scene scenes schedule schema scheme school
    scientific scope score screen scripts scroll sea search searches second secret see seed seek
    seem seen seldom select selector self sell semantic send sent sentence separate sequence
    serializable serialize series server service session set setback sets setter settings setup
    seven seventy several shall shallow shape shard share she shell shift ship shirt shoes shop
    short shortcut should shouldn show shutdown side sight sign signal signature silence similar
    simple simplify simulate since single singular sir sister site six sixty size skill skip sky
    sleep slept slice slow small smaller smart smell snack snapshot snow so soccer soft sol sold
    solve some somebody someday someone sometimes somewhere son song sons soon sorry sort sound
    sounds soup source space span sparse spatial spawn speak spec special specific specifies specify
    spectral speed spill spline split spoke sport square stable stack standard star stars start
    state stateful static statistics status stay stem step still stone stones stop storage store
    stories story strategy stream street stress strict stride strings strip struct student study
    stuff style sub subclass subclasses subject submit subscribe subsequent substitute subtract such
    suffix suffixes sugar suitable sum summarize summary sun sunrise sunset super supper support
    suppose suppress sure surface surgery survival swap switch symbolic symbols symmetric sync
    synchronous system tab table tackle tag tags take taken talk target task taste taught tax taxes
    taxi tbd tea teach teacher team tell template temporal ten tennis tensors terminal terminate
    terms test text tf than thank that the their them theme then there therefore these they thing
    think third thirty this those though thought thousand thread three threshold through throughput
    throw thus ticks till time timeout timestamp tiny tip title to today todo together toggle token
    tokenize tokenizer told tomorrow ton tonight too took tool top total touch tough toward town
    trace traceback track tracker trademarks traffic train transfer transform translate transparent
    transport transpose travel traverse treat tree tried tries trigger trilogy trim trip true truly
    truncate trust try ttyl tuple turn twelve twenty twice two type typed typical ugh uh uhh unable
    uncle under undo unforgettable unify unique unit unknown unless unlike unpack unset until unwrap
    up update upgrade upload upon upper upsert urgent us usage use used useful user uses using valid
    validate value variable variance varies various vector verifies verify version vertex very via
    video view views village visible vision visit visual voice wait walk wall wanna want warm warn
    warnings warranties was wasn watch water way we weather webhook website week weekend weight
    welcome well went were weren wet what whatever wheels when whenever where whereas wherever
    whether which whichever while white whitespace who whoa whoever whom whose why widget width wife
    win wind window wine winter wip wire wise wish with within without woah woman women won
    wonderful woo wood woods woohoo word work workaround worker workflow world worries worry worse
    worst would wouldn wow wrap wrapper write writer written wrong wrote yay yea yeah year yellow
    yep yes yesterday yet yield yoga you young your yum yummy yup zero
    """
)
