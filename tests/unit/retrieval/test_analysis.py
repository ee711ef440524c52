"""What the word analysis makes of texts, in the scripts that people write."""

from __future__ import annotations

import subprocess
import sys
import threading
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from memkit.retrieval.analysis import ANALYZER, TERM_MAX, analyze


def shared(query: str, document: str) -> set[str]:
    return set(analyze(query)) & set(analyze(document))


def test_english_words_are_stemmed_and_stop_words_dropped() -> None:
    assert analyze("The dogs are running with the dog") == ("dog", "run", "dog")


def test_repetitions_and_order_are_kept() -> None:
    assert analyze("blue sky, blue sea") == ("blue", "sky", "blue", "sea")


@pytest.mark.parametrize(
    "text", ["Caroline's", "Caroline’s", "caroline", "CAROLINE", "Caroline'll"]
)
def test_a_name_is_one_term_with_and_without_its_possessive(text: str) -> None:
    assert analyze(text + " dog") == ("carolin", "dog")


def test_contractions_are_stop_words_however_they_are_written() -> None:
    assert analyze("I don't, don’t, dont paint; we're painting") == ("paint", "paint")


@pytest.mark.parametrize("text", ["The Who", "to be or not to be", "what is it", "don't", "Я и ты"])
def test_a_text_of_stop_words_alone_keeps_them_all(text: str) -> None:
    assert len(analyze(text)) == len(text.split())


def test_months_are_terms_so_dates_can_be_found() -> None:
    assert analyze("8 May, 2023") == ("8", "may", "2023")
    assert shared("what happened on 8 May 2023", "deployed 2023-05-08T10:00:00Z") == {
        "8",
        "may",
        "2023",
    }
    assert "2023-05-08" in analyze("08.05.2023")
    assert analyze("May 8th") == ("may", "8")


@pytest.mark.parametrize(
    ("text", "terms"),
    [
        ("3.14", ("3.14",)),
        ("100", ("100",)),
        ("1,000,000", ("1000000",)),
        ("v2.1", ("v2.1", "2.1")),
        ("192.168.1.10", ("192.168.1.10",)),
        ("50%", ("50",)),
        ("٣٫١٤", ("3.14",)),
        ("10:30", ("10:30", "10", "30")),
        ("100ms", ("100ms", "100")),
    ],
)
def test_numbers_stay_whole(text: str, terms: tuple[str, ...]) -> None:
    assert analyze(text) == terms


@pytest.mark.parametrize(
    ("text", "whole", "parts"),
    [
        ("parse_url", "parse_url", {"pars", "url"}),
        ("parseUrl", "parseurl", {"pars", "url"}),
        ("HTTPServer", "httpserver", {"http", "server"}),
        ("ERR-1042", "err-1042", {"err", "1042"}),
        ("foo.bar.py", "foo.bar.py", {"foo", "bar", "py"}),
        ("alice@example.com", "alice@example.com", {"alic", "exampl"}),
        ("python3", "python3", {"python"}),
        ("well-known", "wellknown", {"well", "known"}),
        ("R&D", "r&d", set()),
        ("C++", "c++", {"c"}),
        ("O'Brien", "obrien", {"brien"}),
    ],
)
def test_identifiers_are_terms_whole_and_in_parts(text: str, whole: str, parts: set[str]) -> None:
    terms = analyze(f"({text}),")
    assert terms[0] == whole
    assert parts <= set(terms)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("U.S.A.", "USA"),
        ("APIs", "API"),
        ("Straße", "STRASSE"),
        ("naïve café", "naive cafe"),
        ("Łódź", "lodz"),
        ("ﬁle", "file"),
        ("fullｗｉｄｔｈ", "fullwidth"),
        ("مدرسة", "مدرسه"),
        ("كِتَابٌ", "كتاب"),
        ("كتـــاب", "كتاب"),
        ("أحمد إلى", "احمد الى"),
        ("کتاب", "كتاب"),
        ("שָׁלוֹם", "שלום"),
        ("ёлка", "елка"),
        ("за́мок", "замок"),
        ("ΆΝΘΡΩΠΟΣ", "άνθρωπος"),
        ("ｶﾒﾗ", "カメラ"),
        ("①", "1"),
        ("👍🏽", "👍"),
        ("❤️", "❤"),
        ("soft\u00adhyphen", "softhyphen"),
    ],
)
def test_spellings_of_the_same_word_are_the_same_terms(one: str, other: str) -> None:
    assert analyze(one) == analyze(other)


