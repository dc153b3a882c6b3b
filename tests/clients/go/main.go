// openapi-generator, go.
package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log"
	"os"

	"client"
)

const email = "noor@demo.example"

var (
	input   = bufio.NewScanner(os.Stdin)
	base    = os.Args[1]
	api     *client.APIClient
	nothing = context.Background()
)

func login() (*client.UserWithTokenPair, error) {
	redirectUri := base + "/docs/"
	begin := client.BeginInput{RedirectUri: &redirectUri}
	begun, _, err := api.BeginAPI.BeginLogin(nothing, "demo").BeginInput(begin).Execute()
	check(err == nil, err)
	fmt.Println(begun.AuthorizationUrl)
	input.Scan()
	body := client.LoginWithProviderInput{FlowToken: &begun.FlowToken, RedirectUri: &redirectUri}
	check(json.Unmarshal(input.Bytes(), &body) == nil, input.Text())
	pair, _, err := api.LoginAPI.LoginJwtPairUserWithProvider(nothing, "demo").LoginWithProviderInput(body).Execute()
	return pair, err
}

// The problem document of a call that failed.
func problem(err error) client.Problem {
	var response *client.GenericOpenAPIError
	check(errors.As(err, &response), err)
	problem, ok := response.Model().(client.Problem)
	check(ok, err)
	return problem
}

func check(condition bool, found any) {
	if !condition {
		log.Panic(found)
	}
}

func main() {
	configuration := client.NewConfiguration()
	configuration.Servers = client.ServerConfigurations{{URL: base}}
	api = client.NewAPIClient(configuration)

	_, err := login()
	pending := problem(err)
	check(pending.Code == "additional_input_required" && pending.Fields[0].Name == "email", pending)
	answers := client.ResumeInput{FlowToken: *pending.FlowToken, Answers: map[string]any{"email": email}}
	result, _, err := api.LoginAPI.ResumeLogin(nothing).ResumeInput(answers).Execute()
	check(err == nil, err)
	resumed := result.JwtPairUserLogin
	check(resumed != nil && resumed.Email == email, result)

	second, err := login()
	check(err == nil && second.Email == email, err)
	refreshed, _, err := api.JwtAPI.RefreshToken(nothing).RefreshInput(client.RefreshInput{Refresh: second.Refresh}).Execute()
	check(err == nil, err)
	signedIn := context.WithValue(nothing, client.ContextAccessToken, refreshed.Access)
	user, _, err := api.UserAPI.GetUser(signedIn).Execute()
	check(err == nil && user.Id == resumed.Id, err)
	_, err = api.LogoutAPI.LogoutEverything(signedIn).Execute()
	check(err == nil, err)
	_, _, err = api.UserAPI.GetUser(signedIn).Execute()
	check(problem(err).Code == "token_not_valid", err)
}
