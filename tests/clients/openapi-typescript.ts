// openapi-typescript at its defaults, with openapi-fetch.
import createClient from "openapi-fetch";
import type { components, paths } from "./schema.js";

type Verification = components["schemas"]["Verification"];
type ProblemCode = components["schemas"]["ProblemCode"];

const number = process.env.PINROUTE_NUMBER!;
const client = createClient<paths>({
  baseUrl: process.env.PINROUTE_URL!,
  headers: { Authorization: `Bearer ${process.env.PINROUTE_KEY}` },
});

function got<T>(answer: { data?: T; error?: components["schemas"]["Problem"] }): T {
  if (answer.data === undefined) throw new Error(JSON.stringify(answer.error));
  return answer.data;
}

function expect(fact: boolean, what: string): void {
  if (!fact) throw new Error(what);
}

const short: Verification = got(await client.POST("/v1/verifications", { body: { phone_number: number } }));
const canceled: Verification = got(
  await client.POST("/v1/verifications/{id}/cancel", { params: { path: { id: short.id } } }),
);
expect(canceled.status === "canceled", "canceled");

const started = got(
  await client.POST("/v1/verifications", {
    params: { header: { "Idempotency-Key": crypto.randomUUID() } },
    body: { phone_number: number, code: "424242", locale: "ru", client: { ip: "203.0.113.7" } },
  }),
);
const path = { id: started.id };
const wrong = got(await client.POST("/v1/verifications/{id}/check", { params: { path }, body: { code: "000000" } }));
expect(!wrong.valid && wrong.checks_left === started.checks_left - 1, "a wrong code");
const right = got(await client.POST("/v1/verifications/{id}/check", { params: { path }, body: { code: "424242" } }));
expect(right.valid && right.proof!.split(".").length === 3, "a right code");

const events: components["schemas"]["Event"][] = got(
  await client.GET("/v1/verifications/{id}/events", { params: { path } }),
).items;
expect(events.some((event) => event.type === "verification.approved"), "the timeline");

const report = got(await client.GET("/v1/reports/costs", { params: { query: { group_by: "day,channel" } } }));
const net: string = report.total.net;
expect(Number(net) >= 0 && report.rows.length > 0 && report.total.approved > 0, "the report");

const ledger = got(await client.GET("/v1/ledger", { params: { query: { verification_id: started.id } } }));
const amounts: string[] = ledger.items.map((entry) => entry.amount);
expect(amounts.length > 0, "the ledger");
const csv: string = got(await client.GET("/v1/ledger.csv", { parseAs: "text" }));
expect(csv.startsWith("id,"), "the CSV");

const none = await client.GET("/v1/verifications/{id}", { params: { path: { id: crypto.randomUUID() } } });
const code: ProblemCode | undefined = none.error?.code;
expect(code === "verification_not_found", "the problem");
