"""Trace text that tries to steer a judge, fakes a prompt's delimiters or hides what it says is flagged.

Nothing here decides a score. What is flagged is judged all the same, and a person is told.
"""

from __future__ import annotations

import polars as pl

from tail_pipeline.domain.hostile_text import MAX_PASSAGE_CHARS, MAX_PROMPT_PASSAGES, MAX_PROMPT_TEXT_CHARS, TAGS

STEERING = "steering"
FAKE_DELIMITERS = "fake_delimiters"
INVISIBLE_CHARACTERS = "invisible_characters"
CUT = "cut"

# All patterns are for Polars' regex engine, which is linear in the text: no look-around, no back-reference.

_TOP = r"(?:1\.0+|10\s?/\s?10|100\s?%|full marks|(?:maximum|highest|perfect|top) (?:score|marks?|grade|rating))"
_STEERING = "(?i)" + "|".join(
    (
        (
            r"\b(?:ignore|disregard|forget|override|bypass)\b[^.]{0,40}\b(?:previous|prior|above|earlier|preceding|all|your|any)\b"
            r"[^.]{0,30}\b(?:instruction|prompt|rule|direction|guideline|criteri|context)"
        ),
        (
            r"\b(?:do not|don't|stop) follow(?:ing)?\b[^.]{0,20}\b(?:(?:your|previous|prior|above|earlier|system) "
            r"(?:instruction|rule|guideline|prompt)|(?:instructions?|rules?|guidelines?|rubric) (?:above|you (?:were|have|got)))"
        ),
        rf"\b(?:score|rate|grade|mark|evaluate|give|assign|award|return)\b[^.]{{0,40}}\b{_TOP}",
        rf"\b(?:must|should|shall|has to|needs to) be (?:scored|rated|graded|marked|evaluated)\b[^.]{{0,30}}\b(?:{_TOP}|pass\b)",
        (
            r"\b(?:give|assign|award|return|output|respond with)\b[^.]{0,40}\b(?:score|rating|grade|verdict)\b[^.]{0,15}"
            r"(?:\b(?:of|as|to|is)\b|[:=])?[^.]{0,10}\b(?:1(?:\.0+)?|10|100|pass|perfect|maximum|full)\b"
        ),
        r"\b(?:verdict|score|rating|grade)\b[^.]{0,30}\b(?:should|must|shall|has to) be\b[^.]{0,15}\b(?:pass|1\.0|10/10|perfect)\b",
        (
            r"\b(?:mark|rate|grade|consider|treat)\b[^.]{0,30}\b(?:statement|claim|criteri|answer|response)[^.]{0,20}"
            r"\bas (?:supported|faithful|met|passed|passing)\b"
        ),
        r"\byou are (?:now (?:the|a|an) (?:judge|assessor)|(?:now )?(?:the|a|an) (?:grader|evaluator))\b",
        r"\b(?:attention|note to|message to|dear)\b[^.]{0,20}\b(?:judge model|llm judge|grader|evaluator|assessor)\b",
        r"\bnew (?:system )?(?:instructions|prompt)\b\s?:",
        r"\b(?:repeat|reveal|print|show|output)\b[^.]{0,30}\b(?:system prompt|(?:your|initial|hidden) (?:instructions|prompt))\b",
        # Verdicts as a judge writes them; a score alone is what many an API returns.
        r"\"verdicts\"\s?:\s?\[|\"(?:score|supported)\"\s?:\s?(?:1\b|true)[^}]{0,80}\"(?:reason|criterion|statement)\"",
        r"\"(?:reason|criterion|statement)\"\s?:[^}]{0,80}\"(?:score|supported)\"\s?:\s?(?:1\b|true)",
        r"\b(?:ignorier|vergiss|vergess)\w*\b[^.]{0,40}\b(?:anweisung|instruktion|vorgabe)",
        r"\b(?:ignor[ae]|olvid[ae]|esqueç[ao])\w*\b[^.]{0,40}\b(?:instrucciones|instruções)\b",
        r"\b(?:ignore[zr]?|oublie[zr]?)\b[^.]{0,30}\b(?:instructions (?:précédentes|ci-dessus)|consignes)\b",
        r"(?:忽略|无视|忘记)[^。]{0,15}(?:指令|指示|提示词)",
    )
)
_FAKE_DELIMITERS = "(?i)" + "|".join(
    (
        rf"<\s?/\s?(?:{'|'.join(TAGS)}|system|assistant)\b[^>\n]{{0,40}}>",
        # Not behind a letter, where it is a type parameter.
        rf"(?:^|\W)<\s?(?:{'|'.join(TAGS)}|system|assistant)\b[^>\n]{{0,40}}>",
        r"<\|[a-z_]{2,30}\|>|\[/?INST\]|<</?SYS>>",
        # A recipe has instructions under a heading, too; only prompts have one instruction with a colon.
        r"(?:^|\n)\s{0,3}#{1,6}\s?(?:system(?: prompt| message)?|assistant|instruction)\s?:",
        # One line break is how a form says which system somebody uses.
        r"\n[ \t]*\n\s*(?:system|assistant|human)\s?:\s",
    )
)
_INVISIBLE = "|".join(
    (
        "\x00|[\u202d\u202e]",
        # Tag characters spell the flags of Scotland and its like, with six letters at most behind a black flag.
        "(?:^|[^\U0001f3f4\U000e0000-\U000e007f])[\U000e0000-\U000e007f]|[\U000e0020-\U000e007e]{8}",
        "[\U000e0100-\U000e01ef]{2}|[\ufe00-\ufe0f]{3}",
        # One here and there comes with pasted text, foreign scripts and phone books; a run of them is a message.
        "[\u034f\u180e\u200b-\u200d\u2060-\u2064\ufeff]{4}",
        r"(?:[\p{L}\p{N}][" + "\u00ad\u200b-\u200d\u2060-\u2064\ufeff]){4}",
    )
)
# Word boundaries of ASCII: at Unicode's the engine leaves its fast path with the first letter that is not ASCII, and reads a
# text in Russian a hundred times slower.
_PATTERNS = {
    flag: pattern.replace(r"\b", r"(?-u:\b)")
    for flag, pattern in (
        (STEERING, _STEERING),
        (FAKE_DELIMITERS, _FAKE_DELIMITERS),
        (INVISIBLE_CHARACTERS, _INVISIBLE),
    )
}

