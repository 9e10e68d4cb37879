"""Templates: what they say, in which language, and what they cannot do to us."""

from __future__ import annotations

import contextlib
import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from notifier.channels import Channel
from notifier.templates.filling import fill
from notifier.templates.rendering import PoisonousTemplateError, compiled, render
from notifier.templates.template import Content, Template, check, content_for
from tradewinds.errors import InvalidArgumentError

SCHEMA = {
    "type": "object",
    "properties": {"symbol": {"type": "string", "maxLength": 40}, "quantity": {"type": "integer", "minimum": 1}},
    "required": ["symbol"],
}
ENGLISH = Content("en", "{{ symbol }} bought", "{{ quantity }} of {{ symbol }}")


def template(*contents: Content, **fields: Any) -> Template:
    return Template("fill", "alice", 3, contents or (ENGLISH,), **({"parameters_schema": SCHEMA} | fields))


def test_the_holes_are_filled() -> None:
    filled = fill(template(), {"symbol": "TCS", "quantity": 10}, "en")
    assert (filled.title, filled.message, filled.parts) == ("TCS bought", "10 of TCS", {})


def test_a_channel_says_its_own_words() -> None:
    own = Content(
        "en",
        "bought",
        email_subject="{{ symbol }}\n",
        email_html="<b>{{ symbol }}</b>",
        sms="Dear user, {{ symbol }}",
        sms_dlt_template_id="1107",
    )
    parts = fill(template(own), {"symbol": "<M&M>"}, "en").parts
    assert parts == {
        Channel.EMAIL: {"subject": "<M&M>", "html": "<b>&lt;M&amp;M&gt;</b>"},
        Channel.SMS: {"text": "Dear user, <M&M>", "dlt_template_id": "1107"},
    }


@pytest.mark.parametrize(
    ("locale", "said"), [("hi-IN", "hi-IN"), ("hi", "hi"), ("hi-SG", "hi"), ("ta-IN", "en"), ("", "en")]
)
def test_a_language_falls_back(locale: str, said: str) -> None:
    several = template(*(Content(one, "x") for one in ("hi-IN", "en", "hi")))
    assert content_for(several, locale).locale == said
    assert content_for(template(Content("ta", "x")), locale).locale == "ta"


@pytest.mark.parametrize(
    ("parameters", "field"),
    [
        ({}, "template_parameters"),
        ({"symbol": 5}, "template_parameters.symbol"),
        ({"symbol": "TCS", "quantity": 0}, "template_parameters.quantity"),
        ({"symbol": "TCS"}, "template_parameters"),  # the schema allows that, the message does not
    ],
)
def test_a_parameter_that_does_not_fit_is_named(parameters: dict[str, Any], field: str) -> None:
    with pytest.raises(InvalidArgumentError) as refused:
        fill(template(), parameters, "en")
    assert refused.value.violations[0].field == field


def test_a_parameter_cannot_become_a_header() -> None:
    filled = fill(
        template(Content("en", "{{ symbol }}", email_subject="{{ symbol }}")), {"symbol": "a\r\nBcc: m@x.y"}, "en"
    )
    assert "\n" not in filled.title + filled.parts[Channel.EMAIL]["subject"]
    assert filled.title.isprintable()


