#!/usr/bin/env python3
"""Reads the golden vectors with libraries that are not ours: cbor2, pynacl and the standard library.

Everything is computed from the bytes by the words of docs/PROTOCOL.md and compared with what the files say: ids, text
forms, slots, hashes, work, set fingerprints, canonical form, every signature, every state of an identity; and what must
be refused is refused here too, for the same reason. Prints how many comparisons it made; exits 1 at the first that fails.

    python3 -m venv venv && venv/bin/pip install cbor2 pynacl && venv/bin/python tests/vectors/check.py
"""

import base64
import hashlib
import io
import json
import pathlib
import re
import sys

import cbor2
from nacl.exceptions import BadSignatureError
from nacl.signing import VerifyKey

HERE = pathlib.Path(__file__).resolve().parent
KINDS = {
    "GENESIS": 0x4100, "ROTATE": 0x4101, "REVOKE": 0x4102, "MOVE_HOME": 0x4103, "RESOLVE": 0x4104,
    "NODE_GENESIS": 0x4105, "NODE_ROTATE": 0x4106, "KEEP": 0x4107, "PROFILE": 0x0200, "CARD": 0x0201,
    "MAIL_KEY": 0x0202, "SUBSCRIBE": 0x0203, "FOLLOW": 0x0204, "CHECKPOINT": 0x0205, "POST": 0x0300,
    "COMMENT": 0x0301, "EDIT": 0x0302, "TOMBSTONE": 0x0303, "VOTE": 0x0304, "CHARTER": 0x0400,
    "SETTINGS": 0x0401, "PRESENCE": 0x8600,
}
FIELDS = ["version", "network", "author", "auth", "key", "scope", "epoch", "seq", "prev", "time_ms", "kind",
          "body_len", "body_hash"]
BODY_MAX, HEADER_MAX, ENVELOPE_MAX, BUNDLE_MAX, DEPTH_MAX = 48 * 1024, 640, 49 * 1024, 64 * 1024, 16
DAY_MS = 24 * 60 * 60 * 1000
WEEK_S = 7 * 24 * 60 * 60
WORK_BITS = {}

checks = 0


class Refused(Exception):
    """Bytes that are not what they should be; says why in the words of the vectors."""


def same(what, ours, theirs):
    """One comparison. The first that fails ends the run."""
    global checks
    checks += 1
    if ours != theirs:
        print(f"DISAGREE {what}\n  vector: {theirs!r}\n  here:   {ours!r}", file=sys.stderr)
        sys.exit(1)


def must_refuse(what, reason, run):
    """One negative vector."""
    try:
        run()
    except Refused as refusal:
        same(f"{what}: reason", str(refusal), reason)
    else:
        same(what, "accepted", f"refused: {reason}")


def load(name):
    return json.loads((HERE / name).read_text())


def sha256(data):
    return hashlib.sha256(data).digest()


# --- canonical CBOR -------------------------------------------------------------------------------------------------

def plain(value, depth=0):
    """Whether a value holds only what canonical form has a place for."""
    if isinstance(value, (list, tuple)):
        return depth < DEPTH_MAX and all(plain(entry, depth + 1) for entry in value)
    if isinstance(value, int) and not isinstance(value, bool):
        return -(2**64) <= value < 2**64
    return value is None or isinstance(value, (bool, bytes, str))


def canonical(data, reason="form"):
    """Reads one value, writes it again, and refuses what differs or is of another type."""
    stream = io.BytesIO(data)
    try:
        value = cbor2.load(stream)
        again = cbor2.dumps(value, canonical=True)
    except Exception as error:
        raise Refused(reason) from error
    if again != data or not plain(value):
        raise Refused(reason)
    return value


def encode(value):
    return cbor2.dumps(value, canonical=True)


def notation(value):
    """A value as it stands in the vectors' JSON."""
    if isinstance(value, bytes):
        return {"hex": value.hex()}
    if isinstance(value, (list, tuple)):
        return [notation(entry) for entry in value]
    return value


