"""docs/reference/settings.md says what the settings classes say."""

from __future__ import annotations

from tools import settings


def test_the_committed_page_is_what_the_classes_generate() -> None:
    assert settings.PAGE.read_text() == settings.rendered(), "run `python -m tools.settings` and commit the result"


def test_every_setting_says_what_it_is() -> None:
    silent = [
        f"{cls.__name__}.{name}"
        for cls in settings.classes()
        for name, field in cls.model_fields.items()
        if not field.description
    ]
    assert silent == []