POISON = [
    "{{ ''.__class__.__mro__ }}",
    "{{ x['__class__'] }}",
    "{{ x|attr('__class__') }}",
    "{{ '%s'|format(x) }}",
    "{{ 'x'.ljust(1000000000) }}",
    "{{ x.format(x) }}",
    "{{ 'x' * 1000000000 }}",
    "{{ '%1000000000d' % 1 }}",
    "{{ 10 ** 1000000000 }}",
    "{{ x|center(1000000000) }}",
    "{{ x|indent(1000000000) }}",
    "{{ range(1000000000)|list }}",
    "{{ x|join(x)|join(x)|join(x)|join(x) }}",
    "{% for a in range(200) %}{% for b in range(200) %}.{% endfor %}{% endfor %}",
    "{% for a in x recursive %}{{ loop(x) }}{% endfor %}",
    "{% set a = 'xxxxxxxx' %}{% set a = a ~ a %}{{ a }}",
    "{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}",
    "{% include 'other' %}",
    "{% import 'os' as os %}",
    "{% raw %}{% endraw %}{% with a = x %}{{ a }}{% endwith %}",
    "{{ self }}",
    "{{ lipsum(1000) }}",
    "{{ cycler.__init__ }}",
    "{{ namespace(a=1) }}",
    "{{ dict(a=1) }}",
    "{{ nothing }}",
    "{{ 1 / 0 }}",
    "{{ x.y.z }}",
    "{{",
    "{% if %}",
    "{{ x|nonsense }}",
    "(" * 20_000,
    "{{ " + "(" * 300 + "1" + ")" * 300 + " }}" + "{{ nothing }}",
]


@pytest.mark.parametrize("source", POISON)
def test_poison_is_refused_at_once_and_says_why(source: str) -> None:
    began = time.monotonic()
    with pytest.raises(PoisonousTemplateError) as refused:
        render(source, {"x": "x" * 4000}, maximum=4000)
    assert str(refused.value)
    assert time.monotonic() - began < 5


@given(st.text(max_size=300))
def test_whatever_is_written_it_says_something_or_is_refused(source: str) -> None:
    with contextlib.suppress(PoisonousTemplateError):
        assert len(render(source, {"x": "y"}, maximum=1000)) <= 1000


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(max_size=20),
        lambda inner: st.lists(inner) | st.dictionaries(st.text(max_size=5), inner),
        max_leaves=10,
    )
)
def test_whatever_is_put_in_it_says_something_or_is_refused(value: Any) -> None:
    source = (
        "{{ x }} {{ x|length }} {% for y in x %}{{ loop.index }}{{ y|upper }}{% endfor %} {{ x|sum }} {{ x|rupees }}"
    )
    with contextlib.suppress(PoisonousTemplateError):
        render(source, {"x": value}, maximum=4000)


def test_what_is_useful_works() -> None:
    source = (
        "{% for fill in fills if fill.quantity > 0 %}{{ loop.index }}. {{ fill['symbol']|upper }} {{ fill.quantity * 2 }} "
        "at ₹{{ fill.price|rupees }}{{ ', ' if not loop.last }}{% else %}none{% endfor %}"
    )
    fills = [{"symbol": "tcs", "quantity": 5, "price": "3500.5"}, {"symbol": "infy", "quantity": 1, "price": 1500}]
    assert render(source, {"fills": fills}, maximum=100) == "1. TCS 10 at ₹3500.50, 2. INFY 2 at ₹1500.00"
    assert render(source, {"fills": []}, maximum=100) == "none"
    assert compiled(source) is compiled(source)


@pytest.mark.parametrize(
    ("field", "bad"),
    [
        ("template_id", Template("Fill!", "", 0, (ENGLISH,))),
        ("contents", Template("fill", "", 0, ())),
        ("contents[0].locale", template(Content("english", "x"))),
        ("contents[1].locale", template(ENGLISH, ENGLISH)),
        ("contents[0].title", template(Content("en", " "))),
        ("contents[0].email_html", template(Content("en", "x", email_html="{% include 'x' %}"))),
        ("parameters_schema", template(parameters_schema={"type": "nonsense"})),
        ("parameters_schema", template(parameters_schema={"$ref": "https://example.com/schema"})),
        ("parameters_schema", template(parameters_schema={"properties": {"a": {"pattern": "(a+)+$"}}})),
        ("parameters_schema", template(parameters_schema={"description": "x" * 9000})),
    ],
)
def test_a_template_that_cannot_be_taken_says_why(field: str, bad: Template) -> None:
    with pytest.raises(InvalidArgumentError) as refused:
        check(bad)
    assert refused.value.violations[0].field == f"alert_template.{field}"
