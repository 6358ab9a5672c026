"""The checker itself: each promise is broken once in made-up evidence, and must be noticed. Run by scripts/chaos before it starts."""

import copy
import types
import unittest
from collections import namedtuple

import checker
from record import Visit

Found = namedtuple("Found", "kind verification what")
REPORT = "net\n0.05\n"


def verification():
    cost = {"amount": "0.05", "currency": "USD", "state": "charged"}
    attempt = {"id": "a1", "channel": "sms", "status": "delivered", "reason": None, "cost": cost}
    return {
        "id": "v1", "status": "approved", "phone_number": "+998900000001", "sends_left": 2, "checks_left": 3, "expires_at": "then",
        "attempts": [attempt],
    }


def entry(kind="charge", basis="estimated", amount=-50_000):
    return {"kind": kind, "basis": basis, "micros": amount}


def message(**changes):
    usual = {
        "attempt": "a1", "channel": "sms", "taken": True, "clear": True, "charged": 50_000, "refunded": 0, "reported": {"delivered"},
        "told": False,
    }
    return types.SimpleNamespace(**{**usual, **changes})


def visit():
    made = Visit("+998900000001", "kill")
    made.id, made.started, made.approved = "v1", True, True
    made.checks, made.checks_asked = 2, 2
    made.resends, made.resends_asked = 1, 1
    return made


class Promises(unittest.TestCase):
    def setUp(self):
        self.visits = [visit()]
        self.messages = [message()]
        self.verification = verification()
        self.ledger = {"a1": [entry()]}
        self.budgets = ("0", "50000")
        self.reports = {"costs": REPORT, "conversion": "x"}
        self.rebuilt = copy.copy(self.reports)
        self.rows = 1

    def found(self):
        all_of_it = {self.verification["id"]: self.verification} if self.verification else {}
        evidence = types.SimpleNamespace(
            verifications=all_of_it,
            attempts={a["id"]: (a, v) for v in all_of_it.values() for a in v["attempts"]},
            ledger=self.ledger,
            rows=self.rows,
            budgets=self.budgets,
            reports=self.reports,
            rebuilt=self.rebuilt,
        )
        return [Found(*item) for item in checker.rules(self.visits, self.messages, evidence)]

    def breaks(self, kind, part):
        found = self.found()
        self.assertTrue(any(item.kind == kind and part in item.what for item in found), found)

    def test_nothing_is_found_where_nothing_is_wrong(self):
        self.assertEqual(self.found(), [])

    def test_a_verification_that_is_gone(self):
        self.verification, self.ledger = None, {}
        self.breaks(checker.LOST, "is not there")

    def test_an_approval_that_is_gone(self):
        self.verification["status"] = "expired"
        self.breaks(checker.LOST, "was approved")

    def test_a_cancel_that_is_gone(self):
        self.visits[0].approved, self.visits[0].canceled = False, True
        self.breaks(checker.LOST, "was canceled")

    def test_a_resend_that_is_gone(self):
        self.verification["sends_left"] = 3
        self.breaks(checker.LOST, "resends were accepted")

    def test_a_resend_that_was_counted_twice(self):
        self.verification["sends_left"] = 1
        self.breaks(checker.LOST, "resends were accepted")

    def test_a_check_that_is_gone_or_was_counted_twice(self):
        for left in (2, 4):
            self.verification["checks_left"] = left
            self.breaks(checker.LOST, "checks were answered")

    def test_a_row_that_the_api_does_not_show(self):
        self.rows = 2
        self.breaks(checker.LOST, "the database has 2")

    def test_a_report_that_is_gone(self):
        self.verification["attempts"][0]["status"] = "sent"
        self.breaks(checker.LOST, "was reported delivered")

    def test_a_message_that_arrived_twice(self):
        self.messages.append(message())
        self.breaks(checker.TWICE, "more than once")

    def test_more_messages_than_sends(self):
        attempts = self.verification["attempts"]
        for name in ("a2", "a3"):
            attempts.append({**copy.deepcopy(attempts[0]), "id": name})
            self.ledger[name] = [entry()]
            self.messages.append(message(attempt=name))
        self.breaks(checker.TWICE, "3 messages by sms")

    def test_a_message_of_no_attempt(self):
        self.messages.append(message(attempt="a9"))
        self.breaks(checker.LOST, "a9 was sent and is unknown")

    def test_a_message_that_never_arrived(self):
        self.messages = []
        self.breaks(checker.LOST, "never arrived")

    def test_a_charge_that_was_booked_twice(self):
        self.ledger["a1"].append(entry())
        self.breaks(checker.BOOKED, "attempt a1")

    def test_a_second_charge_that_a_refund_hides(self):
        self.ledger["a1"] += [entry(basis="reported"), entry("refund", "reported", 50_000)]
        self.breaks(checker.BOOKED, "attempt a1")

    def test_a_refund_that_was_booked_twice(self):
        self.ledger["a1"] += [entry("refund", "reported", 50_000)] * 2
        self.breaks(checker.BOOKED, "attempt a1")

    def test_a_charge_that_was_not_booked(self):
        self.ledger = {}
        self.breaks(checker.WRONG, "the provider charged 0.05")

    def test_a_charge_for_a_message_that_was_refused(self):
        self.messages = [message(taken=False, charged=0, reported=set())]
        self.breaks(checker.WRONG, "the provider charged nothing")

    def test_entries_of_no_attempt(self):
        self.ledger["a9"] = [entry()]
        self.breaks(checker.WRONG, "unknown attempt")

    def test_a_cost_that_is_not_what_was_booked(self):
        self.verification["attempts"][0]["cost"]["amount"] = "0.04"
        self.breaks(checker.WRONG, "shows charged 0.04")

    def test_a_report_that_changes_when_it_is_rebuilt(self):
        self.rebuilt = {**self.reports, "conversion": "y"}
        self.breaks(checker.WRONG, "conversion changes")

    def test_a_report_that_is_not_the_ledger(self):
        self.reports = self.rebuilt = {"costs": "net\n0.04\n", "conversion": "x"}
        self.breaks(checker.WRONG, "net 0.04")

    def test_a_budget_that_is_reserved_or_spent_otherwise(self):
        self.budgets = ("50000", "0")
        self.breaks(checker.STUCK, "still reserved")
        self.breaks(checker.WRONG, "the budget has spent")

    def test_a_verification_that_never_ends(self):
        self.verification["status"] = "pending"
        self.breaks(checker.STUCK, "is pending")

    def test_an_attempt_that_never_ends(self):
        self.verification["attempts"][0]["status"] = "sending"
        self.breaks(checker.STUCK, "is sending")


if __name__ == "__main__":
    unittest.main()
