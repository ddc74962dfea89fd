"""The detectors and filters that are measured."""

from plateau import Detector, Ema, EmaHaar, Haar, ThresholdDetector


def ema_rule():
    return ThresholdDetector(EmaHaar(1e-3, 1e-3), threshold=5e-5, patience=10_000)


def haar_rule():
    return ThresholdDetector(Haar(4000, 4000), threshold=6e-5, patience=8_000)


EMA_RULE = "plateau threshold rule, EmaHaar"
HAAR_RULE = "plateau threshold rule, Haar(4000, 4000)"
CALIBRATED = "plateau calibrated detector"
DETECTORS = {EMA_RULE: ema_rule, HAAR_RULE: haar_rule, CALIBRATED: Detector}

EMA_RESPONSE = "plateau response, EmaHaar"
HAAR_RESPONSE = "plateau response, Haar(4000, 4000)"
FILTERS = {
    EMA_RESPONSE: EmaHaar(1e-3, 1e-3),
    HAAR_RESPONSE: Haar(4000, 4000),
    "plateau response, Ema": Ema(1e-3),
}
