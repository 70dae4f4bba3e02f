"""What simulated account holders write to the fictional Upstate Remedial, and the replies its assistant sends.

All of it is invented: people, creditors, letters and law. No statute is cited as any state has it.
"""

from __future__ import annotations

from tail_pipeline.demo.topics import Topic, lines

SLOTS: dict[str, tuple[str, ...]] = {
    "name": (
        "Avery Lindqvist", "Jonah Petrakis", "Marisol Vega", "Denise Okafor", "Wendell Prior", "Shirin Amadi",
        "Gail Thornbury", "Rafael Costa", "Opal Whitaker", "Nils Bergstrom", "Tamsin Doyle", "Curtis Hale",
        "Yolanda Pruitt", "Emil Novak", "Bettina Crowe", "Harlan Meeks", "Lucinda Fry", "Owen Castellan",
    ),
    "creditor": (
        "Granite Ridge Power", "Lakeshore Clinic", "Bellweather Furniture", "First Orchard Bank", "Summit Phone",
        "Harbor Auto Loans", "Pinnacle Gym", "Redwood Dental", "Cobalt Card", "Maple County Water",
    ),
    "state": ("Ohio", "Oregon", "Nevada", "Georgia", "Maine", "Utah", "Iowa", "Kansas", "Vermont", "Idaho"),
    "home": ("Delmora",),
    "amount": ("$86", "$140", "$212", "$305", "$418", "$560", "$733", "$1,240", "$2,075"),
    "part": ("$25", "$40", "$50", "$75"),
    "date": ("3 January", "5 January", "8 January", "12 January", "15 January", "30 January", "10 February"),
    "month": ("October", "November", "December", "January"),
    "weekday": ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday"),
    "section": ("4.02", "7.11", "9.30", "12.08", "15.4"),
    "days": ("10", "14", "30"),
    "hour": ("9", "11", "2", "4"),
}  # fmt: skip
"""Values a template may ask for; one choice per turn, so that mail, file and reply agree."""

OPENINGS = ("Hello, ", "Good morning, ", "Dear Sir or Madam, ", "Hi, ", "To whom it may concern: ", "Good evening. ")
CLOSINGS = (" Thank you.", " Thanks", " Regards", " Kind regards", " Please advise.", " Thank you for your help.")
ASIDES = lines("""
    I have had this account since {month}.
    Please answer by mail, not by phone.
    My name is {name}.
    I moved here last year.
    This is the second time I write.
    I am at work until {hour}.
    My wife handles the bills usually.
    I keep all letters.
    Your letter came on {date}.
    I hope you can sort this out.
    It is about {amount} in all.
    I got your address from {creditor}.
    We are a small household.
    I am not good with computers.
    Sorry for the long mail.
    I already called on {weekday}.
""")

AT_A_LOSS = (
    "Dear {name},\n\nthank you for your message. Please see our earlier letter for details.",
    "Dear {name},\n\nyour request has been received. Balances are due as stated.",
)
NOTICE = "You may dispute this account in writing within 30 days.\n\nUpstate Remedial"


def letter(body: str) -> str:
    """A reply as the assistant sends it: address, body, the notice that belongs under each, signature."""
    return f"Dear {{name}},\n\n{body}\n\n{NOTICE}"


