<?php
// openapi-generator, generator `php`.

use OpenAPI\Client\Api\{FinanceApi, VerificationsApi};
use OpenAPI\Client\{ApiException, Configuration};
use OpenAPI\Client\Model\{CheckCode, ClientInfo, CostReport, EventList, EventType, ProblemCode, StartVerification, Verification, VerificationStatus};

require $argv[1];

function expect(bool $fact, string $what): void
{
    if (!$fact) {
        throw new RuntimeException($what);
    }
}

$number = getenv('PINROUTE_NUMBER');
$settings = Configuration::getDefaultConfiguration()->setHost(getenv('PINROUTE_URL'))->setAccessToken(getenv('PINROUTE_KEY'));
$verifications = new VerificationsApi(config: $settings);
$finance = new FinanceApi(config: $settings);

$short = $verifications->startVerification(new StartVerification(['phone_number' => $number]));
expect($short instanceof Verification, 'started');
expect($verifications->cancelVerification($short->getId())->getStatus() === VerificationStatus::CANCELED, 'canceled');

$body = new StartVerification([
    'phone_number' => $number, 'code' => '424242', 'locale' => 'ru', 'client' => new ClientInfo(['ip' => '203.0.113.7']),
]);
$started = $verifications->startVerification($body, bin2hex(random_bytes(16)));
$wrong = $verifications->checkVerification($started->getId(), new CheckCode(['code' => '000000']));
expect(!$wrong->getValid() && $wrong->getChecksLeft() === $started->getChecksLeft() - 1, 'a wrong code');
$right = $verifications->checkVerification($started->getId(), new CheckCode(['code' => '424242']));
expect($right->getValid() && substr_count($right->getProof(), '.') === 2, 'a right code');

$events = $verifications->listVerificationEvents($started->getId());
expect($events instanceof EventList, 'events');
$types = array_map(fn ($event) => $event->getType(), $events->getItems());
expect(in_array(EventType::VERIFICATION_APPROVED, $types, true), 'the timeline');

$report = $finance->reportCosts(group_by: 'day,channel');
expect($report instanceof CostReport && $report->getTotal()->getApproved() > 0 && count($report->getRows()) > 0, 'the report');
expect((float) $report->getTotal()->getNet() >= 0, 'net');
expect($finance->exportCostsXlsx()->fread(2) === 'PK', 'the spreadsheet');

expect($finance->listLedger(verification_id: $started->getId())->getItems()[0]->getAmount() !== '', 'the ledger');
expect(str_starts_with($finance->exportLedgerCsv(), 'id,'), 'the CSV');

try {
    $verifications->getVerification('01a20297-4dc0-7000-9f41-2b7c5e8a1d04');
    throw new RuntimeException('an unknown verification was found');
} catch (ApiException $none) {
    expect($none->getResponseObject()->getCode() === ProblemCode::VERIFICATION_NOT_FOUND, 'the problem');
}
