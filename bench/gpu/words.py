"""Texts for the comparison: short ones, as long as the sentences of SST-2, and dialogues of some hundred words."""
import random


def vocabulary(n=6000, seed=0):
    """Made-up words of one to four syllables, the short ones first."""
    rng = random.Random(seed)
    starts, middles, ends = "b c d g h k l m n p r s t v w br cl dr fl gr pl st tr".split(), "a e i o u ai ea ou".split(), " n r s t l nd ng m".split(" ")
    words = {}  # a dict keeps their order
    while len(words) < n:
        syllables = 1 if len(words) < n // 8 else 2 + len(words) * 3 // n
        words["".join(rng.choice(starts) + rng.choice(middles) + rng.choice(ends) for _ in range(syllables))] = None
    return list(words)


def sentence(rng, words, n):
    """n words, of which the first ones of the list are the most frequent."""
    return " ".join(words[min(len(words) - 1, int(rng.paretovariate(0.7)) - 1)] for _ in range(n)) + "."


def short(n, seed=1):
    rng, words = random.Random(seed), vocabulary()
    return [sentence(rng, words, min(50, max(3, int(rng.gauss(19, 9))))) for _ in range(n)]


def dialogues(n, seed=2):
    rng, words = random.Random(seed), vocabulary()
    texts = []
    for _ in range(n):
        turns, left = [], rng.randint(80, 420)
        while left > 0:
            length = min(left, rng.randint(5, 60))
            left -= length
            turns.append(("Human: " if len(turns) % 2 == 0 else "Assistant: ") + sentence(rng, words, length))
        texts.append(" ".join(turns))
    return texts


def exact(n, tokens, tokenizer, seed=3):
    """Texts of exactly the given number of tokens or more, which are cut to it."""
    rng, words = random.Random(seed), vocabulary()
    texts = [sentence(rng, words, tokens) for _ in range(n)]
    assert all(len(ids) >= tokens for ids in tokenizer(texts)["input_ids"])
    return texts
