"""Text that was damaged on its way is counted and named; the hint at another encoding fits the file."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from seqcls.cli import main
from seqcls.errors import DataRefused
from seqcls.sources.text_encodings import guess_encoding
from seqcls.validation.damage import count_damage
from tests.seqcls.reading_files import read_bytes

SOUND = [
    "Größe, Übermut – „schön“", "crème brûlée à la carte", "NÃO É FÁCIL", "ESPAÑA “café”…", "Привет, мир", "你好世界",
    "สวัสดี", "مرحبا", "50 €", "É proibido", "naïve—yes", "ÅÄÖ åäö", "İstanbul’da", "emoji 🙂", "â la carte", "Ð and Ñ",
    "MAÇÃ… SÃO", "IRMÃ…", "PÅ… KÖP", "ESPAÑ…", "voilà¹ et là",
]  # fmt: skip
TWICE = [text for text in SOUND if not text.isascii() and text not in ("â la carte", "Ð and Ñ")]


def signs(texts: list[str | None]) -> list[int]:
    data = np.frombuffer("".join(text or "" for text in texts).encode(), np.uint8)
    return count_damage(pa.array(texts, pa.string()), data).tolist()


def decoded_twice(text: str) -> str:
    return "".join(bytes([byte]).decode("cp1252", "ignore") or chr(byte) for byte in text.encode())


def test_text_of_any_language_has_no_sign_and_twice_decoded_text_has() -> None:
    assert signs(SOUND) == [0] * len(SOUND)
    assert all(signs([decoded_twice(text) for text in TWICE]))
    assert signs(["a \ufffd b\ufffd", None, "", "plain", "\u200b\u200e ", " ", "\u00a0"]) == [2, 0, 0, 0, 1, 0, 0]


@pytest.mark.parametrize(
    ("encoding", "text"),
    [
        ("cp1252", "Größe und Übermut – schön"), ("cp1252", "café"), ("cp1252", "mañana señor"),
        ("cp1251", "Сообщение о доставке заказа"), ("koi8-r", "Сообщение о доставке заказа"),
        ("cp932", "荷物はまだ届いていません"), ("gb18030", "物流很快，非常满意"), ("big5", "物流很快，非常滿意"),
        ("cp949", "배송이 빨라요"), ("cp1250", "Zażółć gęślą jaźń"), ("cp1253", "Η παραγγελία έφτασε γρήγορα"),
        ("cp874", "จัดส่งเร็วมาก"), ("cp1256", "وصل الطلب بسرعة"), ("cp1254", "Sipariş çok hızlı geldi"),
    ],
)  # fmt: skip
def test_the_encoding_is_guessed_and_reading_with_it_works(tmp_path: Path, encoding: str, text: str) -> None:
    data = f"sequence,label\n{text},a\n{text},b\n".encode(encoding)
    assert guess_encoding(data) == encoding
    found = read_bytes(tmp_path, data)
    assert f'it reads like {encoding}: try source.encoding = "{encoding}"' in found.refused[0][2]
    assert read_bytes(tmp_path, data, encoding=encoding).rows == [(text, "a"), (text, "b")]


@pytest.mark.parametrize(
    ("start", "name"),
    [(b"MATLAB 5.0 MAT-file", "MATLAB"), (b"\x89PNG\r\n", "PNG"), (b"0       X X ", "EDF"), (b"", "binary data;")],
)
def test_binary_files_are_named_and_get_no_hint_at_an_encoding(tmp_path: Path, start: bytes, name: str) -> None:
    noise = np.random.default_rng(0).integers(0, 256, 5000, np.uint8).tobytes()
    with pytest.raises(DataRefused) as refused:
        read_bytes(tmp_path, start + noise)
    assert name in str(refused.value)
    assert "encoding" not in str(refused.value)
    assert len(str(refused.value)) < 400


@pytest.mark.parametrize(("encoding", "text"), [("utf-8", "Größe \x02"), ("cp1252", "Größe")])
def test_control_characters_alone_make_no_binary_file(tmp_path: Path, encoding: str, text: str) -> None:
    data = ("sequence\x01label\n" + f"{text}\x01a\n" * 40).encode(encoding)  # as Hive writes it
    found = read_bytes(tmp_path, data, delimiter="\x01", encoding=encoding)
    assert found.rows == [(text, "a")] * 40


CONFIG = """
name = "notes"
kind = "text"
[source]
format = "csv"
files = ["a.csv"]
[split]
valid = 0.2
test = 0.2
[model]
family = "ngrams"
[promote]
beat_baseline = false
every_class_predicted = false
[score]
files = ["new/*"]
"""


def test_check_train_and_score_say_it_with_the_count(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    words = [f"good or bad number {number},{'ab'[number % 2]}" for number in range(60)]
    words[3], words[8] = "schÃ¶n,a", "wa\ufffdter,b"
    Path("a.csv").write_text("\n".join(["sequence,label", *words, ""]))
    Path("p.toml").write_text(CONFIG)
    assert main(["check", "p.toml"]) == 0
    assert "damaged_text (warn): 2 rows" in capsys.readouterr().out
    assert main(["train", "p.toml"]) == 0
    assert "warning: damaged text in 2 of 60 rows (rules.damaged_text), such as a.csv:4, a.csv:9" in (
        capsys.readouterr().out
    )
    Path("new").mkdir()
    Path("new/n.csv").write_text("sequence\ngood\nbÃ¶se\n\u200b\n")
    assert main(["score", "p.toml"]) == 0
    assert "warning: new/n.csv: damaged text in 2 rows (rules.damaged_text)" in capsys.readouterr().out
    Path("p.toml").write_text(CONFIG + '[score.source]\nformat = "csv"\nencoding = "utf-16"\n')
    Path("new/n.csv").unlink()
    Path("new/a.csv").write_bytes("sequence\ngood\n".encode("utf-16-be"))
    Path("new/b.csv").write_bytes("sequence\nbad\n".encode("utf-16"))
    assert main(["score", "p.toml"]) == 3
    said = capsys.readouterr()
    assert "1 rows in = 1 scored" in said.out, "a file without its mark stops no other"
    assert "new/a.csv: no byte order mark of UTF-16" in said.err
    assert 'set source.encoding = "utf-16-be"' in said.err
    Path("p.toml").write_text(CONFIG + '[rules]\ndamaged_text = "reject"\nreject_budget = 0.01\n')
    assert main(["check", "p.toml"]) == 3
    said = capsys.readouterr().err
    assert "damaged_text 2; the commonest reason: 1 signs of damage" in said
