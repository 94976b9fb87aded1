//! The installed kernel over real ZeroMQ, with a strict client: every message must be signed,
//! expected and in order, and none may be left over.

mod client;
mod interleaved;

use client::{Client, content};
use serde_json::json;

/// Returns the messages between busy and idle of one cell, by type.
fn kinds(messages: &[serde_json::Value]) -> Vec<&str> {
    messages.iter().map(|m| m["header"]["msg_type"].as_str().unwrap()).collect()
}

#[test]
fn a_cell_is_told_in_order() {
    Client::with(async |k| {
        let (reply, messages) = k.cell(r#"print!("a"); eprintln!("b"); display(&1); 7"#).await;
        assert_eq!(reply["content"]["status"], "ok");
        assert_eq!(
            kinds(&messages),
            ["execute_input", "stream", "stream", "display_data", "execute_result"]
        );
        assert_eq!(
            content(&messages, "stream"),
            [json!({"name": "stdout", "text": "a"}), json!({"name": "stderr", "text": "b\n"})]
        );
        let times = &reply["metadata"]["rask"];
        assert!(
            times["compile_seconds"].as_f64().unwrap() > 0.01
                && times["run_seconds"].as_f64().unwrap() < 1.0,
            "{times}"
        );
        let (reply, messages) = k.execute(json!({"code": "let w = 41;", "user_expressions": {"e": "w + 1", "bad": "nothing"}})).await;
        assert_eq!(kinds(&messages), ["execute_input"]);
        let expressions = &reply["content"]["user_expressions"];
        assert_eq!(
            expressions["e"],
            json!({"status": "ok", "data": {"text/plain": "42"}, "metadata": {}})
        );
        assert_eq!(expressions["bad"]["status"], "error");
        let (_, messages) =
            k.execute(json!({"code": "println!(\"quiet\"); 1", "silent": true})).await;
        assert!(messages.is_empty(), "{messages:?}");
        let count = reply["content"]["execution_count"].as_u64().unwrap();
        let (reply, _) = k.execute(json!({"code": "2", "store_history": false})).await;
        assert_eq!(reply["content"]["execution_count"], count);
        assert_eq!(k.cell("3").await.0["content"]["execution_count"], count + 1);
    });
}

#[test]
fn outputs_can_be_cleared() {
    Client::with(async |k| {
        let (_, messages) = k
            .cell("println!(\"1\"); clear_output(true); println!(\"2\"); clear_output(false);")
            .await;
        assert_eq!(
            kinds(&messages),
            ["execute_input", "stream", "clear_output", "stream", "clear_output"]
        );
        assert_eq!(
            content(&messages, "clear_output"),
            [json!({"wait": true}), json!({"wait": false})]
        );
    });
}

#[test]
fn a_cell_asks_and_is_answered() {
    Client::with(async |k| {
        let id = k
            .send(
                "shell",
                "execute_request",
                json!({"code": "let name = input(\"Who? \")?;\nlet secret = password(\"Word: \")?;\nname + &secret"}),
            )
            .await;
        for (prompt, secret, answer) in [("Who? ", false, "Ada"), ("Word: ", true, "!")] {
            let question = k.receive("stdin").await;
            assert_eq!(question["header"]["msg_type"], "input_request");
            assert_eq!(question["parent_header"]["msg_id"], id.as_str());
            assert_eq!(question["content"], json!({"prompt": prompt, "password": secret}));
            k.send("stdin", "input_reply", json!({"value": answer})).await;
        }
        let (_, messages) = k.collect(&id).await;
        assert_eq!(content(&messages, "execute_result")[0]["data"]["text/plain"], "\"Ada!\"");
        let (reply, _) = k.execute(json!({"code": "input(\"?\")?", "allow_stdin": false})).await;
        assert_eq!(reply["content"]["status"], "error");
        assert!(
            reply["content"]["evalue"].as_str().unwrap().contains("does not support input"),
            "{reply}"
        );
    });
}

#[test]
fn comms_carry_bytes_both_ways_while_a_cell_runs() {
    Client::with(async |k| {
        let (_, messages) = k
            .cell("use rask::comm::{Comm, on_open, json};\non_open(\"echo\", |comm, data, buffers| { comm.send_with(&json!({\"open\": data}), buffers);\n\
                   comm.on_message(|comm, data, buffers| comm.send_with(&json!({\"back\": data}), buffers)); });\n\
                   let out = Comm::open(\"there\", &json!({\"x\": 1}));")
            .await;
        assert_eq!(kinds(&messages), ["execute_input", "comm_open"]);
        assert_eq!(content(&messages, "comm_open")[0]["target_name"], "there");
        let running = k
            .send(
                "shell",
                "execute_request",
                json!({"code": "std::thread::sleep(std::time::Duration::from_secs(4));"}),
            )
            .await;
        k.until_input(&running).await;
        let (opened, at) = (
            k.send_with(
                "shell",
                "comm_open",
                json!({"comm_id": "c1", "target_name": "echo", "data": 5}),
                &[b"\x00\xff"],
            )
            .await,
            std::time::Instant::now(),
        );
        let answer = k.comm_message("c1").await;
        assert_eq!(
            (&answer["content"]["data"], &answer["buffers"]),
            (&json!({"open": 5}), &json!(["00ff"]))
        );
        k.send_with("shell", "comm_msg", json!({"comm_id": "c1", "data": {"a": 1}}), &[b"xyz"])
            .await;
        let answer = k.comm_message("c1").await;
        assert_eq!(
            (&answer["content"]["data"], &answer["buffers"]),
            (&json!({"back": {"a": 1}}), &json!(["78797a"]))
        );
        assert!(at.elapsed().as_secs() < 3, "comms wait for the cell");
        assert!(k.busy_again(&opened, &running).await, "the running cell's busy is sent again");
        let info = k.ask("shell", "comm_info_request", json!({})).await;
        assert_eq!(info["content"]["comms"]["c1"], json!({"target_name": "echo"}));
        k.send("shell", "comm_close", json!({"comm_id": "c1", "data": {}})).await;
        let info = k.ask("shell", "comm_info_request", json!({"target_name": "echo"})).await;
        assert_eq!(info["content"]["comms"], json!({}));
        // A comm with an unknown target is closed.
        k.send("shell", "comm_open", json!({"comm_id": "c2", "target_name": "nobody", "data": {}}))
            .await;
        assert_eq!(k.comm_message("c2").await["header"]["msg_type"], "comm_close");
        k.collect(&running).await;
        k.leave_rest();
    });
}

#[test]
fn forged_and_broken_messages_change_nothing() {
    Client::with(async |k| {
        k.send_raw(
            "shell",
            vec![
                b"<IDS|MSG>".to_vec(),
                b"00".to_vec(),
                b"{}".to_vec(),
                b"{}".to_vec(),
                b"{}".to_vec(),
                b"{}".to_vec(),
            ],
        )
        .await;
        k.send_forged("shell", "execute_request", json!({"code": "println!(\"forged\")"})).await;
        k.send_raw("shell", vec![b"nonsense".to_vec()]).await;
        let (_, messages) = k.cell("1").await;
        assert_eq!(kinds(&messages), ["execute_input", "execute_result"]);
        let (reply, _) = k.execute(json!({"nothing": 1})).await;
        assert_eq!(reply["content"]["ename"], "BadRequest");
    });
}

#[test]
fn what_is_not_there_is_refused_in_form() {
    Client::with(async |k| {
        for (channel, request) in [
            ("control", "debug_request"),
            ("control", "create_subshell_request"),
            ("control", "list_subshell_request"),
            ("shell", "wish_request"),
        ] {
            let reply = k.ask(channel, request, json!({})).await;
            assert_eq!(reply["header"]["msg_type"], request.replace("request", "reply"));
            assert_eq!(reply["content"]["status"], "error", "{request}");
        }
        let info = k.ask("control", "kernel_info_request", json!({})).await;
        assert_eq!(info["content"]["protocol_version"], "5.5");
        assert!(
            info["content"]["help_links"].as_array().unwrap().len() > 2
                && info["content"]["language_info"]["version"] != ""
        );
        assert_eq!(
            k.ask("shell", "connect_request", json!({})).await["content"]["shell_port"],
            k.port("shell")
        );
        assert!(
            k.ask("control", "usage_request", json!({})).await["content"]["kernel_memory"]
                .as_u64()
                .unwrap()
                > 10_000_000
        );
    });
}