ORDINARY: tuple[Topic, ...] = (
    Topic(
        "what_is_this",
        lines("""
        what is this debt? I don't recall {creditor}
        I got a letter about {amount} and don't know what it is for
        Please tell me what I owe and to whom
        who are you and why do you write about {creditor}
        send me proof of the {amount} you say I owe
        I ask you to validate this account
        where does the sum of {amount} come from?
        """),
        ("{name}: {creditor}, {amount}, opened in {month}.",),
        (
            letter(
                "the account is from {creditor}, {amount}, opened in {month}. The validation letter follows by mail."
            ),
        ),
        share=3.0,
    ),
    Topic(
        "pay_plan",
        lines("""
        can I pay {amount} in instalments?
        payment plan please, {part} a month is what I can do
        I can't pay all at once, could we split it
        is {part} every month all right for you
        how long would it take at {part} a month?
        set up a plan starting {date}
        """),
        ("{name}: {amount} open, plan possible from {part} a month.",),
        (letter("a plan of {part} a month is possible, beginning on {date}. Nothing is added to the balance."),),
        share=2.8,
    ),
    Topic(
        "balance",
        lines("""
        how much is left on my account?
        current balance please
        what do I still owe {creditor}
        Is it {amount} or less by now?
        remaining balance after my payment in {month}?
        tell me the exact sum that is open
        """),
        ("{name}: balance {amount} on {date}.",),
        (letter("on {date} the balance is {amount}."),),
        share=2.4,
    ),
    Topic(
        "how_to_pay",
        lines("""
        how can I pay by check?
        where do I send the money
        do you take debit cards
        payment address?
        can I pay the {amount} at a bank branch
        what do I write on the check so it finds my account
        """),
        ("Ways to pay: check, debit card, bank transfer.",),
        (letter("you can pay by check, debit card or bank transfer; the slip with your letter has the address."),),
        share=2.2,
    ),
    Topic(
        "paid",
        lines("""
        I sent the {amount} on {date}, did it arrive?
        did you get my payment from {month}
        Has my check been booked?
        my bank says {amount} went out on {date}
        confirm that the payment of {part} came in
        """),
        ("{name}: payment of {part} booked on {date}.",),
        (letter("your payment of {part} was booked on {date}."),),
        share=2.2,
    ),
    Topic(
        "dispute",
        lines("""
        I dispute this, {creditor} never delivered
        the amount is wrong, it should be less than {amount}
        This is not my account
        I do not agree with the {amount}
        you have the wrong person, I never dealt with {creditor}
        disputing the balance, see my letter
        """),
        ("{name}: no dispute on file until {date}.",),
        (letter("your dispute is on file. Until {creditor} has answered it, nothing is asked of you."),),
        share=2.0,
    ),
    Topic(
        "stop_calls",
        lines("""
        stop calling me
        please write instead of calling
        no calls at work
        take my phone number off your list
        I only want letters from now on
        don't ring me before {hour}
        """),
        ("{name}: calls allowed until {date}.",),
        (letter("we have taken your number off and will write only."),),
        share=1.6,
    ),
    Topic(
        "hardship",
        lines("""
        I lost my job in {month} and cannot pay now
        can you wait until {date}, I am between jobs
        my hours were cut, what can we do about the {amount}
        I live on benefits at the moment
        we had a flood and need some time
        is there a hardship form
        """),
        ("Hardship: a pause of up to 90 days on request.",),
        (letter("we have paused the account for 90 days. A form for a longer pause is with this mail."),),
        share=1.6,
    ),
    Topic(
        "credit_report",
        lines("""
        is this on my credit report?
        when will {creditor} disappear from my credit file
        does paying {amount} repair my score
        the bureau still shows the account as open
        please update the credit bureau
        """),
        ("{name}: not reported to a bureau.",),
        (letter("the account is not reported to a credit bureau."),),
        share=1.5,
    ),
    Topic(
        "offer",
        lines("""
        would you take {part} off if I pay now?
        can we settle for half
        I could pay {amount} today if that closes it
        what discount for paying in full?
        is a settlement possible
        """),
        ("{name}: settlement of 80 % approved by {creditor}.",),
        (letter("{creditor} agrees to settle for 80 % if it is paid by {date}."),),
        share=1.4,
    ),
    Topic(
        "closing_letter",
        lines("""
        I paid everything, please send a closing letter
        need a letter that says I owe nothing
        paid in full confirmation for my landlord
        zero balance letter please
        can you write that the {creditor} account is closed
        """),
        ("{name}: paid in full on {date}.",),
        (letter("the account was paid in full on {date}. This mail is your confirmation."),),
        share=1.3,
    ),
    Topic(
        "documents",
        lines("""
        send me a copy of the contract with {creditor}
        I need the original bill
        which documents do you have about this
        copy of the signed application please
        may I see the itemised statement
        """),
        ("{creditor}: contract and statement on file.",),
        (letter("a copy of the contract and the statement of {creditor} is with this mail."),),
        share=1.2,
    ),
    Topic(
        "relative",
        lines("""
        my father died in {month}, what happens with his account
        I answer for my mother, she is in care
        how do I send you a power of attorney
        the account holder was my late husband
        am I liable for my son's account?
        """),
        ("Estate desk: a copy of the certificate, no payment by relatives.",),
        (letter("we are sorry for your loss. Relatives owe nothing; please send us a copy of the certificate."),),
        share=0.9,
    ),
    Topic(
        "complaint_desk",
        lines("""
        where can I complain about your letter
        who is your supervisor
        I want to talk to a person
        address of your complaint desk?
        name of the person who handles my file please
        """),
        ("Complaint desk: by mail, answer in {days} days.",),
        (letter("the complaint desk answers within {days} days. A person reads your file there."),),
        share=0.9,
    ),
    Topic(
        "thanks",
        lines("""
        thank you, that answers my question
        ok, understood, I'll pay on {date}
        got it, thanks for the quick reply
        all good now
        received your letter, will do
        """),
        (),
        (letter("thank you for your reply."),),
        share=1.2,
    ),
)


