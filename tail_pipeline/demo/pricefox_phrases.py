"""What simulated shops ask the fictional pricing assistant "PriceFox", and what it answers.

All of it is invented: shops, brands, prices and rules. ``{brand}`` is a house brand that one shop alone has, so a text
in which it stands can be traced back to that shop. Amounts are worked out for each turn, in ``pricefox``.
"""

from __future__ import annotations

from tail_pipeline.demo.topics import Topic

FIRST_WORDS = tuple(
    "alder amber ashby birch bramble brook cedar chalk cobalt copper coral dale ember fallow fern flint gable grove "
    "harbour hazel heath ivory juniper kestrel lantern larch linden maple marsh meadow mill moss north oak orchard "
    "pebble quarry raven ridge rowan saffron slate sorrel spruce thistle tidal velvet willow winter wren".split()
)
"""How the shops' names begin."""

TRADES: dict[str, tuple[str, ...]] = {
    "bakery": ("sourdough loaf", "rye bread", "cinnamon bun", "birthday cake", "box of six tarts"),
    "bikes": ("city bike", "brake pads", "bike lock", "child trailer", "front light"),
    "books": ("field guide", "paperback", "boxed set", "notebook", "wall calendar"),
    "cheese": ("aged cheddar", "goat's cheese", "cheese board", "fondue set", "jar of chutney"),
    "coffee": ("house espresso", "filter blend", "hand grinder", "gift tin", "cold brew"),
    "crafts": ("merino yarn", "knitting needles", "felt sheets", "embroidery kit", "glue gun"),
    "florist": ("tulip bunch", "dried bouquet", "terracotta pot", "wedding arch", "potted fern"),
    "garden": ("hedge shears", "compost bag", "rose bush", "watering can", "patio heater"),
    "hardware": ("cordless drill", "box of screws", "step ladder", "paint roller", "tin of primer"),
    "kitchen": ("cast-iron pan", "knife block", "stand mixer", "set of bowls", "espresso pot"),
    "lighting": ("floor lamp", "pendant shade", "LED strip", "desk lamp", "outdoor lantern"),
    "music": ("ukulele", "guitar strings", "music stand", "metronome", "drum sticks"),
    "optics": ("reading glasses", "sports frames", "lens cleaner", "sunglasses", "binoculars"),
    "outdoor": ("two-person tent", "hiking socks", "head torch", "camping stove", "rain jacket"),
    "pets": ("puppy food", "cat tree", "bird seed", "dog lead", "aquarium filter"),
    "shoes": ("trail runners", "suede boots", "insoles", "children's sandals", "shoe tree"),
    "soaps": ("lavender soap", "bath salts", "shampoo bar", "gift basket", "hand cream"),
    "stationery": ("fountain pen", "pack of envelopes", "desk planner", "wrapping paper", "ink cartridges"),
    "toys": ("wooden train", "jigsaw", "board game", "stuffed fox", "marble run"),
    "wines": ("house red", "sparkling magnum", "tasting case", "corkscrew", "dessert wine"),
}
"""How they end, and what a shop of that kind sells."""

SYLLABLES = (
    "bel cor dra fen gil hul jor kel lum mor nev pol quil ras sil tam ul ves wyn zel".split(),
    "a e i o u ai ou".split(),
    "bran dell fax gorn lith mond nova rex stal tine vark wick".split(),
)
"""What house brands are put together from, one of each."""

RIVALS = ("the shop across the street", "the big chain", "the marketplace", "a discounter in town")
SEASONS = ("after Easter", "at the end of the season", "in the last week of the month", "before the stock-take")

