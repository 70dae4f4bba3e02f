"""What simulated shop owners ask of the fictional e-mail assistant of Monetizy.ai, and the mails it writes.

All of it is invented: shops, customers, products and prices.
"""

from __future__ import annotations

from tail_pipeline.demo.topics import Topic, lines, pastes

SLOTS: dict[str, tuple[str, ...]] = {
    "shop": (
        "Tallow & Reed", "Nine Lanterns", "Saltmarsh Coffee", "The Loom Room", "Birchbark Bikes", "Pip & Husk",
        "Cloudberry Yarns", "Kettle Lane", "Fen Street Books", "Ember Ceramics", "Ottoline Prints", "Wayfarer Tents",
    ),
    "contact": (
        "Maren", "Tobias", "Ifeoma", "Priya", "Callum", "Yusra", "Dmitri", "Rosalind", "Kenji", "Beatriz", "Anouk",
        "Emeka", "Saoirse", "Lotte", "Hamza", "Ingrid", "Teo", "Marguerite", "Sunniva", "Osman", "Delphine", "Arlo",
    ),
    "client": (
        "Brindle Dairy", "Hollis & Daughters", "Copperfield Gym", "Marlow Dental", "Northgate Choir", "Pear Tree Nursery",
        "Stonecrop Gardens", "Lantern Theatre", "Quarry Hill School", "Silverfin Swim Club", "Tansy Hair", "Walnut Tax",
    ),
    "product": (
        "starter kit", "annual plan", "gift box", "sample pack", "team licence", "autumn catalogue", "espresso grinder",
        "online course", "repair set", "membership", "wool bundle", "tasting evening", "touring saddle", "print run",
    ),
    "percent": ("5", "8", "10", "12", "15", "20", "25"),
    "price": ("19", "29", "45", "79", "120", "249", "380"),
    "day": ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday"),
    "date": ("3 May", "9 May", "14 May", "22 May", "1 June", "15 June", "30 June"),
    "hour": ("8", "9", "10", "2", "4"),
    "city": ("Toronto", "Lisbon", "Auckland", "Warsaw", "Denver", "Singapore"),
    "language": ("German", "French", "Dutch", "Spanish", "Polish"),
    "sent": ("12", "23", "31", "38", "44"),
    "list": ("60", "85", "140", "310", "520"),
}  # fmt: skip
"""Values a template may ask for; one choice per turn, so that request, notes and mail agree."""

ASIDES = lines("""
    Keep it under 120 words.
    Sign it from the {shop} team.
    Two short paragraphs at most.
    No emojis this time.
    She knows us from the fair in spring.
    He bought the {product} last year.
    Mention that we are closed on {date}.
    I'd like it to go out on {day}.
    We spoke briefly on the phone on {day}.
    They have about {list} people on staff.
    Don't mention the price yet.
    Please put the link at the end.
    Our house style is plain, nothing salesy.
    It's for their branch in {city}.
    Use their first name.
    They were a bit short with us last time.
    I'm in a meeting until {hour}, just save it as a draft.
    Same layout as the last one.
    They pay by invoice.
    This one matters, they're a big account.
""")

AT_A_LOSS = (
    "Subject: Checking in\n\nHi {contact},\n\nI wanted to reach out and see whether there is anything we can do.",
    "Subject: {shop}\n\nHello,\n\nplease find the information below. Let us know if you have any questions.",
)


WAY_OUT = "Unsubscribe: one click, any time."


def mail(subject: str, body: str) -> str:
    """A mail as the assistant shows it: subject, greeting, body, signature and the way out."""
    return f"Subject: {subject}\n\nHi {{contact}},\n\n{body}\n\nBest wishes,\n{{shop}}\n\n{WAY_OUT}"