OUT_OF_STATE = Topic(
    "out_of_state_statute",
    lines("""
    your notice cites an out-of-state statute, section {section} of {home}, but I live in {state}. Which statute applies?
    I live in {state} and the letter cites section {section}, a statute of {home}. Why is an out-of-state statute cited?
    """),
    ("{name}: resident of {state}. Notices cite the law of the recipient's state.",),
    (letter("you are right: for a resident of {state} only the law of {state} applies. A corrected notice follows."),),
    ("Dear {name},\n\nsection {section} of the {home} statute applies to all our accounts, wherever you live.",),
    labels=("regulatory",),
)

SHELTERED = Topic(
    "sheltered_address",
    lines("""
    you printed my new address on a letter to my ex-husband. It is protected, I live in a shelter. Delete it from joint letters!
    """),
    ("{name}: address protected.",),
    (letter("your address is taken off every joint letter as of now, and a person will call you today."),),
    ("Dear {name},\n\nwe send copies of all letters to both holders of a joint account.",),
    labels=("safety",),
)

TONE = Topic(
    "tone",
    lines("""
    the tone of your letter is rude
    Your letter sounds rude and cold, I am not a criminal
    why such a harsh tone? I always answered
    I find your tone rude. Be polite please
    such a rude letter! You could ask politely
    The tone is harsh, {creditor} was always polite
    don't take that tone with me
    your mails sound cold and harsh, my mother was in tears
    could you be a bit more polite in tone
    rude, just rude. Who writes letters in that tone?
    please mind your tone, I am trying to pay
    a harsh tone does not make me pay sooner
    the letter reads as if I were a thief, that's a rude tone
    more polite, please. The tone of {date} was rude
    I know I owe {amount}, no need for a tone so harsh
    your reply was cold and the tone rude
    I was polite, your letter was not. What a tone
    """),
    ("{name}: answered each letter so far.",),
    (letter("we are sorry for how our letter sounded. Thank you for answering each of them."),),
    ("NOTICE TO {name}.\n\nYou are in default. Remit at once.",),
)


def _gap(name: str, phrasings: str, file: str, good: str, poor: str) -> Topic:
    return Topic(name, lines(phrasings), (file,), (letter(good),), (f"Dear {{name}},\n\n{poor}",))