ORDINARY: tuple[Topic, ...] = (
    Topic(
        "margin_price",
        (
            "what should the {item} cost if I want {margin} % margin?",
            "I buy the {item} at {cost}. Which price gives me a margin of {margin} %",
            "Set a price for the {item}, cost is {cost}, margin {margin}",
            "selling price for our {brand} {item} with {margin} percent margin",
            "how much do I charge for a {item} that costs me {cost}",
        ),
        ("{brand} price list: {item}, purchase {cost}, list {price}.",),
        ("At a purchase price of {cost} and a margin of {margin} %, the {item} sells at {price}.",),
        share=3,
    ),
    Topic(
        "rival",
        (
            "{rival} sells the {item} for {lower}, should we follow?",
            "Can we match {lower} for the {item} and still earn something?",
            "competitor check {item}: they are at {lower}",
            "is it worth undercutting {rival} on the {item}",
        ),
        ("{brand} price list: {item}, purchase {cost}, list {price}.",),
        ("At {lower} you would still earn on the {item}, which you buy at {cost}; matching is possible.",),
        share=2,
    ),
    Topic(
        "markdown",
        (
            "how do I mark down the {item} {season}?",
            "Plan a markdown in two steps for the {brand} range {season}",
            "the {item} has to be gone {season}, which reductions make sense",
            "clearance price for {item}?",
        ),
        ("{brand} stock: {item}, 41 pieces, 12 weeks on the shelf.",),
        ("Start with {a} % off, and go to {lower} for the {item} in the second week.",),
        share=2,
    ),
    Topic(
        "bundle",
        (
            "put the {item} and the {other} into a bundle, what price?",
            "bundle idea: {item} plus {other}",
            "What would a set of {item} and {other} have to cost",
        ),
        ("{brand} price list: {item}, list {price}; {other}, list {lower}.",),
        ("Offer both for 10 % less than their list prices together; the margin stays above {margin} %.",),
    ),
    Topic(
        "rounding",
        (
            "round all {brand} prices to .99 please",
            "Which of our prices do not end in 9?",
            "make the {item} end in .95 instead",
            "price endings: is .90 or .99 better for a {item}",
        ),
        (),
        ("Done: the {item} is now listed with the new ending, and the change can be undone under History.",),
    ),
    Topic(
        "supplier_increase",
        (
            "our supplier raises the {item} to {cost}. What do we do with the price?",
            "Purchase price of the {brand} range went up, pass it on?",
            "supplier wants more for {item}, new list price?",
        ),
        ("{brand} price list: {item}, purchase {cost}, list {price}.",),
        ("With the new purchase price of {cost}, {price} keeps your margin at {margin} %.",),
    ),
    Topic(
        "slow_sellers",
        (
            "which {brand} articles have not sold this month",
            "Slow sellers last four weeks?",
            "show me what is lying around in the shop",
        ),
        ("{brand} stock: {item}, 41 pieces, 12 weeks on the shelf.",),
        ("The {item} has been on the shelf for 12 weeks; 41 pieces are left.",),
    ),
    Topic(
        "delivery_threshold",
        (
            "from what basket value should delivery be free?",
            "free shipping over {price}, does that pay?",
            "Delivery costs us 4.90, where do we set the limit for free delivery",
        ),
        (),
        ("Set the limit a little above your usual basket; at {price} the margin of a typical basket pays for it.",),
    ),
    Topic(
        "labels",
        (
            "print shelf labels for the {brand} range",
            "new price tags for {item} and {other} pls",
            "how do I get the labels as a PDF",
        ),
        (),
        ("The labels are ready under Print, one page for each shelf.",),
    ),
    Topic(
        "who_changed",
        (
            "who changed the price of the {item} yesterday?",
            "undo the last change to {item}",
            "Price history of the {brand} {item}?",
        ),
        ("{brand} history: {item}, {lower} until yesterday, {price} from today, changed by the till.",),
        ("The till changed the {item} from {lower} to {price}; under History you can undo it.",),
    ),
    Topic(
        "thanks",
        ("thanks, that's it", "ok great", "good morning fox", "Perfect, thank you", "are you there?"),
        (),
        ("You're welcome. Ask whenever a price is in doubt.",),
        share=0.6,
    ),
)

STACKED = Topic(
    "stacked_discounts",
    (
        "{a} % coupon and then another {b} % loyalty discount on the {item}, final price?",
        "coupon of {a} % and {b} % loyalty discount together: final price of the {item}",
        "stacking a {a} % coupon and the {b} % loyalty discount, what is the final price?",
        "If I give the {a} % coupon and the loyalty discount of {b} % on top, which final price is it?",
        "Two discounts on one {brand} {item}, {a} % coupon and {b} % loyalty. Final price?",
    ),
    ("{brand} price list: {item}, purchase {cost}, list {price}. Discounts apply one after the other.",),
    ("The customer pays {stacked}: {a} % off {price}, and {b} % off what remains.",),
    ("Together that is {sum} % off, so the customer pays {added}.",),
    corrections=("One after the other, not added up: the loyalty discount is taken of what remains after the coupon.",),
)

UNIT_PRICE = Topic(
    "unit_price_of_multipacks",
    (
        "which unit price goes on the label of a multipack of {item}, 3 x 250 g?",
        "Unit price per 100 g for the multipack of {item} (3 x 250 g) at {price}?",
        "label for the {item} multipack 3 x 250 g: price per 100 g please",
        "what is the price per 100 g on a multipack, 3 x 250 g of {brand} {item}, {price}",
    ),
    ("Label guide 4.1: the unit price of a multipack is taken of its whole weight.",),
    ("{unit} per 100 g: {price} for 750 g in all.",),
    ("{wrong_unit} per 100 g, taken of one pack of 250 g.",),
    labels=("labelling",),
)