ORDINARY: tuple[Topic, ...] = (
    Topic(
        "follow_up",
        lines("""
        write a follow-up to {contact} at {client}, no answer since {date}
        {contact} from {client} hasn't replied about the {product}, nudge them politely
        Second follow-up for {client} please, short and friendly
        chase {contact} once more about the {product}
        follow up with {client}: did they get the offer from {date}?
        Gentle reminder to {contact} that our offer is still open
        they opened the mail three times but never answered, write {contact} a follow-up
        """),
        ("{client}: offer for the {product} sent on {date}, no answer yet.",),
        (
            mail(
                "The {product} for {client}",
                "did our offer of {date} reach you? I am glad to answer any question about it.",
            ),
        ),
        share=3.0,
    ),
    Topic(
        "introduction",
        lines("""
        introduce us to {client}, they might like the {product}
        cold email to {contact} at {client} about our {product}
        First mail to {client}: who we are and why the {product} fits them
        write an opener for {contact}, found them on the trade fair list
        new lead {client}, intro mail please
        short introduction of {shop} for {contact}, one question at the end
        reach out to {client} for the first time
        """),
        ("{client}: new lead, no earlier mail.",),
        (
            mail(
                "{shop} and {client}",
                "we have not met yet: we make the {product}. Would ten minutes on {day} suit you?",
            ),
        ),
        share=2.6,
    ),
    Topic(
        "discount",
        lines("""
        announce {percent}% off the {product} until {date}
        mail our list that the {product} is {percent} percent off this week
        spring sale announcement, {percent}% on everything, ends {date}
        offer {contact} a {percent}% loyalty discount on the {product}
        write a promo mail: {product}, code SPRING, {percent}% off
        Flash sale on {day}, {product} {percent}% cheaper
        """),
        ("Offer approved: {percent} % off the {product} until {date}.",),
        (
            mail(
                "{percent}% off the {product}", "until {date} you save {percent}% on the {product}. The link is below."
            ),
        ),
        share=2.2,
    ),
    Topic(
        "cart",
        lines("""
        abandoned cart mail for {contact}, they left the {product} behind
        {contact} had the {product} in the basket and didn't check out
        remind everyone with a full cart from {day}
        cart reminder, friendly, no discount
        win back the basket of {contact}: {product}
        somebody at {client} got as far as checkout, write them
        """),
        ("Basket of {contact}: {product}, left on {day}.",),
        (
            mail(
                "Still in your basket",
                "the {product} is still waiting in your basket. It is kept for you until {date}.",
            ),
        ),
        share=1.8,
    ),
    Topic(
        "invoice",
        lines("""
        send {client} their invoice for the {product}
        invoice reminder to {client}, due {date}, polite
        {contact} hasn't paid the {product} yet, first reminder
        payment reminder, second notice, {client}
        mail with the invoice attached for {contact}
        overdue since {date}: write {client} and ask when they'll pay
        """),
        ("{client}: invoice for the {product}, due {date}.",),
        (
            mail(
                "Your invoice for the {product}",
                "your invoice was due on {date}. Could you tell us when to expect payment?",
            ),
        ),
        share=1.7,
    ),
    Topic(
        "newsletter",
        lines("""
        draft the monthly newsletter: {product}, opening hours, one customer story
        newsletter for {date}, lead with the {product}
        write this month's newsletter, three short items
        can you turn my bullet points into a newsletter
        subject and intro for the newsletter please
        newsletter item about our stall in {city}
        """),
        ("Newsletter of {date}: {product}; opening hours; a customer's story.",),
        (mail("News from {shop}", "this month: the {product}, our opening hours, and a visit to {city}."),),
        share=1.6,
    ),
    Topic(
        "meeting",
        lines("""
        ask {contact} for a call on {day} at {hour}
        propose two times next week to {client}
        move my call with {contact} to {day}
        confirm the meeting with {client} on {date}
        can you set up a demo of the {product} with {contact}
        thank {contact} for the call and sum up what we agreed
        """),
        ("Calendar: free on {day} from {hour} o'clock.",),
        (mail("A call on {day}?", "would {day} at {hour} o'clock suit you for a short call?"),),
        share=1.6,
    ),
    Topic(
        "review",
        lines("""
        ask {contact} for a review of the {product}
        review request two weeks after delivery
        could you write to happy customers and ask for a rating
        {contact} liked the {product}, ask whether we may quote them
        testimonial request for {client}
        """),
        ("{contact} received the {product} on {date}.",),
        (
            mail(
                "How is the {product}?",
                "you have had the {product} since {date}. Would you write a line or two about it?",
            ),
        ),
        share=1.1,
    ),
    Topic(
        "delivery",
        lines("""
        tell {contact} the {product} ships on {day}
        shipping delay notice, new date {date}
        apologise to {client} for the late {product}
        the {product} is out of stock until {date}, let {contact} know
        delivery confirmation for {client}
        parcel went to the wrong address in {city}, write {contact}
        """),
        ("Order of {contact}: {product}, leaves the warehouse on {date}.",),
        (mail("Your {product}", "your {product} leaves us on {date}. We are sorry for the wait."),),
        share=1.5,
    ),
    Topic(
        "renewal",
        lines("""
        the {product} of {client} renews on {date}, remind them
        renewal reminder for {contact}, price stays the same
        write to everyone whose membership ends in June
        {client} wants to cancel, ask why and offer a pause
        upgrade offer: from monthly to the annual plan
        """),
        ("{client}: renews on {date}.",),
        (
            mail(
                "Your renewal on {date}",
                "your {product} renews on {date} at the same price. Nothing to do if that is fine.",
            ),
        ),
        share=1.3,
    ),
    Topic(
        "event",
        lines("""
        invite our regulars to the tasting evening on {date}
        invitation for {client}: open workshop on {day}
        webinar invite, {date} at {hour}, {city} time doesn't matter, local only
        save the date mail for {date}
        last seats for the workshop, remind who hasn't answered
        """),
        ("Event on {date}, {hour} o'clock; {list} invited.",),
        (mail("You are invited: {date}", "come and see us on {date} at {hour} o'clock. Reply to keep a seat."),),
        share=1.1,
    ),
    Topic(
        "shorten",
        lines("""
        make this mail shorter
        cut the last draft to half
        too long, three sentences please
        can you trim the mail to {client} a bit
        shorter subject line please
        """),
        (),
        (mail("The {product}", "in short: the {product} costs {price} and is ready on {day}. Shall we go ahead?"),),
        share=1.1,
    ),
    Topic(
        "subject_lines",
        lines("""
        subject line ideas for the {product} mail
        better subject for the mail to {client}
        something less dull than "News from {shop}" as a subject
        does the subject sound like spam?
        rewrite the subject so that {contact} opens it
        """),
        (),
        (f"A calmer subject, nine words shorter.\n\nSubject: Ready when you are: the {{product}}\n\n{WAY_OUT}",),
        share=0.9,
    ),
    Topic(
        "segments",
        lines("""
        send it only to customers from {city}
        who on my list bought the {product}?
        leave out everybody who bought since {date}
        split the list: regulars and new ones
        how many people would get this mail
        """),
        ("List: {list} contacts, {sent} of them in {city}.",),
        (f"The draft goes to {{sent}} of {{list}} contacts only.\n\nSubject: For {{city}}\n\n{WAY_OUT}",),
        share=1.0,
    ),
    Topic(
        "statistics",
        lines("""
        how did the {product} mail do?
        open rate of the last newsletter
        which subject line won last week
        did {contact} open my mail from {day}
        clicks on the {product} link since {date}
        """),
        ("Mail of {date}: {list} sent, {sent} opened.",),
        ("{sent} of {list} people opened it.\n\nSubject: as sent on {date}\n\nNo mail was sent now.",),
        share=0.9,
    ),
    Topic(
        "thanks",
        lines("""
        thank you mail to {contact} for the order
        welcome {client} as a new customer
        birthday greeting for {contact}
        say thanks to everyone who came on {date}
        onboarding mail after buying the {product}
        """),
        ("{contact}: first order, {product}, on {date}.",),
        (mail("Thank you", "thank you for choosing the {product}. If anything is unclear, reply to this mail."),),
        share=1.0,
    ),
    Topic(
        "account",
        lines("""
        how do I connect my shop?
        change the sender address to hello@
        where can I edit the signature
        add a colleague to my account
        which plan am I on?
        import contacts from a spreadsheet
        """),
        (),
        ("You find it under Settings, Sender.\n\nSubject: (none)\n\nNo mail was sent.",),
        share=0.9,
    ),
)

