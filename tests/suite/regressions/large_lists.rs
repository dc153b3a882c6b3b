//! Long lists: pagination, indexed search, and revocation in batches.

use rest_social_auth::store::UserSearch;
use serde_json::Value;

use crate::support::{Answer, Database, Engine, TestApp, on_both_databases};

on_both_databases! {
    fault_b26_credential_list_is_paginated,
    fault_b26_page_size_is_limited_and_a_cursor_is_bound_to_its_user,
    fault_b26_any_number_of_credentials_is_revoked_at_once,
    fault_b26_accounts_of_several_uids_are_one_query,
    fault_b26_import_uses_indexes,
    fault_f10_user_search_uses_indexes,
    fault_f10_user_search_matches_prefixes_of_username_and_email,
}

async fn page(app: &TestApp, authorization: &str, query: &str) -> Answer {
    let path = format!("/api/user/credentials/{query}");
    app.client().get(&path).header("authorization", authorization).send().await
}

/// The query of the next page from the `Link` header.
fn next(answer: &Answer) -> Option<String> {
    let link = answer.header("link")?;
    let query = link.strip_prefix('<').and_then(|link| link.strip_suffix(">; rel=\"next\""));
    Some(query.unwrap_or_else(|| panic!("{link}")).to_owned())
}

fn ids(answer: &Answer) -> Vec<String> {
    let entries = answer.ok().as_array().cloned().expect("a list");
    entries.iter().map(|entry: &Value| entry["id"].as_str().expect("an id").to_owned()).collect()
}

/// Inserts knox tokens of user 1, all with the same time of last use.
async fn insert_tokens(database: &Database, count: usize) {
    let sql = format!(
        "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {count})
         INSERT INTO knox_tokens (digest, token_key, user_id, created, expires, last_used)
         SELECT 'digest ' || i, 'key', 1, 5, NULL, 5 FROM n"
    );
    database.run(&sql).await;
}

async fn fault_b26_credential_list_is_paginated(engine: Engine) {
    let app = TestApp::start(engine).await;
    // The clock does not move: all have the same time of last use.
    let mut zeros = String::new();
    for kind in ["session", "knox", "jwt-sliding", "session", "knox", "jwt-pair", "session", "jwt-pair", "session"] {
        zeros.push('0');
        app.login(kind, &format!("u{zeros}1")).await.ok();
    }
    insert_tokens(&app.database, 3).await;
    let authorization = format!("Token {}", app.token("token", "u1").await);
    let whole = page(&app, &authorization, "").await;
    assert_eq!((ids(&whole).len(), next(&whole)), (13, None));
    for limit in [1, 2, 5, 12, 13, 100] {
        let (mut listed, mut query, mut pages) = (Vec::new(), format!("?limit={limit}"), 0);
        loop {
            let answer = page(&app, &authorization, &query).await;
            let found = ids(&answer);
            assert!(found.len() <= limit, "{limit}");
            listed.extend(found);
            pages += 1;
            match next(&answer) {
                Some(further) => query = further,
                None => break,
            }
        }
        assert_eq!((listed, pages), (ids(&whole), 13_usize.div_ceil(limit)), "{limit}");
    }
}

async fn fault_b26_page_size_is_limited_and_a_cursor_is_bound_to_its_user(engine: Engine) {
    let app = TestApp::start(engine).await;
    let authorization = format!("Token {}", app.token("token", "u1").await);
    insert_tokens(&app.database, 240).await;
    let first = page(&app, &authorization, "").await;
    assert_eq!(ids(&first).len(), 100);
    let further = next(&first).expect("a second page");
    let second = page(&app, &authorization, &further).await;
    let third = page(&app, &authorization, &next(&second).expect("a third page")).await;
    assert_eq!((ids(&second).len(), ids(&third).len(), next(&third)), (100, 41, None));

    let other_user = format!("Token {}", app.token("token", "u2").await);
    let refused = page(&app, &other_user, &further).await.problem(400, "invalid_request");
    assert!(refused["errors"]["cursor"].is_array(), "{refused}");
    for query in ["?limit=0", "?limit=101", "?limit=-1", "?limit=many", "?limit=300"] {
        let refused = page(&app, &authorization, query).await.problem(400, "invalid_request");
        assert!(refused["errors"]["limit"].is_array(), "{query}: {refused}");
    }
    for query in ["?cursor=", "?cursor=x", "?cursor=AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"] {
        page(&app, &authorization, query).await.problem(400, "invalid_request");
    }
}

async fn fault_b26_any_number_of_credentials_is_revoked_at_once(engine: Engine) {
    let app = TestApp::start(engine).await;
    let knox = format!("Token {}", app.token("knox", "u1").await);
    for (kind, code) in [("session", "u01"), ("jwt-pair", "u001"), ("token", "u0001")] {
        app.login(kind, code).await.ok();
    }
    insert_tokens(&app.database, 1201).await;
    // No credential of another user is revoked.
    app.login("knox", "u2").await.ok();
    app.login("session", "u02").await.ok();
    let others = app.client().request("DELETE", "/api/user/credentials/others/");
    assert_eq!(others.header("authorization", &knox).send().await.status, 204);
    assert_eq!(ids(&page(&app, &knox, "").await).len(), 1);
    assert_eq!((app.database.count("knox_tokens").await, app.database.count("sessions").await), (2, 1));
}

