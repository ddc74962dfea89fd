"""A run that takes a second."""

from plateau_face.config import Config

TINY = Config(
    synthetic=True,
    synthetic_identities=6,
    synthetic_images=6,
    image_size=16,
    dim=8,
    batch=12,
    epochs=3,
    threads=2,
    log_every=2,
    save_every=2,
    val_every=3,
    dropout=0.2,
    augment=0.5,
)
