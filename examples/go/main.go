// A site that verifies phone numbers with Pinroute, with the standard library alone.
package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"log"
	"math"
	"net"
	"net/http"
	"strings"
	"sync"
	"time"
)

// session is one visitor's. The sessions are kept in memory; use your site's own.
type session struct {
	sync.Mutex
	visitor, verification, number, verified string
}

var sessions sync.Map

func main() {
	if apiKey == "" || projectID == "" {
		log.Fatal("set PINROUTE_API_KEY and PINROUTE_PROJECT_ID")
	}
	http.Handle("/", http.FileServer(http.Dir("../html")))
	http.HandleFunc("/verification", handle(start))
	http.HandleFunc("/verification/resend", handle(resend))
	http.HandleFunc("/verification/check", handle(check))
	port := getenv("PORT", "3000")
	log.Printf("open http://127.0.0.1:%s", port)
	log.Fatal(http.ListenAndServe("127.0.0.1:"+port, nil))
}

func start(r *http.Request, s *session, fields map[string]string) (reply, error) {
	address, _, _ := net.SplitHostPort(r.RemoteAddr) // behind a proxy, take the address that your own proxy wrote
	body := map[string]any{
		"phone_number": fields["phone_number"],
		// Ties the verification to this visitor: another one who types the same number gets one of their own.
		"payload": s.visitor,
		"client":  map[string]string{"ip": address, "user_agent": r.UserAgent()},
		"locale":  "en",
	}
	if domain := getenv("SITE_DOMAIN", ""); domain != "" {
		body["web_domain"] = domain // the last line of the SMS, for WebOTP
	}
	var started verification
	if err := call("/v1/verifications", body, &started); err != nil {
		return reply{}, err
	}
	s.verification, s.number, s.verified = started.ID, started.PhoneNumber, ""
	answer := sent(started)
	if started.Reused {
		answer.Message = reused
	}
	return answer, nil
}

func resend(_ *http.Request, s *session, _ map[string]string) (reply, error) {
	path, err := s.own("resend")
	if err != nil {
		return reply{}, err
	}
	var v verification
	if err := call(path, map[string]string{"channel": "sms"}, &v); err != nil {
		return reply{}, err
	}
	return sent(v), nil
}

func check(_ *http.Request, s *session, fields map[string]string) (reply, error) {
	path, err := s.own("check")
	if err != nil {
		return reply{}, err
	}
	var c checked
	if err := call(path, map[string]string{"code": fields["code"]}, &c); err != nil {
		return reply{}, err
	}
	switch {
	case c.Valid:
		s.verified, err = provenNumber(c.Proof, s.verification, s.number)
		return show("done", verified), err
	case c.Status == "locked":
		return show("number", locked), nil
	default:
		return show("", fmt.Sprintf(wrong, c.ChecksLeft)), nil
	}
}

// own is a path of the visitor's own verification: its id comes from the session, never from the browser.
func (s *session) own(action string) (string, error) {
	if s.verification == "" {
		return "", &fault{code: "verification_not_found"}
	}
	return "/v1/verifications/" + s.verification + "/" + action, nil
}

func sent(v verification) reply {
	if v.Status == "failed" {
		return show("number", undeliverable)
	}
	message, ok := sentBy[v.Channel]
	if !ok {
		message = sending
	}
	answer := show("code", message)
	if v.ResendAt != nil { // nil: no send is left
		seconds := int(math.Max(math.Ceil(time.Until(*v.ResendAt).Seconds()), 0))
		answer.ResendIn = &seconds
	}
	return answer
}

// handle reads the session and the form, and answers faults of Pinroute with the visitor's sentence. It takes only JSON,
// which a form of another site cannot send.
func handle(do func(*http.Request, *session, map[string]string) (reply, error)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodPost {
			http.Error(w, "POST only", http.StatusMethodNotAllowed)
			return
		}
		fields := map[string]string{}
		if strings.HasPrefix(r.Header.Get("Content-Type"), "application/json") {
			_ = json.NewDecoder(http.MaxBytesReader(w, r.Body, 4096)).Decode(&fields)
		}
		s := visit(w, r)
		s.Lock()
		defer s.Unlock()
		answer, err := do(r, s, fields)
		if err != nil {
			var f *fault
			if !errors.As(err, &f) {
				f = &fault{}
			}
			if f.code != "verification_not_found" {
				log.Print(err)
			}
			answer = f.reply()
		}
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(answer)
	}
}

func visit(w http.ResponseWriter, r *http.Request) *session {
	if cookie, err := r.Cookie("session"); err == nil {
		if found, ok := sessions.Load(cookie.Value); ok {
			return found.(*session)
		}
	}
	id, s := randomID(), &session{visitor: randomID()}
	sessions.Store(id, s)
	http.SetCookie(w, &http.Cookie{
		Name: "session", Value: id, Path: "/", HttpOnly: true, SameSite: http.SameSiteLaxMode,
		Secure: strings.HasPrefix(getenv("SITE_URL", ""), "https://"),
	})
	return s
}
