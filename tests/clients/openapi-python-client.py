"""openapi-python-client at its defaults."""

import os
import uuid

from pinroute_client import AuthenticatedClient
from pinroute_client.api.finance import export_ledger_csv, list_ledger, report_costs
from pinroute_client.api.verifications import (
    cancel_verification,
    check_verification,
    get_verification,
    list_verification_events,
    start_verification,
)
from pinroute_client.models import (
    Check,
    CheckCode,
    ClientInfo,
    CostReport,
    EventList,
    EventType,
    LedgerList,
    Problem,
    ProblemCode,
    StartVerification,
    Verification,
    VerificationStatus,
)

number = os.environ["PINROUTE_NUMBER"]
client = AuthenticatedClient(base_url=os.environ["PINROUTE_URL"], token=os.environ["PINROUTE_KEY"])

short = start_verification.sync(client=client, body=StartVerification(phone_number=number))
assert isinstance(short, Verification), short
canceled = cancel_verification.sync(short.id, client=client)
assert isinstance(canceled, Verification), canceled
assert canceled.status is VerificationStatus.CANCELED

body = StartVerification(phone_number=number, code="424242", locale="ru", client=ClientInfo(ip="203.0.113.7"))
started = start_verification.sync(client=client, body=body, idempotency_key=str(uuid.uuid4()))
assert isinstance(started, Verification), started
wrong = check_verification.sync(started.id, client=client, body=CheckCode(code="000000"))
assert isinstance(wrong, Check), wrong
assert not wrong.valid and wrong.checks_left == started.checks_left - 1
right = check_verification.sync(started.id, client=client, body=CheckCode(code="424242"))
assert isinstance(right, Check), right
assert right.valid and str(right.proof).count(".") == 2

events = list_verification_events.sync(started.id, client=client)
assert isinstance(events, EventList), events
assert EventType.VERIFICATION_APPROVED in [event.type_ for event in events.items]

report = report_costs.sync(client=client, group_by="day,channel")
assert isinstance(report, CostReport), report
assert float(report.total.net) >= 0 and report.total.approved > 0 and report.rows

ledger = list_ledger.sync(client=client, verification_id=started.id)
assert isinstance(ledger, LedgerList), ledger
assert ledger.items[0].amount
csv = export_ledger_csv.sync(client=client)
assert isinstance(csv, str), csv
assert csv.startswith("id,")

none = get_verification.sync(uuid.uuid4(), client=client)
assert isinstance(none, Problem), none
assert none.code is ProblemCode.VERIFICATION_NOT_FOUND
