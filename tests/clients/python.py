"""openapi-generator, generator `python`."""

import os
import uuid

from openapi_client import ApiClient, Configuration, FinanceApi, VerificationsApi
from openapi_client.exceptions import NotFoundException
from openapi_client.models import CheckCode, ClientInfo, EventType, ProblemCode, StartVerification, VerificationStatus

number = os.environ["PINROUTE_NUMBER"]
settings = Configuration(host=os.environ["PINROUTE_URL"], access_token=os.environ["PINROUTE_KEY"])
with ApiClient(settings) as client:
    verifications, finance = VerificationsApi(client), FinanceApi(client)

    short = verifications.start_verification(StartVerification(phone_number=number))
    assert verifications.cancel_verification(short.id).status == VerificationStatus.CANCELED

    body = StartVerification(phone_number=number, code="424242", locale="ru", client=ClientInfo(ip="203.0.113.7"))
    started = verifications.start_verification(body, idempotency_key=str(uuid.uuid4()))
    wrong = verifications.check_verification(started.id, CheckCode(code="000000"))
    assert not wrong.valid and wrong.checks_left == started.checks_left - 1
    right = verifications.check_verification(started.id, CheckCode(code="424242"))
    assert right.valid and right.proof.count(".") == 2

    events = verifications.list_verification_events(started.id)
    assert EventType.VERIFICATION_DOT_APPROVED in [event.type for event in events.items]

    report = finance.report_costs(group_by="day,channel")
    assert float(report.total.net) >= 0 and report.total.approved > 0 and report.rows
    assert finance.export_costs_xlsx()[:2] == b"PK"

    assert finance.list_ledger(verification_id=started.id).items[0].amount
    assert finance.export_ledger_csv().startswith("id,")

    try:
        verifications.get_verification(uuid.uuid4())
        raise AssertionError("an unknown verification was found")
    except NotFoundException as none:
        assert none.data.code == ProblemCode.VERIFICATION_NOT_FOUND
