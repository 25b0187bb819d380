"""One connection of one session: sends a program's steps, keeps every answer."""

import hashlib
import socket
import struct

from owed import Owed
from support import sockdiag, wire

KEEP_MAX = 2048  # Bytes of a body that are kept as they are.


class Connection:
    """Never blocks but in connect() on loopback."""

    def __init__(self, port: int, database: str, program):
        self.program = program
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=5)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.socket.setblocking(False)
        self.local, self.remote = self.socket.getsockname(), self.socket.getpeername()
        self.owed = Owed()
        self.next_step = 0
        self.input = b""
        self.pieces = []  # To be sent, one after the other has been read.
        self.answers = []  # (tag, body), or a digest of a large body.
        self.marks = []  # How many answers there were when each step began.
        self.greeted = False
        self.finishing = False  # A Sync for what was left open is on its way.
        self.saying_goodbye = False
        self.gone = False  # Closed, by either side.
        self.pieces.append(wire.startup("app", database, **program.startup))
        self.push()

    # -- out

    def push(self) -> bool:
        """Sends what may be sent; true if something went."""
        went = False
        while self.pieces and not self.gone:
            try:
                count = self.socket.send(self.pieces[0])
            except BlockingIOError:
                return went
            except OSError:
                # Its last words may still be there to be read.
                self.pieces = []
                return went
            went = True
            if count < len(self.pieces[0]):
                self.pieces[0] = self.pieces[0][count:]
                continue
            self.pieces.pop(0)
            if self.pieces and sockdiag.unread_bytes(self.remote, self.local):
                return went
        return went

    def wants_to_push(self) -> bool:
        return bool(self.pieces) and not self.gone

    def ready(self) -> bool:
        """May begin its next step, or its end."""
        if self.gone or self.saying_goodbye or not self.greeted or self.pieces:
            return False
        if self.next_step == 0:
            return True
        if self.finishing:
            return self.owed.settled()
        step = self.program.steps[self.next_step - 1]
        return not step.wait or self.owed.settled()

    def step(self) -> None:
        if self.next_step == len(self.program.steps):
            self._end()
            return
        step = self.program.steps[self.next_step]
        self.next_step += 1
        self.marks.append(len(self.answers))
        for msg in step.msgs:
            self.owed.sent(msg.tag)
        self.pieces += step.pieces()
        self.push()

    def _end(self) -> None:
        if self.program.ending == "vanish":
            if self.program.stub:
                self.pieces.append(self.program.stub)
                self.push()
            self.close()
        elif not self.finishing and self.owed.queue:
            # Whatever it was in the middle of comes to an end first.
            self.finishing = True
            data = wire.copy_fail("the end") if self.owed.copy else b""
            for tag in ("fS" if self.owed.copy else "S"):
                self.owed.sent(tag)
            self.pieces.append(data + wire.SYNC)
            self.push()
        else:
            self.saying_goodbye = True
            self.pieces.append(wire.TERMINATE)
            self.push()

    # -- in

    def read(self) -> bool:
        """Takes what has come; false if there was nothing."""
        try:
            data = self.socket.recv(262144)
        except BlockingIOError:
            return False
        except OSError:
            data = b""
        if not data:
            if self.input:
                self.answers.append(("?", self.input))
            self.answers.append(("end", b""))
            self.close()
            return True
        self.input += data
        self._split()
        return True

    def _split(self) -> None:
        data, at, end = self.input, 0, len(self.input)
        while end - at >= 5:
            length = struct.unpack_from("!i", data, at + 1)[0]
            if end - at < length + 1:
                break
            self._message(chr(data[at]), data[at + 5:at + 1 + length])
            at += length + 1
        self.input = data[at:]

    def _message(self, tag: str, body: bytes) -> None:
        if len(body) > KEEP_MAX:
            kept = b"%d bytes, " % len(body) + hashlib.md5(body).hexdigest().encode()
            self.answers.append((tag, kept))
        elif tag not in "RK":
            self.answers.append((tag, body))
        if self.greeted:
            self.owed.got(tag, body)
        elif tag == "Z":
            self.greeted = True

    def close(self) -> None:
        if not self.gone:
            self.gone = True
            self.socket.close()

    def where(self) -> str:
        return (f"slot {self.program.slot} step {self.next_step}/"
                f"{len(self.program.steps)} owed {list(self.owed.queue)} "
                f"status {self.owed.status} copy {self.owed.copy} greeted "
                f"{self.greeted} unsent {len(self.pieces)} bye {self.saying_goodbye}")
