//! Requests in random order while cells run, crash and are interrupted: each is answered correctly
//! once, and the kernel survives.

use super::client::Client;
use serde_json::{Value, json};
use std::collections::HashMap;
use std::time::Duration;

/// A small random number generator, so that a failure can be reproduced from its seed.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % sides
    }
}

const CELLS: [&str; 8] = [
    "1 + 1",
    "println!(\"out\"); kept.len()",
    "let made = vec![1, 2, 3];",
    "nothing_here",
    "panic!(\"on purpose\")",
    "std::thread::sleep(std::time::Duration::from_millis(400));",
    "loop { std::thread::sleep(std::time::Duration::from_millis(5)); if false { break } }",
    "std::process::abort()",
];

fn request(dice: &mut Dice) -> (&'static str, &'static str, Value) {
    match dice.roll(8) {
        0 => ("shell", "complete_request", json!({"code": "kept.le", "cursor_pos": 7})),
        1 => (
            "shell",
            "inspect_request",
            json!({"code": "kept.len", "cursor_pos": 6, "detail_level": 0}),
        ),
        2 => ("shell", "is_complete_request", json!({"code": "fn f("})),
        3 => ("shell", "history_request", json!({"hist_access_type": "tail", "n": 3})),
        4 => ("shell", "comm_info_request", json!({})),
        5 => ("control", "kernel_info_request", json!({})),
        6 => ("control", "interrupt_request", json!({})),
        _ => ("shell", "kernel_info_request", json!({})),
    }
}

async fn play(k: &mut Client, seed: u64) {
    let mut dice = Dice(seed);
    k.cell("let kept = vec![1u8, 2];").await;
    // The unanswered requests of each channel, in order.
    let mut waiting: HashMap<&str, Vec<(String, &str)>> = HashMap::new();
    let mut loops = false;
    for _ in 0..30 {
        if dice.roll(3) == 0 {
            let code = CELLS[dice.roll(CELLS.len() as u64) as usize];
            loops |= code.starts_with("loop");
            let id = k
                .send(
                    "shell",
                    "execute_request",
                    json!({"code": code, "stop_on_error": dice.roll(2) == 0}),
                )
                .await;
            waiting.entry("shell").or_default().push((id, "execute_request"));
        } else {
            let (channel, kind, content) = request(&mut dice);
            let id = k.send(channel, kind, content).await;
            waiting.entry(channel).or_default().push((id, kind));
        }
        tokio::time::sleep(Duration::from_millis(dice.roll(120))).await;
    }
    // Endless loops are queued: interrupt them until everything is answered.
    let mut stops = Vec::new();
    let mut left: Vec<(&str, String, &str)> = waiting
        .iter()
        .flat_map(|(c, all)| all.iter().map(move |(id, kind)| (*c, id.clone(), *kind)))
        .collect();
    let shell = left.iter().filter(|l| l.0 == "shell").count();
    let mut order = Vec::new();
    for n in 0..shell {
        if loops && n % 3 == 0 {
            stops.push(k.send("control", "interrupt_request", json!({})).await);
        }
        let reply = loop {
            match tokio::time::timeout(Duration::from_secs(3), k.receive("shell")).await {
                Ok(reply) => break reply,
                Err(_) => stops.push(k.send("control", "interrupt_request", json!({})).await),
            }
        };
        let id = reply["parent_header"]["msg_id"].as_str().unwrap().to_owned();
        let at = left
            .iter()
            .position(|l| l.1 == id)
            .unwrap_or_else(|| panic!("seed {seed}: answered twice or unasked: {reply}"));
        let (_, _, kind) = left.remove(at);
        assert_eq!(reply["header"]["msg_type"], kind.replace("request", "reply"), "seed {seed}");
        if kind == "execute_request" {
            order.push(id.clone());
        }
        k.published(&id).await;
    }
    let sent: Vec<String> =
        waiting["shell"].iter().filter(|w| w.1 == "execute_request").map(|w| w.0.clone()).collect();
    assert_eq!(order, sent, "seed {seed}: cells are answered in the order in which they came");
    let controls: Vec<String> = left.into_iter().map(|l| l.1).chain(stops).collect();
    for id in controls {
        let reply = k.receive("control").await;
        assert_eq!(reply["parent_header"]["msg_id"], id.as_str(), "seed {seed}");
        k.published(&id).await;
    }
    let (reply, messages) = k.cell("20 + 22").await;
    assert_eq!(reply["content"]["status"], "ok", "seed {seed}: {reply}");
    assert_eq!(super::content(&messages, "execute_result")[0]["data"]["text/plain"], "42");
}

#[test]
fn requests_in_any_order_are_answered_once_and_in_form() {
    for seed in [7, 2026, 31_337] {
        Client::with(async |k| play(k, seed).await);
    }
}
