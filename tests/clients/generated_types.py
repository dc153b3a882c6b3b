"""The types that a login needs, in the sources that openapi-generator writes: for languages that cannot be compiled here.

Each pattern is a declaration. Blanks in a pattern stand for any number of blanks in the source.
"""

import re

# A login returns a user with both tokens. A pending login has its flow token. `resume` returns a union with the kinds of login.
TYPES = {
    "kotlin": {
        "apis/BeginApi.kt": [r"fun beginLogin\(provider: kotlin.String, beginInput: BeginInput\? = null\) : AuthorizationRequest \{"],
        "apis/LoginApi.kt": [
            r"fun loginJwtPairUserWithProvider\(provider: kotlin.String, loginWithProviderInput: LoginWithProviderInput\) : "
            r"UserWithTokenPair \{",
            r"fun resumeLogin\(resumeInput: ResumeInput\) : LoginResult \{",
        ],
        "apis/JwtApi.kt": [r"fun refreshToken\(refreshInput: RefreshInput\) : RefreshedTokens \{"],
        "apis/UserApi.kt": [r"fun getUser\(\) : User \{"],
        "models/UserWithTokenPair.kt": [r"val token: kotlin.String,", r"val refresh: kotlin.String,", r"val id: kotlin.Long,"],
        "models/Problem.kt": [r"val code: kotlin.String,", r"val flowToken: kotlin.String\?", r"val fields: kotlin.collections.List<AskedField>\?"],
        "models/ResumeInput.kt": [r"val flowToken: kotlin.String,", r"val answers: kotlin.collections.Map<kotlin.String, kotlin.Any>\?"],
        "models/LoginResult.kt": [r"data class LoginResult\(var actualInstance: Any\?", r"value.actualInstance is JwtPairUserLogin"],
        "models/JwtPairUserLogin.kt": [r"val kind: JwtPairUserLogin.Kind,", r"val refresh: kotlin.String,"],
    },
    "java": {
        "BeginApi.java": [r"public AuthorizationRequest beginLogin\("],
        "LoginApi.java": [r"public UserWithTokenPair loginJwtPairUserWithProvider\(", r"public LoginResult resumeLogin\("],
        "JwtApi.java": [r"public RefreshedTokens refreshToken\("],
        "UserWithTokenPair.java": [r"private String token;", r"private String refresh;", r"private Long id;"],
        "Problem.java": [r"private String code;", r"private String flowToken;", r"private List<AskedField> fields"],
        "LoginResult.java": [r"getActualInstance\(\) instanceof JwtPairUserLogin|JwtPairUserLogin getJwtPairUserLogin\(\)"],
    },
    "go": {
        "api_begin.go": [r"func \(r ApiBeginLoginRequest\) Execute\(\) \(\*AuthorizationRequest,"],
        "api_login.go": [
            r"func \(r ApiLoginJwtPairUserWithProviderRequest\) Execute\(\) \(\*UserWithTokenPair,",
            r"func \(r ApiResumeLoginRequest\) Execute\(\) \(\*LoginResult,",
        ],
        "api_jwt.go": [r"func \(r ApiRefreshTokenRequest\) Execute\(\) \(\*RefreshedTokens,"],
        "model_user_with_token_pair.go": [r"Token string", r"Refresh string", r"Id int64"],
        "model_problem.go": [r"Code string", r"FlowToken \*string", r"Fields \[\]AskedField"],
        "model_login_result.go": [r"JwtPairUserLogin \*JwtPairUserLogin"],
    },
    "rust": {
        "apis/begin_api.rs": [r"pub async fn begin_login\(.*\) -> Result<models::AuthorizationRequest,"],
        "apis/login_api.rs": [
            r"pub async fn login_jwt_pair_user_with_provider\(.*\) -> Result<models::UserWithTokenPair,",
            r"pub async fn resume_login\(.*\) -> Result<models::LoginResult,",
        ],
        "apis/jwt_api.rs": [r"pub async fn refresh_token\(.*\) -> Result<models::RefreshedTokens,"],
        "models/user_with_token_pair.rs": [r"pub token: String,", r"pub refresh: String,", r"pub id: i64,"],
        "models/problem.rs": [r"pub code: String,", r"pub flow_token: Option<String>,", r"pub fields: Option<Vec<models::AskedField>>,"],
        "models/login_result.rs": [r"JwtPairUserLogin\(Box<models::JwtPairUserLogin>\),"],
        "models/jwt_pair_user_login.rs": [r'#\[serde\(rename = "kind", default\)\]', r"pub refresh: String,"],
    },
}


def missing_types(language, folder):
    """The declarations that the sources in `folder` do not have, each with its file."""
    missing = []
    for file, patterns in TYPES[language].items():
        sources = [path.read_text() for path in folder.rglob("*") if path.as_posix().endswith(f"/{file}")]
        for pattern in patterns:
            flexible = pattern.replace(" ", r"\s+")
            if not any(re.search(flexible, source) for source in sources):
                missing.append(f"{file}: {pattern}")
    return missing
