//! The courier: how it takes events, what costs a try, how it ends, and what an operator sees of it all.

use sqlx::Connection as _;

use super::*;

on_both_databases! {
    whoever_takes_events_waits_for_nobody,
    what_a_clock_that_stood_wrong_put_off_is_due_now,
    a_receiver_that_is_left_alone_costs_no_try,
    a_shutdown_lets_what_is_on_its_way_arrive,
    an_event_is_shown_sent_again_and_pruned_by_command,
}

async fn write_events(database: &Database, n: i64) {
    for n in 0..n {
        let row = format!("('msg_{n}', 'user.created', 1, '{{}}', {n}, {n})");
        database.run(&format!("INSERT INTO webhook_events (id, type, user_id, body, created, due) VALUES {row}")).await;
    }
}

async fn whoever_takes_events_waits_for_nobody(engine: Engine) {
    let database = Database::create(engine).await;
    write_events(&database, 3).await;
    let repository = database.repository().await;
    // Another node is just about to take the first; SQLite has one node alone.
    let mut holder = None;
    if engine == Engine::Postgres {
        let mut connection = sqlx::PgConnection::connect(database.url()).await.expect("a connection");
        sqlx::query("BEGIN").execute(&mut connection).await.expect("a transaction");
        let lock = "SELECT id FROM webhook_events WHERE id = 'msg_0' FOR UPDATE";
        sqlx::query(lock).execute(&mut connection).await.expect("a lock");
        holder = Some(connection);
    }
    // The holder never lets go: one that waited for it would get nothing.
    let taken = repository.lease_events(lease(10, 20), 2).await;
    let mut ids: Vec<String> = taken.expect("a lease").into_iter().map(|event| event.id).collect();
    ids.sort();
    let wanted = if holder.is_some() { ["msg_1", "msg_2"] } else { ["msg_0", "msg_1"] };
    assert_eq!(ids, wanted);
}

async fn what_a_clock_that_stood_wrong_put_off_is_due_now(engine: Engine) {
    let database = Database::create(engine).await;
    write_events(&database, 2).await;
    database.run("UPDATE webhook_events SET due = 1001 WHERE id = 'msg_0'").await;
    database.run("UPDATE webhook_events SET due = 1000 WHERE id = 'msg_1'").await;
    let repository = database.repository().await;
    let taken = repository.lease_events(lease(10, 20), 9).await.expect("a lease");
    assert_eq!(taken.iter().map(|event| event.id.as_str()).collect::<Vec<_>>(), ["msg_0"]);

    let app = plan(engine).start().await;
    app.double.always(PLACE, Reply::of(500, "text/plain", ""));
    app.login("token", "u1").await.ok();
    failed(&app.database, 1).await;
    app.double.always(PLACE, Reply::of(204, "text/plain", ""));
    app.database.run("UPDATE webhook_events SET due = 4102444800000").await;
    queue(&app.database, EventState::Delivered, 1).await;
}

async fn a_receiver_that_is_left_alone_costs_no_try(engine: Engine) {
    let app = plan(engine).start().await;
    app.double.always(PLACE, Reply::of(503, "text/plain", ""));
    // So many faults in a row that the receiver is left alone for a while.
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
    assert_eq!(app.double.calls_at(PLACE).len(), 10);
}

async fn a_shutdown_lets_what_is_on_its_way_arrive(engine: Engine) {
    let TestApp { node, database, double, .. } = plan(engine).start().await;
    double.always(PLACE, Reply::of(204, "text/plain", "").after(Duration::from_millis(1500)));
    node.client().login("token/github", json!({"code": "u1"})).await.ok();
    calls(&double, 1).await;
    node.stop().await;
    let repository = database.repository().await;
    let events = repository.events(None, 9).await.expect("a read");
    assert_eq!(events.iter().map(|event| event.state).collect::<Vec<_>>(), [EventState::Delivered]);
}

async fn an_event_is_shown_sent_again_and_pruned_by_command(engine: Engine) {
    let app = start(plan(engine)).await;
    app.login("token", "u1").await.ok();
    queue(&app.database, EventState::Delivered, 1).await;
    let told = calls(&app.double, 1).await.remove(0);
    let id: &'static str = id(&told).leak();
    let show: &'static [&'static str] = vec!["webhooks", "show", id, "--json"].leak();
    let shown: Value = serde_json::from_str(&command(&app.database, show).await).expect("JSON");
    assert_eq!((&shown["id"], &shown["state"], &shown["attempts"]), (&json!(id), &json!("delivered"), &json!(1)));
    assert_eq!(shown["body"], body(&told), "to the letter what was sent");
    let text = command(&app.database, &show[..3]).await;
    assert!(text.contains("delivered") && text.contains("\"type\": \"user.created\""), "{text}");

    let resend: &'static [&'static str] = vec!["webhooks", "resend", id].leak();
    assert!(command(&app.database, resend).await.starts_with("1 queued"));
    // The commands' clock is the machine's.
    app.database.run("UPDATE webhook_events SET due = 0").await;
    let again = calls(&app.double, 2).await.remove(1);
    assert_eq!((super::id(&again).as_str(), &again.body), (id, &told.body));
    queue(&app.database, EventState::Delivered, 1).await;

    app.login("token", "u2").await.ok();
    queue(&app.database, EventState::Delivered, 2).await;
    app.database.run("UPDATE webhook_events SET created = 5 WHERE user_id = 1").await;
    app.database.run("UPDATE webhook_events SET created = 4102444800000 WHERE user_id <> 1").await;
    let pruned = command(&app.database, &["webhooks", "prune", "--before", "1d", "--json"]).await;
    assert_eq!(serde_json::from_str::<Value>(&pruned).expect("JSON")["deleted"], 1);
    assert_eq!(app.database.count("webhook_events").await, 1);

    let folder = TempDir::new().expect("a temporary folder");
    let url = app.database.url().to_owned();
    let unknown = tokio::task::spawn_blocking(move || {
        let environment = [("DATABASE_URL", url.as_str())];
        ["show", "resend"].map(|act| process::run(&["webhooks", act, "msg_none"], &environment, folder.path()))
    });
    for output in unknown.await.expect("no panic") {
        let told = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!((output.status.code(), told.contains("there is no event msg_none")), (Some(1), true), "{told}");
    }
}
