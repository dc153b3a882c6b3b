//! The webhook dispatcher: leases, attempts, shutdown, and the commands for operators.

use sqlx::Connection as _;

use super::*;

on_both_databases! {
    leasing_events_does_not_wait_for_other_nodes,
    event_scheduled_too_far_in_the_future_is_due_now,
    open_circuit_breaker_uses_no_attempt,
    shutdown_waits_for_deliveries_in_flight,
    events_are_listed_resent_and_pruned_by_command,
}

async fn write_events(database: &Database, n: i64) {
    for n in 0..n {
        let row = format!("('msg_{n}', 'user.created', 1, '{{}}', {n}, {n})");
        database.run(&format!("INSERT INTO webhook_events (id, type, user_id, body, created, due) VALUES {row}")).await;
    }
}

async fn leasing_events_does_not_wait_for_other_nodes(engine: Engine) {
    let database = Database::create(engine).await;
    write_events(&database, 3).await;
    let repository = database.repository().await;
    // Another node is leasing the first event; SQLite has only one node.
    let mut holder = None;
    if engine == Engine::Postgres {
        let mut connection = sqlx::PgConnection::connect(database.url()).await.expect("a connection");
        sqlx::query("BEGIN").execute(&mut connection).await.expect("a transaction");
        let lock = "SELECT id FROM webhook_events WHERE id = 'msg_0' FOR UPDATE";
        sqlx::query(lock).execute(&mut connection).await.expect("a lock");
        holder = Some(connection);
    }
    // The lock is never released: a query that waits for it would get no event.
    let taken = repository.lease_events(lease(10, 20), 2).await;
    let mut ids: Vec<String> = taken.expect("a lease").into_iter().map(|event| event.id).collect();
    ids.sort();
    let wanted = if holder.is_some() { ["msg_1", "msg_2"] } else { ["msg_0", "msg_1"] };
    assert_eq!(ids, wanted);
}

async fn event_scheduled_too_far_in_the_future_is_due_now(engine: Engine) {
    let database = Database::create(engine).await;
    write_events(&database, 2).await;
    database.run("UPDATE webhook_events SET due = 1001 WHERE id = 'msg_0'").await;
    database.run("UPDATE webhook_events SET due = 1000 WHERE id = 'msg_1'").await;
    let repository = database.repository().await;
    let taken = repository.lease_events(lease(10, 20), 9).await.expect("a lease");
    assert_eq!(taken.iter().map(|event| event.id.as_str()).collect::<Vec<_>>(), ["msg_0"]);

    let app = plan(engine).start().await;
    app.double.always(RECEIVER, Reply::of(500, "text/plain", ""));
    app.login("token", "u1").await.ok();
    wait_for_failures(&app.database, 1).await;
    app.double.always(RECEIVER, Reply::of(204, "text/plain", ""));
    app.database.run("UPDATE webhook_events SET due = 4102444800000").await;
    wait_for_events(&app.database, EventState::Delivered, 1).await;
}

async fn open_circuit_breaker_uses_no_attempt(engine: Engine) {
    let app = plan(engine).start().await;
    app.double.always(RECEIVER, Reply::of(503, "text/plain", ""));
    // Enough consecutive failures to open the circuit breaker.
    join_all(
        (1..=10).map(|n| async move { n }).map(|n| async { app.login("token", &format!("u{}", n.await)).await.ok() }),
    )
    .await;
    let tried = "SELECT count(*) FROM webhook_events WHERE attempts = 1 AND error IS NOT NULL";
    while app.database.number(tried).await != 10 {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    app.login("token", "u11").await.ok();
    let put_off = "SELECT count(*) FROM webhook_events WHERE attempts = 0 AND due > created";
    while app.database.number(put_off).await != 1 {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    assert_eq!(app.double.calls_at(RECEIVER).len(), 10);
}

async fn shutdown_waits_for_deliveries_in_flight(engine: Engine) {
    let TestApp { node, database, double, .. } = plan(engine).start().await;
    double.always(RECEIVER, Reply::of(204, "text/plain", "").after(Duration::from_millis(1500)));
    node.client().login("token/github", json!({"code": "u1"})).await.ok();
    wait_for_calls(&double, 1).await;
    node.stop().await;
    let repository = database.repository().await;
    let events = repository.events(None, 9).await.expect("a read");
    assert_eq!(events.iter().map(|event| event.state).collect::<Vec<_>>(), [EventState::Delivered]);
}

async fn events_are_listed_resent_and_pruned_by_command(engine: Engine) {
    let app = start(plan(engine)).await;
    app.login("token", "u1").await.ok();
    wait_for_events(&app.database, EventState::Delivered, 1).await;
    let events = wait_for_calls(&app.double, 1).await.remove(0);
    let id: &'static str = id(&events).leak();
    let show: &'static [&'static str] = vec!["webhooks", "show", id, "--json"].leak();
    let shown: Value = serde_json::from_str(&command(&app.database, show).await).expect("JSON");
    assert_eq!((&shown["id"], &shown["state"], &shown["attempts"]), (&json!(id), &json!("delivered"), &json!(1)));
    assert_eq!(shown["body"], body(&events), "exactly what was sent");
    let text = command(&app.database, &show[..3]).await;
    assert!(text.contains("delivered") && text.contains("\"type\": \"user.created\""), "{text}");

    let resend: &'static [&'static str] = vec!["webhooks", "resend", id].leak();
    assert!(command(&app.database, resend).await.starts_with("queued 1 "));
    // Commands use the system clock.
    app.database.run("UPDATE webhook_events SET due = 0").await;
    let again = wait_for_calls(&app.double, 2).await.remove(1);
    assert_eq!((super::id(&again).as_str(), &again.body), (id, &events.body));
    wait_for_events(&app.database, EventState::Delivered, 1).await;

    app.login("token", "u2").await.ok();
    wait_for_events(&app.database, EventState::Delivered, 2).await;
    app.database.run("UPDATE webhook_events SET created = 5 WHERE user_id = 1").await;
    app.database.run("UPDATE webhook_events SET created = 4102444800000 WHERE user_id <> 1").await;
    let pruned = command(&app.database, &["webhooks", "prune", "--before", "1d", "--yes", "--json"]).await;
    assert_eq!(serde_json::from_str::<Value>(&pruned).expect("JSON")["deleted"], 1);
    assert_eq!(app.database.count("webhook_events").await, 1);

    let folder = TempDir::new().expect("a temporary folder");
    let url = app.database.url().to_owned();
    let unknown = tokio::task::spawn_blocking(move || {
        let environment = [("DATABASE_URL", url.as_str())];
        ["show", "resend"].map(|act| process::run(&["webhooks", act, "msg_none"], &environment, folder.path()))
    });
    for output in unknown.await.expect("no panic") {
        let events = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!((output.status.code(), events.contains("there is no event msg_none")), (Some(1), true), "{events}");
    }
}
