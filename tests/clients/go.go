// openapi-generator, generator `go` with enumClassPrefix=true: without it, equal words of two enums are one constant.
package main

import (
	"context"
	"errors"
	"os"
	"strings"

	openapi "github.com/GIT_USER_ID/GIT_REPO_ID"
)

func expect(fact bool, what string) {
	if !fact {
		panic(what)
	}
}

func must[T any](value T, _ any, err error) T {
	if err != nil {
		panic(err)
	}
	return value
}

func main() {
	settings := openapi.NewConfiguration()
	settings.Servers = openapi.ServerConfigurations{{URL: os.Getenv("PINROUTE_URL")}}
	settings.AddDefaultHeader("Authorization", "Bearer "+os.Getenv("PINROUTE_KEY"))
	client, ctx := openapi.NewAPIClient(settings), context.Background()
	number := os.Getenv("PINROUTE_NUMBER")

	short := must(client.VerificationsAPI.StartVerification(ctx).StartVerification(*openapi.NewStartVerification(number)).Execute())
	canceled := must(client.VerificationsAPI.CancelVerification(ctx, short.Id).Execute())
	expect(canceled.Status == openapi.VERIFICATIONSTATUS_CANCELED, "canceled")

	visitor := openapi.NewClientInfo()
	visitor.SetIp("203.0.113.7")
	body := openapi.NewStartVerification(number)
	body.SetCode("424242")
	body.SetLocale("ru")
	body.SetClient(*visitor)
	started := must(client.VerificationsAPI.StartVerification(ctx).StartVerification(*body).IdempotencyKey(short.Id).Execute())
	wrong := must(client.VerificationsAPI.CheckVerification(ctx, started.Id).CheckCode(*openapi.NewCheckCode("000000")).Execute())
	expect(!wrong.Valid && wrong.ChecksLeft == started.ChecksLeft-1, "a wrong code")
	right := must(client.VerificationsAPI.CheckVerification(ctx, started.Id).CheckCode(*openapi.NewCheckCode("424242")).Execute())
	expect(right.Valid && strings.Count(right.GetProof(), ".") == 2, "a right code")

	events := must(client.VerificationsAPI.ListVerificationEvents(ctx, started.Id).Execute())
	approved := false
	for _, event := range events.Items {
		approved = approved || event.Type == openapi.EVENTTYPE_VERIFICATION_APPROVED
	}
	expect(approved, "the timeline")

	report := must(client.FinanceAPI.ReportCosts(ctx).GroupBy("day,channel").Execute())
	expect(report.Total.Net != "" && report.Total.Approved > 0 && len(report.Rows) > 0, "the report")
	ledger := must(client.FinanceAPI.ListLedger(ctx).VerificationId(started.Id).Execute())
	expect(ledger.Items[0].Amount != "", "the ledger")
	csv := must(client.FinanceAPI.ExportLedgerCsv(ctx).Execute())
	expect(strings.HasPrefix(csv, "id,"), "the CSV")

	_, _, err := client.VerificationsAPI.GetVerification(ctx, "01a20297-4dc0-7000-9f41-2b7c5e8a1d04").Execute()
	var fault *openapi.GenericOpenAPIError
	expect(errors.As(err, &fault), "an unknown verification was found")
	problem, typed := fault.Model().(openapi.Problem)
	expect(typed && problem.Code == openapi.PROBLEMCODE_VERIFICATION_NOT_FOUND, "the problem")
}
