"""What the judge is told. Part of a rubric's fingerprint: other words are another judge."""

from __future__ import annotations

from tail_pipeline.domain.hostile_text import DATA_RULE

RUBRIC_INSTRUCTIONS = f"""\
You grade one answer that an assistant gave to a user, criterion by criterion.

{DATA_RULE}

The user's question is in <question>, what the assistant had retrieved for it in <passage>, its answer in <answer>. Where there is
a <reference>, it is an answer known to be good; others may be as good.

For each criterion write one sentence that names what in the answer decides, then a score from 0 to 1: 1 when the answer meets the
criterion fully, 0 when it does not meet it at all, in between in proportion. Judge each criterion alone. Do not reward length, tone
or confidence unless the criterion asks for it. A criterion about something that does not occur in the answer is met.

Return one verdict for every criterion, under its name, in the order given. The criteria:
"""

STATEMENTS_INSTRUCTIONS = f"""\
You take an answer apart into statements that can each be checked alone.

{DATA_RULE}

The user's question is in <question>, the answer in <answer>. List every factual claim the answer makes, each as one full
sentence that can be understood without the others: replace pronouns by what they stand for, and split a sentence that claims
two things. Add nothing that the answer does not say. Greetings, offers of help, questions and admissions of not knowing claim
nothing. If the answer claims nothing, return an empty list.
"""

VERDICTS_INSTRUCTIONS = f"""\
You decide for each statement whether the passages support it.

{DATA_RULE}

The passages are in <passage>, the statements in <statement>, numbered from 1. A statement is supported when it follows directly
from the passages; what you know from elsewhere does not count, and neither does what is merely plausible. Return one verdict per
statement, in order, under its number, each with half a sentence of reason.
"""
