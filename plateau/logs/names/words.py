"""The words of names: what a column called ``Train-top_k_accuracy_5`` is about."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING
from unicodedata import normalize

if TYPE_CHECKING:
    from collections.abc import Iterable


def vocabulary(text: str) -> frozenset[str]:
    """Make a set of the words of a text."""
    return frozenset(text.split())


HELD_OUT = vocabulary("val valid validation test testing eval evaluation dev")
TRAINING = vocabulary("train training trn tr")

# The commonest words of other languages, without accents.
TRANSLATED = {
    # Spanish, Portuguese, Italian
    "perdida": "loss", "perdidas": "loss", "perda": "loss", "perdita": "loss",
    "erro": "error", "errore": "error", "costo": "cost",
    "custo": "cost", "exactitud": "accuracy", "acuracia": "accuracy",
    "exatidao": "accuracy", "accuratezza": "accuracy", "recompensa": "reward",
    "ricompensa": "reward", "epoca": "epoch", "iteracion": "iteration", "iteracao": "iteration",
    "iterazione": "iteration", "paso": "step", "passo": "step", "entrenamiento": "train",
    "treinamento": "train", "treino": "train", "addestramento": "train", "validacion": "val",
    "validacao": "val", "validazione": "val", "prueba": "test", "teste": "test",
    "tiempo": "time", "hora": "time", "fecha": "date", "tempo": "time", "durata": "duration",
    # French
    "perte": "loss", "pertes": "loss", "erreur": "error", "epoque": "epoch", "etape": "step",
    "entrainement": "train", "apprentissage": "train", "recompense": "reward", "cout": "cost",
    # German
    "verlust": "loss", "fehler": "error", "genauigkeit": "accuracy", "epoche": "epoch",
    "zeit": "time", "uhrzeit": "time", "datum": "date", "zeitstempel": "timestamp",
    "dauer": "duration", "schritt": "step", "lernrate": "lr", "belohnung": "reward",
    "validierung": "val",
    # Turkish
    "kayip": "loss", "kaybi": "loss", "dogrulugu": "accuracy", "hatasi": "error",
    "dogruluk": "accuracy", "devir": "epoch", "donem": "epoch",
    "epok": "epoch", "adim": "step", "egitim": "train", "dogrulama": "val",
    "yineleme": "iteration", "hata": "error", "odul": "reward",
}  # fmt: skip
# Of words that are written together, or have many endings, and of names of several words.
PARTS = {
    # Chinese, in both scripts
    "训练": "train", "訓練": "train", "验证": "val", "驗證": "val", "测试": "test", "測試": "test",
    "学习率": "lr", "學習率": "lr", "损失": "loss", "損失": "loss",
    "误差": "error", "誤差": "error",
    "准确率": "accuracy", "準確率": "accuracy", "正确率": "accuracy", "正確率": "accuracy",
    "精度": "accuracy", "奖励": "reward", "獎勵": "reward", "轮": "epoch", "輪": "epoch",
    "迭代": "iteration", "步": "step", "时间": "time", "時間": "time",
    # Japanese
    "エポック": "epoch", "ステップ": "step", "反復": "iteration", "イテレーション": "iteration",
    "学習率": "lr", "学習": "train", "検証": "val", "テスト": "test", "ロス": "loss",
    "正解率": "accuracy", "報酬": "reward",
    "トレーニング": "train", "バリデーション": "val", "誤り率": "error",
    # Korean
    "에폭": "epoch", "에포크": "epoch", "스텝": "step", "단계": "step", "반복": "iteration",
    "손실": "loss", "정확도": "accuracy", "학습률": "lr", "학습": "train", "훈련": "train",
    "시간": "time", "검증": "val", "테스트": "test", "오차": "error", "보상": "reward",
    # Russian
    "потер": "loss", "эпох": "epoch", "точност": "accuracy", "шаг": "step", "итераци": "iteration",
    "скорость обучения": "lr", "обуч": "train", "трениров": "train", "валидац": "val",
    "врем": "time", "проверк": "val", "провероч": "val", "тестов": "test", "ошибк": "error",
    "наград": "reward",
    # Arabic
    "معدل التعلم": "lr", "الخسارة": "loss", "خسارة": "loss", "فقدان": "loss", "الدقة": "accuracy",
    "دقة": "accuracy", "عصر": "epoch", "حقبة": "epoch", "خطوة": "step", "تكرار": "iteration",
    "تدريب": "train", "تحقق": "val", "اختبار": "test", "خطا": "error", "مكافاة": "reward",
    # Hindi
    "सीखने की दर": "lr", "हानि": "loss", "सटीकता": "accuracy", "युग": "epoch", "इपॉक": "epoch",
    "चरण": "step", "पुनरावृत्ति": "iteration", "प्रशिक्षण": "train", "सत्यापन": "val",
    "परीक्षण": "test", "त्रुटि": "error",
    # Vietnamese
    "toc do hoc": "lr", "mat mat": "loss", "ton that": "loss", "do chinh xac": "accuracy",
    "vong lap": "iteration", "buoc": "step", "huan luyen": "train", "kiem dinh": "val",
    "xac thuc": "val", "ky nguyen": "epoch",
    # Learning rates
    "tasa de aprendizaje": "lr", "taxa de aprendizado": "lr", "taxa de aprendizagem": "lr",
    "tasso di apprendimento": "lr", "taux apprentissage": "lr", "ogrenme oran": "lr",
    "ogrenme hiz": "lr",
    # German
    "verlust": "loss", "genauigkeit": "accuracy", "validierungs": "val", "validierung": "val",
    "trainings": "train", "lernrate": "lr",
}  # fmt: skip
LATIN = str.maketrans("đĐıİ", "dDiI")  # letters with no accent to take off
BEGIN = vocabulary("tasa taxa tasso taux verlust genauigkeit validierung lernrate")

ACCENTS = re.compile(r"[\u0300-\u036f]")


def _bare(text: str) -> str:
    return normalize("NFC", ACCENTS.sub("", normalize("NFKD", text))).lower()


CHUNK = re.compile(r"[^\W\d_]+\d*|\d+")
CAMEL = re.compile(r"(?<=[a-z])(?=[A-Z][a-z])")
ENGLISH = {_bare(part): english for part, english in PARTS.items()}
LONGEST_FIRST = sorted(ENGLISH, key=len, reverse=True)
FOREIGN = re.compile(
    rf"({'|'.join(map(re.escape, LONGEST_FIRST))})(?:[\u0430-\u0451]+|[si](?![a-z]))?"
)
PUNCTUATION = re.compile(r"[\W_]+")
BRACKETED = re.compile(r"\([^()]*\)")  # the index of "||r(i)||"
ELIDED = re.compile(r"\b[dl]['\u2019]")  # "perte d'entraînement"
FILLING = vocabulary("de del della di da do dos la le les des du при на по для и के की का của")


@lru_cache(maxsize=4096)
def words(name: str) -> tuple[str, ...]:
    """Lower-case words of a name, without accents and digits at the end; camel case is split."""
    told = name
    if not name.isascii():
        bare = ACCENTS.sub("", normalize("NFKD", name)).translate(LATIN)
        name = FOREIGN.sub(_english, ELIDED.sub("", normalize("NFC", bare).lower()))
        name = told if name == told.lower() else name  # with its capitals: camel case
    elif (lowered := name.lower()) and any(map(lowered.__contains__, BEGIN)):
        name = FOREIGN.sub(_english, ELIDED.sub("", lowered))
    chunks = [part for chunk in CHUNK.findall(name) for part in CAMEL.split(chunk)]
    parts = [chunk.lower() for chunk in chunks if not chunk.isdigit()]
    english = [TRANSLATED.get(part, part) for part in parts]
    if name != told or english != parts:
        english = [word for word in english if word not in FILLING]
    return tuple(
        word if word in {"f1", "l1", "l2", "r2", "chi2"} else word.rstrip("0123456789")
        for word in english
    )


def _english(found: re.Match[str]) -> str:
    return f" {ENGLISH[found[1]]} "


def squash(name: str) -> str:
    """Lower-case letters and digits only, for comparing names that people type."""
    return PUNCTUATION.sub("", name.lower())


def side(text: str) -> bool | None:
    """Tell held-out (True) from training (False) by the last telling word; None without one."""
    for word in reversed(words(text)):
        if word in HELD_OUT:
            return True
        if word in TRAINING:
            return False
    return None


def matching(wanted: str, names: Iterable[str]) -> set[str]:
    """Find the names that ``wanted`` is: exact, then by letters and digits, then by the end.

    What a name has in brackets may be left out, where it is the only such name.
    """
    names = set(names)
    if wanted in names:
        return {wanted}
    short = squash(wanted)
    same = {name for name in names if squash(name) == short}
    if same or not short:
        return same
    bare = {name for name in names if squash(BRACKETED.sub("", name)) == short}
    if len(bare) == 1:
        return bare
    ending = {name for name in names if squash(name).endswith(short)}
    prefixes = {name.removesuffix(wanted) for name in ending}
    sides_by_side = all(prefix.endswith(" - ") for prefix in prefixes)
    return ending if len(ending) == 1 or sides_by_side else set()