@pytest.mark.parametrize(
    ("query", "document", "foreign"),
    [
        ("咖啡", "我每天早上喜欢喝咖啡。", "他住在北京的一所大学附近"),
        ("茶", "她更喜欢喝茶而不是果汁", "会议改到星期三"),
        ("数据库在哪里", "生产环境的数据库部署在法兰克福", "猫睡着了"),
        ("猫の名前", "私は猫を飼っています", "明日は東京へ行きます"),
        ("東京", "来週、東京に出張します", "大阪で働いている"),
        ("コーヒー", "毎朝コーヒーを飲む", "紅茶が好きです"),
        ("회의 시간", "회의는 세 시에 시작합니다", "고양이를 키워요"),
        ("ข้าวผัด", "เขาชอบกินข้าวผัดมาก", "เธอเรียนดนตรี"),
        ("المدرسة", "يذهب أحمد إلى مدرسة كل يوم", "الطقس جميل"),
        ("كتاب", "قرأت الكتابَ أمس", "شربت القهوة"),
        ("القهوة والكتاب", "يحب القهوه", "الطقس جميل"),
        ("какие книги читает Анна", "Анна прочитала книгу о звёздах", "Сервер стоит в Москве"),
        ("кошка", "У него две кошки", "Сервер стоит в Москве"),
        ("σπίτι", "Μένει σε δύο σπίτια", "Πίνει καφέ"),
        ("Haustür Schlüssel", "Der Schlüssel zur Haustür liegt unter der Matte", "Er trinkt Tee"),
        ("हिन्दी", "वह हिन्दी बोलती है", "चाय गरम"),
        ("שלום", "הוא אמר שָׁלוֹם לכולם", "מזג האוויר"),
        ("🎉", "We shipped it 🎉🎉", "We shipped nothing 🙁"),
    ],
)
def test_queries_find_their_words(query: str, document: str, foreign: str) -> None:
    assert shared(query, document)
    assert not shared(query, foreign)


@pytest.mark.parametrize(("joined", "parted"), [("email", "e-mail"), ("parseurl", "parseUrl")])
def test_a_word_written_as_one_finds_its_parted_spelling(joined: str, parted: str) -> None:
    assert shared(joined, parted) == set(analyze(joined))


def test_runs_without_spaces_are_overlapping_bigrams() -> None:
    assert analyze("コーヒー") == ("コー", "ーヒ", "ヒー")
    assert analyze("猫") == ("猫",)
    assert analyze("เรา") == ("เร", "รา")


def test_emoji_are_terms_one_for_each_figure() -> None:
    assert analyze("👨‍👩‍👧 🇩🇪!") == ("👨", "👩", "👧", "🇩🇪")


@pytest.mark.parametrize("text", ["", "   ", "...", "!?", "\x00", "\ud800", "\u0301", "-_-"])
def test_a_text_without_words_has_no_terms(text: str) -> None:
    assert analyze(text) == ()


def test_control_characters_and_lone_surrogates_separate_words() -> None:
    assert analyze("red\x00green\ud800blue") == ("red", "green", "blue")


@pytest.mark.parametrize("unit", ["a", "a.", "aB", "é", "1,", "x_", "字", "ก", "٣", "👍", "a'"])
def test_terms_are_bounded_however_long_a_word_is(unit: str) -> None:
    terms = analyze(unit * 50_000)
    assert max(map(len, terms)) <= TERM_MAX
    assert len(terms) <= 2 * 50_000


def test_two_long_words_with_one_beginning_stay_two_terms() -> None:
    assert analyze("x" * 200 + "1") != analyze("x" * 200 + "2")


any_text = st.text(st.characters(), max_size=200)


@given(any_text)
def test_any_text_is_accepted(text: str) -> None:
    terms = analyze(text)
    assert all(0 < len(term) <= TERM_MAX for term in terms)
    assert not any(char.isspace() for term in terms for char in term)


@given(st.text(st.characters(exclude_categories=["Cs"]), max_size=80))
def test_composed_and_decomposed_texts_have_the_same_terms(text: str) -> None:
    assert analyze(unicodedata.normalize("NFC", text)) == analyze(
        unicodedata.normalize("NFD", text)
    )


@given(any_text)
def test_the_same_text_has_the_same_terms_each_time(text: str) -> None:
    assert analyze(text) == analyze(text)


def test_threads_get_the_terms_that_one_thread_gets() -> None:
    texts = [f"running{i} connections hand{i} national книги{i} كتاب{i}" for i in range(300)]
    got: list[list[tuple[str, ...]]] = []

    def work() -> None:
        got.append([analyze(text) for text in texts])

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert got == [[analyze(text) for text in texts]] * 4


def test_the_vocabulary_is_bounded() -> None:
    from memkit.retrieval import analysis

    for i in range(analysis._REMEMBERED_PIECES + 10):
        analyze(str(i))
    assert len(analysis._remembered) <= analysis._REMEMBERED_PIECES


def test_importing_the_analysis_does_not_load_the_stemmers() -> None:
    code = "import sys, memkit.retrieval.analysis; assert 'snowballstemmer' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_a_change_of_the_terms_is_a_new_analyzer() -> None:
    """If this fails, stored terms no longer match new ones: bump ``ANALYZER``, then this."""
    text = (
        "Evening connections nationally generalised skies dying, Caroline's relational ERR-1042 "
        "parseUrl v2.1 8th книгами άνθρωποι والمدارس 東京に Straße 2024-01-31 happily argued news"
    )
    assert ANALYZER == "memkit-words/3"
    assert analyze(text) == GOLDEN


GOLDEN = tuple(
    (
        "evening connect nation generalis sky die carolin relat err-1042 err 1042 "
        "parseurl pars url v2.1 2.1 8 книг ανθρωπ مدارس 東京 京に 東 京 strass 2024-01-31 "
        "2024 januari 31 happili argu news"
    ).split()
)