async fn fault_b26_accounts_of_several_uids_are_one_query(engine: Engine) {
    let app = TestApp::start(engine).await;
    for code in ["u1", "u2", "u3"] {
        app.login("token", code).await.ok();
    }
    let uid =
        async |user: i64| app.database.text(&format!("SELECT uid FROM social_accounts WHERE user_id = {user}")).await;
    let (first, third) = (uid(1).await, uid(3).await);
    let repository = app.database.repository().await;
    let found = repository.accounts_by_uid("github", &[&third, "of no user", &first]).await.expect("a read");
    let users: Vec<(i64, i64)> = found.iter().map(|(account, user)| (account.user_id.0, user.id.0)).collect();
    assert_eq!(users, [(1, 1), (3, 3)]);
}

/// Without these indexes each batch of the import reads a whole table on SQLite.
async fn fault_b26_import_uses_indexes(engine: Engine) {
    let database = Database::create(engine).await;
    for (table, [first, second], values) in [
        ("social_accounts", ["provider", "uid"], "('github', '1'), ('github', '2')"),
        ("refresh_tokens", ["user_id", "jti"], "(1, 'a'), (2, 'b')"),
    ] {
        let explain = if engine == Engine::Sqlite { "EXPLAIN QUERY PLAN" } else { "EXPLAIN" };
        let plan = database
            .plan(&format!(
                "{explain} WITH wanted ({first}, {second}) AS (VALUES {values})
                 SELECT r.{first} FROM wanted w CROSS JOIN {table} r WHERE r.{first} = w.{first} AND r.{second} = w.{second}"
            ))
            .await;
        let is_by_key = match engine {
            Engine::Sqlite => plan.contains(&format!("({first}=? AND {second}=?)")),
            Engine::Postgres => plan.contains("Index Cond"),
        };
        assert!(is_by_key, "{plan}");
    }
}

async fn fault_f10_user_search_uses_indexes(engine: Engine) {
    let database = Database::create(engine).await;
    let (at_least, below, explain) = match engine {
        Engine::Sqlite => (">=", "<", "EXPLAIN QUERY PLAN"),
        Engine::Postgres => ("~>=~", "~<~", "EXPLAIN"),
    };
    for (index, expression) in [("users_username_lower", "lower(username)"), ("users_email", "email_lower")] {
        let range = format!("{expression} {at_least} 'a' AND {expression} {below} 'b'");
        let sql = format!("{explain} SELECT id FROM users WHERE email_lower <> '' AND {range} ORDER BY id + 0 LIMIT 9");
        let plan = database.plan(&sql).await;
        assert!(plan.contains(index), "{plan}");
    }
}

async fn fault_f10_user_search_matches_prefixes_of_username_and_email(engine: Engine) {
    let database = Database::create(engine).await;
    let users = [
        (1, "Ana_B", "Ana@MÜLLER.example", "ana@xn--mller-kva.example", "x-1"),
        (2, "ana", "", "", "ana"),
        (3, "bob", "ANAB@mail.example", "anab@mail.example", "x-3"),
        (4, "banana", "c@mail.example", "c@mail.example", "Ana"),
        (5, "李ana", "", "", "x-5"),
    ];
    for (id, username, email, key, uid) in users {
        let provider = if id % 2 == 0 { "github" } else { "gitlab" };
        for sql in [
            format!(
                "INSERT INTO users (id, username, email, email_lower, created)
                 VALUES ({id}, '{username}', '{email}', '{key}', 1)"
            ),
            format!(
                "INSERT INTO social_accounts (user_id, provider, uid, extra_data, created, modified)
                 VALUES ({id}, '{provider}', '{uid}', '{{}}', 1, 1)"
            ),
        ] {
            database.run(&sql).await;
        }
    }
    let repository = database.repository().await;
    let found = async |search: UserSearch<'_>, most: i64| {
        let users = repository.users(search, most).await.expect("a read");
        users.into_iter().map(|user| user.id.0).collect::<Vec<_>>()
    };
    for (text, expected) in [
        ("ana", &[1, 2, 3][..]),
        ("ANA", &[1, 2, 3]),
        ("Ana", &[1, 2, 3, 4]),
        ("ana_", &[1]),
        ("ANA@müller.example", &[1]),
        ("ana@XN--mller-kva.example", &[1]),
        ("anab@", &[3]),
        ("x-3", &[3]),
        ("X-3", &[]),
        ("x-", &[]),
        ("李", &[5]),
        ("%", &[]),
        ("", &[1, 2, 3, 4, 5]),
    ] {
        assert_eq!(found(UserSearch::Prefix(text), 9).await, expected, "{text}");
    }
    assert_eq!(found(UserSearch::Prefix("ana"), 2).await, [1, 2]);
    assert_eq!(found(UserSearch::Substring("NAN"), 9).await, [4]);
    assert_eq!(found(UserSearch::All, 2).await, [1, 2]);
}
