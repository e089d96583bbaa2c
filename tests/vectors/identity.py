"""Identities of agents and nodes: the state that a genesis makes, and what an operation makes of a state, computed from
the bytes by the words of docs/PROTOCOL.md. Raises Refused with the reason when an operation is not admissible.
"""

import re

from wire import (KINDS, SIGNATURE, HOME, Envelope, Refused, at_most, base32, canonical, encode, is_operation, message, optional,
                  sha256, shaped, signed)

DAY_MS = 24 * 60 * 60 * 1000
# Of the network; set when its genesis document was read.
WORK_BITS = {}

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


WARRANT = ("array", str, 8, [bytes], bytes, bytes)


def read_warrant(data, network):
    """What a warrant proves: the header of one of the two, the place, the ids. Raises Refused when it proves nothing."""
    value = canonical(data)
    if not shaped(value, WARRANT) or len(value[2]) > 1024:
        raise Refused("form")
    mark, of, operations, *pair = value
    if mark != "tidepool/warrant/1":
        raise Refused("mark")
    if of != network:
        raise Refused("network")
    states = {}
    for operation in map(Envelope, operations):
        header = operation.header
        if header["kind"] == KINDS["GENESIS"]:
            word = read(operation.body, AGENT_GENESIS)[2]
            if word[0] not in states:
                raise Refused("unknown operation")
            states[operation.id] = begin(operation, states[word[0]])[0]
        elif header["kind"] == KINDS["NODE_GENESIS"]:
            states[operation.id] = begin(operation, None)[0]
        elif header["auth"] not in states:
            raise Refused("unknown operation")
        else:
            states[operation.id] = extend(states[header["auth"]], operation)[0]
    first, second = map(Envelope, pair)
    for envelope in (first, second):
        header = envelope.header
        state = states.get(header["auth"])
        if state is None or state["author"] != header["author"]:
            raise Refused("unknown operation")
        group = header["kind"] >> 8 & 0x3F
        listed = header["key"] in state["rotation"] or any(
            key == header["key"] and (groups == 0xFFFF or groups >> group & 1) for key, groups, _ in state["signing"])
        if not listed or header["time_ms"] < state["time_ms"]:
            raise Refused("key")
    place = [[envelope.header[field] for field in ("author", "key", "scope", "epoch", "seq")]
             for envelope in (first, second)]
    logged = all(not is_operation(envelope.header["kind"]) and not envelope.header["kind"] & 0x8000
                 for envelope in (first, second))
    if place[0] != place[1] or not first.id < second.id or not logged:
        raise Refused("no fork")
    return first.header, first.header["seq"], [first.id, second.id]
