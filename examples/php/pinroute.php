<?php
// The calls of Pinroute. The key stays on the server.

declare(strict_types=1);

/** An answer that is not a 2xx: Pinroute's code, and the seconds of Retry-After. */
final class Fault extends Exception
{
    public function __construct(string $code, public readonly ?int $retryAfter = null)
    {
        parent::__construct($code);
    }
}

/** Repeats once after a 503 or a broken connection, with the same Idempotency-Key, so that nothing is sent twice. */
function call(string $path, array $body): array
{
    $idempotencyKey = bin2hex(random_bytes(16));
    try {
        return attempt($path, $body, $idempotencyKey);
    } catch (Fault $fault) {
        if ($fault->getMessage() !== 'service_unavailable') {
            throw $fault;
        }
        sleep(min($fault->retryAfter ?? 0, 5));
        return attempt($path, $body, $idempotencyKey);
    }
}

function attempt(string $path, array $body, string $idempotencyKey): array
{
    $headers = [];
    $request = curl_init(setting('PINROUTE_URL') . $path);
    curl_setopt_array($request, [
        CURLOPT_POSTFIELDS => json_encode($body, JSON_INVALID_UTF8_SUBSTITUTE | JSON_THROW_ON_ERROR),
        CURLOPT_HTTPHEADER => [
            'Authorization: Bearer ' . setting('PINROUTE_API_KEY'),
            'Content-Type: application/json',
            "Idempotency-Key: $idempotencyKey",
        ],
        CURLOPT_HEADERFUNCTION => function ($_, string $line) use (&$headers): int {
            [$name, $value] = explode(':', $line, 2) + [1 => ''];
            $headers[strtolower($name)] = trim($value);
            return strlen($line);
        },
        CURLOPT_RETURNTRANSFER => true,
        CURLOPT_TIMEOUT => 15,
    ]);
    $answer = json_decode((string) curl_exec($request), true);
    $status = curl_getinfo($request, CURLINFO_RESPONSE_CODE);
    if (!is_array($answer)) {
        throw new Fault('service_unavailable', 1);
    }
    if ($status >= 300) {
        $after = $headers['retry-after'] ?? null;
        throw new Fault($answer['code'] ?? '', $after === null ? null : (int) $after);
    }
    return $answer;
}

/**
 * The number that the proof is for, if it is this visitor's verification. PHP has Ed25519 itself; with a library,
 * such as firebase/php-jwt, this is one call and the comparison of the claims.
 */
function proven_number(string $proof, string $verification, string $number): string
{
    $decode = fn (string $part) => sodium_base642bin($part, SODIUM_BASE64_VARIANT_URLSAFE_NO_PADDING);
    [$head, $body, $signature] = explode('.', $proof);
    $header = json_decode($decode($head), true);
    // Keep the keys in a cache, and fetch them again when a `kid` is unknown.
    $keys = json_decode(file_get_contents(setting('PINROUTE_URL') . '/.well-known/jwks.json'), true)['keys'];
    $keys = array_column($keys, 'x', 'kid');
    $isSigned = $header['alg'] === 'EdDSA' && isset($keys[$header['kid']])
        && sodium_crypto_sign_verify_detached($decode($signature), "$head.$body", $decode($keys[$header['kid']]));
    $claims = json_decode($decode($body), true);
    if (
        !$isSigned || $claims['exp'] < time()
        || $claims['iss'] !== setting('PINROUTE_URL') || $claims['aud'] !== setting('PINROUTE_PROJECT_ID')
        || $claims['vid'] !== $verification || $claims['sub'] !== $number
    ) {
        throw new RuntimeException('a proof of another verification');
    }
    return $claims['sub'];
}

function setting(string $name): string
{
    $defaults = ['PINROUTE_URL' => 'http://127.0.0.1:8080'];
    return getenv($name) ?: $defaults[$name] ?? throw new RuntimeException("set $name");
}