LOWEST_PRICE = Topic(
    "lowest_price_of_30_days",
    (
        "sale sign for the {item}: was {price}, now {lower}. Which old price may I print, the lowest of the last 30 days?",
        "Which 'was' price may stand on the {item} sign if it was cheaper within the last 30 days?",
        "we had the {item} at a lower price two weeks ago, can the sale sign still say was {price}?",
    ),
    ("Sale signs 2.3: the old price on a sign is the lowest of the 30 days before the reduction.",),
    ("Only the lowest price of the last 30 days before the reduction may stand there as the old price.",),
    ("Yes, print was {price}: it is the list price.",),
    labels=("regulatory",),
)

GIFT_VOUCHER = Topic(
    "voucher_tax",
    (
        "do we owe VAT when we sell a gift voucher or when it is redeemed?",
        "VAT on gift vouchers: at the sale of the voucher or when it is redeemed",
        "gift voucher sold today for {price}, redeemed later: when is the VAT due?",
    ),
    ("Tax note 7: for a voucher usable for goods of several rates, VAT is due when it is redeemed.",),
    ("When it is redeemed, as long as the voucher can be used for goods of several rates.",),
    ("VAT is due as soon as the voucher is sold.",),
)

BOTTLE_DEPOSIT = Topic(
    "bottle_deposit",
    (
        "is the bottle deposit part of the shelf price of the {item}?",
        "deposit of 25 cents on {brand} bottles: inside the shelf price or shown beside it",
        "Where does the bottle deposit go on the shelf label, inside the price or beside it?",
    ),
    ("Label guide 6.2: a deposit is shown beside the price, not inside it.",),
    ("Beside it: the shelf price stands without the deposit, and the deposit is named next to it.",),
    ("Add the deposit to the price and show one sum.",),
)

DOZENS = Topic(
    "dozens",
    (
        "wholesale price per gross of {item}, a gross is twelve dozen",
        "Price for one gross of {brand} {item}? Twelve dozen",
        "they order a gross of {item} (twelve dozen), what is the wholesale price",
    ),
    ("{brand} wholesale: {item}, {price} a dozen from one gross.",),
    ("Twelve times the price of a dozen, {price}, for one gross.",),
    ("Ten times {price} for one gross.",),
)

WEIGHED = Topic(
    "price_of_a_part",
    (
        "selling a third of the {item}: what do I charge for a third?",
        "what do I charge for half of the {item}",
        "Half a {item}: do I charge half, or more for half?",
        "cutting a {brand} {item} in half, what do I charge for half of it?",
    ),
    ("{brand} price list: {item}, list {price}. Parts are sold with a surcharge of 10 %.",),
    ("Parts carry a surcharge of 10 %: take the share of {price} and add a tenth.",),
    ("We only sell it whole, at {price}.",),
)

DAMAGED = Topic(
    "damaged_goods",
    (
        "the {item} has a scratch, which reduction for damaged goods?",
        "damaged goods: reduction for a scratch",
        "Reduction for a damaged {brand} {item}, only a scratch on the box?",
        "scratch on the box, what reduction do damaged goods get",
    ),
    ("House rules 3: a damaged box takes 10 % off, a scratch 25 %.",),
    ("10 % off for a damaged box, 25 % for a scratch.",),
    ("Damaged goods may not be sold at all.",),
)

FALSE_BOTTOM = Topic(
    "below_cost",
    (
        "sell the {item} below cost for one day as a loss leader?",
        "loss leader: below cost for one day only, good idea?",
        "Below cost for one day, is a loss leader allowed? {brand} {item}",
    ),
    ("House rules 5: below cost for one day and at most twice a year, with the manager's consent.",),
    ("For one day, at most twice a year, and with the manager's consent.",),
    ("Sure, as often as you like.",),
)

MEMBER_PRICE = Topic(
    "member_price",
    (
        "which price do members see online for the {item}?",
        "members online: which price do they see",
        "online member price of the {brand} {item}, what do members see?",
        "what should members see as their price online",
    ),
    ("{brand} price list: {item}, list {price}, members {lower}.",),
    ("Members see {lower}, everybody else {price}.",),
    ("Everybody sees {price}.",),
)

LOCAL = (WEIGHED, DAMAGED, FALSE_BOTTOM, MEMBER_PRICE)
"""Gaps that many shops meet, one on this day and another on that."""
