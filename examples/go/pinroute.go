package main

import (
	"bytes"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"net/http"
	"os"
	"strconv"
	"strings"
	"time"
)

// The calls of Pinroute. The key stays on the server.
var (
	pinrouteURL = getenv("PINROUTE_URL", "http://127.0.0.1:8080")
	apiKey      = getenv("PINROUTE_API_KEY", "")
	projectID   = getenv("PINROUTE_PROJECT_ID", "")
	client      = &http.Client{Timeout: 15 * time.Second}
)

type verification struct {
	ID          string     `json:"id"`
	Status      string     `json:"status"`
	PhoneNumber string     `json:"phone_number"`
	Channel     string     `json:"channel"`
	ResendAt    *time.Time `json:"resend_at"`
	Reused      bool       `json:"reused"`
}

type checked struct {
	Status     string `json:"status"`
	Valid      bool   `json:"valid"`
	ChecksLeft int    `json:"checks_left"`
	Proof      string `json:"proof"`
}

// fault is an answer that is not a 2xx: Pinroute's code, and the seconds of Retry-After.
type fault struct {
	code       string
	retryAfter int
}

func (f *fault) Error() string { return f.code }

// call repeats once after a 503 or a broken connection, with the same Idempotency-Key, so that nothing is sent twice.
func call(path string, body, answer any) error {
	idempotencyKey := randomID()
	err := attempt(path, body, answer, idempotencyKey)
	var f *fault
	if !errors.As(err, &f) || f.code != "service_unavailable" {
		return err
	}
	wait := f.retryAfter
	if wait > 5 {
		wait = 5
	}
	time.Sleep(time.Duration(wait) * time.Second)
	return attempt(path, body, answer, idempotencyKey)
}

func attempt(path string, body, answer any, idempotencyKey string) error {
	text, err := json.Marshal(body)
	if err != nil {
		return err
	}
	request, err := http.NewRequest(http.MethodPost, pinrouteURL+path, bytes.NewReader(text))
	if err != nil {
		return err
	}
	request.Header.Set("Authorization", "Bearer "+apiKey)
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("Idempotency-Key", idempotencyKey)
	response, err := client.Do(request)
	if err != nil {
		return &fault{"service_unavailable", 1}
	}
	defer response.Body.Close()
	decoder := json.NewDecoder(response.Body)
	if response.StatusCode < 300 {
		return decoder.Decode(answer)
	}
	var problem struct {
		Code string `json:"code"`
	}
	if decoder.Decode(&problem) != nil {
		return &fault{"service_unavailable", 1}
	}
	after, _ := strconv.Atoi(response.Header.Get("Retry-After"))
	return &fault{problem.Code, after}
}

// provenNumber is the number that the proof is for, if it is this visitor's verification. Go has Ed25519 itself; with a
// library, such as golang-jwt, this is one call and the comparison of the claims.
func provenNumber(proof, verification, number string) (string, error) {
	var header struct{ Alg, Kid string }
	var claims struct {
		Iss, Aud, Sub, Vid string
		Exp                int64
	}
	parts := strings.Split(proof, ".")
	if len(parts) != 3 || decode(parts[0], &header) != nil || decode(parts[1], &claims) != nil {
		return "", errors.New("not a proof")
	}
	signature, err := base64.RawURLEncoding.DecodeString(parts[2])
	if err != nil {
		return "", err
	}
	key, err := publicKey(header.Kid)
	if err != nil {
		return "", err
	}
	signed := header.Alg == "EdDSA" && ed25519.Verify(key, []byte(parts[0]+"."+parts[1]), signature)
	if !signed || claims.Exp < time.Now().Unix() || claims.Iss != pinrouteURL || claims.Aud != projectID ||
		claims.Vid != verification || claims.Sub != number {
		return "", errors.New("a proof of another verification")
	}
	return claims.Sub, nil
}

// publicKey fetches the keys. Keep them, and fetch them again when a kid is unknown.
func publicKey(kid string) (ed25519.PublicKey, error) {
	response, err := client.Get(pinrouteURL + "/.well-known/jwks.json")
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	var set struct{ Keys []struct{ Kid, X string } }
	if err := json.NewDecoder(response.Body).Decode(&set); err != nil {
		return nil, err
	}
	for _, key := range set.Keys {
		if x, err := base64.RawURLEncoding.DecodeString(key.X); key.Kid == kid && err == nil && len(x) == ed25519.PublicKeySize {
			return x, nil
		}
	}
	return nil, errors.New("no such key")
}

func decode(part string, into any) error {
	text, err := base64.RawURLEncoding.DecodeString(part)
	if err != nil {
		return err
	}
	return json.Unmarshal(text, into)
}

func randomID() string {
	id := make([]byte, 16)
	if _, err := rand.Read(id); err != nil {
		panic(err)
	}
	return hex.EncodeToString(id)
}

func getenv(name, otherwise string) string {
	if value := os.Getenv(name); value != "" {
		return value
	}
	return otherwise
}
