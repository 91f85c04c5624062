#!/usr/bin/env python3
"""Verifies an exported audit trail with nothing of Endcap's: Python 3.8 and its standard library alone.

    verify_audit.py TRAIL.jsonl [--checkpoint FILE]... [--public-key KEY]... [--witness KEY]...

Prints `whole RECORDS` (exit 0) or `bad RECORD reason` (exit 1; RECORD is 0 when the fault lies in a checkpoint). It shares
no code with Endcap. The formats are in docs/audit.md; Ed25519 is written out from RFC 8032, section 6.
"""
import argparse, base64, hashlib, json, sys

P, L = 2**255 - 19, 2**252 + 27742317777372353535851937790883648493
D = -121665 * pow(121666, P - 2, P) % P
ROOT_OF_MINUS_1 = pow(2, (P - 1) // 4, P)


def fail(record, reason):
    print(f"bad {record} {reason}")
    sys.exit(1)


def sha256(*pieces):
    return hashlib.sha256(b"".join(pieces)).digest()


def add(a, b):
    (x1, y1, z1, t1), (x2, y2, z2, t2) = a, b
    e, f = (y1 - x1) * (y2 - x2), (y1 + x1) * (y2 + x2)
    g, h = 2 * t1 * t2 * D, 2 * z1 * z2
    e, f, g, h = f - e, h - g, h + g, f + e
    return e * f % P, g * h % P, f * g % P, e * h % P


def times(number, point):
    result = (0, 1, 1, 0)
    while number:
        result = add(result, point) if number & 1 else result
        point, number = add(point, point), number >> 1
    return result


def point(encoded):
    y, sign = int.from_bytes(encoded, "little") % 2**255, encoded[31] >> 7
    square = (y * y - 1) * pow(D * y * y + 1, P - 2, P) % P
    x = pow(square, (P + 3) // 8, P)
    x = x if x * x % P == square else x * ROOT_OF_MINUS_1 % P
    if y >= P or x * x % P != square or (x == 0 and sign):
        return None
    x = x if x % 2 == sign else P - x
    return x, y, 1, x * y % P


BASE = point(bytes([0x58] + [0x66] * 31))


def signed(key, message, signature):
    a, r, s = point(key), point(signature[:32]), int.from_bytes(signature[32:], "little")
    if len(signature) != 64 or not a or not r or s >= L:
        return False
    h = int.from_bytes(hashlib.sha512(signature[:32] + key + message).digest(), "little") % L
    one, other = times(s, BASE), add(r, times(h, a))
    return (one[0] * other[2] - other[0] * one[2]) % P == 0 and (one[1] * other[2] - other[1] * one[2]) % P == 0


def read_key(given):
    text = given if "+" in given else open(given, encoding="utf-8").read().strip()
    name, key_id, key = text.split("+", 2)
    key = base64.b64decode(key, validate=True)
    if sha256(name.encode(), b"\n", key)[:4].hex() != key_id:
        fail(0, f"the key of {name} was changed")
    return name, bytes.fromhex(key_id), key[0], key[1:]


def has_signed(key, text, signatures):
    """Whether a key's signature is there; a forged one ends everything."""
    name, key_id, kind, public = key
    found = False
    for line in signatures:
        signer, given = line[2:].split(" ")
        given = base64.b64decode(given, validate=True)
        if signer == name and given[:4] == key_id:
            time, signature = (given[4:12], given[12:]) if kind == 4 else (b"", given[4:])
            head = f"cosignature/v1\ntime {int.from_bytes(time, 'big')}\n" if kind == 4 else ""
            if not signed(public, (head + text).encode(), signature):
                fail(0, f"the signature of {name} is forged")
            found = True
    return found


def read_checkpoint(path, log):
    text, signatures = open(path, encoding="utf-8", newline="").read().rsplit("\n\n", 1)
    text, signatures = text + "\n", signatures.split("\n")[:-1]
    origin, size, root = text.split("\n")[:3]
    by = [key[0] for key in log if has_signed(key, text, signatures)]
    if not by or by != [origin] * len(by):
        fail(0, "a checkpoint is not signed by its log")
    return int(size), base64.b64decode(root, validate=True), text, signatures


def push(peaks, size, leaf):
    while size & 1:
        leaf, size = sha256(b"\1", peaks.pop(), leaf), size >> 1
    peaks.append(leaf)


def root_of(peaks):
    root = peaks[-1] if peaks else sha256()
    for left in reversed(peaks[:-1]):
        root = sha256(b"\1", left, root)
    return root


def read_place(line):
    """A record's number and the hash it names, when it is spelled as records are."""
    try:
        record = json.loads(line)
        spelled = json.dumps(record, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
        previous = bytes.fromhex(record["previous"])
        if spelled.encode() == line and isinstance(record["sequence"], int) and previous.hex() == record["previous"]:
            return record["sequence"], previous
    except (ValueError, KeyError, TypeError):
        pass
    return None, None


def verify(lines, checkpoints):
    peaks, grown, last, before, roots, held = [], [], bytes(32), None, dict(), 0
    for size, root, *_ in checkpoints:
        roots.setdefault(size, set()).add(root)
    places = [read_place(line.rstrip(b"\n")) for line in lines] + [(None, None)]
    for at, line in enumerate(lines, 1):
        sequence, previous = places[at - 1]
        if sequence is None or not line.endswith(b"\n"):
            fail(at, "cannot be read or is cut off")
        if sequence == at - 1 and previous == before:
            fail(at - 1, "is there twice")
        if sequence != at:
            fail(at, f"is not where it belongs: number {sequence} stands in its place")
        leaf = sha256(b"\0", line[:-1])
        if previous != last:  # Either this record or the one before was changed: whoever is vouched for, was not.
            if at == 1:
                fail(1, "was changed")
            if at - 1 in roots:
                fail(at if roots[at - 1] == {root_of(peaks)} else at - 1, "was changed")
            as_claimed = grown[:]
            push(as_claimed, at - 2, previous), push(as_claimed, at - 1, leaf)
            vouched = places[at][1] == leaf or (at == len(lines) and roots.get(at) == {root_of(as_claimed)})
            fail(at - 1 if vouched else at, "was changed")
        if at > 1:
            held = compare(roots, at - 1, peaks, held)
        grown = peaks[:]
        push(peaks, at - 1, leaf)
        last, before = leaf, previous
    compare(roots, len(lines), peaks, held)
    if max(roots, default=0) > len(lines):
        fail(len(lines) + 1, "is missing")


def compare(roots, size, peaks, held):
    if size in roots and roots[size] != {root_of(peaks)}:
        fail(held + 1, f"or one up to {size} is not what was signed")
    return size if size in roots else held


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("trail")
    for name in ("checkpoint", "public-key", "witness"):
        parser.add_argument(f"--{name}", action="append", default=[])
    given = parser.parse_args()
    log = [read_key(key) for key in given.public_key]
    checkpoints = [read_checkpoint(path, log) for path in given.checkpoint]
    for witness in map(read_key, given.witness):
        if not [c for c in checkpoints if has_signed(witness, c[2], c[3])]:
            fail(0, f"{witness[0]} has signed nothing")
    with open(given.trail, "rb") as trail:
        lines = trail.read().split(b"\n")
    lines = [line + b"\n" for line in lines[:-1]] + [line for line in lines[-1:] if line]
    verify(lines, checkpoints)
    print(f"whole {len(lines)}")


if __name__ == "__main__":
    main()
