//! External checks in a fleet: made at the number's home, and checked where they were made.

use countersign::{fleet::Homes, recipient::Recipient};
use serde_json::json;

use super::{
    envelope,
    stand_in::{CODE, Kind, Provider},
    verify,
};
use crate::harness::fleet::{ISSUER, NODES, free_port, start_node};

#[test]
fn a_check_is_started_at_the_numbers_home_and_redeemed_there() {
    let provider = Provider::start(Kind::Telnyx);
    let own = provider.settings();
    let nodes = NODES[..2].join(",");
    let mut settings = vec![("guard.nodes", nodes.as_str())];
    settings.extend(own.iter().map(|(key, value)| (*key, value.as_str())));
    let port = free_port();
    let [one, two] = [NODES[0], NODES[1]].map(|node| start_node(node, port, &settings));
    let homes = Homes::new(ISSUER, [NODES[0], NODES[1]]);
    let mut numbers = (100..200).map(|last| format!("+12025550{last}"));
    let at_two = |number: &String| {
        homes.makers(&Recipient::of_stored(countersign::recipient::Channel::Mobile, number).unwrap())[0] == Some(NODES[1])
    };
    let number = numbers.find(at_two).unwrap();
    let answer = one.post("external/request/", &json!({"phone_number": number, "method": "call"}));
    assert_eq!(answer.status, 200, "{answer:?}");
    assert!(answer.header("countersign-guard").unwrap().starts_with(&format!("{}.", NODES[1])), "{answer:?}");
    assert!(answer.header("set-cookie").is_some());
    assert_eq!(provider.calls().len(), 1, "one node has it sent");
    assert_eq!(two.post("external/request/", &json!({"phone_number": number})).status, 429, "one throttle for both nodes");

    let envelope = answer.json()["challenge"].as_str().unwrap().to_owned();
    let wrong = verify(&one, &number, "654321", &envelope);
    assert_eq!(wrong.json()["attempts_left"], 4);
    assert_eq!(verify(&two, &number, "654321", &envelope).json()["attempts_left"], 3, "one count");
    let right = verify(&one, &number, CODE, &envelope);
    assert_eq!(super::claims(&right.json()["access"])["amr"], json!(["otp", "tel"]));
    assert_eq!(verify(&two, &number, CODE, &envelope).code(), "challenge_spent");
}

#[test]
fn a_challenge_of_another_node_is_relayed_to_it() {
    let provider = Provider::start(Kind::Http);
    let own = provider.settings();
    let settings: Vec<_> = own.iter().map(|(key, value)| (*key, value.as_str())).collect();
    let port = free_port();
    let [one, two] = [NODES[0], NODES[1]].map(|node| start_node(node, port, &settings));
    let envelope = envelope(&one, super::ANN);
    assert_eq!(verify(&two, super::ANN, "654321", &envelope).json()["attempts_left"], 4);
    assert_eq!(verify(&two, super::ANN, CODE, &envelope).status, 200);
    assert_eq!(verify(&one, super::ANN, CODE, &envelope).code(), "challenge_spent");
    drop(one);
    let answer = verify(&two, super::ANN, CODE, &envelope);
    assert_eq!((answer.status, answer.code().as_str()), (503, "unavailable"), "its node is gone");
}
