// A Go service that accepts access tokens of rest-social-auth. docs/VERIFY.md explains each check.
package main

import (
	"cmp"
	"context"
	"encoding/json"
	"log"
	"net/http"
	"net/url"
	"os"
	"strings"
	"time"

	"github.com/MicahParks/keyfunc/v3"
	"github.com/golang-jwt/jwt/v5"
	"golang.org/x/time/rate"
)

var (
	issuer   = os.Getenv("ISSUER")                   // PUBLIC_URL of the server
	audience = cmp.Or(os.Getenv("AUDIENCE"), issuer) // SIMPLE_JWT_AUDIENCE of the server
	client   = &http.Client{Timeout: 5 * time.Second}
	parser   = jwt.NewParser(jwt.WithValidMethods([]string{"ES256"}), jwt.WithIssuer(issuer), jwt.WithAudience(audience),
		jwt.WithExpirationRequired(), jwt.WithLeeway(5*time.Second))
	// Keys are fetched every five minutes, and for an unknown id at most every ten seconds. Further such tokens do not wait.
	caching = keyfunc.Override{HTTPTimeout: 5 * time.Second, RefreshInterval: 5 * time.Minute,
		RefreshUnknownKID: rate.NewLimiter(rate.Every(10*time.Second), 1), RateLimitWaitMax: time.Millisecond}
)

// isActive asks the server whether the token is revoked. If it cannot be asked, the request fails.
func isActive(token string) bool {
	// The credential of `rest-social-auth services add`.
	form := url.Values{"token": {token}, "client_id": {os.Getenv("CLIENT_ID")}, "client_secret": {os.Getenv("CLIENT_SECRET")}}
	found := map[string]any{}
	if answer, err := client.PostForm(issuer+"/api/token/introspect/", form); err == nil && answer.StatusCode == 200 {
		defer answer.Body.Close()
		json.NewDecoder(answer.Body).Decode(&found)
	}
	return found["active"] == true && found["token_use"] == "access"
}

func main() {
	keys, err := keyfunc.NewDefaultOverrideCtx(context.Background(), []string{issuer + "/.well-known/jwks.json"}, caching)
	if err != nil {
		log.Fatal(err)
	}
	for path, introspects := range map[string]bool{"/me": false, "/payment": true} {
		http.HandleFunc(path, func(w http.ResponseWriter, r *http.Request) {
			raw, found := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
			token, err := parser.Parse(raw, keys.KeyfuncCtx(r.Context()))
			if err != nil || !found || token.Header["typ"] != "at+jwt" || (introspects && !isActive(raw)) {
				http.Error(w, "invalid token", http.StatusUnauthorized)
				return
			}
			json.NewEncoder(w).Encode(map[string]any{"sub": token.Claims.(jwt.MapClaims)["sub"]})
		})
	}
	log.Fatal(http.ListenAndServe("127.0.0.1:"+os.Getenv("PORT"), nil))
}
