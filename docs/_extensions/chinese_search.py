"""The search of the site in Chinese, by pairs of characters.

Chinese has no spaces between its words, and Sphinx finds them only where jieba, a dictionary, is
installed. Here 反向传播 is indexed as 反向, 向传 and 传播, and looked for as these three.
"""

import re
from itertools import pairwise

from sphinx.application import Sphinx
from sphinx.search import SearchLanguage

RUN = re.compile("[\u3400-\u9fff]+|[A-Za-z0-9_]+")
"""Chinese without a break, or a word of Latin letters"""


class SearchPairs(SearchLanguage):
    """Pairs of Chinese characters, and words in Latin letters as they are."""

    lang = "zh"
    language_name = "Chinese"
    js_splitter_code = r"""
function splitQuery(query) {
  var runs = query.match(/[\u3400-\u9fff]+|[A-Za-z0-9_]+/g) || [];
  return runs.flatMap(function (run) {
    if (/^\w+$/.test(run) || run.length === 1) return [run];
    return Array.from(run.slice(1), function (second, i) { return run[i] + second; });
  });
}
"""

    def split(self, input: str) -> list[str]:  # noqa: A002 (Sphinx's name)
        """Return what a text is found by."""
        words: list[str] = []
        for run in RUN.findall(input):
            is_word = run.isascii() or len(run) == 1
            words += [run] if is_word else map("".join, pairwise(run))
        return words

    def stem(self, word: str) -> str:
        """Return the word as searches write it."""
        return word.lower()


def setup(app: Sphinx) -> dict[str, bool]:
    """Take the place of Sphinx's own."""
    app.add_search_language(SearchPairs)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