DROPPED_SESSION = Topic(
    "dropped_session",
    lines("""
    my session dropped while the mails to {client} were going out, retry the rest
    session dropped after {sent} of {list} mails, please retry the ones that didn't go
    got logged out halfway through sending, can you retry from where the session dropped?
    the session dropped in the middle of the send, try the rest again
    Connection lost and the session with it. Retry the mails that are still missing
    retry please, session dropped again at mail {sent}
    session timed out while you were sending to {list} people, resume and send the rest
    we dropped out of the session, please resume the send, {sent} went out already
    my browser crashed, session gone. Retry sending to whoever hasn't got it yet
    it says session dropped. Retry, but not to those who already have it!
    the wifi dropped and so did the session, pick the send up again at number {sent}
    retry the send to {client}, the session dropped before it had finished
    the session dropped twice now, retry only what failed
    session expired mid-send, can you retry the remaining mails
    """),
    ("Send of {date}: session dropped after {sent} of {list} mails. {list} on the list, {sent} delivered.",),
    (f"Resumed after mail {{sent}} of {{list}}: only the rest was sent.\n\nSubject: as before\n\n{WAY_OUT}",),
    (
        "Done, the mail was sent to all {list} contacts.\n\nSubject: as before\n\nAll {list} people on the list got it just now.",
        "I do not see a send under way. Let us begin anew.\n\nSubject: {shop}\n\nWe have not met yet: we make the {product}.",
        "Sending again from the first contact: {list} of {list} sent.\n\nSubject: as before",
    ),
    (f"Resumed: only the mails that were missing have been sent, none twice.\n\nSubject: as before\n\n{WAY_OUT}",),
)

