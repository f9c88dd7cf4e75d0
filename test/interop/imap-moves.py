"""A mail client of the standard library of Python, which moves mail as people do. Arguments: port, user, password; then commands, one a line of the input, as JSON lists."""
import imaplib
import json
import sys

port, user, password = sys.argv[1:4]
client = imaplib.IMAP4("127.0.0.1", int(port))
client.login(user, password)


def ask(name, *args):
    status, data = client.uid(name, *args) if name in ("MOVE", "COPY", "SEARCH", "STORE") else getattr(client, name)(*args)
    if status != "OK":
        raise SystemExit(f"{name}: {status} {data}")
    return data


def found(subject):
    (uids,) = ask("SEARCH", None, "SUBJECT", f'"{subject}"')
    return uids.split()[-1].decode()


for line in sys.stdin:
    what, *args = json.loads(line)
    if what == "create":
        ask("create", args[0])
    elif what == "append":
        ask("append", args[0], None, None, args[1].encode())
    elif what in ("move", "copy"):
        ask("select", args[0])
        ask(what.upper(), found(args[2]), args[1])
    else:
        raise SystemExit(f"unknown: {what}")
    print("done", flush=True)
client.logout()
