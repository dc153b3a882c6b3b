// openapi-generator, java with the library of the JDK (`native`).

import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.util.Map;
import org.openapitools.client.ApiClient;
import org.openapitools.client.ApiException;
import org.openapitools.client.api.BeginApi;
import org.openapitools.client.api.JwtApi;
import org.openapitools.client.api.LoginApi;
import org.openapitools.client.api.LogoutApi;
import org.openapitools.client.api.UserApi;
import org.openapitools.client.model.BeginInput;
import org.openapitools.client.model.JwtPairUserLogin;
import org.openapitools.client.model.LoginWithProviderInput;
import org.openapitools.client.model.Problem;
import org.openapitools.client.model.RefreshInput;
import org.openapitools.client.model.ResumeInput;
import org.openapitools.client.model.UserWithTokenPair;

public class Flow {
  static final String EMAIL = "noor@demo.example";
  static final BufferedReader INPUT = new BufferedReader(new InputStreamReader(System.in));
  static final ApiClient CLIENT = new ApiClient();

  interface Call {
    Object run() throws Exception;
  }

  public static void main(String[] arguments) throws Exception {
    String base = arguments[0];
    CLIENT.updateBaseUri(base);
    Problem pending = problem(() -> login(base));
    check(pending.getCode().equals("additional_input_required"), pending);
    check(pending.getFields().get(0).getName().equals("email"), pending);
    ResumeInput answers = new ResumeInput().flowToken(pending.getFlowToken()).answers(Map.of("email", EMAIL));
    Object resumed = new LoginApi(CLIENT).resumeLogin(answers).getActualInstance();
    check(resumed instanceof JwtPairUserLogin user && user.getEmail().equals(EMAIL), resumed);

    UserWithTokenPair second = login(base);
    check(second.getEmail().equals(EMAIL), second);
    String access = new JwtApi(CLIENT).refreshToken(new RefreshInput().refresh(second.getRefresh())).getAccess();
    CLIENT.setRequestInterceptor(request -> request.header("Authorization", "Bearer " + access));
    UserApi users = new UserApi(CLIENT);
    check(users.getUser().getId().equals(((JwtPairUserLogin) resumed).getId()), second);
    new LogoutApi(CLIENT).logoutEverything();
    Problem gone = problem(users::getUser);
    check(gone.getCode().equals("token_not_valid"), gone);
  }

  static UserWithTokenPair login(String base) throws Exception {
    String redirectUri = base + "/docs/";
    var begun = new BeginApi(CLIENT).beginLogin("demo", new BeginInput().redirectUri(redirectUri));
    System.out.println(begun.getAuthorizationUrl());
    Map<?, ?> callback = CLIENT.getObjectMapper().readValue(INPUT.readLine(), Map.class);
    LoginWithProviderInput input = new LoginWithProviderInput()
        .code((String) callback.get("code"))
        .state((String) callback.get("state"))
        .iss((String) callback.get("iss"))
        .flowToken(begun.getFlowToken())
        .redirectUri(redirectUri);
    return new LoginApi(CLIENT).loginJwtPairUserWithProvider("demo", input);
  }

  /** The problem document of a call that fails. */
  static Problem problem(Call call) throws Exception {
    try {
      throw new AssertionError(call.run());
    } catch (ApiException error) {
      return CLIENT.getObjectMapper().readValue(error.getResponseBody(), Problem.class);
    }
  }

  static void check(boolean condition, Object found) {
    if (!condition) throw new AssertionError(found);
  }
}