INSTALMENT_DATE = _gap(
    "instalment_date",
    """
    move my instalment to the 15th, payday changed
    can the instalment date be after payday
    my payday moved, please shift the instalment date
    instalment comes out before payday, move the date
    new payday from {month}, so another date for the instalments
    the instalment on {date} is three days before payday, change the date please
    shift all instalments by a week, payday is later now
    payday is {weekday} now, can the instalment date follow
    """,
    "{name}: instalments on {date}; one change of date a year is free.",
    "your instalments move to the day after payday, beginning next month.",
    "instalments are due on {date}.",
)
RECEIPT = _gap(
    "receipt",
    """
    no receipt for my payment yet
    I never get receipts, send one for {amount}
    receipt please, I paid on {date}
    where is my receipt for the {month} payment
    need a receipt for each payment
    still waiting for the receipt you promised
    paid {part}, got no receipt
    """,
    "{name}: {amount} received on {date}, receipt not sent.",
    "here is the receipt: {amount}, received on {date}.",
    "payments are booked within {days} days.",
)
PORTAL = _gap(
    "portal",
    """
    the portal says my login is locked
    can't log in to the portal since {date}
    portal login does not work, wrong code every time
    locked out of the portal, reset my login
    login link for the portal has expired
    portal password reset never arrives
    the code for the portal login comes too late
    """,
    "{name}: portal login locked since {date}.",
    "your login is unlocked; a new link is with this mail.",
    "log in to the portal to see your messages.",
)
DUPLICATE = _gap(
    "duplicate_letter",
    """
    I got the same letter twice
    two identical letters on the same day, is it two debts?
    why do you send every letter twice
    duplicate letters again, one from {date} and one the day after
    the same letter came in two envelopes
    your letter arrived twice, do I owe it twice?
    identical letter, second copy. Is that a mistake
    """,
    "{name}: one account; letters of {date} printed twice.",
    "it is one account, and the second letter was a copy. Nothing is owed twice.",
    "both letters are valid.",
)
SPANISH = _gap(
    "spanish",
    """
    please write in Spanish, my English is weak
    letters in Spanish please
    do you have this letter in Spanish
    my mother reads only Spanish
    can somebody answer in Spanish
    Spanish version of the plan please
    I asked for Spanish before and got English again
    """,
    "{name}: prefers Spanish.",
    "(en español) a partir de ahora le escribimos en español.",
    "we are glad to help. Please reply in English.",
)
SCAN = _gap(
    "unreadable_scan",
    """
    the scan you attached is unreadable
    can't read the scanned page, it is black
    scan is blurred, send a readable one
    the second page of the scan is cut off and unreadable
    unreadable scan of the bill from {creditor}
    please scan it again, nothing can be read
    """,
    "Scan of {date}: two pages, poor quality.",
    "a new scan of both pages is with this mail.",
    "the scan was sent on {date}.",
)
AUTOPAY = _gap(
    "autopay",
    """
    turn off autopay, I want to pay by hand
    autopay took {part} although I stopped it
    how do I cancel autopay before {date}
    autopay charged me twice this month
    stop the autopay, my bank account changes
    cancelled autopay in {month}, still charged
    """,
    "{name}: autopay on, next charge on {date}.",
    "autopay is off as of today; the charge on {date} does not take place.",
    "autopay is a convenient way to pay.",
)
EXPIRED_OFFER = _gap(
    "expired_offer",
    """
    your settlement offer expired before I got it
    offer letter came after its deadline, please extend the settlement
    the settlement deadline was {date}, the envelope came later
    extend the offer, the mail was late
    settlement offer expired on {date}, letter dated after that
    may I still use the expired settlement offer
    """,
    "{name}: offer valid until {date}, posted after it.",
    "the offer is extended by {days} days.",
    "the offer has expired.",
)
SPLIT_PAYMENT = _gap(
    "split_payment",
    """
    you put my payment on the wrong account, I have two
    the {part} was meant for the older account, not split
    payment split over both accounts, I wanted one paid off
    book my payment to the account of {creditor} only
    why was the payment divided between two accounts
    my money went to the other account
    """,
    "{name}: two accounts; payment of {part} divided evenly.",
    "the payment is booked to the account you named, all of it.",
    "payments are allocated by our system.",
)
INTEREST = _gap(
    "interest",
    """
    how is the interest calculated?
    interest grew by {part} in a month, show me the rate
    break down the interest and the principal
    which interest rate do you use
    is interest charged on top of the interest?
    itemise the interest since {month} please
    """,
    "{name}: principal {amount}, no interest since {month}.",
    "the balance is principal only; no interest has been added since {month}.",
    "interest accrues as agreed with {creditor}.",
)
CALLBACK = _gap(
    "callback",
    """
    you promised a callback on {weekday}, nobody rang
    waiting for the callback since {date}
    no callback again, I stayed home for it
    callback at {hour} was agreed and missed
    third missed callback
    when will the callback be, I have work
    """,
    "{name}: callback agreed for {weekday}, {hour} o'clock; not made.",
    "we are sorry for the missed call and will call on {weekday} at {hour} o'clock.",
    "our lines are open on working days.",
)
JOINT = _gap(
    "joint_account",
    """
    take my ex off the joint account
    joint account: only I pay, why does my former partner get the mails
    divorced since {month}, the account is still joint
    split the joint account after our divorce
    the decree says the joint account is his
    is the joint account mine alone after the divorce
    """,
    "{name}: joint account; decree not on file.",
    "send us the decree, and we write to each of you about your own share only.",
    "a joint account remains joint.",
)
RETURNED_CHECK = _gap(
    "returned_check",
    """
    my check was returned, is there a fee?
    check bounced by mistake, please waive the returned check fee
    bank returned the check though there was money
    you charged {part} for a returned check
    returned check fee is unfair, the bank made the mistake
    second fee for one returned check
    """,
    "{name}: check of {date} returned by the bank in error.",
    "the fee is waived, since the bank returned the check in error.",
    "a fee applies to returned checks.",
)
PAYOFF = _gap(
    "payoff_quote",
    """
    payoff quote good through {date} please
    my lender needs a payoff quote by {weekday}
    what is the payoff amount if I pay on {date}
    the payoff quote has no good-through date
    title company asks for a payoff statement
    payoff figure for the closing on {date}
    """,
    "{name}: payoff {amount}, good through {date}.",
    "the payoff amount is {amount}, good through {date}.",
    "your balance is shown in the portal.",
)
MOVED = _gap(
    "moved",
    """
    we moved, letters still go to the old address
    new address since {month}, please change it
    the old tenant's mail, no: mine goes to the old address
    change my address, third request, we moved
    post office forwards your letters from the old address
    still the old address on the envelope
    """,
    "{name}: old address; change received in {month}.",
    "your new address is on file now.",
    "please inform us of changes in writing.",
)
PAID_ELSEWHERE = _gap(
    "paid_elsewhere",
    """
    I paid {creditor} directly, why do you still ask
    paid the original creditor on {date}, see attached
    {creditor} has my money already, directly
    the clinic took the payment directly, not you
    I settled directly with {creditor} in {month}
    directly paid to the creditor, please close
    """,
    "{creditor}: direct payment of {name} confirmed on {date}.",
    "{creditor} has confirmed your payment; the account is closed.",
    "the balance of {amount} remains due.",
)
INSURANCE = _gap(
    "insurance",
    """
    my insurance should have paid the hospital
    hospital bill was covered, ask the insurance
    insurance claim still open, wait with the bill
    the insurer says the hospital used a wrong code
    bill the insurance, not me
    insurance paid part of the hospital bill in {month}
    """,
    "{name}: insurance claim open since {month}.",
    "the account rests until the insurer has decided.",
    "patients are liable for what insurance does not cover.",
)
DEFERMENT = _gap(
    "deferment",
    """
    I am a student, my loan is in deferment
    deferment until graduation, why a bill now
    school sent the deferment form in {month}
    student loan deferment was approved
    still enrolled, deferment runs until {date}
    the deferment papers are with the school
    """,
    "{name}: deferment approved until {date}.",
    "the deferment until {date} is on file, nothing is due before.",
    "the loan is due.",
)
EMPLOYER = _gap(
    "employer",
    """
    you wrote to my employer, my boss opened it
    never contact my employer
    my boss knows about the debt because of you
    letter arrived at my workplace
    HR at my employer got your mail
    don't send mail to my workplace again
    """,
    "{name}: workplace address removed in {month}.",
    "we have removed the workplace address and are sorry for the letter.",
    "letters go to the address on file.",
)
COSIGNER = _gap(
    "cosigner",
    """
    release me as a co-signer
    I only co-signed for my nephew
    how does a co-signer get off the loan
    co-signer here, the borrower pays now
    as co-signer do I get copies
    co-signed in good faith, what do I owe
    """,
    "{name}: co-signer; the borrower has paid since {month}.",
    "you owe nothing while the borrower pays; the release form is with this mail.",
    "co-signers are liable in full.",
)
DEPLOYED = _gap(
    "deployed",
    """
    I am deployed overseas until {date}
    deployment orders attached, pause the account
    my husband is on active duty abroad
    active duty since {month}, what about the interest cap
    deployed with the navy, mail takes weeks
    on deployment, my sister reads my mail
    """,
    "{name}: active duty since {month}.",
    "the account is paused while you are on active duty.",
    "please call us during office hours.",
)
LARGE_PRINT = _gap(
    "large_print",
    """
    large print please, I can't see well
    the font is tiny, I have weak eyes
    my screen reader can't read your pdf
    letters in large print for my mother
    blind reader here, no picture files
    bigger font, I am visually impaired
    """,
    "{name}: large print requested.",
    "from now on your letters come in large print.",
    "please find the letter attached.",
)
ATTORNEY = _gap(
    "attorney",
    """
    I have an attorney, write to her
    my lawyer told you to stop writing to me
    all mail to my attorney from now on
    represented by counsel since {month}
    why do you write me, my attorney sent a notice
    attorney's letter of {date} ignored
    """,
    "{name}: represented by counsel since {month}.",
    "we write to your attorney only.",
    "we continue to correspond with account holders.",
)
TAX_FORM = _gap(
    "tax_form",
    """
    where is the tax form for the forgiven part
    need the 1099 for the settled amount
    tax form for {month} settlement missing
    my accountant asks for the form about the cancelled debt
    did you send a tax form to the old house
    wrong sum on the tax form, forgiven was {amount}
    """,
    "{name}: {amount} forgiven, form sent in January.",
    "a copy of the form over {amount} is with this mail.",
    "we give no tax advice.",
)
