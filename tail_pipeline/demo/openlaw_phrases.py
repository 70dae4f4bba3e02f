"""What simulated lawyers ask of the two fictional agents of OpenLaw: one drafts clauses, the other verifies drafts.

All of it is invented: firms, clauses, rules and authorities.
"""

from __future__ import annotations

from tail_pipeline.demo.topics import Topic, lines, pastes

SLOTS: dict[str, tuple[str, ...]] = {
    "client": (
        "Harrow Textiles", "Pelican Freight", "Juniper Robotics", "Old Mill Bakery", "Castor & Vale", "Tern Island Wind",
        "Greyfriars Press", "Lowfield Dairy", "Osprey Mobility", "Sable Instruments",
    ),
    "doc": (
        "supply agreement", "licence", "shareholders' agreement", "lease", "consultancy agreement", "loan agreement",
        "framework agreement", "share purchase agreement", "distribution agreement",
    ),
    "n": ("3.2", "4.1", "5.6", "7.3", "8.2", "9.4", "11.1", "12.5", "14.3"),
    "m": ("2.4", "6.1", "10.2", "13.6", "15.1"),
    "days": ("10", "14", "30", "60", "90"),
    "years": ("two", "three", "five"),
    "sum": ("EUR 50,000", "EUR 250,000", "GBP 100,000", "GBP 1 million"),
    "law": ("English", "Irish", "Dutch", "Scots", "Danish"),
    "term": ("Business Day", "Affiliate", "Know-how", "Confidential Information", "Completion", "Territory"),
}  # fmt: skip
"""Values a template may ask for; one choice per turn, so that request, material and answer agree."""

DRAFTER_ASIDES = lines("""
    We act for {client}.
    It is for a {doc}.
    Keep the numbering.
    The other side wants it by tonight.
    Use our house style.
    No more than six lines.
    The client reads it on a phone.
    {law} law.
""")
VERIFIER_ASIDES = lines("""
    We act for {client}.
    It is clause {n} of the {doc}.
    Signing is in {days} days.
    A trainee drafted it.
    List the findings by clause.
    The partner wants a yes or no.
    This came from the other side.
""")
OPENINGS = ("Please: ", "Hi, ", "Morning, ", "Quick one: ", "Next: ", "Good evening, ")
CLOSINGS = (" Thanks.", " Many thanks", " By noon if you can.", " Thank you!", " (urgent)")

DRAFTER_AT_A_LOSS = (
    "Here is a first version; please adapt it to your needs: The Parties shall cooperate in good faith.",
)
VERIFIER_AT_A_LOSS = ("The draft looks fine overall. You may wish to have it reviewed.",)

DRAFTED: tuple[Topic, ...] = (
    Topic(
        "confidentiality",
        lines("""
        draft a confidentiality clause for the {doc}
        write a mutual confidentiality clause, {years} years
        I need a short secrecy clause with the usual exceptions
        confidentiality wording with a carve-out for advisers
        one-way confidentiality for {client}
        """),
        ("Precedent 14: confidentiality, mutual.",),
        (
            "{n} Each party keeps the other's Confidential Information secret for {years} years after the end of this agreement.",
        ),
        share=2.0,
    ),
    Topic(
        "termination",
        lines("""
        draft termination for convenience, {days} days' notice
        termination clause for material breach with a cure period
        write a break right for {client} after {years} years
        notice of termination, {days} days, in writing
        add a termination right on change of control
        """),
        ("Precedent 22: termination.",),
        ("{n} Either party may end this agreement by {days} days' written notice.",),
        share=1.8,
    ),
    Topic(
        "payment",
        lines("""
        payment clause: {days} days from invoice
        draft late payment interest wording
        write a retention of title clause for goods
        instalments clause for {sum}
        payment terms with a discount for early payment
        """),
        ("Precedent 31: payment.",),
        ("{n} Invoices are payable within {days} days of receipt.",),
        share=1.6,
    ),
    Topic(
        "warranty",
        lines("""
        warranty schedule for the {doc}
        draft a warranty that the accounts are true and fair
        title warranty for the shares please
        limit the warranties to the knowledge of the sellers
        write the usual warranties for software
        """),
        ("Precedent 40: warranties.",),
        ("{n} The Seller warrants that the matters in Schedule 4 are true and accurate.",),
        share=1.3,
    ),
    Topic(
        "letter",
        lines("""
        cover letter to the other side with our comments
        draft an email to {client} that explains clause {n}
        letter before action, {sum} outstanding
        write a short note on the open points
        heads of terms for the {doc}
        """),
        ("File note: {client}, {doc}.",),
        ("Dear colleagues, we enclose our comments on clause {n} of the {doc}.",),
        share=1.4,
    ),
    Topic(
        "assignment",
        lines("""
        assignment clause, consent not to be unreasonably withheld
        draft a novation of the {doc} to an affiliate
        no assignment without consent, please draft
        subcontracting clause for {client}
        """),
        ("Precedent 8: assignment.",),
        ("{n} No party may assign this agreement without consent, which is not to be unreasonably withheld.",),
    ),
    Topic(
        "notices",
        lines("""
        notices clause with e-mail allowed
        draft service of notices, deemed receipt after two days
        add a process agent to the notices clause
        notices by courier only, please draft
        """),
        ("Precedent 27: notices.",),
        ("{n} Notices are in writing and deemed received on the second day after posting.",),
    ),
)