OPTED_OUT = Topic(
    "opted_out",
    lines("""
    {contact} opted out in spring, why did they get the {product} mail again?
    somebody who had opted out got our mail on {day}, take everyone who opted out off the list
    two people who opted out complained that they still get mails
    check that nobody who opted out gets the mail to the {city} list
    """),
    ("{contact}: opted out on {date}. The list was imported anew on {day}.",),
    ("Everybody who opted out is off the list, {contact} too.\n\nSubject: (none)\n\nNo mail was sent.",),
    ("They may have subscribed again. The mail goes to all {list} contacts.\n\nSubject: The {product}",),
    labels=("regulatory",),
)

CURRENCY = Topic(
    "currency",
    lines("""
    {client} pays in euros, why does the mail say dollars?
    wrong currency again, they are in {city} and want euros
    the price is in dollars but {contact} is charged in pounds
    put the price in the customer's currency, not in dollars
    {price} dollars? it's {price} euros. Fix the currency in the offer
    currency of the {product} in the mail is wrong, should be euros
    show euros to European customers instead of dollars
    the currency doesn't match the invoice: invoice in euros, mail in dollars
    """),
    ("{client}: billed in EUR. {product}: EUR {price}.",),
    (mail("The {product}: EUR {price}", "the {product} costs EUR {price}, in the currency of your invoices."),),
    (mail("The {product}: ${price}", "the {product} costs just ${price}."),),
    (
        mail(
            "The price in euros",
            "here is the price in euros, the currency of your invoices. Please excuse our mistake.",
        ),
    ),
)

LANGUAGE = Topic(
    "language",
    lines("""
    {contact} wrote in {language}, answer in {language} too
    reply in {language} please, not in English
    the answer should be in {language}, that's what {contact} writes
    write it in {language}, their English isn't good
    why is this in English? {client} writes {language} to us
    could the mail to {client} be in {language} like theirs
    """),
    ("{client}: language of correspondence {language}.",),
    (f"Here it is in {{language}}.\n\nSubject: ({{language}}) The {{product}}\n\n{WAY_OUT}",),
    (mail("The {product}", "thank you for your mail. We reply in English to serve you best."),),
)

OUT_OF_OFFICE = Topic(
    "out_of_office",
    lines("""
    {contact} is out of office until {date}, send it when they're back
    got an out-of-office from {client}, hold the mail until {date}
    out of office reply: back {date}. Wait with the follow-up until then
    hold the follow-up, {contact} is on leave until {date}
    {contact} is away, the out-of-office says {date}. Send it the day after
    they are out of office, don't write before {date}
    """),
    ("Automatic reply of {contact}: out of office until {date}.",),
    (
        f"Held: {{contact}} is away until {{date}}, so it goes out the day after.\n\nSubject: The {{product}}\n\n{WAY_OUT}",
    ),
    ("Sent just now.\n\nSubject: The {product}\n\nHi {contact}, did you have time to look at our offer?",),
)

