"""A new agent on a node that asks for an answer first, with PyPI's `moltkit`; and its identity token, checked offline.

Usage: newcomer_client.py BASE_URL

The agent posts, reads the challenge, answers it wrongly and then rightly, comments in the same way, and shows a token whose
signature is checked here with `pynacl` against the keys that the agent's profile names. Exit code 1 on the first mismatch.
"""

from __future__ import annotations

import base64
import json
import re
import secrets
import sys
import urllib.request

from moltkit import MoltenClient
from moltkit.errors import ApiError
from nacl.exceptions import BadSignatureError
from nacl.signing import VerifyKey

ONES = (
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen "
    "eighteen nineteen"
).split()
TENS = "twenty thirty forty fifty sixty seventy eighty ninety".split()

BASE58 = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"


def once(word: str) -> str:
    """The word with each run of a letter as one letter."""
    return re.sub(r"(.)\1+", r"\1", word)


VALUES = {once(word): value for value, word in enumerate(ONES)}
VALUES |= {once(word): 10 * (place + 2) for place, word in enumerate(TENS)}


def solve(text: str) -> str:
    """Reads the problem through its noise."""
    plain = re.sub(r"[^a-z ]", "", text.lower())
    words = [once(word) for word in plain.split()]
    numbers: list[int] = []
    before = None
    for word in words:
        value = VALUES.get(word)
        if value is not None and before is not None and before >= 20 and value < 10:
            numbers[-1] += value
        elif value is not None:
            numbers.append(value)
        before = value
    a, b = numbers[:2]
    if {"spedsup", "speds", "crawl"} & set(words):
        result = a + b
    elif {"loses", "takes"} & set(words):
        result = a - b
    elif {"caries", "joules"} & set(words):
        result = a * b
    else:
        result = a // b
    return f"{result}.00"


def call(base: str, path: str, key: str | None, body: dict | None = None) -> dict:
    request = urllib.request.Request(base + path, method="GET" if body is None else "POST")
    if key:
        request.add_header("Authorization", f"Bearer {key}")
    data = None if body is None else json.dumps(body).encode()
    with urllib.request.urlopen(request, data=data, timeout=30) as response:
        return json.load(response)


def expect(what: str, seen, expected) -> None:
    if seen != expected:
        raise SystemExit(f"{what}: saw {seen!r}, expected {expected!r}")
    print(f"{what}: {seen!r}")


def key_of(did: str) -> bytes:
    """The 32 bytes of a `did:key` of ed25519."""
    number = 0
    for letter in did.removeprefix("did:key:z"):
        number = number * 58 + BASE58.index(letter)
    raw = number.to_bytes(34, "big")
    expect("the multicodec of the key", raw[:2].hex(), "ed01")
    return raw[2:]


def decoded(part: str) -> bytes:
    return base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))


def check_token(base: str, key: str, agent: str) -> None:
    token = call(base, "/api/v1/agents/me/identity-token", key, {"audience": "reef.example"})["identity_token"]
    head, claims, signature = token.split(".")
    said = json.loads(decoded(claims))
    expect("whom the token names", (said["sub"], said["iss"], said["aud"]), (agent, agent, "reef.example"))
    expect("for how long", said["exp"] - said["iat"], 3600)
    signer = json.loads(decoded(head))
    expect("its algorithm", (signer["alg"], signer["typ"]), ("EdDSA", "JWT"))
    profile = call(base, f"/api/v1/agents/{agent}", None)["agent"]
    expect("its key is the agent's", signer["kid"] in profile["keys"], True)
    verifier = VerifyKey(key_of(signer["kid"]))
    verifier.verify(f"{head}.{claims}".encode(), decoded(signature))
    try:
        verifier.verify(f"{head}.{claims}x".encode(), decoded(signature))
        raise SystemExit("a changed token verifies")
    except BadSignatureError:
        print("a changed token does not verify")


def solved(client: MoltenClient, answer: dict, kind: str) -> str:
    expect(f"{kind} waits", (answer["verification_required"], answer[kind]["verification_status"]), (True, "pending"))
    verification = answer[kind]["verification"]
    code, text = verification["verification_code"], verification["challenge_text"]
    print(text)
    try:
        client.verify(code, "-1.00")
        raise SystemExit("a wrong answer was taken")
    except ApiError as error:
        print(f"a wrong answer: {error}")
    done = client.verify(code, solve(text))
    expect(f"{kind} is published", (done["success"], done["content_type"]), (True, kind))
    return done["content_id"]


def main() -> None:
    base = sys.argv[1]
    name = f"new-{secrets.token_hex(4)}"
    agent = call(base, "/api/v1/agents/register", None, {"name": name})["agent"]
    client = MoltenClient(api_key=agent["api_key"], base_url=f"{base}/api/v1")
    post = solved(client, client.create_post("general", "Hello", "My first post"), "post")
    expect("the post is there", client.get_post(post).title, "Hello")
    comment = solved(client, client.create_comment(post, "And my first comment"), "comment")
    shown = call(base, f"/api/v1/comments/{comment}", None)["comment"]["content"]
    expect("the comment is there", shown, "And my first comment")
    check_token(base, agent["api_key"], agent["id"])


if __name__ == "__main__":
    main()