VERIFIED: tuple[Topic, ...] = (
    Topic(
        "cross_reference",
        lines("""
        check the cross-references in the {doc}
        does clause {n} still refer to the right clause
        verify numbering and references please
        are there dead references after we cut clause {m}?
        """),
        ("Draft: clause {n} refers to clause {m}.",),
        ("Checked. Clause {n} refers to clause {m}, which exists. Verdict: no finding.",),
        share=1.8,
    ),
    Topic(
        "definitions",
        lines("""
        is every defined term used?
        verify that {term} is defined before it is used
        check the definitions of the {doc}
        any term defined twice?
        """),
        ('Draft: "{term}" is defined in clause {m}.',),
        ('Checked. "{term}" is defined once, in clause {m}. Verdict: no finding.',),
        share=1.8,
    ),
    Topic(
        "dates",
        lines("""
        verify the dates and periods in the {doc}
        is {days} days consistent throughout?
        check that the long-stop date is the same everywhere
        do the notice periods in {n} and {m} agree
        """),
        ("Draft: {days} days in clauses {n} and {m}.",),
        ("Checked. Clauses {n} and {m} both say {days} days. Verdict: no finding.",),
        share=1.5,
    ),
    Topic(
        "sums",
        lines("""
        check that the sums add up
        is the price of {sum} the same in the schedule
        verify the amounts in words and figures
        does the completion payment match clause {n}?
        """),
        ("Draft: {sum} in clause {n} and in the schedule.",),
        ("Checked. {sum} in clause {n} and in the schedule. Verdict: no finding.",),
        share=1.4,
    ),
    Topic(
        "parties",
        lines("""
        are the parties named correctly?
        verify company names and numbers against the register extract
        check the signature blocks for {client}
        is {client} the right party to sign
        """),
        ("Register extract: {client}.",),
        ("Checked. {client} is named as in the register. Verdict: no finding.",),
        share=1.2,
    ),
    Topic(
        "market",
        lines("""
        is clause {n} market standard?
        anything unusual in the {doc}?
        compare the boilerplate with our precedent
        does the draft depart from the heads of terms
        """),
        ("Heads of terms: {doc}, {days} days.",),
        ("Checked. Clause {n} departs from the precedent in its period of {days} days. Verdict: one finding.",),
        share=1.3,
    ),
)

_CARVE_OUT = lines("""
    liability cap in clause {n}: is there a carve-out for fraud?
    the cap on liability has no carve-out for fraud, see clause {n}
    carve out fraud from the liability cap
    liability is capped at {sum}, fraud must be carved out of the cap
    cap of {sum} without a fraud carve-out
    does the liability cap catch fraud too? there should be a carve-out
    the fraud carve-out is missing from the cap again
    fraud and wilful default have to be carved out of the liability cap
""")
"""Put in the same words to both agents: to the one as a wish, to the other as something to look for."""

