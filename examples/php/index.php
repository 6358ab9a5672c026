<?php
// One file answers everything: php -S 127.0.0.1:3000 index.php

declare(strict_types=1);

require __DIR__ . '/messages.php';
require __DIR__ . '/pinroute.php';

const PAGE = __DIR__ . '/../html';

$path = parse_url($_SERVER['REQUEST_URI'], PHP_URL_PATH);
if ($_SERVER['REQUEST_METHOD'] === 'GET') {
    $files = ['/' => ['index.html', 'text/html'], '/verify.js' => ['verify.js', 'text/javascript']];
    if (!isset($files[$path])) {
        http_response_code(404);
        exit;
    }
    header("Content-Type: {$files[$path][1]}; charset=utf-8");
    readfile(PAGE . '/' . $files[$path][0]);
    exit;
}

session_start([
    'cookie_httponly' => true,
    'cookie_samesite' => 'Lax',
    'cookie_secure' => str_starts_with(getenv('SITE_URL') ?: '', 'https://'),
    'use_strict_mode' => true,
]);
try {
    $answer = match ($path) {
        '/verification' => start(fields()),
        '/verification/resend' => resend(),
        '/verification/check' => check(fields()),
        default => null,
    };
} catch (Fault $fault) {
    if ($fault->getMessage() !== 'verification_not_found') {
        error_log("Pinroute: {$fault->getMessage()}");
    }
    $answer = fault_reply($fault->getMessage(), $fault->retryAfter);
}
http_response_code($answer === null ? 404 : 200);
header('Content-Type: application/json');
echo json_encode($answer, JSON_UNESCAPED_UNICODE);

function start(array $fields): array
{
    // The payload ties the verification to this visitor: another one who types the same number gets one of their own.
    $_SESSION['visitor'] ??= bin2hex(random_bytes(16));
    $started = call('/v1/verifications', array_filter([
        'phone_number' => $fields['phone_number'] ?? '',
        'payload' => $_SESSION['visitor'],
        // Behind a proxy, take the address that your own proxy wrote.
        'client' => ['ip' => $_SERVER['REMOTE_ADDR'], 'user_agent' => $_SERVER['HTTP_USER_AGENT'] ?? ''],
        'locale' => 'en',
        'web_domain' => getenv('SITE_DOMAIN') ?: null, // the last line of the SMS, for WebOTP
    ], fn ($value) => $value !== null));
    $_SESSION = [
        'visitor' => $_SESSION['visitor'],
        'verification' => $started['id'],
        'number' => $started['phone_number'],
        'verified' => null,
    ];
    return sent($started, empty($started['reused']) ? null : REUSED);
}

function resend(): array
{
    return sent(call(own('resend'), ['channel' => 'sms']));
}

function check(array $fields): array
{
    $checked = call(own('check'), ['code' => $fields['code'] ?? '']);
    if ($checked['valid']) {
        session_regenerate_id(true);
        $_SESSION['verified'] = proven_number($checked['proof'], $_SESSION['verification'], $_SESSION['number']);
        return reply('done', VERIFIED);
    }
    if ($checked['status'] === 'locked') {
        return reply('number', LOCKED);
    }
    return reply(null, strtr(WRONG, ['{checks_left}' => $checked['checks_left']]));
}

/** A path of the visitor's own verification: its id comes from the session, never from the browser. */
function own(string $action): string
{
    $id = $_SESSION['verification'] ?? throw new Fault('verification_not_found');
    return "/v1/verifications/$id/$action";
}

function sent(array $verification, ?string $message = null): array
{
    if ($verification['status'] === 'failed') {
        return reply('number', UNDELIVERABLE);
    }
    $seconds = null; // no send is left
    if ($verification['resend_at'] !== null) {
        $at = (float) (new DateTimeImmutable($verification['resend_at']))->format('U.u');
        $seconds = max((int) ceil($at - microtime(true)), 0);
    }
    return reply('code', $message ?? SENT[$verification['channel'] ?? ''] ?? SENDING, $seconds);
}

/** What the visitor typed. Only JSON is read, which a form of another site cannot send. */
function fields(): array
{
    $isJson = str_starts_with($_SERVER['CONTENT_TYPE'] ?? '', 'application/json');
    $fields = $isJson ? json_decode(file_get_contents('php://input'), true) : null;
    return array_filter(is_array($fields) ? $fields : [], is_string(...));
}
