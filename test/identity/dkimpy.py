"""Asks dkimpy, an implementation that has nothing in common with ours. A JSON list of requests on stdin, the answers on stdout."""
import base64
import json
import sys

import dkim


def answer(request):
    message = base64.b64decode(request["message"])
    zone = request["zone"]

    def txt(name, timeout=5):
        key = name.decode().rstrip(".")
        return zone[key].encode() if key in zone else None

    def verify(index):
        try:
            return dkim.DKIM(message).verify(idx=index, dnsfunc=txt)
        except dkim.DKIMException:
            return False

    if request["do"] == "verify":
        fields = [name for name, _ in dkim.DKIM(message).headers if name.lower() == b"dkim-signature"]
        return [verify(index) for index in range(len(fields))]
    if request["do"] == "arc-verify":
        return dkim.arc_verify(message, dnsfunc=txt)[0].decode().lower()
    name = (request["selector"].encode(), request["domain"].encode(), request["key"].encode())
    if request["do"] == "arc-sign":
        fields = dkim.arc_sign(message, *name, request["authserv"].encode())
        fields = [field if field.endswith(b"\n") else field + b"\r\n" for field in fields]
    else:
        forms = tuple(form.encode() for form in request["canonicalize"])
        algorithm = request["algorithm"].encode()
        fields = [dkim.sign(message, *name, canonicalize=forms, signature_algorithm=algorithm, length=request["length"])]
    return base64.b64encode(b"".join(fields) + message).decode()


json.dump([answer(request) for request in json.load(sys.stdin)], sys.stdout)
