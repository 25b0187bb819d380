"""What PostgreSQL still owes for the messages it was sent: the documented protocol
rules, driven by the tags of both directions. Independent of cenote's own mirror."""

import collections

# Reply tags that end what an extended message is owed.
_ENDS = {"P": "1", "B": "2", "C": "3", "D": "Tn", "E": "CIs"}


class Owed:
    def __init__(self):
        self.queue = collections.deque()
        self.skip = False  # After an error, until Sync.
        self.copy = False  # PostgreSQL reads CopyData.
        self.status = "I"

    def sent(self, tag: str) -> None:
        self.queue.append(tag)
        self._pass()

    def got(self, tag: str, body: bytes) -> None:
        if tag == "Z":
            self.status = chr(body[0])
        if not self.queue or tag in "NSA":
            return
        head = self.queue[0]
        if head in "QFS":
            if tag == "Z":
                self.queue.popleft()
            elif tag == "G":
                self.copy = True
            elif tag == "E":
                self.copy = False
        elif tag == "E":
            self.queue.popleft()
            self.skip, self.copy = True, False
        elif tag in _ENDS.get(head, ""):
            self.queue.popleft()
        elif tag == "G":
            self.copy = True
        self._pass()

    def _pass(self) -> None:
        """Drops what is owed nothing."""
        while self.queue:
            head = self.queue[0]
            if self.copy:
                if len(self.queue) < 2 or self.queue[1] not in "dHScf":
                    return
                if self.queue[1] in "cf":
                    self.copy = False
                del self.queue[1]
            elif self.skip and head != "S":
                self.queue.popleft()
            elif head in "Hdcf":
                self.queue.popleft()
            else:
                if head == "S":
                    self.skip = False
                return

    def settled(self) -> bool:
        """Nothing more will come before the client says something."""
        if self.copy:
            return len(self.queue) == 1
        return not any(tag in "SQFH" for tag in self.queue)

    def holding(self) -> bool:
        """In the middle of something that needs its server."""
        return self.copy or self.skip or bool(self.queue) or self.status != "I"
