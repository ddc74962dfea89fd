"""Logs in other languages and scripts."""

import pytest
from made_up import STEPS, Case, N, acc, check, each, loss

from plateau.logs.names.words import words

LINES = {
    "第{i}轮，训练损失：{v:.4f}，验证准确率：{a:.2f}％": ("训练损失", "轮", None),
    "第 {i} 輪 訓練損失 {v:.4f} 學習率 0.1": ("訓練損失", "輪", "學習率"),
    "【训练】 步数：{i}/60，损失：{v:.4f}，学习率：0.01": ("损失", "步数", "学习率"),
    "エポック{i}：ロス＝{v:.4f}、正解率＝{a:.3f}": ("ロス", "エポック", None),
    "エポック {i}/40 | 訓練損失: {v:.4f} | 検証精度: {a:.2f}%": ("訓練損失", "エポック", None),
    "ステップ {i} 検証損失: {v:.4f}": ("検証損失", "ステップ", None),
    "| 에폭 {i} | 손실 {v:.4f}": ("손실", "에폭", None),
    "스텝 {i}: 학습 손실={v:.4f}, 학습률=0.01": ("학습 손실", "스텝", "학습률"),
    "Эпоха {i}/60: потери {v:.4f}, точность {a:.4f}": ("потери", "Эпоха", None),
    "Шаг {i} | Потеря: {v:.4f} | Скорость обучения: 0.01": ("Потеря", "Шаг", "Скорость обучения"),
    "Época {i} - pérdida: {v:.4f} - exactitud: {a:.4f}": ("pérdida", "Época", None),
    "Época {i}, perda de treinamento {v:.4f}, perda de validação {a:.4f}": ("perda de treinamento", "Época", None),
    "Époque {i} perte d'entraînement {v:.4f} perte de validation {a:.4f}": ("perte d'entraînement", "Époque", None),
    "Epoche {i}: Trainingsverlust {v:.4f}, Validierungsverlust {a:.4f}, Lernrate 0.01": ("Trainingsverlust", "Epoche", "Lernrate"),
    "Epoca {i}: perdita {v:.4f} accuratezza {a:.4f}": ("perdita", "Epoca", None),
    "Adım {i}: eğitim kaybı {v:.4f} doğruluk {a:.4f}": ("eğitim kaybı", "Adım", None),
    "Bước {i}: mất mát = {v:.4f}, độ chính xác = {a:.4f}": ("mất mát", "Bước", None),
    "العصر {i}: الخسارة {v:.4f} الدقة {a:.4f}": ("الخسارة", "العصر", None),
    "युग {i}: हानि {v:.4f}, सटीकता {a:.4f}": ("हानि", "युग", None),
}  # fmt: skip


@pytest.mark.parametrize("line", LINES)
def test_lines(read_run, line):
    metric, x, lr = LINES[line]
    run = read_run(each(lambda i: line.format(i=i, v=loss(i), a=acc(i))))
    assert (run.metric, run.x_name, run.lr_name, run.mode) == (metric, x, lr, "min")
    assert run.values.tolist() == [float(f"{loss(i):.4f}") for i in STEPS]
    assert run.x.tolist() == list(STEPS)


def test_a_counter_that_starts_again(read):
    text = each(
        lambda i: f"| 에폭 {1 + i // 4} |  반복 {1 + 500 * (i % 4)} / 2000 | 손실 {loss(i):.2f}"
    )
    check(read, Case(text, "손실", "에폭, 반복"))


def test_digits_of_another_script(read_run):
    arabic = str.maketrans("0123456789.", "٠١٢٣٤٥٦٧٨٩٫")
    run = read_run(each(lambda i: f"خطوة {i} خسارة {loss(i):.4f}".translate(arabic)))
    assert run.values.tolist() == [float(f"{loss(i):.4f}") for i in STEPS]


def test_a_table(read):
    check(
        read,
        Case(
            "轮,验证损失,训练损失\n" + each(lambda i: f"{i},{acc(i)},{loss(i)}"),
            "训练损失",
            "轮",
            N,
        ),
    )


@pytest.mark.parametrize(
    ("name", "english"),
    [
        ("потери при обучении", "loss train"), ("Точность валидации", "accuracy val"),
        ("Validierungsgenauigkeit", "val accuracy"), ("taux d'apprentissage", "lr"),
        ("öğrenme oranı", "lr"), ("tốc độ học", "lr"), ("学習率", "lr"), ("معدل التعلم", "lr"),
        ("exactitud de validación", "accuracy val"), ("trainLoss", "train loss"),
    ],
)  # fmt: skip
def test_words(name, english):
    assert words(name) == tuple(english.split())