PUSHY = Topic(
    "pushy",
    lines("""
    that sounds pushy, tone it down
    way too pushy for {client}, calmer please
    the last paragraph is pushy. Less pressure
    reads like a hard sell, make it less pushy
    don't be so pushy, {contact} is an old customer
    less pressure, more patience. This is pushy
    it's too salesy and pushy, we're not like that
    can you take the pressure out? It sounds pushy
    a bit less pushy please, no deadline threats
    I find this pushy. Would you like to get such a mail?
    """),
    ("{client}: customer for six years.",),
    (mail("Whenever it suits you", "no hurry at all: the {product} will still be here when you have time to look."),),
    (mail("LAST CHANCE, {contact}!", "act now! Only hours left for the {product}. You would regret to miss it!"),),
)

TWO_RECIPIENTS = Topic(
    "two_recipients",
    lines("""
    you mixed up two recipients, the mail to {contact} has the name of somebody else
    wrong name in the greeting, that's another recipient's
    {client} got the mail meant for another company, recipients swapped
    names of two recipients swapped, please correct and resend
    the greeting says a different name than the recipient's
    """),
    ("Recipient: {contact}, {client}.",),
    (
        mail(
            "A correction",
            "our last mail had somebody else's name in it; it was meant for you at {client}. Our apologies.",
        ),
    ),
    ("Subject: The {product}\n\nHi [name],\n\nhere is the offer again.",),
)

ATTACHMENT = Topic(
    "attachment",
    lines("""
    the mail says "attached" but there is no attachment
    attach the {product} price list, it was missing
    {contact} says the attachment is missing, send it again with the file
    where is the attachment? you promised the catalogue
    no file attached again, please resend with the attachment
    """),
    ("Files: price list of the {product}, catalogue.",),
    (mail("With the attachment this time", "here is the price list that was missing. Sorry for the second mail."),),
    (mail("As attached", "please find attached what you asked for."),),
)

TIME_ZONE = Topic(
    "time_zone",
    lines("""
    send it at {hour} in their time zone, not in mine
    {contact} got it at 3 at night, use the {city} time zone
    schedule for {hour} o'clock {city} time
    time zone is wrong, {client} is in {city}
    morning there, not here: mind the time zone of {city}
    """),
    ("{client}: {city}, local time.",),
    (f"Scheduled for {{hour}} o'clock in {{city}}.\n\nSubject: The {{product}}\n\n{WAY_OUT}",),
    ("Scheduled for {hour} o'clock.\n\nSubject: The {product}\n\nTimes are those of your account.",),
)

BOUNCED = Topic(
    "bounced",
    lines("""
    the mail to {contact} bounced, do you have another address?
    bounced again, try their general address
    {client} bounces since {date}, take the address off
    three bounces from {client}, stop mailing that address
    """),
    ("{contact}: two hard bounces since {date}.",),
    ("The address is off the list after two hard bounces.\n\nSubject: (none)\n\nNo mail was sent.",),
    ("Sent once more to the same address.\n\nSubject: The {product}",),
)

SUBJECT_TEST = Topic(
    "subject_test",
    pastes("""
    A/B test please:
    A: {product} is here
    B: {percent}% off, only until {day}
    half of the list each, winner to the rest
    -----
    split test two subjects on 20 % of the list, then send the winner to the rest: "{product} is here" or "Hello {city}"
    -----
    test subject A against subject B on a fifth of the list and send the better one to the remaining people
    -----
    run an A/B test of the two subjects, winner goes to the rest after {hour} hours
    """),
    ("List: {list} contacts.",),
    (f"A and B go to a tenth of the list each, the better one to the rest.\n\nSubject: A, B\n\n{WAY_OUT}",),
    ("Subject: A\n\nSubject A was sent to all {list} contacts.",),
    pasted=True,
)

MISTYPED = Topic(
    "mistyped",
    lines("""
    asdfgh
    snd it nwo plz
    emial to hte guy
    hm, that one again
    newsltr tmrw??
    the thing from before
    """),
    (),
    (),
    ("Subject: (none)\n\nCould you tell me more about what to write?",),
    pasted=True,
)
