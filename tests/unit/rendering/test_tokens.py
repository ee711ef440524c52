"""The estimate of tokens against a real tokenizer: never too few for what people store."""

from __future__ import annotations

import base64
import random
from pathlib import Path

import pytest

from memkit.rendering import estimated_tokens
from tests.unit.rendering.o200k import o200k

ROOT = Path(__file__).parents[3]
CHANCE = random.Random(7)
PROSE = {
    "English": "The nightly export fails since we added the audit table: it runs out of memory.",
    "German": "Die nächtliche Ausfuhr schlägt fehl, weil ihr seit Mai der Speicher ausgeht.",
    "Finnish": "Yöllinen vienti epäonnistuu, koska muisti loppuu taulun lisäyksen jälkeen.",
    "French": "L'exportation nocturne échoue depuis que nous avons ajouté la table d'audit.",
    "Polish": "Nocny eksport nie działa, ponieważ brakuje pamięci, odkąd dodaliśmy tabelę.",
    "Turkish": "Gece dışa aktarımı, tabloyu eklediğimizden beri belleği tükettiği için olmuyor.",
    "Vietnamese": "Việc xuất dữ liệu hằng đêm thất bại vì hết bộ nhớ kể từ khi thêm bảng.",
    "Russian": "Ночной экспорт не работает: с мая ему не хватает памяти из-за новой таблицы.",
    "Greek": "Η νυχτερινή εξαγωγή αποτυγχάνει επειδή εξαντλείται η μνήμη.",
    "Arabic": "يفشل التصدير الليلي لأنه ينفد من الذاكرة منذ أن أضفنا الجدول.",
    "Hindi": "रात का निर्यात विफल हो जाता है क्योंकि मेमोरी समाप्त हो जाती है।",
    "Thai": "การส่งออกทุกคืนล้มเหลวเพราะหน่วยความจำหมด",
    "Chinese": "自从我们添加了审计表以来，夜间导出因内存不足而失败。",
    "Japanese": "監査テーブルを追加して以来、夜間のエクスポートがメモリ不足で失敗します。",
    "Korean": "감사 테이블을 추가한 이후로 야간 내보내기가 메모리 부족으로 실패합니다.",
    "Markdown": (ROOT / "README.md").read_text(encoding="utf-8"),
    "Python": (ROOT / "memkit" / "engine.py").read_text(encoding="utf-8"),
    "TOML": (ROOT / "pyproject.toml").read_text(encoding="utf-8"),
}
HARD = {
    "emoji": "🚀🔥😀🎉👍🏽❤️👨‍👩‍👧‍👦🏳️‍🌈🇩🇪🧿🪬🫠⚙️",
    "base64": base64.b64encode(CHANCE.randbytes(600)).decode(),
    "hexadecimal": CHANCE.randbytes(300).hex(),
    "digits": "".join(CHANCE.choices("0123456789", k=300)),
    "marks": "".join(CHANCE.choices("!@#$%^&*()_+{}|:<>?~`-=[];',./", k=300)),
    "spaces": "".join(CHANCE.choices(" \t\n", k=300)),
    "hieroglyphs": "𓀀𓁐𓂀𓃠",
    "link": "https://example.com/a?token=Xk29fJq0Zp&next=%2Fhome%2Findex.html#frag-17",
    "header": "[id=019a1b2c-3d4e-7f50-8a6b-1c2d3e4f5a6b kind=fact stored=2026-11-21T10:00Z]",
    "escapes": r"\u200b\u202e\U000e0041" * 10,
}


@pytest.mark.parametrize("text", [*PROSE.values(), *HARD.values()], ids=[*PROSE, *HARD])
def test_it_never_says_too_few(text: str) -> None:
    assert estimated_tokens(text) >= o200k(text)


@pytest.mark.parametrize("name", ["English", "German", "French", "Markdown", "Python", "TOML"])
def test_it_does_not_waste_half_of_the_budget(name: str) -> None:
    assert estimated_tokens(PROSE[name]) <= 1.8 * o200k(PROSE[name])


def test_nothing_is_no_token() -> None:
    assert estimated_tokens("") == 0