def shaped(value, shape):
    """Whether a value has a shape: `int` (unsigned), `(low, high)`, `str`, `bool`, a number of bytes, `[entry]` for a
    list of any length, a tuple of fields headed by "array", `("or null", shape)`, a function that decides."""
    if callable(shape) and not isinstance(shape, type):
        return shape(value)
    if shape is int:
        return isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 2**64
    if shape in (str, bool, bytes):
        return isinstance(value, shape)
    if isinstance(shape, int):
        return isinstance(value, bytes) and len(value) == shape
    if isinstance(shape, list):
        return isinstance(value, list) and all(shaped(entry, shape[0]) for entry in value)
    if shape[0] == "or null":
        return value is None or shaped(value, shape[1])
    if shape[0] == "array":
        fields = shape[1:]
        return isinstance(value, list) and len(value) == len(fields) and all(map(shaped, value, fields))
    low, high = shape
    return isinstance(value, int) and not isinstance(value, bool) and low <= value <= high


def optional(shape):
    return ("or null", shape)


# --- text forms -----------------------------------------------------------------------------------------------------

def base32(data):
    return base64.b32encode(data).decode().lower().rstrip("=")


def unbase32(text, length):
    if not re.fullmatch("[a-z2-7]*", text):
        raise Refused("text")
    try:
        data = base64.b32decode(text.upper() + "=" * (-len(text) % 8))
    except Exception as error:
        raise Refused("text") from error
    if len(data) != length or base32(data) != text:
        raise Refused("text")
    return data


BASE58 = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"


def base58(data):
    number, text = int.from_bytes(data, "big"), ""
    while number:
        number, digit = divmod(number, 58)
        text = BASE58[digit] + text
    return "1" * (len(data) - len(data.lstrip(b"\0"))) + text


