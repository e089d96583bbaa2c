#!/usr/bin/env python3
"""Reads the golden vectors with libraries that are not ours: cbor2, pynacl and the standard library.

Everything is computed from the bytes by the words of docs/PROTOCOL.md and compared with what the files say: ids, text
forms, slots, hashes, work, set fingerprints, canonical form, every signature, every state of an identity; and what must
be refused is refused here too, for the same reason. Prints how many comparisons it made; exits 1 at the first that
fails.

    python3 -m venv venv && venv/bin/pip install cbor2 pynacl && venv/bin/python tests/vectors/check.py
"""

import json
import pathlib
import sys

from identity import WORK_BITS, begin, check_home, extend, read_warrant, shown, state_of
from wire import (ANSWERS, KINDS, REQUESTS, Envelope, Refused, canonical, check_body, cid, did_key, did_tide,
                  encode, fingerprint, is_operation, message, notation, read_bundle, read_cid, read_did_key, read_did_tide,
                  read_scope, read_sync, sha256, signed)

HERE = pathlib.Path(__file__).resolve().parent
WEEK_S = 7 * 24 * 60 * 60

checks = 0


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
    place = (envelope.header["epoch"], envelope.header["seq"], envelope.header["prev"])
    if is_operation(entry["kind"]) or entry["kind"] & 0x8000:
        same(f"{name}: no place in a log", place, (0, 0, None))
    else:
        same(f"{name}: the epoch's week", place[0] // 16, envelope.header["time_ms"] // 1000 // WEEK_S)
        same(f"{name}: prev", place[2] is None, place[1] == 0)
    return envelope


# --- the files ----------------------------------------------------------------------------------------------------

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


def sync():
    frames = load("sync.json")["frames"]
    for number, entry in enumerate(frames):
        value = read_sync(bytes.fromhex(entry["frame"]), REQUESTS if number < len(REQUESTS) else ANSWERS)
        same(f"sync message {entry['name']}", notation(value), entry["value"])
        must_refuse(f"sync message {entry['name']}, cut", "form",
                    lambda: read_sync(bytes.fromhex(entry["frame"])[:-1], {**ANSWERS, **REQUESTS}))


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


def warrants():
    vectors = load("warrants.json")
    for number, entry in enumerate(vectors["warrants"]):
        header, seq, ids = read_warrant(bytes.fromhex(entry["warrant"]), NETWORK)
        said = {"author": header["author"].hex(), "key": header["key"].hex(), "scope": header["scope"],
                "epoch": header["epoch"], "seq": seq, "ids": [each.hex() for each in ids]}
        same(f"warrant {number}", said, {field: entry[field] for field in said})
    for entry in vectors["refused"]:
        data = bytes.fromhex(entry["warrant"])
        must_refuse(f"warrant: {entry['name']}", entry["reason"], lambda: read_warrant(data, NETWORK))


def main():
    for read_file in (networks, texts, sets, envelopes, bundles, sync, identities, warrants):
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