_BETWEEN_TEXTS = "\n.\n"
"""Joins the texts of a span: no pattern reaches over a full stop."""


def with_flags(frame: pl.DataFrame) -> pl.DataFrame:
    """Add ``flags``: List(String) of what is suspicious in the ``input``, ``output`` or ``contexts`` of a span frame."""
    texts = [pl.col("input"), pl.col("output"), pl.col("contexts").list.join(_BETWEEN_TEXTS, ignore_nulls=True)]
    joined = frame.select(pl.concat_str(texts, separator=_BETWEEN_TEXTS, ignore_nulls=True).alias("text"))
    too_long = pl.any_horizontal(
        pl.col("input", "output").str.len_chars() > MAX_PROMPT_TEXT_CHARS,
        pl.col("contexts").list.len() > MAX_PROMPT_PASSAGES,
        pl.col("contexts").list.eval(pl.element().str.len_chars() > MAX_PASSAGE_CHARS).list.any(),
    )
    found = {flag: joined["text"].str.contains(pattern) for flag, pattern in _PATTERNS.items()}
    found[CUT] = frame.select(too_long.fill_null(value=False)).to_series()
    named = [pl.when(hit).then(pl.lit(flag)) for flag, hit in found.items()]
    return frame.with_columns(pl.concat_list(named).list.drop_nulls().alias("flags"))
