// openapi-generator, generator `typescript-fetch`.
import {
  Configuration, EventType, FinanceApi, ProblemCode, ProblemFromJSON, ResponseError, VerificationStatus, VerificationsApi,
} from "./client";

declare const process: { env: Record<string, string | undefined> };
declare const crypto: { randomUUID(): string };

function expect(fact: boolean, what: string): void {
  if (!fact) throw new Error(what);
}

async function main(): Promise<void> {
  const phoneNumber = process.env.PINROUTE_NUMBER!;
  const settings = new Configuration({ basePath: process.env.PINROUTE_URL!, accessToken: process.env.PINROUTE_KEY! });
  const verifications = new VerificationsApi(settings);
  const finance = new FinanceApi(settings);

  const short = await verifications.startVerification({ startVerification: { phoneNumber } });
  const canceled = await verifications.cancelVerification({ id: short.id });
  expect(canceled.status === VerificationStatus.Canceled, "canceled");

  const started = await verifications.startVerification({
    startVerification: { phoneNumber, code: "424242", locale: "ru", client: { ip: "203.0.113.7" } },
    idempotencyKey: crypto.randomUUID(),
  });
  const wrong = await verifications.checkVerification({ id: started.id, checkCode: { code: "000000" } });
  expect(!wrong.valid && wrong.checksLeft === started.checksLeft - 1, "a wrong code");
  const right = await verifications.checkVerification({ id: started.id, checkCode: { code: "424242" } });
  expect(right.valid && right.proof!.split(".").length === 3, "a right code");

  const events = await verifications.listVerificationEvents({ id: started.id });
  expect(events.items.some((event) => event.type === EventType.VerificationApproved), "the timeline");

  const report = await finance.reportCosts({ groupBy: "day,channel" });
  expect(Number(report.total.net) >= 0 && report.rows.length > 0 && report.total.approved > 0, "the report");

  const ledger = await finance.listLedger({ verificationId: started.id });
  expect(ledger.items[0]!.amount !== "", "the ledger");
  expect((await finance.exportLedgerCsv()).startsWith("id,"), "the CSV");

  try {
    await verifications.getVerification({ id: crypto.randomUUID() });
    throw new Error("an unknown verification was found");
  } catch (error) {
    if (!(error instanceof ResponseError)) throw error;
    const problem = ProblemFromJSON(await error.response.json());
    expect(problem.code === ProblemCode.VerificationNotFound, "the problem");
  }
}

main();
