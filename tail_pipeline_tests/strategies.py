"""Hypothesis strategies shared by tests: text as users, attackers and broken exports write it."""

from __future__ import annotations

import unicodedata

from hypothesis import strategies as st

HOSTILE_FRAGMENTS = (
    *(
        "@octocat",
        "@acme/team",
        "#12",
        "GH-12",
        "gh-7",
        "fixes #1",
        "acme/agent#5",
        "a@b.com",
        "http://x.y",
        "https://x.y",
    ),
    *(
        "www.x.com",
        "mailto:a@b.c",
        "![a](b)",
        "[a](b)",
        "[a][b]",
        "[b]: http://x.y",
        "[^1]",
        "<img src=x>",
        "<!--",
        "<b>",
    ),
    *(
        "&lt;",
        "&#64;octocat",
        "&amp;",
        "|",
        "| a | b |",
        "|---|",
        "`",
        "```",
        "````",
        "~~~",
        "# head",
        "- ",
        "1. ",
        "1) ",
    ),
    *("> quote", "***", "---", "===", "__a__", "*a*", "~~a~~", "$x$", "\\", "\\|", "\\@", ":smile:", "- [ ] "),
    *(
        ": ",
        " #",
        "#",
        "&anchor",
        "*alias",
        "!!python/none",
        "{",
        "}",
        "[",
        "]",
        ",",
        "%",
        "? ",
        "<<: ",
        "...",
        "null",
        "yes",
    ),
    *(
        "\n",
        "\n\n",
        "\r\n",
        "\r",
        "\t",
        " ",
        "    ",
        "'",
        '"',
        "\x00",
        "\x1b",
        "\x07",
        "\x85",
        "\xa0",
        "\u2028",
        "\u2029",
    ),
    *(
        "\u200b",
        "\u200d",
        "\u202e",
        "\u2066",
        "\u2069",
        "\u061c",
        "\ufeff",
        "\xad",
        "\U000e0041",
        "\ufffe",
        "\U0001f600",
    ),
    *(
        "@everyone",
        "https://github.com/acme/agent/issues/1",
        "<http://x.y>",
        "<a@b.co>",
        "<script>alert(1)</script>",
        "<!--",
        "-->",
        "<details>",
        "</details>",
        "</summary>",
        "</code></pre>",
        "<a href='javascript:x'>",
        "[a](javascript:x)",
        "[a](<http://x.y>)",
        "\n```mermaid\n",
        "\n```math\n",
        "%%{init: {}}%%",
        'click A href "http://x.y"',
        ":octocat:",
        ":+1:",
        "$`x`$",
        "$$",
        "\n---\n",
        "\n...\n",
        "\n    ",
        "\x1b[31m",
        "\x1b]8;;http://x.y\x07",
        "\u202ereversed\u202c",
    ),
    *("word", "two words", "id: tail-2026W17-002", "cases:", "naïve", "日本語", "§ 12"),
)

BIDI_CONTROLS = frozenset(
    character
    for character in map(chr, range(0x2070))
    if unicodedata.bidirectional(character) in {"LRE", "RLE", "LRO", "RLO", "PDF", "LRI", "RLI", "FSI", "PDI"}
) | frozenset("\u200e\u200f\u061c")
"""Characters that reorder the text around them; Unicode has no others."""

ZERO_WIDTH = frozenset("\u200b\u2060\ufeff\xad\u180e")
"""Characters that take no room and carry no meaning for a reader."""


_FENCES = st.builds(
    lambda sign, length, info: f"\n{sign * length}{info}\n",
    st.sampled_from("`~"),
    st.integers(3, 40),
    st.sampled_from(["", "text", "html"]),
)


def hostile_texts(max_fragments: int = 8) -> st.SearchStrategy[str]:
    """Text that tries to become Markdown, HTML, YAML or a reference, in any mixture."""
    piece = st.one_of(st.sampled_from(HOSTILE_FRAGMENTS), st.text(max_size=6), _FENCES)
    return st.lists(piece, max_size=max_fragments).map("".join)


def plain_sentences() -> st.SearchStrategy[str]:
    """Lower-case words with one blank between them."""
    return st.lists(st.text("abcdefghijklmnopqrstuvwxyz", min_size=1, max_size=8), min_size=1, max_size=8).map(" ".join)
