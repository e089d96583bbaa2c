"""What goes over the wire, read by the words of docs/PROTOCOL.md with cbor2, pynacl and the standard library: canonical
form, text forms, signatures, envelopes, bundles and the bodies of every kind. Raises Refused with the reason otherwise.
"""

import base64
import hashlib
import io
import re

import cbor2
from nacl.exceptions import BadSignatureError
from nacl.signing import VerifyKey

KINDS = {
    "GENESIS": 0x4100, "ROTATE": 0x4101, "REVOKE": 0x4102, "MOVE_HOME": 0x4103, "RESOLVE": 0x4104,
    "NODE_GENESIS": 0x4105, "NODE_ROTATE": 0x4106, "KEEP": 0x4107, "PROFILE": 0x0200, "CARD": 0x0201,
    "MAIL_KEY": 0x0202, "SUBSCRIBE": 0x0203, "FOLLOW": 0x0204, "CHECKPOINT": 0x0205, "POST": 0x0300,
    "COMMENT": 0x0301, "EDIT": 0x0302, "TOMBSTONE": 0x0303, "VOTE": 0x0304, "CHARTER": 0x0400,
    "SETTINGS": 0x0401, "GRANT": 0x0402, "WITHDRAW": 0x0403, "ACTION": 0x0404, "REPORT": 0x0405, "PRESENCE": 0x8600,
}
FIELDS = ["version", "network", "author", "auth", "key", "scope", "epoch", "seq", "prev", "time_ms", "kind",
          "body_len", "body_hash"]
BODY_MAX, HEADER_MAX, ENVELOPE_MAX, BUNDLE_MAX, DEPTH_MAX = 48 * 1024, 640, 49 * 1024, 64 * 1024, 16
DAY_MS = 24 * 60 * 60 * 1000
WEEK_S = 7 * 24 * 60 * 60


class Refused(Exception):
    """Bytes that are not what they should be; says why in the words of the vectors."""


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


def scope_order(text):
    """What scopes compare by: their sort, then name and fingerprint, id or slot."""
    letter, rest = text.split("/")
    if letter == "c":
        name, dot, mark = rest.partition(".")
        return (1, name, mark) if dot else (0, name)
    if letter == "s":
        return 5, int(rest)
    return " .aim".index(letter), unbase32(rest, 32)


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

# --- bundles --------------------------------------------------------------------------------------------------------

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


def action(value):
    least = 1 if isinstance(value, list) and len(value) > 1 and value[1] == 0 else 0
    return shaped(value, ("array", optional(32), (0, 5), 32, chars(least, 500)))


HEADS = in_order(("array", is_scope, 32, int, int, 32), 256, lambda head: (scope_order(head[0]), *head[1:]))
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
    "SETTINGS": ("array", optional(32), optional(chars(1, 64)), optional(chars(0, 2000)), optional(color), optional(color),
                 optional(at_most(32, 1)), optional(at_most(32, 1)), optional(at_most(chars(1, 500), 20))),
    "GRANT": ("array", 32, among(1, 31)),
    "WITHDRAW": ("array", 32, HEADS),
    "ACTION": action,
    "REPORT": ("array", 16, 32, chars(1, 1000)),
    "PRESENCE": ("array", among(0, 600), in_order(("array", 32, (0, 2)), 1000, lambda entry: entry[0])),
}


def check_body(kind, body):
    names = [name for name, number in KINDS.items() if number == kind]
    if names and not shaped(canonical(body), BODIES[names[0]]):
        raise Refused("form")

# --- anti-entropy ---------------------------------------------------------------------------------------------------

POINT = ("array", int, 32)
RANGE = ("array", POINT, optional(POINT))
CLASS, SLOT = (0, 1), (0, 1024)
HEAD = ("array", is_scope, 32, int, int, 32)
HORIZON = ("array", SLOT, SLOT, int)


def is_message(value):
    return isinstance(value, bytes) and len(value) <= 64 * 1024


REQUESTS = {
    0: [at_most(("array", SLOT, SLOT, CLASS, int), 256)],
    1: [SLOT, CLASS, RANGE, (0, 16)],
    2: [SLOT, CLASS, RANGE, (0, 4096)],
    3: [at_most(32, 4096)],
    4: [SLOT, CLASS, RANGE, (0, 0xFFFFFFFF)],
    5: [32, 32, is_scope, int, int, int],
    6: [at_most(32, 64)],
    7: [32],
    8: [32],
    9: [at_most(HORIZON, 128), int, (0, 0xFFFFFFFF)],
    10: [SLOT, CLASS, RANGE, is_message],
}
ANSWERS = {
    0: [at_most(("array", int, 16), 256), at_most(HORIZON, 128)],
    1: [at_most(("array", optional(POINT), int, 16), 16)],
    2: [at_most(POINT, 4096), optional(POINT)],
    3: [at_most(bytes, 4096), optional(POINT), at_most(32, 4096)],
    4: [at_most(HEAD, 256), bool],
    5: [optional(bytes)],
    6: [],
    7: [at_most(bytes, 4096), optional(int), ("array", int, 16)],
    8: [is_message],
}


def read_sync(frame, messages):
    value = canonical(frame)
    if not isinstance(value, list) or not value or value[0] not in messages:
        raise Refused("form")
    if not shaped(value, ("array", int, *messages[value[0]])):
        raise Refused("form")
    return value
