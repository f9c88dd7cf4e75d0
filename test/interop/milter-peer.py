"""A milter on the real libmilter that does what a field X-Task of the message asks for: every modification that there is, and every decision."""
import sys
import time

import Milter

BODY = b"A new body.\r\nOf two lines.\r\n"


class Peer(Milter.Base):
    def __init__(self):
        self.tasks = []
        self.octets = 0

    def hello(self, name):
        return Milter.CONTINUE

    def envfrom(self, path, *parameters):
        self.tasks = []
        self.octets = 0
        return Milter.CONTINUE

    def envrcpt(self, path, *parameters):
        if path.startswith("<refused@"):
            self.setreply("550", "5.1.1", "No such user: 100%% sure", "second line")
            return Milter.REJECT
        return Milter.CONTINUE

    def data(self):
        return Milter.CONTINUE

    def header(self, name, value):
        if name.lower() == "x-task":
            self.tasks = [task.strip() for task in value.split(",")]
        return Milter.CONTINUE

    def eoh(self):
        return Milter.CONTINUE

    def body(self, chunk):
        self.octets += len(chunk)
        return Milter.CONTINUE

    def eom(self):
        for task in self.tasks:
            answer = self.do(task)
            if answer is not None:
                return answer
        return Milter.CONTINUE

    def do(self, task):
        if task == "edit":
            self.addheader("X-Peer", "added, %d octets" % self.octets)
            self.addheader("X-Below", "below", 1)
            self.addheader("X-Top", "on top", 0)
            self.chgheader("Subject", 1, "changed\n\tand folded")
            self.chgheader("X-Gone", 2, "")
        elif task == "body":
            self.replacebody(BODY)
        elif task == "envelope":
            self.addrcpt("<new@mx.test>", "NOTIFY=NEVER")
            self.delrcpt("<gone@mx.test>")
            self.chgfrom("<other@client.test>")
        elif task == "quarantine":
            self.quarantine("looks odd")
        elif task == "slow":
            for _ in range(3):
                time.sleep(0.4)
                self.progress()
        elif task == "reply":
            self.setreply("554", "5.7.9", "Not this: 100%% sure", "second line")
            return Milter.REJECT
        elif task == "later":
            self.setreply("450", "4.7.9", "Not yet")
            return Milter.TEMPFAIL
        elif task == "reject":
            return Milter.REJECT
        elif task == "tempfail":
            return Milter.TEMPFAIL
        elif task == "discard":
            return Milter.DISCARD
        elif task == "accept":
            return Milter.ACCEPT
        return None


Milter.factory = Peer
Milter.set_flags(
    Milter.ADDHDRS
    | Milter.CHGHDRS
    | Milter.CHGBODY
    | Milter.ADDRCPT
    | Milter.ADDRCPT_PAR
    | Milter.DELRCPT
    | Milter.CHGFROM
    | Milter.QUARANTINE
)
Milter.runmilter("peer", sys.argv[1], 60)