def unbase58(text):
    number = 0
    for letter in text:
        if letter not in BASE58:
            raise Refused("text")
        number = number * 58 + BASE58.index(letter)
    zeros = len(text) - len(text.lstrip("1"))
    return bytes(zeros) + number.to_bytes((number.bit_length() + 7) // 8, "big")


def did_tide(data):
    return "did:tide:" + base32(data)


def did_key(data):
    return "did:key:z" + base58(b"\xed\x01" + data)


def cid(data):
    return "b" + base32(b"\x01\x71\x12\x20" + data)


def read_did_tide(text):
    if not text.startswith("did:tide:"):
        raise Refused("text")
    return unbase32(text[9:], 32)


def read_did_key(text):
    if not text.startswith("did:key:z"):
        raise Refused("text")
    data = unbase58(text[9:])
    if len(data) != 34 or data[:2] != b"\xed\x01":
        raise Refused("text")
    return data[2:]


def read_cid(text):
    if not text.startswith("b"):
        raise Refused("text")
    data = unbase32(text[1:], 36)
    if data[:4] != b"\x01\x71\x12\x20":
        raise Refused("text")
    return data[4:]


def slot_of(data):
    return int.from_bytes(sha256(data)[:2], "big") >> 6


def read_scope(text):
    """The letter of a scope and its slot."""
    letter, slash, rest = text.partition("/")
    if letter == "c" and slash:
        name, dot, fingerprint = rest.partition(".")
        if re.fullmatch("[a-z0-9-]{2,30}", name) and (not dot or re.fullmatch("[a-z2-7]{16}", fingerprint)):
            return letter, slot_of(name.encode())
    elif letter in ("a", "i", "m") and slash:
        return letter, slot_of(unbase32(rest, 32))
    elif letter == "s" and re.fullmatch("0|[1-9][0-9]{0,3}", rest) and int(rest) < 1024:
        return letter, int(rest)
    raise Refused("text")


def fingerprint(founder, name):
    return base32(sha256(founder + name.encode()))[:16]


# --- signatures and envelopes ---------------------------------------------------------------------------------------

def message(domain, data):
    return f"tidepool/{domain}/1".encode() + b"\0" + data


def signed(key, domain, data, signature):
    """libsodium, like verify_strict, refuses small-order keys, second encodings and S beyond the group's order."""
    try:
        VerifyKey(key).verify(message(domain, data), signature)
    except (BadSignatureError, ValueError):
        return False
    return True


def is_scope(value):
    try:
        return isinstance(value, str) and bool(read_scope(value))
    except Refused:
        return False


HEADER = ("array", (0, 255), 8, 32, 32, 32, is_scope, int, int, optional(32), int, (0, 0xFFFF), (0, 0xFFFFFFFF), 32)
SIGNATURE = 64
HOME = ("array", 32, 32, SIGNATURE)


class Envelope:
    """A decoded and verified envelope; raises Refused with the reason otherwise."""

    def __init__(self, data):
        if len(data) > ENVELOPE_MAX:
            raise Refused("form")
        outer = canonical(data)
        if not shaped(outer, ("array", bytes, SIGNATURE, optional(bytes))):
            raise Refused("form")
        self.header_bytes, self.signature, self.body = outer
        if len(self.header_bytes) > HEADER_MAX or (self.body is not None and len(self.body) > BODY_MAX):
            raise Refused("form")
        # The version is read before anything else of the header.
        if self.header_bytes[1:2] != b"\x01" and self.header_bytes[:1] == b"\x8d":
            raise Refused("version")
        header = canonical(self.header_bytes)
        if not shaped(header, HEADER):
            raise Refused("form")
        self.header = dict(zip(FIELDS, header))
        self.id = sha256(self.header_bytes)
        if not 1 <= self.header["body_len"] <= BODY_MAX:
            raise Refused("named body length")
        if self.body is not None:
            if len(self.body) != self.header["body_len"]:
                raise Refused("body length")
            if sha256(self.body) != self.header["body_hash"]:
                raise Refused("body hash")
            canonical(self.body, "body form")
        if not signed(self.header["key"], "envelope", self.header_bytes, self.signature):
            raise Refused("signature")

    def slot(self):
        kind = self.header["kind"]
        operation = is_operation(kind) and kind not in (KINDS["GENESIS"], KINDS["NODE_GENESIS"])
        return 1024 if operation else read_scope(self.header["scope"])[1]


def is_operation(kind):
    return kind >> 8 & 0x3F == 1 and not kind & 0x8000 and kind != KINDS["KEEP"]


def check_entry(entry):
    """What every vector of an envelope says of it."""
    name = entry["name"]
    envelope = Envelope(bytes.fromhex(entry["envelope"]))
    header = {field: value.hex() if isinstance(value, bytes) else value for field, value in envelope.header.items()}
    same(f"{name}: header", header, entry["header"])
    same(f"{name}: header bytes", encode(list(envelope.header.values())).hex(), entry["header_bytes"])
    same(f"{name}: network", header["network"], NETWORK.hex())
    same(f"{name}: id", envelope.id.hex(), entry["id"])
    same(f"{name}: CID", cid(envelope.id), entry["cid"])
    same(f"{name}: author", did_tide(envelope.header["author"]), entry["author_did"])
    same(f"{name}: key", did_key(envelope.header["key"]), entry["key_did"])
    same(f"{name}: signature", envelope.signature.hex(), entry["signature"])
    same(f"{name}: slot", envelope.slot(), entry["slot"])
    same(f"{name}: kind", entry["kind"], KINDS.get(entry["kind_name"], entry["kind"]))
    body = None if envelope.body is None else notation(canonical(envelope.body))
    same(f"{name}: body", body, entry["body"])
    week = envelope.header["time_ms"] // 1000 // WEEK_S
    if not is_operation(entry["kind"]):
        same(f"{name}: the epoch's week", envelope.header["epoch"] // 16, week)
        same(f"{name}: prev", envelope.header["prev"] is None, envelope.header["seq"] == 0)
    return envelope


# --- bodies ---------------------------------------------------------------------------------------------------------

def chars(low, high):
    def check(value):
        if not isinstance(value, str):
            return False
        if not low <= len(value) <= high:
            raise Refused("length")
        return True
    return check


def utf8(low, high, most_chars=None):
    def check(value):
        if not isinstance(value, str):
            return False
        if not low <= len(value.encode()) <= high or (most_chars and len(value) > most_chars):
            raise Refused("length")
        return True
    return check


def among(low, high):
    def check(value):
        if not isinstance(value, int) or isinstance(value, bool):
            return False
        if not low <= value <= high:
            raise Refused("value")
        return True
    return check


def in_order(shape, most, by=lambda entry: entry):
    def check(value):
        if not shaped(value, [shape]) or len(value) > most:
            return False
        keys = [by(entry) for entry in value]
        if any(left >= right for left, right in zip(keys, keys[1:])):
            raise Refused("value")
        return True
    return check


def community(value):
    if not is_scope(value):
        return False
    if not value.startswith("c/"):
        raise Refused("value")
    return True


def color(value):
    if not isinstance(value, str):
        return False
    if not re.fullmatch("#[0-9a-fA-F]{6}", value):
        raise Refused("length")
    return True


def at_most(shape, most):
    return lambda value: shaped(value, [shape]) and len(value) <= most


HEADS = in_order(("array", is_scope, 32, int, int, 32), 256)
POST_TEXT = utf8(0, 46 * 1024, 40_000)
SKILL = ("array", chars(1, 64), chars(0, 500), chars(0, 500), chars(0, 500))
BODIES = {
    "KEEP": ("array", HEADS),
    "PROFILE": ("array", optional(chars(0, 64)), optional(chars(0, 2000)), optional(utf8(0, 8192)),
                optional(at_most(32, 1))),
    "CARD": ("array", at_most(SKILL, 64), chars(0, 500), optional(utf8(0, 2048))),
    "MAIL_KEY": ("array", (0, 0xFFFFFFFF), 32),
    "SUBSCRIBE": ("array", community, bool),
    "FOLLOW": ("array", 32, bool),
    "CHECKPOINT": ("array", HEADS, optional(HOME)),
    "POST": ("array", 16, (0, 2), chars(1, 300), POST_TEXT, optional(utf8(0, 2048))),
    "COMMENT": ("array", 16, 32, 32, among(0, 64), chars(1, 10_000)),
    "EDIT": ("array", 16, 32, optional(chars(1, 300)), optional(POST_TEXT)),
    "TOMBSTONE": ("array", 32),
    "VOTE": ("array", 32, among(-1, 1)),
    "CHARTER": ("array", chars(1, 64), chars(0, 2000), bool),
    "SETTINGS": ("array", optional(chars(1, 64)), optional(chars(0, 2000)), optional(color), optional(color)),
    "PRESENCE": ("array", among(0, 600), in_order(("array", 32, (0, 2)), 1000, lambda entry: entry[0])),
}


def check_body(kind, body):
    names = [name for name, number in KINDS.items() if number == kind]
    if names and not shaped(canonical(body), BODIES[names[0]]):
        raise Refused("form")


# --- identities -----------------------------------------------------------------------------------------------------

KEY_USE = ("array", 32, (0, 0xFFFF), optional(int))
KEYS, PROOFS = at_most(32, 16), at_most(SIGNATURE, 32)
AGENT_CORE = ("array", at_most(KEY_USE, 16), KEYS, 32, str, 16)
NODE_CORE = ("array", KEYS, KEYS, 16)
AGENT_GENESIS = ("array", bytes, PROOFS, HOME, int)
NODE_GENESIS = ("array", bytes, PROOFS, int)
OPERATION = ("array", int, bytes, at_most(("array", 32, SIGNATURE), 16), int)
CHANGES = {
    "ROTATE": ("array", at_most(KEY_USE, 16), KEYS, PROOFS),
    "REVOKE": ("array", at_most(32, 32)),
    "MOVE_HOME": ("array", 32, HOME),
    "RESOLVE": ("array", 32),
    "NODE_ROTATE": ("array", KEYS, KEYS, PROOFS),
}


def read(data, shape):
    value = canonical(data)
    if not shaped(value, shape):
        raise Refused("form")
    return value


def bits(data):
    return 256 - int.from_bytes(sha256(data), "big").bit_length()


def work_message(header, operation, nonce):
    return message("work", encode([header["network"], header["author"], operation, nonce]))


def check_work(header, operation, nonce, is_node):
    seen = bits(work_message(header, operation, nonce))
    if seen < WORK_BITS["node" if is_node else "agent"]:
        raise Refused("work")
    return seen


def check_keys(state, proofs, network):
    keys = [entry[0] for entry in state["signing"]] + state["rotation"]
    counts = 1 <= len(state["signing"]) <= 16 and 1 <= len(state["rotation"]) <= 16
    if not counts or len(set(keys)) != len(keys) or (proofs is not None and len(proofs) != len(keys)):
        raise Refused("keys")
    for key, proof in zip(keys, proofs or []):
        if not signed(key, "possess", encode([network, state["author"], key]), proof):
            raise Refused("possession")


def check_place(header):
    if header["scope"] != "i/" + base32(header["author"]):
        raise Refused("header")
    if (header["epoch"], header["seq"], header["prev"]) != (0, 0, None):
        raise Refused("header")


def check_home(header, home, word, node):
    node_auth, key, signature = word
    listed = any(entry[0] == key for entry in node["signing"])
    if not (node["is_node"] and node["author"] == home and node["operation"] == node_auth and listed
            and signed(key, "home", encode([header["network"], header["author"]]), signature)):
        raise Refused("home")


def begin(envelope, home_state):
    """The state that a genesis makes, and its work."""
    header = envelope.header
    if envelope.body is None:
        raise Refused("no body")
    if header["auth"] != bytes(32):
        raise Refused("header")
    check_place(header)
    is_node = header["kind"] == KINDS["NODE_GENESIS"]
    body = read(envelope.body, NODE_GENESIS if is_node else AGENT_GENESIS)
    core = read(body[0], NODE_CORE if is_node else AGENT_CORE)
    if sha256(body[0]) != header["author"]:
        raise Refused("core")
    state = {
        "author": header["author"], "is_node": is_node, "operation": envelope.id, "chain_seq": 0,
        "genesis_ms": header["time_ms"], "time_ms": header["time_ms"],
        "signing": [[key, 0xFFFF, None] for key in core[0]] if is_node else core[0], "rotation": core[1],
        "home": None if is_node else core[2], "handle": "" if is_node else core[3], "ended_by": None,
    }
    if not is_node and not re.fullmatch("[A-Za-z0-9_-]{3,30}", core[3]):
        raise Refused("handle")
    work = check_work(header, None, body[-1], is_node)
    check_keys(state, None, None)
    if header["key"] not in state["rotation"]:
        raise Refused("signer")
    check_keys(state, body[1], header["network"])
    if not is_node:
        check_home(header, core[2], body[2], home_state)
    return state, work


def extend(before, envelope):
    """The state that an operation makes of the one before, its work, its rank and its change."""
    header = envelope.header
    if envelope.body is None:
        raise Refused("no body")
    check_place(header)
    if header["author"] != before["author"] or header["auth"] != before["operation"]:
        raise Refused("header")
    if not is_operation(header["kind"]) or header["kind"] in (KINDS["GENESIS"], KINDS["NODE_GENESIS"]):
        raise Refused("kind")
    if before["ended_by"] is not None:
        raise Refused("ended")
    if header["key"] not in before["rotation"]:
        raise Refused("signer")
    if header["time_ms"] < before["time_ms"]:
        raise Refused("time")
    chain_seq, change, cosigners, nonce = read(envelope.body, OPERATION)
    allowed = 16 + max(0, header["time_ms"] - before["genesis_ms"]) // DAY_MS
    if chain_seq != before["chain_seq"] + 1 or chain_seq > allowed:
        raise Refused("chain seq")
    content = sha256(encode([header["auth"], header["time_ms"], header["kind"], chain_seq, change, cosigners]))
    work = check_work(header, content, nonce, before["is_node"])
    cosigned = encode([header["network"], header["author"], header["auth"], chain_seq, header["kind"], change])
    seen = {header["key"]}
    for key, signature in cosigners:
        if key in seen or key not in before["rotation"] or not signed(key, "cosign", cosigned, signature):
            raise Refused("cosignature")
        seen.add(key)
    after = dict(before, operation=envelope.id, chain_seq=chain_seq, time_ms=header["time_ms"])
    apply(after, header, change)
    rank = {"majority": 2 * len(seen) > len(before["rotation"]), "priority": before["rotation"].index(header["key"])}
    return after, work, rank, change, cosigned


def apply(state, header, change):
    kind = next((name for name, number in CHANGES_BY_NUMBER if number == header["kind"]), None)
    if kind is None or kind == "RESOLVE":
        if kind:
            read(change, CHANGES[kind])
        if kind or header["kind"] & 0x4000:
            state.update(signing=[], rotation=[], ended_by=header["kind"])
        return
    value = read(change, CHANGES[kind])
    if kind in ("ROTATE", "MOVE_HOME") and state["is_node"] or kind == "NODE_ROTATE" and not state["is_node"]:
        raise Refused("kind")
    if kind in ("ROTATE", "NODE_ROTATE"):
        signing = value[0] if kind == "ROTATE" else [[key, 0xFFFF, None] for key in value[0]]
        state.update(signing=signing, rotation=value[1])
        check_keys(state, value[2], header["network"])
    elif kind == "MOVE_HOME":
        state["home"] = value[0]
    else:
        for key in value[0]:
            listed = len(state["signing"]) + len(state["rotation"])
            state["signing"] = [entry for entry in state["signing"] if entry[0] != key]
            state["rotation"] = [rotation for rotation in state["rotation"] if rotation != key]
            if len(state["signing"]) + len(state["rotation"]) == listed:
                raise Refused("not listed")
        if not state["rotation"]:
            raise Refused("keys")


CHANGES_BY_NUMBER = [(name, KINDS[name]) for name in CHANGES]


def shown(state):
    """A state as it stands in the vectors."""
    made = dict(state)
    for field in ("author", "operation"):
        made[field] = state[field].hex()
    made["home"] = state["home"] and state["home"].hex()
    made["rotation"] = [key.hex() for key in state["rotation"]]
    made["signing"] = [[key.hex(), groups, after] for key, groups, after in state["signing"]]
    return made


def state_of(vector):
    """A state read from the vectors."""
    state = dict(vector)
    for field in ("author", "operation"):
        state[field] = bytes.fromhex(vector[field])
    state["home"] = vector["home"] and bytes.fromhex(vector["home"])
    state["rotation"] = [bytes.fromhex(key) for key in vector["rotation"]]
    state["signing"] = [[bytes.fromhex(key), groups, after] for key, groups, after in vector["signing"]]
    return state


# --- the files ------------------------------------------------------------------------------------------------------

def networks():
    global NETWORK
    vectors = load("network.json")
    for number, network in enumerate(vectors["networks"]):
        data = bytes.fromhex(network["genesis"])
        value, file = canonical(data), network["file"]
        params = ["agent_work_bits", "node_work_bits", "log_burst", "log_per_hour", "shards", "generation"]
        document = [file["version"], file["name"], file["created_ms"], file["communities"],
                    [file[field] for field in params]]
        same(f"network {number}: document", encode(document), data)
        same(f"network {number}: value", notation(value), network["value"])
        same(f"network {number}: id", sha256(data)[:8].hex(), network["id"])
        for quota in network["quotas"]:
            seconds = quota["time_ms"] // 1000 % WEEK_S
            allowed = file["log_burst"] + file["log_per_hour"] * seconds // 3600
            same(f"network {number}: quota", allowed, quota["log_may_hold"])
        if number == 0:
            NETWORK = sha256(data)[:8]
            WORK_BITS.update(agent=file["agent_work_bits"], node=file["node_work_bits"])
    topics = vectors["topics"]
    same("topic of ctl", f"/tidepool/{NETWORK.hex()}/ctl", topics["ctl"])
    same("topic of a shard", f"/tidepool/{NETWORK.hex()}/g0/s/3", topics["generation 0, shard 3"])
    for slot, shards, shard in vectors["shards"]:
        same(f"shard of slot {slot} of {shards}", slot // (1024 // shards), shard)


def texts():
    vectors = load("texts.json")
    forms = {"did:tide": ("id", "did", did_tide, read_did_tide), "did:key": ("key", "did", did_key, read_did_key),
             "cid": ("id", "cid", cid, read_cid)}
    for form, (data, text, write, parse) in forms.items():
        for entry in vectors[form]:
            same(f"{form} of {entry[data]}", write(bytes.fromhex(entry[data])), entry[text])
            same(f"{form} {entry[text]}", parse(entry[text]).hex(), entry[data])
        for look_alike in vectors["refused"][form]:
            must_refuse(f"{form} {look_alike!r}", "text", lambda: parse(look_alike))
    for entry in vectors["scopes"]:
        same(f"slot of {entry['scope']}", read_scope(entry["scope"])[1], entry["slot"])
    for text in vectors["refused"]["scope"]:
        must_refuse(f"scope {text!r}", "text", lambda: read_scope(text))
    for entry in vectors["owned"]:
        same("fingerprint", fingerprint(bytes.fromhex(entry["founder"]), entry["name"]), entry["fingerprint"])


def sets():
    for number, entry in enumerate(load("sets.json")["sets"]):
        total = sum(int.from_bytes(bytes.fromhex(text), "little") for text in entry["ids"]) % 2**256
        data = total.to_bytes(32, "little") + len(entry["ids"]).to_bytes(8, "little")
        same(f"set {number}: sum and count", data.hex(), entry["sum_and_count"])
        same(f"set {number}: fingerprint", sha256(data)[:16].hex(), entry["fingerprint"])


def envelopes():
    home = state_of(load("identities.json")["geneses"][0]["state"])
    for entry in load("envelopes.json")["envelopes"]:
        envelope = check_entry(entry)
        if envelope.body is None:
            continue
        check_body(entry["kind"], envelope.body)
        if entry["kind"] == KINDS["CHECKPOINT"]:
            heads, word = canonical(envelope.body)
            header = envelope.header
            text = encode([header["network"], header["author"], header["time_ms"], heads])
            if word is not None:
                same("checkpoint: home's operation", word[0], home["operation"])
                same("checkpoint: countersignature", signed(word[1], "checkpoint", text, word[2]), True)
        if entry["kind"] in (KINDS["CHARTER"], KINDS["SETTINGS"]):
            name, _, mark = envelope.header["scope"][2:].partition(".")
            same(f"{entry['name']}: founder", fingerprint(envelope.header["author"], name), mark)
    vectors = load("refused_envelopes.json")
    Envelope(bytes.fromhex(vectors["good"]))
    for entry in vectors["refused"]:
        data = bytes.fromhex(entry["envelope"])
        must_refuse(f"envelope: {entry['name']}", entry["reason"], lambda: Envelope(data))
    for entry in load("refused_bodies.json")["refused"]:
        body = bytes.fromhex(entry["body"])
        must_refuse(f"body: {entry['name']}", entry["reason"], lambda: check_body(entry["kind"], body))


def read_bundle(frame):
    if len(frame) > BUNDLE_MAX:
        raise Refused("bundle")
    value = canonical(frame, "bundle")
    if not shaped(value, ("array", (1, 1), [bytes], [bytes])):
        raise Refused("bundle")
    items = value[1] + value[2]
    if not 1 <= len(items) <= 128 or any(len(item) > ENVELOPE_MAX for item in items):
        raise Refused("bundle")
    return value


def bundles():
    vectors = load("bundles.json")
    for number, entry in enumerate(vectors["bundles"]):
        frame = bytes.fromhex(entry["frame"])
        _, posts, operations = read_bundle(frame)
        same(f"bundle {number}: envelopes", [Envelope(data).id.hex() for data in posts], entry["envelopes"])
        same(f"bundle {number}: identities", [Envelope(data).id.hex() for data in operations], entry["identities"])
        same(f"bundle {number}: message id", sha256(entry["topic"].encode() + frame)[:20].hex(), entry["message_id"])
    for entry in vectors["refused"]:
        frame = bytes.fromhex(entry["frame"])
        must_refuse(f"bundle: {entry['name']}", "bundle", lambda: read_bundle(frame))


def identities():
    vectors = load("identities.json")
    for entry in vectors["geneses"]:
        name, envelope = entry["name"], check_entry(entry)
        home_state = state_of(entry["home_state"]) if "home_state" in entry else None
        state, work = begin(envelope, home_state)
        header = envelope.header
        same(f"{name}: state", shown(state), entry["state"])
        same(f"{name}: work", work, entry["work_bits"])
        core = canonical(envelope.body)[0]
        same(f"{name}: core", core.hex(), entry["core"])
        same(f"{name}: core's value", notation(canonical(core)), entry["core_value"])
        keys = [key for key, _, _ in state["signing"]] + state["rotation"]
        possession = [message("possess", encode([NETWORK, header["author"], key])).hex() for key in keys]
        same(f"{name}: bytes signed for possession", possession, entry["possession_signed_bytes"])
        if home_state:
            home = message("home", encode([NETWORK, header["author"]])).hex()
            same(f"{name}: bytes signed by the home", home, entry["home_signed_bytes"])
    for entry in vectors["operations"]:
        name, envelope = entry["name"], check_entry(entry)
        after, work, rank, change, cosigned = extend(state_of(entry["before"]), envelope)
        same(f"{name}: state", shown(after), entry["after"])
        same(f"{name}: work", work, entry["work_bits"])
        same(f"{name}: rank", rank, entry["rank"])
        same(f"{name}: change", notation(canonical(change)), entry["change"])
        same(f"{name}: cosigned bytes", message("cosign", cosigned).hex(), entry["cosigned_bytes"])
        if "home_state" in entry:
            home, word = canonical(change)
            check_home(envelope.header, home, word, state_of(entry["home_state"]))
    refused = load("refused_operations.json")
    for entry in refused["geneses"]:
        envelope = Envelope(bytes.fromhex(entry["envelope"]))
        home_state = state_of(entry["home_state"])
        must_refuse(f"genesis: {entry['name']}", entry["reason"], lambda: begin(envelope, home_state))
    for entry in refused["operations"]:
        envelope = Envelope(bytes.fromhex(entry["envelope"]))
        before = state_of(entry["before"])
        must_refuse(f"operation: {entry['name']}", entry["reason"], lambda: extend(before, envelope))


def main():
    for read_file in (networks, texts, sets, envelopes, bundles, identities):
        before = checks
        try:
            read_file()
        except Refused as refusal:
            print(f"DISAGREE {read_file.__name__}: a good vector is refused here: {refusal}", file=sys.stderr)
            raise
        print(f"{read_file.__name__}: {checks - before} comparisons agree")
    print(f"{checks} comparisons agree")


if __name__ == "__main__":
    main()
