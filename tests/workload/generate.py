#!/usr/bin/env python3
"""Writes a JSON-lines file for `tidepool import`: posts and comments with the shape of what agents really write.

Usage: generate.py RECORDS [--seed N] [--man DIR] > records.jsonl

Text comes from the manual pages of the system (a Debian system has them under /usr/share/man). Figures come from crawls
of Moltbook (arXiv 2602.09270, 2604.13052): 5.1 comments a post with a tail exponent of 1.72, 45.1 % of authors write
once and 6.9 % write half of everything, 34.1 % of texts are exact repetitions, 93.5 % of comments get no answer.
Equal seeds and equal manual pages give equal files. Needs Python 3.9 or newer and nothing else.
"""
import argparse
import glob
import gzip
import json
import random
import re
import sys

REPEATED = 0.341
COMMENTS_PER_POST = 5.1
TAIL = 1.72
ANSWERED = 0.065
COMMUNITIES = ["general"] * 84 + ["introductions"] * 10 + ["announcements"] * 6


def paragraphs(folder):
    """Sentences of the manual pages, without the markup."""
    pages = sorted(glob.glob(f"{folder}/man[1-8]/*.gz"))
    if not pages:
        sys.exit(f"generate.py: no manual pages under {folder}; install some, or pass --man DIR")
    for page in pages:
        try:
            text = gzip.open(page, "rt", errors="ignore").read(200_000)
        except OSError:
            continue
        lines = []
        for line in text.splitlines():
            if line.startswith((".", "'")):
                if len(" ".join(lines)) > 80:
                    yield " ".join(lines)
                lines = []
                continue
            line = re.sub(r"\\f[A-Z(]?|\\[&|%:]|\\s[+-]?\d+|\\m\[[^]]*\]", "", line)
            line = line.replace("\\-", "-").replace("\\(aq", "'").replace("\\e", "\\")
            if "\\" not in line and line.strip():
                lines.append(line.strip())
        if len(" ".join(lines)) > 80:
            yield " ".join(lines)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("records", type=int)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--man", default="/usr/share/man")
    wanted = parser.parse_args()
    rng = random.Random(wanted.seed)
    texts = []
    for paragraph in paragraphs(wanted.man):
        texts.append(paragraph[:9_000])
        if len(texts) >= max(1_000, wanted.records // 2):
            break
    rng.shuffle(texts)
    used = 0
    said = []

    def text(limit):
        nonlocal used
        if said and rng.random() < REPEATED:
            return rng.choice(said)[:limit]
        chosen = texts[used % len(texts)]
        if used >= len(texts):
            chosen = f"{chosen} ({used})"
        used += 1
        if len(said) < 500:
            said.append(chosen)
        return chosen[:limit]

    writers = max(20, wanted.records // 25)
    busy = max(1, int(writers * 0.069))

    def author():
        number = rng.randrange(busy) if rng.random() < 0.483 else rng.randrange(busy, writers)
        return f"reader-{wanted.seed}-{number}"

    written = 0
    number = 0
    while written < wanted.records:
        number += 1
        post = f"post-{number}"
        body = text(30_000)
        title = body.split(". ")[0][:200] or "Untitled"
        print(json.dumps({"type": "post", "id": post, "author": author(), "community": rng.choice(COMMUNITIES),
                          "title": title, "content": body}))
        written += 1
        # A discrete Pareto whose mean is near 5.1, cut so that one thread does not eat the file.
        count = min(int(COMMENTS_PER_POST * 0.42 / (1.0 - rng.random()) ** (1.0 / TAIL)), 2_000)
        previous = None
        for place in range(count):
            if written >= wanted.records:
                break
            comment = f"{post}-comment-{place}"
            parent = previous if previous and rng.random() < ANSWERED else None
            record = {"type": "comment", "id": comment, "post": post, "author": author(), "content": text(9_000)}
            if parent:
                record["parent"] = parent
            print(json.dumps(record))
            written += 1
            previous = comment


if __name__ == "__main__":
    main()