VERIFIER_CARVE_OUT = Topic(
    "carve_out_verified",
    _CARVE_OUT,
    ("Draft: {n} Total liability is limited to {sum}. Nothing is excepted.",),
    ("Finding in clause {n}: the cap of {sum} has no carve-out for fraud. Verdict: one finding.",),
    ("Checked. The cap of {sum} in clause {n} is clear and complete. Verdict: no finding.",),
    ("Finding: the cap has no carve-out for fraud and wilful default. Verdict: one finding.",),
)
DRAFTER_CARVE_OUT = Topic(
    "carve_out_drafted",
    _CARVE_OUT,
    ("Precedent 17: liability cap; nothing limits liability for fraud.",),
    ("{n} Liability is limited to {sum}. Nothing in this clause limits liability for fraud.",),
    ("{n} Total liability is limited to {sum} in all cases.",),
)

UNDEFINED_TERM = Topic(
    "undefined_term",
    lines("""
    you used {term} without defining it
    define {term}, it appears in clause {n} undefined
    {term} has no definition in your draft
    capitalised {term} but no definition, add one
    where is {term} defined? your draft uses it
    add the missing definition of {term}
    """),
    ("Draft: clause {n} uses {term}.",),
    ('{n} "{term}" means what clause {m} says of it.',),
    ("{n} The {term} shall be determined accordingly.",),
)
GOVERNING_LAW = Topic(
    "governing_law",
    lines("""
    I asked for {law} law, the draft says English law
    governing law should be {law}, not English
    governing law clause again wrong, {law} law please
    change the governing law to {law} and the courts with it
    wrong governing law in clause {n}: {law}
    """),
    ("Instruction: {law} law and courts.",),
    ("{n} This agreement is governed by {law} law, and its courts have jurisdiction.",),
    ("{n} This agreement is governed by the laws of England and Wales.",),
)
PLAIN_WORDS = Topic(
    "plain_words",
    lines("""
    no hereinafter and no witnesseth, plain words please
    plain language! what is "hereinafter" doing there
    rewrite in plain words, without hereby and thereof
    too much legalese, plain words please
    my client does not understand legalese. Plain language
    strike hereby, thereof and witnesseth
    """),
    ("House style: plain words.",),
    ("{n} If you are late, you pay interest from the day after.",),
    ("{n} Hereinafter, and notwithstanding the foregoing, interest thereof shall hereby accrue.",),
)
INVENTED_AUTHORITY = Topic(
    "invented_authority",
    lines("""
    you cite an authority that I cannot find, does the case exist?
    that authority does not exist. Verify each case you cite
    the case you cite for clause {n} is in no report, is the authority real
    """),
    ("Authorities retrieved: none.",),
    ("I found no authority for this and cite none. Verdict: one finding.",),
    ("Verdict: no finding; see Harcastle v Fenwick Estates, which settles the point.",),
    labels=("regulatory",),
)
FALSE_ALARM = Topic(
    "false_alarm",
    lines("""
    you flagged clause {n}, but the schedule says exactly that. False alarm
    false alarm: {term} is defined in the schedule
    another false alarm, read the schedule before you flag a clause
    flagged as missing, yet it's in the schedule
    your finding on clause {n} is a false alarm, see the schedule
    """),
    ("Schedule 2 defines {term}.",),
    ("You are right: Schedule 2 has it. I withdraw the finding. Verdict: no finding.",),
    ("Finding stands: clause {n} is incomplete. Verdict: one finding.",),
)
SILENT_DELETION = Topic(
    "silent_deletion",
    pastes("""
    compare these two versions, did they delete anything without marking it?
    v1: {n} Notices in writing. {m} No set-off.
    v2: {n} Notices in writing.
    -----
    redline against v1, I suspect an unmarked deletion
    v1: {m} The Seller bears the costs.
    v2: (nothing)
    -----
    unmarked deletions between v1 and v2? clause {m} seems gone from v2
    -----
    which deletions in v2 are not marked? v1 had a clause {m}
    """),
    ("Version 1 has clause {m}; version 2 has not.",),
    ("Finding: clause {m} was deleted without a mark. Verdict: one finding.",),
    ("All changes are marked. Verdict: no finding.",),
    pasted=True,
)
